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

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Self::Value<'a> {
        Some(Arena {
            data: NonNull::new(register as *mut u8)?,
            _lent: PhantomData,
        })
    }
}
