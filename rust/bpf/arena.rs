// SPDX-License-Identifier: GPL-2.0

//! Pointers into the arena of a program.
//!
//! An arena is memory that a program shares with user space. The program passes a pointer into it,
//! of which the JIT makes an address of the kernel. The verifier checks nothing about it: it may be
//! any address of the arena, and the pages there may be missing. An access is safe all the same,
//! because the arena ends with a guard and the kernel gives a missing page a substitute when it is
//! touched; as far as [`Arena::MAX`] bytes behind the pointer.
//!
//! This module does not allocate pages of an arena.
//!
//! C: `p__arena`, `p__arena__nullable`; `Documentation/bpf/kfuncs.rst`, "Accessing arena memory".

use crate::{
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
/// `Option<Arena<'_>>` is one that may be `NULL`. Neither can be passed on the stack, as the sixth
/// argument or later.
pub struct Arena<'a> {
    data: NonNull<u8>,
    _lent: PhantomData<&'a Mem>,
}

impl<'a> Arena<'a> {
    /// So many bytes behind the pointer can be accessed: half of the guard.
    pub const MAX: usize = 32 * 1024;

    /// The first `len` bytes, or [`None`] if that is more than [`Self::MAX`].
    pub fn mem(&self, len: usize) -> Option<&'a Mem> {
        if len > Self::MAX {
            return None;
        }
        // SAFETY: The kernel lets the function read and write so many bytes, whatever is there
        // (`bpf_arena_handle_page_fault()`). The arena lives as long as the program.
        Some(unsafe { Mem::new(self.data.as_ptr(), len as u32) })
    }
}

// SAFETY: The program has an arena, and the JIT adds its address, which is not zero, to the lower
// 32 bits of what the program passes. Nothing is concluded of the address but that.
unsafe impl KfuncArg for Arena<'_> {
    const CONTRACT: Contract = Contract::pointer("*u8").suffix("__arena").in_register();
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
            // SAFETY: The JIT added an address to the register that is not zero.
            data: unsafe { NonNull::new_unchecked(passed.register() as *mut u8) },
            _lent: PhantomData,
        })
    }
}

// SAFETY: The same, but the JIT leaves a pointer with lower 32 bits of zero alone and passes null.
unsafe impl KfuncArg for Option<Arena<'_>> {
    const CONTRACT: Contract = Contract::pointer("*u8")
        .suffix("__arena__nullable")
        .in_register();
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
    fn the_guard_is_not_passed() -> Result {
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
        // SAFETY: There is memory as far as the arena's guard would go.
        unsafe { receive::<Arena<'_>, _>(register, check) }?;
        assert_eq!(memory.last(), Some(&8));
        Ok(())
    }

    #[test]
    fn null_is_none() {
        let mut byte = 7_u8;
        // The first byte, if there is one.
        let first = |register| {
            // SAFETY: The JIT passes null or a pointer.
            unsafe { receive::<Option<Arena<'_>>, _>(register, |arena| arena?.mem(1)?.get(0)) }
        };
        assert_eq!(first(0), None);
        assert_eq!(first(&raw mut byte as u64), Some(7));
    }

    #[test]
    fn suffixes_tell_the_jit() {
        static ARENA: Composed = <Arena<'_> as KfuncArg>::CONTRACT.describe("p", true);
        static OR_NULL: Composed = <Option<Arena<'_>> as KfuncArg>::CONTRACT.describe("p", true);
        assert_eq!(ARENA.text(), "p__arena *u8");
        assert_eq!(OR_NULL.text(), "p__arena__nullable *u8");
    }
}
