// SPDX-License-Identifier: GPL-2.0

//! Arrays as arguments: the verifier does not accept memory for an array.

use bpf::prelude::*;
use kernel::prelude::*;

#[kfunc]
fn bpf_in_array(numbers: In<[u64; 4]>) {} //~ evaluation of constant value failed | the verifier does not accept memory for an array; put it into a struct, or take `&[u8]` or `&mut [u8]`
