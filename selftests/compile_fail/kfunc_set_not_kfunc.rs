// SPDX-License-Identifier: GPL-2.0

//! A set that contains a function without `#[kfunc]`.

use bpf::prelude::*;
use kernel::prelude::*;

fn ordinary(value: u32) -> u32 {
    value
}

kfunc_set! {
    static ORDINARY = {
        prog_types: [Tracing],
        kfuncs: [ordinary], //~ expected type, found function `ordinary`
    };
}
