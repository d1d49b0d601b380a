// SPDX-License-Identifier: GPL-2.0

//! Objects in places of a signature where the verifier would not guarantee the type's contract.

use bpf::{
    prelude::*,
    ProgAux, //
};
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_thing")]
struct Thing {
    #[btf]
    id: u64,
}

#[derive(BtfType)]
#[btf(object, name = "compile_fail_writable")]
struct Writable {
    #[btf(write)]
    number: u32, //~ programs cannot write a `u32` | a program can write the field at any time; use an `Atomic`
}

#[derive(BtfType)]
#[btf(object, name = "compile_fail_readable")]
struct Readable {
    #[btf(read)] //~ the only option of `#[btf]` on a field is `write`
    number: u32,
}

#[kfunc]
fn bpf_release_second(id: u64, thing: ARef<Object<Thing>>) {} //~ evaluation of constant value failed | bpf_release_second: argument 2 (thing): the verifier releases only a reference in the first argument; put it first

#[kfunc]
fn bpf_rcu_and_trusted(one: RcuPtr<'_, Object<Thing>>, other: &Object<Thing>) {} //~ evaluation of constant value failed | bpf_rcu_and_trusted: argument 2 (other): if the kfunc has an `RcuPtr` argument, the verifier also accepts RCU pointers for this argument; take `RcuPtr<'_, ...>` for both or for none

#[kfunc]
fn bpf_prog_first(prog: &ProgAux, id: u64) {} //~ evaluation of constant value failed | bpf_prog_first: argument 1 (prog): the kernel adds this argument after those of the program; put it last

#[kfunc]
fn bpf_borrow(thing: &Object<Thing>) -> &Object<Thing> { //~ bpf_borrow: return type: nothing keeps the memory alive after the call
    thing
}

#[kfunc]
fn bpf_result_reference(id: u64) -> Result<ARef<Object<Thing>>> { //~ bpf_result_reference: return type: a program cannot distinguish a value of Result<ARef<Object<Thing>>> from an error number
    Err(ENOENT)
}

#[kfunc]
fn bpf_reference_to_task(task: ARef<kernel::task::Task>) {} //~ bpf_reference_to_task: argument 1 (task): the verifier does not distinguish the references that Rust counts from those that other kfuncs count; take `Trusted<'_, Task>`
