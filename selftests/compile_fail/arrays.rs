// SPDX-License-Identifier: GPL-2.0

//! Arrays as arguments: the verifier does not accept memory for an array, and the stack of the kernel
//! has no room for large ones.

use bpf::prelude::*;
use kernel::prelude::*;

#[kfunc]
fn bpf_in_array(numbers: In<[u64; 4]>) {} //~ evaluation of constant value failed | the verifier does not accept memory for an array; put it into a struct, or take `&[u8]` or `&mut [u8]`

macro_rules! bytes {
    ($($name:ident: $btf:literal of $size:literal;)*) => {$(
        #[derive(BtfType, FromBytes, IntoBytes)]
        #[btf(name = $btf)]
        #[repr(C)]
        struct $name {
            bytes: [u8; $size],
        }
    )*};
}

bytes! {
    Fits: "bpf_fits" of 512;
    Large: "bpf_large" of 513;
}

#[kfunc]
fn bpf_fits(one: In<Fits>, two: Out<'_, Fits>, three: InOut<'_, Fits>) {}

#[kfunc]
fn bpf_in(large: In<Large>) {} //~ evaluation of constant value failed | bpf_in: argument 1 (large): a value of over 512 bytes takes too much of the kernel's stack; take `&[u8]`, `&mut [u8]` or `&Mem`

#[kfunc]
fn bpf_out(large: Out<'_, Large>) {} //~ evaluation of constant value failed | bpf_out: argument 1 (large): a value of over 512 bytes

#[kfunc]
fn bpf_in_out(large: InOut<'_, Large>) {} //~ evaluation of constant value failed | bpf_in_out: argument 1 (large): a value of over 512 bytes
