// SPDX-License-Identifier: GPL-2.0

//! Kfuncs that could compile, but for which the verifier would warn or reject each calling program.

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
fn bpf_two_lenders<'a>(one: &'a Object<Thing>, two: &'a Object<Thing>, size: RdonlyBufSize<'a>) -> Option<RdonlyBuf<'a>> { //~ evaluation of constant value failed | bpf_two_lenders: argument 3 (size): the verifier can bind the lent memory to one pointer only; take at most one pointer argument
    None
}

#[kfunc]
fn bpf_on_stack(a: u64, b: &Mem, c: &Mem, prog: &ProgAux) {} //~ evaluation of constant value failed | bpf_on_stack: argument 4 (prog): this argument must be in one of the 5 argument registers, and a slice takes two; put it before other arguments

#[kfunc]
fn bpf_arena_on_stack(a: u64, b: &Mem, c: &Mem, d: Arena<'_>) {} //~ evaluation of constant value failed | bpf_arena_on_stack: argument 4 (d): this

#[kfunc]
fn bpf_two_constants(one: Const<u32>, two: Const<u64>) {} //~ evaluation of constant value failed | bpf_two_constants: argument 1 (one): the verifier supports one constant argument; take one `Const`, and the other as a plain integer

#[kfunc(sleepable)] //~ evaluation of constant value failed | bpf_sleeps_under_rcu: a program in an RCU read-side critical section must not sleep; remove `sleepable`, or return `ARef<Object<T>>` and take no `rcu::Guard`
fn bpf_sleeps_under_rcu(rcu: &rcu::Guard) {}

#[kfunc]
fn bpf_returns_some() -> impl Copy { //~ bpf_returns_some: return type: a kfunc has one BTF prototype; name the type
    0_u32
}

struct NamedIt;

#[kfunc_iterator(compile_fail_it)]
impl NamedIt {
    fn new(it: u32) -> Result<Self> { //~ compile_fail_it: `it` is the name of the iterator in BTF; choose another name
        Ok(Self)
    }

    fn next(&mut self) -> Option<u32> {
        None
    }
}

struct Takes;

#[kfunc_iterator(compile_fail_takes)]
impl Takes {
    fn new(thing: ARef<Object<Thing>>) -> Result<Self> { //~ evaluation of constant value failed | bpf_iter_compile_fail_takes_new: argument 1 (thing): the verifier releases only a reference in the first argument, which is the iterator; take `RcuPtr<'_, ...>` and call `try_get()`
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

    unsafe fn next(&mut self) -> Option<u32> { //~ next: a kfunc cannot be `unsafe`: a BPF program cannot promise to fulfil safety requirements
        None
    }
}

type Bytes<'a> = &'a [u8];

#[kfunc] //~ evaluation of constant value failed | bpf_aliased: the arguments take more than 6 registers
fn bpf_aliased(a: Bytes<'_>, b: Bytes<'_>, c: Bytes<'_>, d: Bytes<'_>) -> Result<u32> {
    let _ = (a, b, c, d);
    Ok(0)
}
