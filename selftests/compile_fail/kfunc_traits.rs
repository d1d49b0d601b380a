// SPDX-License-Identifier: GPL-2.0

//! Types in a signature that mean nothing to the verifier. The errors come from traits of the
//! crate.

use bpf::prelude::*;
use kernel::prelude::*;

struct Mine(u32);

type Number = f32;

#[kfunc]
fn bpf_vector(bytes: KVec<u8>) {} //~ means nothing to the BPF verifier as an argument of a kfunc | take an integer, `bool`, memory (`&[u8]`, `&mut [u8]`, `&Mem`), a struct (`In<T>`, `Out<'_, T>`), an object (`&Object<T>`, `ARef<Object<T>>`, `&Locked<'_, T>`) or a struct of the kernel (`Trusted<'_, T>`)

#[kfunc]
fn bpf_struct(mine: Mine) {} //~ `Mine` means nothing to the BPF verifier as an argument of a kfunc

#[kfunc]
fn bpf_reference(mine: &Mine) {} //~ `&Mine` means nothing to the BPF verifier as an argument of a kfunc

#[kfunc]
fn bpf_alias(number: Number) {} //~ `f32` means nothing to the BPF verifier as an argument of a kfunc

#[kfunc]
fn bpf_option(number: Option<u32>) {} //~ `Option<u32>` means nothing to the BPF verifier as an argument of a kfunc

#[kfunc]
fn bpf_return_struct() -> Mine { //~ `Mine` means nothing to the BPF verifier as the result of a kfunc | return nothing, an integer, `bool`, `Result<()>`, `Result<u32>`, a reference (`ARef<Object<T>>`) or a lock (`Option<Lock<T>>`)
    Mine(0)
}

#[kfunc]
fn bpf_return_option() -> Option<u32> { //~ `Option<u32>` means nothing to the BPF verifier as the result of a kfunc
    None
}

#[kfunc]
fn bpf_copy_cannot_fail(data: &[u8]) -> u64 { //~ `u64` cannot report that an argument has no value | a copy of `&[u8]` can fail, and the verifier can trust a null for `Trusted<'_, T>`: return `Result<()>` or `Result<u32>`
    data.len() as u64
}
