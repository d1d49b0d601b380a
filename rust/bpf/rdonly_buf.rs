// SPDX-License-Identifier: GPL-2.0

//! Memory that a kfunc lends to the program.
//!
//! The kfunc returns a pointer, and the program may read the memory. An argument of the kfunc,
//! [`RdonlyBufSize`], is the size of the memory; the verifier must know its value.
//!
//! ```
//! # use bpf::{prelude::*, RdonlyBuf, RdonlyBufSize};
//! #
//! # #[derive(BtfType)]
//! # #[btf(object, name = "bpf_thing")]
//! # struct Thing {
//! #     label: [u8; 16],
//! # }
//! #
//! /// Returns the beginning of the label of @thing.
//! #[kfunc]
//! fn bpf_thing_label<'a>(
//!     thing: &'a Object<Thing>,
//!     size: RdonlyBufSize<'a>,
//! ) -> Option<RdonlyBuf<'a>> {
//!     size.lend(&thing.label)
//! }
//! ```
//!
//! The memory must live as long as the program can read it. There are three kinds of such memory:
//!
//! - memory in an object that is an argument. The program can read it until the program releases
//!   the reference to the object (`parent_id` in `check_kfunc_call()`).
//! - memory that is never freed.
//! - memory that lives as long as the module.
//!
//! The borrow checker accepts these kinds, and rejects copies of arguments, which do not exist
//! after the call.
//!
//! For memory to which the program may write, see [`rdwr_buf`](crate::rdwr_buf).
//!
//! C: a parameter with the name `rdonly_buf_size`.

use crate::{
    compat,
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

/// The number of bytes that the program may read. The verifier must know the value.
///
/// C: `u64 rdonly_buf_size`.
///
/// # Invariants
///
/// The size is an argument of the call, which lasts for `'a`.
pub struct RdonlyBufSize<'a>(usize, PhantomData<&'a Call>);

impl<'a> RdonlyBufSize<'a> {
    /// Returns the number of bytes.
    pub fn get(&self) -> usize {
        self.0
    }

    /// Lends the beginning of `bytes`. Returns [`None`] if `bytes` is shorter than the size, and in
    /// 7.2, whose verifier lets the program read a byte then, also if the size is 0.
    pub fn lend(self, bytes: &'a [u8]) -> Option<RdonlyBuf<'a>> {
        let bytes = bytes.get(..self.0)?;
        if compat::EMPTY_HAS_A_BYTE && bytes.is_empty() {
            return None;
        }
        // INVARIANT: `bytes` has as many bytes as the size, and is borrowed for `'a`.
        Some(RdonlyBuf {
            data: bytes.as_ptr(),
            _bytes: PhantomData,
        })
    }
}

// SAFETY: For a parameter of this name, the verifier accepts only a scalar with a known value
// (`KF_ARG_CONST_ALLOC_SIZE_OR_ZERO`).
unsafe impl KfuncArg for RdonlyBufSize<'_> {
    // `trusted`: for an RCU pointer, the program could read the memory of the object after the RCU
    // read-side critical section.
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

/// Memory that the program may read. [`RdonlyBufSize`] is its size.
///
/// # Invariants
///
/// The bytes at `data`, as many as the size, are valid for reads for `'a`.
pub struct RdonlyBuf<'a> {
    data: *const u8,
    _bytes: PhantomData<&'a [u8]>,
}

// SAFETY: The verifier lets the program read as many bytes as the size, until the program releases
// the reference that was an argument. A slice with the lifetime of the call comes from an object,
// from the value of a frozen map, or from the state of the module. All of them live that long. The
// slice is no copy of memory, because a kfunc with a copied argument must return a type that can
// report an error, and this type cannot.
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

    /// Returns the pointer that a program gets if it asks for `size` bytes of `bytes`.
    fn lend(size: u64, bytes: &[u8]) -> Option<*const u8> {
        // SAFETY: Every number is a valid size.
        unsafe {
            receive::<RdonlyBufSize<'_>, _>(size, |size| {
                // `bytes` outlives the call, so the size may have a longer lifetime.
                let size = RdonlyBufSize(size.get(), PhantomData);
                size.lend(bytes).map(|lent| Some(lent).into_abi())
            })
        }
    }

    #[test]
    fn lend_rejects_a_size_above_the_length() {
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
    fn a_size_has_64_bits() {
        for size in [0, 1, 1 << 32, u64::MAX] {
            // SAFETY: Every number is a valid size.
            let lent = unsafe { receive::<RdonlyBufSize<'_>, _>(size, |size| size.get()) };
            assert_eq!(lent as u64, size);
        }
    }

    #[test]
    fn none_is_a_null_pointer() {
        assert!(None::<RdonlyBuf<'_>>.into_abi().is_null());
    }
}
