// SPDX-License-Identifier: GPL-2.0

//! Sets of kfuncs that `kfunc_set!` refuses.

use bpf::prelude::*;
use kernel::prelude::*;

#[kfunc]
fn bpf_real(value: u32) -> u32 {
    value
}

kfunc_set! {
    static UNKNOWN for [Tracing, Tracer] = [bpf_real]; //~ UNKNOWN: `Tracer` is no program type that may call kfuncs; there are Any,
}

kfunc_set! {
    static NOBODY for [] = [bpf_real]; //~ NOBODY: no program type is named that may call these kfuncs
}

kfunc_set! {
    static EMPTY for [Tracing] = []; //~ EMPTY: the set is empty
}

kfunc_set! {
    static DOUBLE for [Tracing] = [bpf_real, bpf_real]; //~ DOUBLE: `bpf_real` is in the set twice
}

kfunc_set! {
    static SYNTAX in [Tracing] = [bpf_real]; //~ expected `for`
}
