// SPDX-License-Identifier: GPL-2.0

//! `#[may_panic]` without a reason, or in a place where it has no effect.

use bpf::{
    may_panic,
    prelude::*,
    struct_ops, //
};
use kernel::prelude::*;

#[may_panic]
fn nothing() {} //~ give the reason why a panic never happens, or is correct: `#[may_panic("reason")]`

#[may_panic("")]
fn empty() {} //~ give the reason why a panic never happens

#[may_panic(" ")]
fn blank() {} //~ give the reason why a panic never happens

#[may_panic(reason)]
fn no_text() {} //~ give the reason why a panic never happens

#[may_panic]
#[kfunc]
fn bpf_before() {} //~ give the reason why a panic never happens

#[kfunc]
#[may_panic]  //~ give the reason why a panic never happens
fn bpf_after() {}

#[may_panic("it is short")]
#[inline] //~ inlined: a function that may panic must not be inlined, so that `rust-panic` finds it; remove `#[inline]`
fn inlined() {}

#[may_panic("it is not a function")]
struct NotAFunction; //~ expected `fn`

#[struct_ops(bpf_fail_may_panic_ops)]
trait MayPanic {
    #[may_panic("there is no body")]
    fn member(&self) -> u32; //~ member: a member without a default body cannot panic; remove `#[may_panic]`
}

#[struct_ops(bpf_fail_may_panic_reason_ops)]
trait Reason {
    #[may_panic()] //~ give the reason why a panic never happens
    fn member(&self) -> u32 {
        1
    }
}
