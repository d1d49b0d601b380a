// SPDX-License-Identifier: GPL-2.0

//! Two sets of one module for one kind of program: the kernel would reject the second.

use bpf::prelude::*;
use kernel::prelude::*;

#[kfunc]
fn bpf_one(value: u32) -> u32 {
    value
}

#[kfunc]
fn bpf_two(value: u32) -> u32 {
    value
}

kfunc_set! {
    pub static ONE = {
        prog_types: [Tracing, Xdp],
        kfuncs: [bpf_one],
    };
}

kfunc_set! {
    pub static TWO = {
        prog_types: [Syscall, Lsm], //~ symbol `only_one_kfunc_set_per_module_for_tracing_programs__
        kfuncs: [bpf_two],
    };
}
