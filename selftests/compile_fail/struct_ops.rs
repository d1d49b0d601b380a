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
trait Empty {} //~ Empty: a table has 1 to 64 members

#[struct_ops(bpf_fail_many_ops)]
#[rustfmt::skip]
trait Many { //~ Many: a table has 1 to 64 members
    fn m0(&self); fn m1(&self); fn m2(&self); fn m3(&self); fn m4(&self); fn m5(&self); fn m6(&self);
    fn m7(&self); fn m8(&self); fn m9(&self); fn m10(&self); fn m11(&self); fn m12(&self); fn m13(&self);
    fn m14(&self); fn m15(&self); fn m16(&self); fn m17(&self); fn m18(&self); fn m19(&self); fn m20(&self);
    fn m21(&self); fn m22(&self); fn m23(&self); fn m24(&self); fn m25(&self); fn m26(&self); fn m27(&self);
    fn m28(&self); fn m29(&self); fn m30(&self); fn m31(&self); fn m32(&self); fn m33(&self); fn m34(&self);
    fn m35(&self); fn m36(&self); fn m37(&self); fn m38(&self); fn m39(&self); fn m40(&self); fn m41(&self);
    fn m42(&self); fn m43(&self); fn m44(&self); fn m45(&self); fn m46(&self); fn m47(&self); fn m48(&self);
    fn m49(&self); fn m50(&self); fn m51(&self); fn m52(&self); fn m53(&self); fn m54(&self); fn m55(&self);
    fn m56(&self); fn m57(&self); fn m58(&self); fn m59(&self); fn m60(&self); fn m61(&self); fn m62(&self);
    fn m63(&self); fn m64(&self);
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
