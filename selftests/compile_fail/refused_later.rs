// SPDX-License-Identifier: GPL-2.0

//! What would compile, and the verifier refuse each program that calls it, or warn.

use bpf::{
    prelude::*,
    Arena,
    RdonlyBuf,
    RdonlyBufSize,
    ProgAux, //
};
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_later_thing")]
struct Thing {
    #[btf]
    id: u64,
}

#[kfunc]
fn bpf_two_lenders<'a>(one: &'a Object<Thing>, two: &'a Object<Thing>, size: RdonlyBufSize<'a>) -> Option<RdonlyBuf<'a>> { //~ evaluation of constant value failed | bpf_two_lenders: argument 3 (size): the verifier ties what is lent to one pointer, and does not take a second; take one argument that is a pointer
    None
}

#[kfunc]
fn bpf_on_stack(a: u64, b: &Mem, c: &Mem, prog: &ProgAux) {} //~ evaluation of constant value failed | bpf_on_stack: argument 4 (prog): the verifier takes this argument in a register only, of which there are 5; a slice takes two; put it before others

#[kfunc]
fn bpf_arena_on_stack(a: u64, b: &Mem, c: &Mem, d: Arena<'_>) {} //~ evaluation of constant value failed | bpf_arena_on_stack: argument 4 (d): the verifier takes this argument in a register only

#[kfunc]
fn bpf_two_constants(one: Const<u32>, two: Const<u64>) {} //~ evaluation of constant value failed | bpf_two_constants: argument 1 (one): the verifier knows the value of one argument only; take one `Const`, and another number as it is

#[kfunc(sleepable)] //~ evaluation of constant value failed | bpf_sleeps_under_rcu: a program that is in an RCU read-side critical section must not sleep; leave `sleepable` away, or return `ARef<Object<T>>` and take no `rcu::Guard`
fn bpf_sleeps_under_rcu(rcu: &rcu::Guard) {}

#[kfunc]
fn bpf_returns_some() -> impl Copy { //~ bpf_returns_some: return type: a kfunc has one BTF prototype; name the type
    0_u32
}

struct NamedIt;

#[kfunc_iterator(compile_fail_it)]
impl NamedIt {
    fn new(it: u32) -> Result<Self> { //~ compile_fail_it: `it` is the name of the iterator itself in BTF; choose another
        Ok(Self)
    }

    fn next(&mut self) -> Option<u32> {
        None
    }
}

struct Takes;

#[kfunc_iterator(compile_fail_takes)]
impl Takes {
    fn new(thing: ARef<Object<Thing>>) -> Result<Self> { //~ evaluation of constant value failed | bpf_iter_compile_fail_takes_new: argument 1 (thing): the first argument is the iterator, and the verifier takes a reference away only if that is the first; take `RcuPtr<'_, ...>` and call `try_get()`
        Ok(Self)
    }

    fn next(&mut self) -> Option<u32> {
        None
    }
}

struct Unsafe;

#[kfunc_iterator(compile_fail_unsafe)]
impl Unsafe {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    unsafe fn next(&mut self) -> Option<u32> { //~ next: a kfunc cannot be `unsafe`: a BPF program cannot promise what such a function asks for
        None
    }
}
