// SPDX-License-Identifier: GPL-2.0

//! A resource that a tracing program asks for in the middle of its own locks. Loaded by the test.

use bpf::{
    prelude::*,
    revocable::Sleepable, //
};
use kernel::prelude::*;

module! {
    type: GateTraced,
    name: "gate_traced",
    description: "A resource that tracing programs use",
    license: "GPL",
}

const KEY: u64 = 1;

#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_gate_traced", registry = 2)]
struct Gate {
    #[pin]
    value: Sleepable<u32>,
}

/// Returns a reference to the only object.
#[kfunc]
fn bpf_gate_traced_find() -> Option<ARef<Object<Gate>>> {
    Object::find_get(KEY)
}

/// Releases a reference.
#[kfunc]
fn bpf_gate_traced_release(gate: ARef<Object<Gate>>) {
    drop(gate);
}

/// Returns the value. Its closure does not sleep, so tracing programs can call it anywhere.
#[kfunc]
fn bpf_gate_traced_value(gate: &Object<Gate>) -> Result<u32> {
    gate.value.access(|value| *value)
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Tracing, Syscall],
        kfuncs: [
            bpf_gate_traced_find,
            bpf_gate_traced_release,
            bpf_gate_traced_value,
        ],
    };
}

struct GateTraced {
    _gate: ARef<Object<Gate>>,
}

impl kernel::Module for GateTraced {
    fn init(module: &'static ThisModule) -> Result<Self> {
        let gate = Object::pin_init(pin_init!(Gate {
            value <- Sleepable::new(7),
        }))?;
        gate.enter(KEY)?;
        KFUNCS.register(module)?;
        Ok(Self { _gate: gate })
    }
}
