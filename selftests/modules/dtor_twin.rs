// SPDX-License-Identifier: GPL-2.0

//! An object type that maps hold, for `prog_tests/dtor_twin.c`. The module `dtor/twin.rs` has a
//! type of the same name, and its path looks like the path of this module in a symbol.

use bpf::prelude::*;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

module! {
    type: DtorTwin,
    name: "dtor_twin",
    description: "An object whose destructor must be its own, for the BPF selftests",
    license: "GPL",
}

/// The number of dropped objects.
static DROPPED: Atomic<u32> = Atomic::new(0);

/// The object.
#[derive(BtfType)]
#[btf(object, name = "bpf_twin")]
struct Twin {
    /// Makes the size differ from the size of the type in the other module.
    value: u64,
}

impl Drop for Twin {
    fn drop(&mut self) {
        DROPPED.fetch_add(u32::from(self.value == 1), Relaxed);
    }
}

/// Makes an object.
#[kfunc]
fn bpf_dtor_twin_new() -> Option<ARef<Object<Twin>>> {
    Object::new(Twin { value: 1 }).ok()
}

/// Releases a reference.
#[kfunc]
fn bpf_dtor_twin_release(twin: ARef<Object<Twin>>) {
    drop(twin);
}

/// Returns the number of dropped objects.
#[kfunc]
fn bpf_dtor_twin_dropped() -> u32 {
    DROPPED.load(Relaxed)
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall],
        kfuncs: [
            bpf_dtor_twin_new,
            bpf_dtor_twin_release,
            bpf_dtor_twin_dropped,
        ],
    };
}

struct DtorTwin;

impl kernel::Module for DtorTwin {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        Ok(Self)
    }
}
