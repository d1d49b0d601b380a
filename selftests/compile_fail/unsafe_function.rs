// SPDX-License-Identifier: GPL-2.0

//! A kfunc whose function is removed by `#[test]`, so that the name of the function is the name of
//! an `unsafe` function. The code that the macro generates must not call it.

use bpf::prelude::*;
use core::mem::transmute as bpf_forge;
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_forged")]
struct Forged {
    #[btf]
    label: u64,
}

#[kfunc]
#[test]
fn bpf_forge(address: u64) -> Option<ARef<Object<Forged>>> { //~ call to unsafe function
    None
}
