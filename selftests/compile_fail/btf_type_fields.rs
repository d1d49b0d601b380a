// SPDX-License-Identifier: GPL-2.0

//! Fields whose type BTF cannot describe.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType)]
#[repr(C)]
struct WithVector {
    bytes: KVec<u8>, //~ has no type in BTF | use an integer, `bool`, an array, or a type with `#[derive(BtfType)]`
}
