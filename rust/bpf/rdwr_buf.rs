// SPDX-License-Identifier: GPL-2.0

//! Memory that a kfunc lends to the program for reads and writes.
//!
//! The kfunc returns a pointer, and the program may read and write the memory for as long as it
//! keeps the object that contains the memory. An argument of the kfunc, [`RdwrBufSize`], is the
//! size of the memory; the verifier must know its value.
//!
//! ```
//! # use bpf::{prelude::*, rdwr_buf::{RdwrBuf, RdwrBufSize, Shared}};
//! #
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_scratch")]
//! struct Scratch {
//!     notes: Shared<64>,
//! }
//!
//! /// Returns the first bytes of the notes of @scratch.
//! #[kfunc]
//! fn bpf_scratch_notes<'a>(
//!     scratch: &'a Object<Scratch>,
//!     size: RdwrBufSize<'a>,
//! ) -> Option<RdwrBuf<'a>> {
//!     size.lend(&scratch.notes)
//! }
//! ```
//!
//! The program and Rust code share the memory for an unknown time, so its type is [`Shared`]: bytes
//! that can change at any time. Only a [`Shared`] can be lent, so the memory is in an object, in
//! the state of the module or in a static, and never memory of a program.
//!
//! This module has no locks. For memory that the program only reads, see
//! [`rdonly_buf`](crate::rdonly_buf).
//!
//! C: a parameter with the name `rdwr_buf_size`.

use crate::{
    contract::Contract,
    kfunc::{
        Call,
        KfuncArg,
        KfuncRet,
        Passed, //
    },
    mem::Mem, //
};
use core::{
    cell::UnsafeCell,
    convert::Infallible,
    marker::PhantomData,
    ops::Deref, //
};
use kernel::bindings;

/// Bytes that Rust code and programs read and write at the same time. The methods are those of
/// [`Mem`].
pub struct Shared<const N: usize>(UnsafeCell<[u8; N]>);

// SAFETY: `Mem`, through which all code accesses the bytes, allows access from several threads.
unsafe impl<const N: usize> Sync for Shared<N> {}

impl<const N: usize> Shared<N> {
    /// Makes shared bytes with these values.
    pub const fn new(bytes: [u8; N]) -> Self {
        Self(UnsafeCell::new(bytes))
    }
}

impl<const N: usize> Deref for Shared<N> {
    type Target = Mem;

    fn deref(&self) -> &Mem {
        const { assert!(N <= u32::MAX as usize, "the size of memory has 32 bits") };
        // SAFETY: The bytes are valid for as long as `self`, and all code accesses them through
        // `Mem`.
        unsafe { Mem::new(self.0.get().cast(), N as u32) }
    }
}

/// The number of bytes that the program may read and write. The verifier must know the value.
///
/// C: `u64 rdwr_buf_size`.
///
/// # Invariants
///
/// The size is an argument of the call, which lasts for `'a`.
pub struct RdwrBufSize<'a>(usize, PhantomData<&'a Call>);

impl<'a> RdwrBufSize<'a> {
    /// Returns the number of bytes.
    pub fn get(&self) -> usize {
        self.0
    }

    /// Lends the beginning of `bytes`. Returns [`None`] if `bytes` is shorter than the size.
    pub fn lend<const N: usize>(self, bytes: &'a Shared<N>) -> Option<RdwrBuf<'a>> {
        // INVARIANT: `bytes` has at least as many bytes as the size, and is borrowed for `'a`.
        (self.0 <= N).then_some(RdwrBuf {
            data: bytes.0.get().cast(),
            _bytes: PhantomData,
        })
    }
}

// SAFETY: For a parameter of this name, the verifier accepts only a scalar with a known value
// (`KF_ARG_CONST_ALLOC_SIZE_OR_ZERO`).
unsafe impl KfuncArg for RdwrBufSize<'_> {
    // `trusted`: for an RCU pointer, the program could use the memory of the object after the RCU
    // read-side critical section.
    const CONTRACT: Contract = Contract::value("u64")
        .named("rdwr_buf_size")
        .lends()
        .trusted();
    type Value<'a> = RdwrBufSize<'a>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(RdwrBufSize<'_>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        function(RdwrBufSize(passed.register() as usize, PhantomData))
    }
}

/// Memory that the program may read and write. [`RdwrBufSize`] is its size.
///
/// # Invariants
///
/// The bytes at `data`, as many as the size, are in a [`Shared`] that is valid for `'a`.
pub struct RdwrBuf<'a> {
    data: *mut u8,
    _bytes: PhantomData<&'a Mem>,
}

// SAFETY: The verifier lets the program read and write as many bytes as the size, until the program
// releases the reference that was an argument (`parent_id` in `check_kfunc_call()`). A `Shared`
// with the lifetime of the call is in an object, in the state of the module, or in a static. All of
// them live that long, and all bytes are valid in a `Shared`.
unsafe impl KfuncRet for Option<RdwrBuf<'_>> {
    type Abi = *const u8;
    const BTF: &'static str = "*u8";
    const FLAGS: u32 = bindings::KF_RET_NULL;

    #[inline(always)]
    fn into_abi(self) -> *const u8 {
        self.map_or(core::ptr::null(), |lent| lent.data)
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_rdwr_buf)]
mod tests {
    use super::*;
    use crate::kunit::receive;
    use kernel::prelude::*;

    /// Returns the pointer that a program gets if it asks for `size` bytes of `bytes`.
    fn lend<const N: usize>(size: u64, bytes: &Shared<N>) -> Option<*const u8> {
        // SAFETY: Every number is a valid size.
        unsafe {
            receive::<RdwrBufSize<'_>, _>(size, |size| {
                // `bytes` outlives the call, so the size may have a longer lifetime.
                let size = RdwrBufSize(size.get(), PhantomData);
                size.lend(bytes).map(|lent| Some(lent).into_abi())
            })
        }
    }

    #[test]
    fn lend_rejects_a_size_above_the_length() {
        let bytes = Shared::new([1, 2, 3]);
        let start = bytes.0.get().cast::<u8>().cast_const();
        assert_eq!(lend(0, &bytes), Some(start));
        assert_eq!(lend(3, &bytes), Some(start));
        assert_eq!(lend(4, &bytes), None);
        assert_eq!(lend(1 << 32, &bytes), None);
        assert_eq!(lend(u64::MAX, &bytes), None);
        assert!(lend(0, &Shared::new([])).is_some());
        assert_eq!(lend(1, &Shared::new([])), None);
    }

    #[test]
    fn rust_code_sees_what_a_program_writes() -> Result {
        let bytes = Shared::new([1, 2, 3]);
        let pointer = lend(2, &bytes).ok_or(EINVAL)?.cast_mut();
        // SAFETY: The pointer has two bytes, which may change at any time.
        unsafe { pointer.add(1).write_volatile(9) };
        assert_eq!(bytes.get(1), Some(9));
        bytes.set(0, 7)?;
        // SAFETY: The pointer has two bytes.
        assert_eq!(unsafe { pointer.read_volatile() }, 7);
        assert!(None::<RdwrBuf<'_>>.into_abi().is_null());
        Ok(())
    }
}
