// SPDX-License-Identifier: GPL-2.0

//! Sets of kfuncs that `kfunc_set!` rejects.

use bpf::prelude::*;
use kernel::prelude::*;

#[kfunc]
fn bpf_real(value: u32) -> u32 {
    value
}

kfunc_set! {
    static UNKNOWN = {
        prog_types: [Tracing, Tracer], //~ UNKNOWN: `Tracer` is not a program type that can call kfuncs; the types are Any,
        kfuncs: [bpf_real],
    };
}

kfunc_set! {
    static NOBODY = { //~ NOBODY: `prog_types` must name the program types that may call the kfuncs
        prog_types: [],
        kfuncs: [bpf_real],
    };
}

kfunc_set! {
    static EMPTY = { //~ EMPTY: the set has no kfuncs; name them in `kfuncs`
        prog_types: [Tracing],
        kfuncs: [],
    };
}

kfunc_set! {
    static DOUBLE = {
        prog_types: [Tracing],
        kfuncs: [bpf_real, bpf_real], //~ DOUBLE: `bpf_real` is in the set twice; remove one
    };
}

kfunc_set! {
    static SYNTAX = [bpf_real]; //~ expected curly braces
}

kfunc_set! {
    static FIELD = {
        prog_types: [Tracing],
        kfunc: [bpf_real], //~ a kfunc set has no field `kfunc`; the fields are prog_types, kfuncs, objects, fmod_ret, filter
    };
}

kfunc_set! {
    static TWICE = {
        prog_types: [Tracing],
        kfuncs: [bpf_real],
        prog_types: [Xdp], //~ there is a second field `prog_types`; remove one
    };
}
