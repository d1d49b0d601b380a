// SPDX-License-Identifier: GPL-2.0

//! Memory that a kfunc lends to the program.
//!
//! A program may read what a kfunc returns a pointer to, as far as it said before: one argument,
//! which the verifier must know ([`RdonlyBufSize`]), is the size.
//!
//! ```ignore
//! /// Returns the beginning of the label of @thing.
//! #[kfunc]
//! fn bpf_thing_label<'a>(thing: &'a Object<Thing>, size: RdonlyBufSize<'a>) -> Option<RdonlyBuf<'a>> {
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

use crate::{
    contract::Contract,
    kfunc::{
        Call,
        KfuncArg,
        KfuncRet,
        Passed, //
    }, //
};
use core::{
    convert::Infallible,
    marker::PhantomData, //
};
use kernel::bindings;

/// How many bytes the program wants to see. A constant for the verifier.
///
/// # Invariants
///
/// It is an argument of the call `'a`.
pub struct RdonlyBufSize<'a>(usize, PhantomData<&'a Call>);

impl<'a> RdonlyBufSize<'a> {
    /// The number of bytes.
    pub fn get(&self) -> usize {
        self.0
    }

    /// Lends the beginning of `bytes`, or returns [`None`] if there are not enough of them.
    pub fn lend(self, bytes: &'a [u8]) -> Option<RdonlyBuf<'a>> {
        let bytes = bytes.get(..self.0)?;
        Some(RdonlyBuf {
            data: bytes.as_ptr(),
            _bytes: PhantomData,
        })
    }
}

// SAFETY: For a parameter of this name, the verifier accepts a scalar that it knows
// (`KF_ARG_CONST_ALLOC_SIZE_OR_ZERO`).
unsafe impl KfuncArg for RdonlyBufSize<'_> {
    // What is lent of an object under RCU would be readable after RCU: hence `trusted`.
    const CONTRACT: Contract = Contract::value("u64")
        .named("rdonly_buf_size")
        .lends()
        .trusted();
    type Value<'a> = RdonlyBufSize<'a>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(RdonlyBufSize<'_>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        function(RdonlyBufSize(passed.register() as usize, PhantomData))
    }
}

/// Bytes that the program may read, as many as [`RdonlyBufSize`] says.
///
/// # Invariants
///
/// So many bytes at `data` are valid for reads for `'a`.
pub struct RdonlyBuf<'a> {
    data: *const u8,
    _bytes: PhantomData<&'a [u8]>,
}

// SAFETY: The verifier lets the program read so many bytes, until it gives up the reference that
// was an argument. Of what is lent to a function for its call, slices come from objects, from maps
// that do not change, and from the module's state, all of which live so long; not from copies of
// memory, because a function that takes one must be able to return an error, and this is none.
unsafe impl KfuncRet for Option<RdonlyBuf<'_>> {
    type Abi = *const u8;
    const BTF: &'static str = "*const u8";
    const FLAGS: u32 = bindings::KF_RET_NULL;

    #[inline(always)]
    fn into_abi(self) -> *const u8 {
        self.map_or(core::ptr::null(), |lent| lent.data)
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_rdonly_buf)]
mod tests {
    use super::*;
    use crate::kunit::receive;

    /// What a program gets that wants to see so many of `bytes`.
    fn lend(size: u64, bytes: &[u8]) -> Option<*const u8> {
        // SAFETY: The verifier accepts any number that it knows.
        unsafe {
            receive::<RdonlyBufSize<'_>, _>(size, |size| {
                // What is lent lives longer than the size.
                let size = RdonlyBufSize(size.get(), PhantomData);
                size.lend(bytes).map(|lent| Some(lent).into_abi())
            })
        }
    }

    #[test]
    fn as_much_is_lent_as_there_is() {
        let bytes = [1, 2, 3];
        assert_eq!(lend(0, &bytes), Some(bytes.as_ptr()));
        assert_eq!(lend(1, &bytes), Some(bytes.as_ptr()));
        assert_eq!(lend(3, &bytes), Some(bytes.as_ptr()));
        assert_eq!(lend(4, &bytes), None);
        assert_eq!(lend(1 << 32, &bytes), None);
        assert_eq!(lend(u64::MAX, &bytes), None);
        assert!(lend(0, &[]).is_some());
        assert_eq!(lend(1, &[]), None);
    }

    #[test]
    fn the_size_is_the_whole_register() {
        for size in [0, 1, 1 << 32, u64::MAX] {
            // SAFETY: As above.
            let lent = unsafe { receive::<RdonlyBufSize<'_>, _>(size, |size| size.get()) };
            assert_eq!(lent as u64, size);
        }
    }

    #[test]
    fn nothing_is_null() {
        assert!(None::<RdonlyBuf<'_>>.into_abi().is_null());
    }
}
