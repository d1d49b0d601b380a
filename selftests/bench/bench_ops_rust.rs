// SPDX-License-Identifier: GPL-2.0

//! The struct_ops paths of the benchmark in Rust. `bench_ops_c.c` has the same in C, in the same
//! order.

use bpf::{
    bpf_helper,
    prelude::*,
    pro_epilogue::{
        Cond,
        Epilogue,
        Helper,
        Input,
        Prologue,
        SCX_BPF_NR_CPU_IDS, //
    },
    struct_ops,
    struct_ops::{
        MemberProg,
        Ops,
        Slot,
        StructOps,
        StructOpsType, //
    }, //
};
use core::hint::black_box;
use kernel::{
    cpu::nr_cpu_ids,
    prelude::*, //
};

module! {
    type: BenchOps,
    name: "bench_ops_rust",
    description: "struct_ops of the benchmark, in Rust",
    license: "GPL",
}

/// The largest value with which members are called, and the largest result.
const BOUND: u64 = 1000;

/// The names say which prologue or epilogue a member has. Each member takes a number.
#[struct_ops(bpf_bench_rust_ops)]
trait Bench {
    fn bare(&self, value: u64) -> u64 {
        value
    }

    fn prologue(&self, value: u64) -> u64 {
        value
    }

    fn epilogue(&self, value: u64) -> u64 {
        value
    }

    fn both(&self, value: u64) -> u64 {
        value
    }

    fn indirect(&self, value: u64) -> u64 {
        value
    }

    fn native(&self, value: u64) -> u64 {
        value
    }

    fn kfunc(&self, value: u64) -> u64 {
        value
    }
}

static SLOT: Slot<BenchTable> = Slot::new();

bpf_helper! {
    /// Returns an error if the program must not run.
    static CHECK = fn(value: u64) -> Result<()> {
        if value > BOUND {
            return Err(EINVAL);
        }
        Ok(())
    };
}

/// The bound that the epilogues apply to a result.
fn bound(result: u64) -> u64 {
    result.min(BOUND)
}

bpf_helper! {
    /// Applies the bound.
    static BOUNDED = fn(result: u64) -> u64 {
        bound(result)
    };
}

bpf_helper! {
    /// Applies the bound by an indirect call, as for a function that is far away.
    static FAR_BOUNDED = fn(result: u64) -> u64 {
        // `black_box()` hides the target from the compiler, so the call stays indirect.
        black_box(bound as fn(u64) -> u64)(result)
    };
}

bpf_helper! {
    /// Does the same as `scx_bpf_nr_cpu_ids()`.
    static CPUS = fn() -> u32 {
        nr_cpu_ids()
    };
}

static OPS: StructOpsType<Around> = StructOpsType::new();

struct Around;

impl StructOps for Around {
    type Table = BenchTable;
    type Slot = &'static Slot<Self::Table>;

    const HELPERS: &'static [&'static Helper] = &[&CHECK, &BOUNDED, &FAR_BOUNDED, &CPUS];

    fn prologue(prog: &MemberProg<'_>, code: &mut Prologue<'_>) {
        if matches!(prog.member().name, "prologue" | "both") {
            let errno = code.call(&CHECK, [Input::Arg(0)]);
            code.exit_unless(errno, Cond::Eq, 0, errno);
        }
    }

    fn epilogue(prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
        let result = match prog.member().name {
            "epilogue" | "both" => {
                let result = code.result();
                code.call(&BOUNDED, [result.into()])
            }
            "indirect" => {
                let result = code.result();
                code.call(&FAR_BOUNDED, [result.into()])
            }
            "native" => code.call(&CPUS, []),
            "kfunc" => code.call(&SCX_BPF_NR_CPU_IDS, []),
            _ => return,
        };
        code.set_result(result);
    }

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Ok(&SLOT)
    }
}

/// Returns the result of the member, or the value if no table is attached.
fn with(value: u64, call: impl FnOnce(&Ops<BenchTable>, u64) -> u64) -> u64 {
    SLOT.with(|ops| call(ops, value)).unwrap_or(value)
}

/// Calls the member without prologue and epilogue.
#[kfunc]
fn bpf_bench_rust_member(value: u64) -> u64 {
    with(value, Bench::bare)
}

/// Calls the member with a prologue.
#[kfunc]
fn bpf_bench_rust_prologue(value: u64) -> u64 {
    with(value, Bench::prologue)
}

/// Calls the member with an epilogue.
#[kfunc]
fn bpf_bench_rust_epilogue(value: u64) -> u64 {
    with(value, Bench::epilogue)
}

/// Calls the member with a prologue and an epilogue.
#[kfunc]
fn bpf_bench_rust_both(value: u64) -> u64 {
    with(value, Bench::both)
}

/// Calls the member without prologue and epilogue, and applies the bound here.
#[kfunc]
fn bpf_bench_rust_outside(value: u64) -> u64 {
    bound(with(value, Bench::bare))
}

/// Calls the member whose epilogue makes an indirect call.
#[kfunc]
fn bpf_bench_rust_indirect(value: u64) -> u64 {
    with(value, Bench::indirect)
}

/// Calls the member whose epilogue calls a function of this module.
#[kfunc]
fn bpf_bench_rust_native(value: u64) -> u64 {
    with(value, Bench::native)
}

/// Calls the member whose epilogue calls a kfunc of the kernel.
#[kfunc]
fn bpf_bench_rust_kfunc(value: u64) -> u64 {
    with(value, Bench::kfunc)
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall],
        kfuncs: [
            bpf_bench_rust_member,
            bpf_bench_rust_prologue,
            bpf_bench_rust_epilogue,
            bpf_bench_rust_both,
            bpf_bench_rust_outside,
            bpf_bench_rust_indirect,
            bpf_bench_rust_native,
            bpf_bench_rust_kfunc,
        ],
    };
}

struct BenchOps;

impl kernel::Module for BenchOps {
    fn init(module: &'static ThisModule) -> Result<Self> {
        OPS.register(module)?;
        KFUNCS.register(module)?;
        Ok(Self)
    }
}
