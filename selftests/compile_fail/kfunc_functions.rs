// SPDX-License-Identifier: GPL-2.0

//! Functions that cannot be kfuncs, whatever their arguments are.

use bpf::prelude::*;
use kernel::prelude::*;

#[kfunc]
unsafe fn bpf_unsafe() {} //~ bpf_unsafe: a kfunc cannot be `unsafe`: a BPF program cannot promise what such a function asks for; take types that the verifier checks

#[kfunc]
async fn bpf_async() {} //~ bpf_async: a kfunc cannot be `async`: it runs to its end

#[kfunc]
const fn bpf_const() {} //~ bpf_const: a kfunc cannot be `const`: it is called by address

#[kfunc]
extern "C" fn bpf_extern() {} //~ bpf_extern: leave the calling convention away: `#[kfunc]` defines the symbol that BPF calls

#[kfunc]
fn bpf_generic<T>(value: T) {} //~ bpf_generic: a kfunc cannot be generic: it has one address and one BTF prototype

#[kfunc]
fn bpf_const_generic<const N: usize>(value: u32) {} //~ bpf_const_generic: a kfunc cannot be generic

#[kfunc]
fn bpf_pattern((a, b): (u32, u32)) {} //~ bpf_pattern: argument 1: write `name: type`: the name becomes the parameter's name in BTF

#[kfunc]
fn bpf_wildcard(_: u32) {} //~ bpf_wildcard: argument 1: write `name: type`

#[kfunc]
fn bpf_suffix(data__sz: u32) {} //~ bpf_suffix: argument 1 (data__sz): the verifier gives what follows `__` in a name a meaning; write `_`, and let the type say it

#[kfunc]
fn bpf_name(rdonly_buf_size: u32) {} //~ bpf_name: argument 1 (rdonly_buf_size): this name has a meaning for the verifier; choose another

#[kfunc(fast)]
fn bpf_option() {} //~^ bpf_option: `#[kfunc]` has no option `fast`; there are destructive, perfmon, sleepable, spinlock_safe

#[kfunc]
fn memcpy(to: u64, from: u64, len: u64) -> u64 { //~ memcpy: the name becomes a symbol, which must not be one that the kernel has or the compiler calls; begin it with `bpf_`
    to
}

struct Object;

impl Object {
    #[kfunc]
    fn bpf_method(&self) {} //~ bpf_method: a kfunc cannot be a method
}

#[kfunc]
struct NotAFunction; //~ expected `fn`
