// SPDX-License-Identifier: GPL-2.0

//! The size of an object: `kfree_rcu()` of the kernel wants its head within 4 KiB.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_fits")]
struct Fits {
    words: [u64; 509],
}

pub fn fits() -> Result<ARef<Object<Fits>>> {
    Object::pin_init(Fits { words: [0; 509] })
}

#[derive(BtfType)]
#[btf(object, name = "compile_fail_large")]
struct Large {
    words: [u64; 510],
}

pub fn large() -> Result<ARef<Object<Large>>> {
    Object::pin_init(Large { words: [0; 510] }) //~ evaluation of | an object with its counts has at most 4 KiB; put larger data into a box
}
