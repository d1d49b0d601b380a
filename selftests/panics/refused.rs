// SPDX-License-Identifier: GPL-2.0

//! A module with an ordinary addition: a program that adds two large numbers would stop the kernel.
//! The build must reject the module.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: Refused,
    name: "refused",
    description: "Is not built",
    license: "GPL",
}

/// Returns the sum.
#[kfunc]
fn bpf_refused_add(a: u32, b: u32) -> u32 {
    a + b //~ an addition can overflow | kfunc `bpf_refused_add`
}

kfunc_set! {
    static REFUSED = {
        prog_types: [Syscall],
        kfuncs: [bpf_refused_add],
    };
}

struct Refused;

impl kernel::Module for Refused {
    fn init(module: &'static ThisModule) -> Result<Self> {
        REFUSED.register(module)?;
        Ok(Self)
    }
}
