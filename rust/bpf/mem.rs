// SPDX-License-Identifier: GPL-2.0

//! Memory that a BPF program lends to a kfunc.
//!
//! For a pointer and a length (`void *data, u32 data__sz` in BTF) the verifier checks that the
//! program may read **and write** so many bytes there (`check_mem_size_reg()`). It does not check,
//! and nobody else does, that the memory is the program's alone:
//!
//! - it can be a map value, which other CPUs and, through `mmap()`, user space change at any time;
//! - two arguments of one call can be the same memory, or overlap.
//!
//! A Rust slice promises the opposite: what `&[u8]` shows does not change, and nothing else refers
//! to what `&mut [u8]` does. Safe code relies on it; a `&str` whose bytes change after they were
//! checked makes the kernel read out of bounds. So a kfunc can have
//!
//! - [`&Mem`](Mem): the memory itself. It can be read and written at any place and any time, and
//!   promises no more than that. No cost.
//! - `&[u8]` or `&mut [u8]`: a private copy, taken before the function runs; with `mut`, written
//!   back after it. Up to [`Snapshot::INLINE`] bytes lie on the stack, more are allocated with
//!   `kmalloc_nolock()`, which works in every context in which a program can run and which may
//!   fail: the kfunc must be able to return an error.
//!
//! This module knows nothing of pointers to objects, and nothing of dynptrs.
//!
//! C: `check_mem_size_reg()` in `kernel/bpf/verifier.c`; `__sz` in
//! `Documentation/bpf/kfuncs.rst`.

use crate::kfunc::Call;
use core::{
    arch::asm,
    cell::UnsafeCell,
    ffi::c_void,
    mem::MaybeUninit,
    ops::Range,
    ptr::NonNull,
    slice, //
};
use kernel::{
    bindings,
    prelude::*, //
};

extern "C" {
    // In `rust/helpers/slab.c`.
    fn rust_bpf_helper_kmalloc_nolock(size: usize) -> *mut c_void;
}

/// Bytes of a BPF program, which anybody may change at any time.
///
/// The bytes are read and written one by one or by copying, and every access may see what another
/// CPU writes at that moment. To work on bytes that stay what they are, copy them with
/// [`Mem::copy_to`], or take `&[u8]`.
///
/// # Examples
///
/// ```ignore
/// /// Overwrites @data with zeroes and returns what its first byte was.
/// #[kfunc]
/// fn bpf_wipe(data: &Mem) -> Result<u32> {
///     let first = data.get(0).ok_or(EINVAL)?;
///     data.fill(0);
///     Ok(first.into())
/// }
/// ```
#[repr(transparent)]
pub struct Mem([UnsafeCell<u8>]);

impl Mem {
    /// Makes a `Mem` of the two arguments that describe it.
    ///
    /// # Safety
    ///
    /// `data` must not be null, and the `len` bytes that begin there must be valid for reads and
    /// writes during the call, if `len` is not 0.
    #[doc(hidden)]
    #[inline(always)]
    pub unsafe fn from_raw(data: *mut u8, len: u32, _: &Call) -> &Self {
        // SAFETY: By the safety requirements.
        unsafe { Self::new(data, len) }
    }

    /// The same, for as long as the caller says.
    ///
    /// # Safety
    ///
    /// As for [`from_raw`](Self::from_raw), for `'a`.
    #[inline(always)]
    pub(crate) unsafe fn new<'a>(data: *mut u8, len: u32) -> &'a Self {
        // SAFETY: The caller promises the memory. It is initialized: it comes from outside of
        // Rust. As all of it is in `UnsafeCell`, changes from elsewhere are no concern of the
        // reference.
        let bytes = unsafe { slice::from_raw_parts(data.cast::<UnsafeCell<u8>>(), len as usize) };
        // CAST: `Self` is transparent.
        let mem = core::ptr::from_ref(bytes) as *const Self;
        // SAFETY: `mem` points to `bytes`.
        unsafe { &*mem }
    }

    /// The number of bytes, at most `BPF_MAX_VAR_SIZ` (512 MiB).
    #[inline]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no bytes.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reads the byte at `index`, or returns [`None`] if there is none.
    #[inline]
    pub fn get(&self, index: usize) -> Option<u8> {
        let byte = self.0.get(index)?;
        // SAFETY: `byte` is valid for reads. A single volatile access may race in the kernel's
        // memory model.
        Some(unsafe { byte.get().read_volatile() })
    }

    /// Writes the byte at `index`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if there is no such byte.
    #[inline]
    pub fn set(&self, index: usize, value: u8) -> Result {
        let byte = self.0.get(index).ok_or(EINVAL)?;
        // SAFETY: `byte` is valid for writes. A single volatile access may race in the kernel's
        // memory model.
        unsafe { byte.get().write_volatile(value) };
        Ok(())
    }

    /// The bytes in `range`, or [`None`] if they are not all there.
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> Option<&Self> {
        let bytes = self.0.get(range)?;
        // CAST: `Self` is transparent.
        let mem = core::ptr::from_ref(bytes) as *const Self;
        // SAFETY: `mem` points to `bytes`.
        Some(unsafe { &*mem })
    }

    /// Copies all bytes to the beginning of `buf` and returns them there.
    ///
    /// # Errors
    ///
    /// [`E2BIG`] if `buf` is shorter; it is not changed then.
    #[inline]
    pub fn copy_to<'a>(&self, buf: &'a mut [u8]) -> Result<&'a mut [u8]> {
        let buf = buf.get_mut(..self.len()).ok_or(E2BIG)?;
        self.read(buf);
        Ok(buf)
    }

    /// Copies all of `bytes` to the beginning of the memory.
    ///
    /// # Errors
    ///
    /// [`E2BIG`] if the memory is shorter; it is not changed then.
    #[inline]
    pub fn copy_from(&self, bytes: &[u8]) -> Result {
        self.slice(0..bytes.len()).ok_or(E2BIG)?.write(bytes);
        Ok(())
    }

    /// Sets all bytes to `value`.
    #[inline]
    pub fn fill(&self, value: u8) {
        // SAFETY: The memory is valid for writes of its length. The call is to the kernel's
        // function, so that writes which race with it are those of the kernel's memory model.
        unsafe { bindings::memset(self.as_ptr().cast(), value.into(), self.len()) };
    }

    /// Copies to `buf`, which must have the length of the memory.
    #[inline(always)]
    fn read(&self, buf: &mut [u8]) {
        debug_assert_eq!(buf.len(), self.len());
        // SAFETY: `buf` is valid for writes of its length, which is that of the memory. Nothing
        // else refers to it, so they do not overlap.
        unsafe { fetch(buf.as_mut_ptr(), self.as_ptr(), self.len()) };
    }

    /// Copies from `bytes`, which must have the length of the memory.
    #[inline(always)]
    fn write(&self, bytes: &[u8]) {
        debug_assert_eq!(bytes.len(), self.len());
        // SAFETY: As for `read`, with the places changed: `bytes` does not change while it is
        // borrowed, so it does not overlap with the memory.
        unsafe { bindings::memcpy(self.as_ptr().cast(), bytes.as_ptr().cast(), self.len()) };
    }

    /// Writes a copy taken by [`Snapshot::take`] back.
    #[doc(hidden)]
    #[inline(always)]
    pub fn write_back(&self, copy: &[u8]) {
        // A copy has the length of what was copied.
        if copy.len() == self.len() {
            self.write(copy);
        }
    }

    fn as_ptr(&self) -> *mut u8 {
        UnsafeCell::raw_get(self.0.as_ptr())
    }
}

/// Copies memory that others may change at any time.
///
/// The compiler knows what `memcpy()` does. Where the copy is copied on, it would rather copy the
/// source once more, which may have changed after somebody has checked the copy. So it is told that
/// the copy may be anything.
///
/// # Safety
///
/// `from` must be valid for reads and `to` for writes of `len` bytes, and they must not overlap.
#[inline(always)]
pub(crate) unsafe fn fetch(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: By the safety requirements. The call is to the kernel's function, so that writes
    // which race with it are those of the kernel's memory model.
    unsafe { bindings::memcpy(to.cast(), from.cast(), len) };
    // SAFETY: This does nothing.
    unsafe { asm!("/* {} */", in(reg) to, options(nostack, preserves_flags)) };
}

/// A private copy of a program's memory: what a `&[u8]` argument refers to.
///
/// This is where a small copy lies. A large one lies in an [`Allocation`], which is a variable of
/// its own, so that the compiler sees that there is none to free if the copy is small.
#[doc(hidden)]
pub struct Snapshot(MaybeUninit<[u8; Self::INLINE]>);

impl Snapshot {
    /// So many bytes are copied to the stack.
    pub const INLINE: usize = 256;

    /// Makes room for a copy.
    #[inline(always)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// Copies `mem` and returns the copy.
    ///
    /// # Errors
    ///
    /// - [`E2BIG`]: more than [`Allocation::MAX`] bytes.
    /// - [`ENOMEM`]: no memory.
    #[inline(always)]
    pub fn take<'a>(&'a mut self, large: &'a mut Allocation, mem: &Mem) -> Result<&'a mut [u8]> {
        let data = if mem.len() <= Self::INLINE {
            let data = self.0.as_mut_ptr().cast::<u8>();
            // SAFETY: `data` is valid for writes of `mem.len()` bytes, and as it is ours alone, it
            // does not overlap with `mem`.
            unsafe { fetch(data, mem.as_ptr(), mem.len()) };
            data
        } else {
            let data = copy_to_heap(mem)?;
            // INVARIANT: It was allocated by `kmalloc_nolock()`, and nobody else has it.
            *large = Allocation(Some(data));
            data.as_ptr()
        };
        // SAFETY: So many bytes were just initialized, and the slice borrows both places.
        Ok(unsafe { slice::from_raw_parts_mut(data, mem.len()) })
    }
}

/// Memory for a large copy, or none.
///
/// # Invariants
///
/// If there is a pointer, it owns an allocation by `kmalloc_nolock()`.
#[doc(hidden)]
pub struct Allocation(Option<NonNull<u8>>);

impl Allocation {
    /// The most that can be allocated, in bytes: what `kmalloc_nolock()` can.
    pub const MAX: usize = bindings::KMALLOC_MAX_CACHE_SIZE as usize;

    /// Makes none.
    #[inline(always)]
    pub const fn none() -> Self {
        // INVARIANT: Nothing is allocated.
        Self(None)
    }
}

impl Drop for Allocation {
    #[inline(always)]
    fn drop(&mut self) {
        if let Some(data) = self.0 {
            // SAFETY: By the type invariants, `data` was allocated by `kmalloc_nolock()`, and it
            // is not used after this. May be called in any context.
            unsafe { bindings::kfree_nolock(data.as_ptr().cast()) };
        }
    }
}

/// Copies `mem` to memory by `kmalloc_nolock()`, which the caller owns.
#[cold]
fn copy_to_heap(mem: &Mem) -> Result<NonNull<u8>> {
    if mem.len() > Allocation::MAX {
        return Err(E2BIG);
    }
    // SAFETY: The function may be called in any context.
    let data = unsafe { rust_bpf_helper_kmalloc_nolock(mem.len()) };
    let data = NonNull::new(data.cast::<u8>()).ok_or(ENOMEM)?;
    // SAFETY: So many bytes were just allocated.
    unsafe { fetch(data.as_ptr(), mem.as_ptr(), mem.len()) };
    Ok(data)
}
