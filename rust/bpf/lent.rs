// SPDX-License-Identifier: GPL-2.0

//! Memory that a kfunc lends to the program.
//!
//! A program may read what a kfunc returns a pointer to, as far as it said before: one argument,
//! which the verifier must know ([`LentSize`]), is the size.
//!
//! ```ignore
//! /// Returns the beginning of the label of @thing.
//! #[kfunc]
//! fn bpf_thing_label<'a>(thing: &'a Object<Thing>, size: LentSize<'a>) -> Option<Lent<'a>> {
//!     size.lend(&thing.label)
//! }
//! ```
//!
//! What is lent must live as long as the program can look at it. If the program holds a reference
//! to an object that is an argument, that is as long as it holds it (`parent_id` in
//! `check_kfunc_call()`), so what belongs to the object can be lent. Beside that there is what is
//! never freed, and what lives as long as the module. The borrow checker tells these from copies of
//! arguments, which are gone after the call.
//!
//! Memory that the program may also write (`rdwr_buf_size`) is not supported: Rust code would share
//! it with the program for an unknown time. Take [`&Mem`](crate::Mem) of the program instead.
//!
//! C: a parameter with the name `rdonly_buf_size`.

use crate::kfunc::{
    Call,
    KfuncArg,
    KfuncRet, //
};
use core::marker::PhantomData;
use kernel::bindings;

/// How many bytes the program wants to see. A constant for the verifier.
///
/// # Invariants
///
/// It is an argument of the call `'a`.
pub struct LentSize<'a>(usize, PhantomData<&'a Call>);

impl<'a> LentSize<'a> {
    /// The number of bytes.
    pub fn get(&self) -> usize {
        self.0
    }

    /// Lends the beginning of `bytes`, or returns [`None`] if there are not enough of them.
    pub fn lend(self, bytes: &'a [u8]) -> Option<Lent<'a>> {
        let bytes = bytes.get(..self.0)?;
        Some(Lent {
            data: bytes.as_ptr(),
            _bytes: PhantomData,
        })
    }
}

// SAFETY: For a parameter of this name, the verifier accepts a scalar that it knows
// (`KF_ARG_CONST_ALLOC_SIZE_OR_ZERO`).
unsafe impl KfuncArg for LentSize<'_> {
    type Value<'a> = LentSize<'a>;
    const BTF: &'static str = "u64";
    const NAME: &'static str = "rdonly_buf_size";
    // What is lent of an object under RCU would be readable after RCU.
    const TRUSTS: bool = true;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Self::Value<'a> {
        LentSize(register as usize, PhantomData)
    }
}

/// Bytes that the program may read, as many as [`LentSize`] says.
///
/// # Invariants
///
/// So many bytes at `data` are valid for reads for `'a`.
pub struct Lent<'a> {
    data: *const u8,
    _bytes: PhantomData<&'a [u8]>,
}

// SAFETY: The verifier lets the program read so many bytes, until it gives up the reference that
// was an argument. Of what is lent to a function for its call, slices come from objects, from maps
// that do not change, and from the module's state, all of which live so long; not from copies of
// memory, because a function that takes one must be able to return an error, and this is none.
unsafe impl KfuncRet for Option<Lent<'_>> {
    type Abi = *const u8;
    const BTF: &'static str = "*const u8";
    const FLAGS: u32 = bindings::KF_RET_NULL;

    #[inline(always)]
    fn into_abi(self) -> *const u8 {
        self.map_or(core::ptr::null(), |lent| lent.data)
    }
}
