// SPDX-License-Identifier: GPL-2.0

//! Names that mean something to the verifier, to the kernel or to C.

use bpf::{
    prelude::*,
    struct_ops, //
};
use kernel::prelude::*;

#[kfunc]
fn bpf_pair_impl(value: u64) {} //~ bpf_pair_impl: the kernel gives the name of a kfunc and `_impl` to its prototype with implicit arguments (`KF_IMPLICIT_ARGS`), and a program could call the one with the arguments of the other; choose another end

#[kfunc]
fn bpf_two__parts() {} //~ bpf_two__parts: the verifier gives what follows `__` in a name a meaning

#[kfunc]
fn other() {} //~ other: the name becomes a symbol

#[kfunc]
fn bpf_c(int: u32) {} //~ bpf_c: argument 1 (int): this is a word of C, in which programs are written; choose another name

#[kfunc]
fn bpf_raw(r#struct: u32) {} //~ bpf_raw: argument 1 (r#struct): this is a word of C

#[kfunc]
fn bpf_iterator(it__iter: u64) {} //~ bpf_iterator: argument 1 (it__iter): the verifier gives what follows `__` in a name a meaning

#[derive(BtfType)]
#[btf(name = "bpf_iter_mine")] //~ bpf_iter_mine: to the verifier, a struct of this name is the state of an iterator; `#[kfunc_iterator]` makes it
#[repr(C)]
struct State {
    number: u64,
}

#[derive(BtfType)]
#[btf(name = "bpf_struct_ops_mine")] //~ bpf_struct_ops_mine: to the verifier, a struct of this name is the value of a map; `#[struct_ops]` makes it
#[repr(C)]
struct Value {
    number: u64,
}

#[derive(BtfType)]
#[btf(name = "bpf_mine__safe_trusted")] //~ bpf_mine__safe_trusted: the verifier gives what follows `__` in a name a meaning
#[repr(C)]
struct Safe {
    number: u64,
}

#[derive(BtfType)]
#[btf(name = "bpf_keyword")]
#[repr(C)]
struct Keyword {
    long: u64, //~ long: this is a word of C
}

#[derive(BtfType)]
#[btf(object, name = "bpf_tuple")]
struct Tuple(#[btf] u64); //~ Tuple: BTF knows fields by name; name those that programs read

#[derive(BtfType)]
#[btf(registry = 4)]
#[repr(C)]
struct NotAnObject { //~ NotAnObject: only objects can be found by a key; write `#[btf(object, ...)]`
    number: u64,
}

#[struct_ops(bpf_iter_ops)] //~ bpf_iter_ops: to the verifier, a struct of this name is the state of an iterator
trait IterOps {
    fn member(&self);
}

#[struct_ops(bpf_member_ops)]
trait MemberOps {
    fn my__member(&self); //~ my__member: the verifier gives what follows `__` in a name a meaning
}

struct Loop;

#[kfunc_iterator(two__parts)] //~ two__parts: the verifier gives what follows `__` in a name a meaning
impl Loop {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    fn next(&mut self) -> Option<u32> {
        None
    }
}
