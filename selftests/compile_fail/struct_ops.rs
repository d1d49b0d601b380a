// SPDX-License-Identifier: GPL-2.0

//! Tables that `#[struct_ops]` rejects, and helpers that `bpf_helper!` rejects.

use bpf::{
    bpf_helper,
    struct_ops, //
};
use kernel::prelude::*;

#[struct_ops]
trait NoName { //~ NoName: write the name of the table for programs: `#[struct_ops(bpf_my_ops)]`
    fn member(&self) -> u32;
}

#[struct_ops(bpf_fail_const_ops)]
trait Const {
    const VALUE: u32; //~ Const: a member of a table is a function or, with `#[data]`, a value
}

#[struct_ops(bpf_fail_empty_ops)]
trait Empty {} //~ Empty: a table has 1 to 23 members

#[struct_ops(bpf_fail_many_ops)]
#[rustfmt::skip]
trait Many { //~ Many: a table has 1 to 23 members
    fn a(&self); fn b(&self); fn c(&self); fn d(&self); fn e(&self); fn f(&self);
    fn g(&self); fn h(&self); fn i(&self); fn j(&self); fn k(&self); fn l(&self);
    fn m(&self); fn n(&self); fn o(&self); fn p(&self); fn q(&self); fn r(&self);
    fn s(&self); fn t(&self); fn u(&self); fn v(&self); fn w(&self); fn x(&self);
}

#[struct_ops(bpf_fail_self_ops)]
trait NoSelf {
    fn member(value: u32) -> u32; //~ member: the first argument of a member must be `&self`, the table
}

#[struct_ops(bpf_fail_unsafe_ops)]
trait Unsafe {
    unsafe fn member(&self); //~ member: a BPF program has no safety requirements; remove `unsafe`
}

#[struct_ops(bpf_fail_generic_ops)]
trait Generic {
    fn member<T>(&self); //~ member: a member of a table cannot be generic
}

#[struct_ops(bpf_fail_data_ops)]
trait DataWithBody {
    #[data]
    fn id(&self) -> u32 { //~ id: declare a value of a table as `#[data] fn name(&self) -> u32;`
        0
    }
}

#[struct_ops(bpf_fail_name_ops)]
trait Name {
    fn member(&self, item__ref: u64); //~ member: argument 1 (item__ref): the verifier interprets the part of a name after `__`; write `_`, and choose the type with that meaning
}

#[struct_ops(bpf_fail_slice_ops)]
trait Slice {
    fn member(&self, bytes: &[u8]); //~ `&[u8]` means nothing to the BPF verifier as an argument of a struct_ops member
}

#[struct_ops(bpf_fail_return_ops)]
trait Return {
    fn member(&self) -> &'static str { //~ `&'static str` means nothing to the BPF verifier as the result of a struct_ops member
        ""
    }
}

bpf_helper! {
    static SIX = fn(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8) {}; //~ SIX: a BPF helper has at most five arguments; put some of them into an object
}

bpf_helper! {
    static BYTES = fn(bytes: &[u8]) {}; //~ `&[u8]` cannot be passed by a prologue or an epilogue
    //~^ `&[u8]` does not fit into a BPF register
}
