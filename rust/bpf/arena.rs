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
    kfunc::{
        Call,
        KfuncArg, //
    },
    mem::Mem, //
};
use core::{
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
    type Value<'a> = Arena<'a>;
    const BTF: &'static str = "*u8";
    const SUFFIX: &'static str = "__arena";
    const IN_REGISTER: bool = true;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Self::Value<'a> {
        Arena {
            // SAFETY: As said above.
            data: unsafe { NonNull::new_unchecked(register as *mut u8) },
            _lent: PhantomData,
        }
    }
}

// SAFETY: The same, but the JIT leaves a pointer with lower 32 bits of zero alone and passes null.
unsafe impl KfuncArg for Option<Arena<'_>> {
    type Value<'a> = Option<Arena<'a>>;
    const BTF: &'static str = "*u8";
    const SUFFIX: &'static str = "__arena__nullable";
    const IN_REGISTER: bool = true;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Self::Value<'a> {
        Some(Arena {
            data: NonNull::new(register as *mut u8)?,
            _lent: PhantomData,
        })
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_arena)]
mod tests {
    use super::*;
    use kernel::prelude::*;

    #[test]
    fn the_guard_is_not_passed() -> Result {
        let mut memory: KVVec<u8> = KVVec::from_elem(7, Arena::MAX, GFP_KERNEL)?;
        let register = memory.as_mut_ptr() as u64;
        // SAFETY: There is memory as far as the arena's guard would go.
        let arena = unsafe { Arena::from_register(register, &Call) };

        assert_eq!(arena.mem(0).map(Mem::len), Some(0));
        assert_eq!(arena.mem(1).map(Mem::len), Some(1));
        assert!(arena.mem(Arena::MAX + 1).is_none());
        assert!(arena.mem(usize::MAX).is_none());
        // A length of 0 in 32 bits.
        assert!(arena.mem(1 << 32).is_none());

        let all = arena.mem(Arena::MAX).ok_or(EINVAL)?;
        assert_eq!(all.len(), 32 * 1024);
        assert_eq!(all.get(0), Some(7));
        all.set(Arena::MAX - 1, 8)?;
        assert_eq!(memory.last(), Some(&8));
        Ok(())
    }

    #[test]
    fn null_is_none() -> Result {
        let mut byte = 7_u8;
        // SAFETY: The JIT passes null or a pointer.
        let none = unsafe { Option::<Arena<'_>>::from_register(0, &Call) };
        assert!(none.is_none());

        let register = &raw mut byte as u64;
        // SAFETY: As above.
        let some = unsafe { Option::<Arena<'_>>::from_register(register, &Call) };
        let mem = some.and_then(|arena| arena.mem(1)).ok_or(EINVAL)?;
        assert_eq!(mem.get(0), Some(7));
        Ok(())
    }

    #[test]
    fn suffixes_tell_the_jit() {
        assert_eq!(Arena::SUFFIX, "__arena");
        assert_eq!(<Option<Arena<'_>> as KfuncArg>::SUFFIX, "__arena__nullable");
    }
}
