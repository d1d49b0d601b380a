// SPDX-License-Identifier: GPL-2.0

//! Functions that cannot be kfuncs, for reasons other than the types of their arguments.

use bpf::prelude::*;
use kernel::prelude::*;

#[kfunc]
unsafe fn bpf_unsafe() {} //~ bpf_unsafe: a kfunc cannot be `unsafe`: a BPF program cannot promise to fulfil safety requirements; take types that the verifier checks

#[kfunc]
async fn bpf_async() {} //~ bpf_async: a kfunc cannot be `async`: it must be complete when the call returns

#[kfunc]
const fn bpf_const() {} //~ bpf_const: a kfunc cannot be `const`: BPF programs call it by its address

#[kfunc]
extern "C" fn bpf_extern() {} //~ bpf_extern: remove the calling convention: `#[kfunc]` defines the symbol that BPF programs call

#[kfunc]
fn bpf_generic<T>(value: T) {} //~ bpf_generic: a kfunc cannot be generic: it has one address and one BTF prototype

#[kfunc]
fn bpf_const_generic<const N: usize>(value: u32) {} //~ bpf_const_generic: a kfunc cannot be generic

#[kfunc]
fn bpf_pattern((a, b): (u32, u32)) {} //~ bpf_pattern: argument 1: write `name: type`: the name becomes the parameter's name in BTF

#[kfunc]
fn bpf_wildcard(_: u32) {} //~ bpf_wildcard: argument 1: write `name: type`

#[kfunc]
fn bpf_suffix(data__sz: u32) {} //~ bpf_suffix: argument 1 (data__sz): the verifier interprets the part of a name after `__`; write `_`, and choose the type with that meaning

#[kfunc]
fn bpf_name(rdonly_buf_size: u32) {} //~ bpf_name: argument 1 (rdonly_buf_size): the verifier gives this name a meaning; choose another name

#[kfunc(fast)]
fn bpf_option() {} //~^ bpf_option: `#[kfunc]` has no option `fast`; the options are destructive, perfmon, sleepable, spinlock_safe

#[kfunc]
fn memcpy(to: u64, from: u64, len: u64) -> u64 { //~ memcpy: the name becomes a symbol, which must not be a symbol of the kernel or one that the compiler calls; begin the name with `bpf_`
    to
}

struct Object;

impl Object {
    #[kfunc]
    fn bpf_method(&self) {} //~ bpf_method: a kfunc cannot be a method
}

#[kfunc]
struct NotAFunction; //~ expected `fn`
