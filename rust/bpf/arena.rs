// SPDX-License-Identifier: GPL-2.0

//! Pointers into the arena of a program.
//!
//! An arena is memory that a program shares with user space. The program passes a pointer into the
//! arena, and the JIT converts the pointer to a kernel address. The verifier does not check the
//! pointer: it can have any address in the arena, and the pages there can be missing. An access of
//! up to [`Arena::MAX`] bytes from the pointer on is safe for two reasons: the arena ends with a
//! guard area, and the kernel maps a scratch page when code accesses a missing page.
//!
//! This module does not allocate pages of an arena, and does not return pointers into one.
//!
//! C: `p__arena`, `p__arena__nullable`; `Documentation/bpf/kfuncs.rst`, "Accessing arena memory".

use crate::{
    compat,
    contract::Contract,
    kfunc::{
        Call,
        KfuncArg,
        Passed, //
    },
    mem::Mem, //
};
use core::{
    convert::Infallible,
    marker::PhantomData,
    ptr::NonNull, //
};

/// A pointer into the arena of the calling program.
///
/// `Option<Arena<'_>>` is a pointer that can be null. Both types must be among the first five
/// arguments, because they cannot be on the stack.
///
/// C: `void *p__arena`, `void *p__arena__nullable`.
pub struct Arena<'a> {
    data: NonNull<u8>,
    _lent: PhantomData<&'a Mem>,
}

impl<'a> Arena<'a> {
    /// The number of bytes from the pointer on that the kfunc can access: half of the guard area.
    pub const MAX: usize = 32 * 1024;

    /// Returns the first `len` bytes, or [`None`] if `len` is more than [`Self::MAX`].
    pub fn mem(&self, len: usize) -> Option<&'a Mem> {
        if len > Self::MAX {
            return None;
        }
        // SAFETY: Reads and writes of up to `MAX` bytes are valid, also if pages are missing
        // (`bpf_arena_handle_page_fault()`). The arena lives as long as the program.
        Some(unsafe { Mem::new(self.data.as_ptr(), len as u32) })
    }
}

// SAFETY: The verifier checks that the program has an arena. The JIT adds the address of the arena,
// which is not zero, to the lower 32 bits of the argument. `Arena` relies only on that.
unsafe impl KfuncArg for Arena<'_> {
    const CONTRACT: Contract = Contract::pointer("*u8")
        .suffix("__arena")
        .in_register()
        .refused(compat::ARENA);
    type Value<'a> = Arena<'a>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Arena<'_>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        function(Arena {
            // SAFETY: The JIT added the address of the arena, so the register is not zero.
            data: unsafe { NonNull::new_unchecked(passed.register() as *mut u8) },
            _lent: PhantomData,
        })
    }
}

// SAFETY: The JIT adds the address of the arena as for `Arena`. But if the lower 32 bits of the
// argument are zero, the JIT passes null.
unsafe impl KfuncArg for Option<Arena<'_>> {
    const CONTRACT: Contract = Contract::pointer("*u8")
        .suffix("__arena__nullable")
        .in_register()
        .refused(compat::ARENA);
    type Value<'a> = Option<Arena<'a>>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Option<Arena<'_>>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        let data = NonNull::new(passed.register() as *mut u8);
        function(data.map(|data| Arena {
            data,
            _lent: PhantomData,
        }))
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_arena)]
mod tests {
    use super::*;
    use crate::{
        describe::Composed,
        kunit::receive, //
    };
    use kernel::prelude::*;

    #[test]
    fn an_access_is_at_most_half_of_the_guard_area() -> Result {
        let mut memory: KVVec<u8> = KVVec::from_elem(7, Arena::MAX, GFP_KERNEL)?;
        let register = memory.as_mut_ptr() as u64;
        let check = |arena: Arena<'_>| {
            assert_eq!(arena.mem(0).map(Mem::len), Some(0));
            assert_eq!(arena.mem(1).map(Mem::len), Some(1));
            assert!(arena.mem(Arena::MAX + 1).is_none());
            assert!(arena.mem(usize::MAX).is_none());
            // A length of 0 in 32 bits.
            assert!(arena.mem(1 << 32).is_none());

            let all = arena.mem(Arena::MAX).ok_or(EINVAL)?;
            assert_eq!(all.len(), 32 * 1024);
            assert_eq!(all.get(0), Some(7));
            all.set(Arena::MAX - 1, 8)
        };
        // SAFETY: `register` points to `Arena::MAX` bytes of valid memory.
        unsafe { receive::<Arena<'_>, _>(register, check) }?;
        assert_eq!(memory.last(), Some(&8));
        Ok(())
    }

    #[test]
    fn a_null_pointer_is_none() {
        let mut byte = 7_u8;
        // Returns the first byte, if the pointer is not null.
        let first = |register| {
            // SAFETY: `register` is null or points to one valid byte.
            unsafe { receive::<Option<Arena<'_>>, _>(register, |arena| arena?.mem(1)?.get(0)) }
        };
        assert_eq!(first(0), None);
        assert_eq!(first(&raw mut byte as u64), Some(7));
    }

    #[test]
    fn a_parameter_has_the_suffix_of_an_arena_pointer() {
        static ARENA: Composed = <Arena<'_> as KfuncArg>::CONTRACT.describe("p", true);
        static OR_NULL: Composed = <Option<Arena<'_>> as KfuncArg>::CONTRACT.describe("p", true);
        assert_eq!(ARENA.text(), "p__arena *u8");
        assert_eq!(OR_NULL.text(), "p__arena__nullable *u8");
    }
}
