// SPDX-License-Identifier: GPL-2.0

//! Names that have a special meaning for the verifier, for the kernel or in C.

use bpf::{
    prelude::*,
    struct_ops, //
};
use kernel::prelude::*;

#[kfunc]
fn bpf_iter_pair(value: u64) {} //~ bpf_iter_pair: the kernel takes a function with this beginning for the prototype of an iterator program; choose another beginning

#[kfunc]
fn bpf_pair_impl(value: u64) {} //~ bpf_pair_impl: the kernel adds `_impl` to the name of a kfunc for its prototype with implicit arguments (`KF_IMPLICIT_ARGS`), and a program could call one kfunc with the arguments of the other; choose another ending

#[kfunc]
fn bpf_two__parts() {} //~ bpf_two__parts: the verifier interprets the part of a name after `__`

#[kfunc]
fn other() {} //~ other: the name becomes a symbol

#[kfunc]
fn bpf_c(int: u32) {} //~ bpf_c: argument 1 (int): the name is a keyword of C, the language of BPF programs; choose another name

#[kfunc]
fn bpf_raw(r#struct: u32) {} //~ bpf_raw: argument 1 (r#struct): the name is a keyword of C

#[kfunc]
fn bpf_iterator(it__iter: u64) {} //~ bpf_iterator: argument 1 (it__iter): the verifier interprets the part of a name after `__`

#[derive(BtfType)]
#[btf(name = "bpf_iter_mine")] //~ bpf_iter_mine: to the verifier, a struct of this name is the state of an iterator, which `#[kfunc_iterator]` defines; choose another name
#[repr(C)]
struct State {
    number: u64,
}

#[derive(BtfType)]
#[btf(name = "bpf_struct_ops_mine")] //~ bpf_struct_ops_mine: to the verifier, a struct of this name is the value of a struct_ops map, which `#[struct_ops]` defines; choose another name
#[repr(C)]
struct Value {
    number: u64,
}

#[derive(BtfType)]
#[btf(name = "bpf_mine__safe_trusted")] //~ bpf_mine__safe_trusted: the verifier interprets the part of a name after `__`
#[repr(C)]
struct Safe {
    number: u64,
}

#[derive(BtfType)]
#[btf(name = "bpf_keyword")]
#[repr(C)]
struct Keyword {
    long: u64, //~ long: the name is a keyword of C
}

#[derive(BtfType)]
#[btf(object, name = "bpf_tuple")]
struct Tuple(#[btf] u64); //~ Tuple: a field in BTF has a name; use a struct with named fields

#[derive(BtfType)]
#[btf(registry = 4)]
#[repr(C)]
struct NotAnObject { //~ NotAnObject: only objects have a registry; write `#[btf(object, ...)]`
    number: u64,
}

#[struct_ops(bpf_iter_ops)] //~ bpf_iter_ops: to the verifier, a struct of this name is the state of an iterator
trait IterOps {
    fn member(&self);
}

#[struct_ops(bpf_member_ops)]
trait MemberOps {
    fn my__member(&self); //~ my__member: the verifier interprets the part of a name after `__`
}

struct Loop;

#[kfunc_iterator(two__parts)] //~ two__parts: the verifier interprets the part of a name after `__`
impl Loop {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    fn next(&mut self) -> Option<u32> {
        None
    }
}
