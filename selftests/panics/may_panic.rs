// SPDX-License-Identifier: GPL-2.0

//! Panics for which the author gives a reason, and one panic without a reason.

use bpf::{
    may_panic,
    prelude::*,
    struct_ops,
    struct_ops::Slot, //
};
use kernel::prelude::*;

#[may_panic("the caller has checked the number")]
fn helper(number: u32) -> u32 {
    number + 1
}

#[kfunc]
fn bpf_helper(number: u32) -> u32 {
    helper(number)
}

#[bpf::may_panic("this attribute comes before #[kfunc]")]
#[kfunc]
fn bpf_before(a: u32, b: u32) -> u32 {
    a + b
}

#[kfunc(sleepable)]
#[may_panic("this attribute comes after #[kfunc]")]
fn bpf_after(data: &[u8]) -> Result<u32> {
    // Closures are part of the function.
    let byte = data.iter().map(|byte| byte + 1).max().unwrap();
    Ok(u32::from(byte))
}

struct Numbers(u32);

#[kfunc_iterator(may_panic)]
impl Numbers {
    #[may_panic("new")]
    fn new(first: u32) -> Result<Self> {
        Ok(Self(first + 1))
    }

    #[may_panic("next")]
    fn next(&mut self) -> Option<u32> {
        self.0 += 1;
        Some(self.0)
    }
}

impl Drop for Numbers {
    #[may_panic("drop")]
    fn drop(&mut self) {
        self.0 -= 1;
        helper(self.0);
    }
}

/// A generic type.
struct Pair<T>(T, T);

impl<T: Copy + core::ops::Add<Output = T>> Pair<T> {
    #[may_panic("a method")]
    fn sum(&self) -> T {
        self.0 + self.1
    }
}

#[kfunc]
fn bpf_pair(a: u32, b: u64) -> u64 {
    Pair(b, Pair(a, 2).sum().into()).sum()
}

/// A table of functions.
#[struct_ops(bpf_may_panic_ops)]
pub trait MayPanicOps {
    /// A member with a default body.
    #[may_panic("a default")]
    fn member(&self, number: u32) -> u32 {
        number + 3
    }
}

static SLOT: Slot<MayPanicOpsTable> = Slot::new();

#[kfunc]
fn bpf_default(number: u32) -> u32 {
    SLOT.with(|ops| ops.member(number)).unwrap_or(0)
}

#[inline(never)]
fn without(number: u32) -> u32 {
    number + 4 //~ an addition can overflow | reached from: kfunc `bpf_calls`
}

/// Calls a function that has no reason.
#[kfunc]
#[may_panic("the reason does not cover called functions")]
fn bpf_calls(number: u32) -> u32 {
    without(number)
}

#[may_panic("this attribute comes before #[traceable]")]
#[traceable]
fn example_before(a: u32, b: u32) -> u32 {
    a + b
}

#[traceable]
#[may_panic("this attribute comes after #[traceable]")]
fn example_after(a: u32) -> u32 {
    // Closures are part of the function.
    #[inline(never)]
    fn call(function: impl Fn() -> u32) -> u32 {
        function()
    }
    call(core::hint::black_box(|| a + 1))
}

#[traceable]
#[kfunc]
#[may_panic("a kfunc behind a stub")]
fn bpf_traced(data: &[u8]) -> Result<u32> {
    let byte = data.iter().map(|byte| byte + 1).max().unwrap();
    Ok(u32::from(byte) + example_before(1, 2) + example_after(3))
}
