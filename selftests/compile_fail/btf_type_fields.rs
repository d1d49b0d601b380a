// SPDX-License-Identifier: GPL-2.0

//! Fields that have no type in BTF, or none that the verifier takes for what it should be.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType)]
#[repr(C)]
struct WithVector {
    bytes: KVec<u8>, //~ has no type in BTF | use an integer, `bool`, an array, or a type with `#[derive(BtfType)]`
}
