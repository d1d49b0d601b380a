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
//!   back after it; where two arguments overlap, the copy of the first one is written last. Up to
//!   256 bytes lie on the stack, more are allocated with
//!   `kmalloc_nolock()`, which works in every context in which a program can run and which may
//!   fail: the kfunc must be able to return an error.
//!
//! This module knows nothing of pointers to objects, and nothing of dynptrs.
//!
//! C: `check_mem_size_reg()` in `kernel/bpf/verifier.c`; `__sz` in
//! `Documentation/bpf/kfuncs.rst`.

use crate::{
    contract::Contract,
    helpers::rust_bpf_helper_kmalloc_nolock,
    kfunc::{
        Call,
        KfuncArg,
        Passed, //
    }, //
};
use core::{
    arch::asm,
    cell::UnsafeCell,
    convert::Infallible,
    mem::MaybeUninit,
    ops::Range,
    ptr::NonNull,
    slice, //
};
use kernel::{
    bindings,
    prelude::*, //
};

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
    /// Makes a `Mem` of the two registers that describe it.
    ///
    /// # Safety
    ///
    /// If the size is not 0, so many bytes at the pointer must be valid for reads and writes during
    /// the call.
    #[inline(always)]
    unsafe fn from_registers((data, len): (*mut u8, u32), _: &Call) -> &Self {
        // A program that `bpf_prog_test_run()` runs without a context has null for one, which the
        // verifier takes for memory of any size that the program declares, or of none. A reference
        // is not null. The sum is two instructions without a branch.
        let data = data.wrapping_add(usize::from(data.is_null()));
        // SAFETY: By the safety requirements; nothing is read or written if `len` is 0.
        unsafe { Self::new(data, len) }
    }

    /// The same, for as long as the caller says.
    ///
    /// # Safety
    ///
    /// If `len` is not 0, the `len` bytes that begin at `data` must be valid for reads and writes for
    /// `'a`.
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
    #[inline(always)]
    fn write_back(&self, copy: &[u8]) {
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
struct Snapshot(MaybeUninit<[u8; Self::INLINE]>);

impl Snapshot {
    /// So many bytes are copied to the stack.
    const INLINE: usize = 256;

    /// Makes room for a copy.
    #[inline(always)]
    fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// Copies `mem` and returns the copy.
    ///
    /// # Errors
    ///
    /// - [`E2BIG`]: more than [`Allocation::MAX`] bytes.
    /// - [`ENOMEM`]: no memory.
    #[inline(always)]
    fn take<'a>(&'a mut self, large: &'a mut Allocation, mem: &Mem) -> Result<&'a mut [u8]> {
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
struct Allocation(Option<NonNull<u8>>);

impl Allocation {
    /// The most that can be allocated, in bytes: what `kmalloc_nolock()` can.
    const MAX: usize = bindings::KMALLOC_MAX_CACHE_SIZE as usize;

    /// Makes none.
    #[inline(always)]
    const fn none() -> Self {
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

// SAFETY: For a pointer and a size, the verifier checks that the program may read and write the
// memory (`check_mem_size_reg()`). The program cannot give it up before the call returns.
unsafe impl KfuncArg for &Mem {
    const CONTRACT: Contract = Contract::memory("*void");
    type Value<'a> = &'a Mem;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        call: &Call,
        function: impl FnOnce(&Mem) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        // SAFETY: The verifier checked the memory.
        function(unsafe { Mem::from_registers(passed.memory(), call) })
    }
}

// SAFETY: As for `&Mem`; the function gets a copy.
unsafe impl KfuncArg for &[u8] {
    const CONTRACT: Contract = Contract::memory("*const void").copied();
    type Value<'a> = &'a [u8];
    type Error = Error;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        call: &Call,
        function: impl FnOnce(&[u8]) -> R,
        fail: impl FnOnce(Error) -> R,
    ) -> R {
        // SAFETY: The verifier checked the memory.
        let mem = unsafe { Mem::from_registers(passed.memory(), call) };
        let mut snapshot = Snapshot::new();
        let mut large = Allocation::none();
        match snapshot.take(&mut large, mem) {
            Ok(bytes) => function(bytes),
            Err(err) => fail(err),
        }
    }
}

// SAFETY: As for `&[u8]`; what the function leaves in the copy is written back.
unsafe impl KfuncArg for &mut [u8] {
    const CONTRACT: Contract = Contract::memory("*void");
    type Value<'a> = &'a mut [u8];
    type Error = Error;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        call: &Call,
        function: impl FnOnce(&mut [u8]) -> R,
        fail: impl FnOnce(Error) -> R,
    ) -> R {
        // SAFETY: The verifier checked the memory.
        let mem = unsafe { Mem::from_registers(passed.memory(), call) };
        let mut snapshot = Snapshot::new();
        let mut large = Allocation::none();
        match snapshot.take(&mut large, mem) {
            Ok(bytes) => {
                let result = function(&mut *bytes);
                mem.write_back(bytes);
                result
            }
            Err(err) => fail(err),
        }
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_mem)]
mod tests {
    use super::*;
    use crate::kfunc;

    /// Returns the sum of @data.
    #[kfunc]
    fn bpf_kunit_sum(data: &[u8]) -> Result<u32> {
        Ok(data.iter().map(|&byte| u32::from(byte)).sum())
    }

    /// Adds one to each byte of @data, and then fails if it is told to.
    #[kfunc]
    fn bpf_kunit_inc(data: &mut [u8], fail: bool) -> Result {
        for byte in data {
            *byte = byte.wrapping_add(1);
        }
        if fail {
            return Err(EIO);
        }
        Ok(())
    }

    /// Sets @to to 1, @last to 2, and returns the sum of @from.
    #[kfunc]
    fn bpf_kunit_clear(from: &[u8], to: &mut [u8], last: &mut [u8]) -> Result<u32> {
        to.fill(1);
        last.fill(2);
        Ok(from.iter().map(|&byte| u32::from(byte)).sum())
    }

    /// Sets @to to 1 and returns the sum of @from. Both are the memory itself.
    #[kfunc]
    fn bpf_kunit_mem_clear(from: &Mem, to: &Mem) -> u64 {
        to.fill(1);
        (0..from.len())
            .filter_map(|index| from.get(index))
            .map(u64::from)
            .sum()
    }

    /// The same functions as the JIT's code calls them.
    mod entry {
        extern "C" {
            pub(super) fn bpf_kunit_sum(data: *mut u8, len: u32) -> i64;
            pub(super) fn bpf_kunit_inc(data: *mut u8, len: u32, fail: u64) -> i32;
            pub(super) fn bpf_kunit_clear(
                from: *mut u8,
                from_len: u32,
                to: *mut u8,
                to_len: u32,
                last: *mut u8,
                last_len: u32,
            ) -> i64;
            pub(super) fn bpf_kunit_mem_clear(
                from: *mut u8,
                from_len: u32,
                to: *mut u8,
                to_len: u32,
            ) -> u64;
        }
    }

    fn mem(bytes: &mut [u8]) -> &Mem {
        // SAFETY: The bytes are there for as long as they are borrowed.
        unsafe { Mem::new(bytes.as_mut_ptr(), bytes.len() as u32) }
    }

    /// Bytes that are not all the same.
    fn pattern(len: usize) -> Result<KVVec<u8>> {
        let mut bytes = KVVec::with_capacity(len, GFP_KERNEL)?;
        for index in 0..len {
            bytes.push((index % 251) as u8, GFP_KERNEL)?;
        }
        Ok(bytes)
    }

    /// Tries again if there is no memory: the allocator does not wait for locks.
    fn patiently<T>(mut what: impl FnMut() -> Result<T>) -> Result<T> {
        for _ in 0..100 {
            match what() {
                Err(err) if err == ENOMEM => {}
                result => return result,
            }
        }
        Err(ENOMEM)
    }

    #[test]
    fn bytes_are_there_up_to_the_last() {
        let mut bytes = [1, 2, 3];
        let mem = mem(&mut bytes);
        assert_eq!(mem.len(), 3);
        assert!(!mem.is_empty());
        assert_eq!(mem.get(0), Some(1));
        assert_eq!(mem.get(2), Some(3));
        assert_eq!(mem.get(3), None);
        assert_eq!(mem.get(usize::MAX), None);
        assert_eq!(mem.set(0, 4), Ok(()));
        assert_eq!(mem.set(2, 5), Ok(()));
        assert_eq!(mem.set(3, 6), Err(EINVAL));
        assert_eq!(mem.set(usize::MAX, 6), Err(EINVAL));
        assert_eq!(bytes, [4, 2, 5]);
    }

    #[test]
    fn slices_are_there_up_to_the_end() {
        let mut bytes = [1, 2, 3];
        let mem = mem(&mut bytes);
        let len = |range| mem.slice(range).map(Mem::len);
        assert_eq!(len(0..3), Some(3));
        assert_eq!(len(1..2), Some(1));
        assert_eq!(len(3..3), Some(0));
        assert_eq!(len(0..4), None);
        assert_eq!(len(3..4), None);
        assert_eq!(len(4..4), None);
        assert_eq!(len(0..usize::MAX), None);
        assert_eq!(len(usize::MAX..usize::MAX), None);
        let (start, end) = (2, 1);
        assert_eq!(len(start..end), None);

        let slice = mem.slice(1..3).and_then(|slice| slice.slice(1..2));
        assert_eq!(slice.and_then(|slice| slice.get(0)), Some(3));
        assert_eq!(slice.and_then(|slice| slice.get(1)), None);
    }

    #[test]
    fn nothing_is_memory_too() {
        // SAFETY: For no bytes, any pointer is valid.
        let mem = unsafe { Mem::from_registers((NonNull::dangling().as_ptr(), 0), &Call) };
        assert!(mem.is_empty());
        assert_eq!(mem.get(0), None);
        assert_eq!(mem.set(0, 1), Err(EINVAL));
        assert_eq!(mem.slice(0..0).map(Mem::len), Some(0));
        assert!(mem.slice(0..1).is_none());
        assert!(mem.copy_to(&mut []).is_ok_and(|copy| copy.is_empty()));
        assert_eq!(mem.copy_from(&[]), Ok(()));
        assert_eq!(mem.copy_from(&[1]), Err(E2BIG));
        mem.fill(1);
        mem.write_back(&[]);
    }

    #[test]
    fn copies_need_room() {
        let mut bytes = [1, 2, 3];
        let mem = mem(&mut bytes);

        let mut small = [9; 2];
        assert_eq!(mem.copy_to(&mut small).err(), Some(E2BIG));
        assert_eq!(small, [9; 2]);
        let mut exact = [9; 3];
        assert!(mem.copy_to(&mut exact).is_ok_and(|copy| *copy == [1, 2, 3]));
        let mut large = [9; 4];
        assert!(mem.copy_to(&mut large).is_ok_and(|copy| *copy == [1, 2, 3]));
        assert_eq!(large, [1, 2, 3, 9]);

        assert_eq!(mem.copy_from(&[4; 4]), Err(E2BIG));
        assert_eq!(mem.get(0), Some(1));
        assert_eq!(mem.copy_from(&[4; 2]), Ok(()));
        assert_eq!(mem.get(2), Some(3));
        assert_eq!(mem.copy_from(&[5; 3]), Ok(()));
        assert_eq!(bytes, [5; 3]);
    }

    #[test]
    fn writing_stays_in_the_slice() -> Result {
        let mut bytes = [0; 5];
        let inner = mem(&mut bytes).slice(1..4).ok_or(EINVAL)?;
        inner.fill(7);
        assert_eq!(bytes, [0, 7, 7, 7, 0]);

        let inner = mem(&mut bytes).slice(1..4).ok_or(EINVAL)?;
        inner.write_back(&[1, 2, 3]);
        // Those are no copies of it.
        inner.write_back(&[8; 2]);
        inner.write_back(&[8; 4]);
        assert_eq!(bytes, [0, 1, 2, 3, 0]);
        Ok(())
    }

    #[test]
    fn the_same_memory_can_be_there_twice() -> Result {
        let mut bytes = [1, 2, 3, 4];
        let mem = mem(&mut bytes);
        let one = mem.slice(0..3).ok_or(EINVAL)?;
        let other = mem.slice(1..4).ok_or(EINVAL)?;
        one.set(2, 9)?;
        assert_eq!(other.get(1), Some(9));

        let mut copy = [0; 3];
        other.copy_from(one.copy_to(&mut copy)?)?;
        assert_eq!(bytes, [1, 1, 2, 9]);
        Ok(())
    }

    #[test]
    fn a_copy_is_private() -> Result {
        for len in [0, 1, 256, 257, 4096, Allocation::MAX] {
            let mut bytes = pattern(len)?;
            let expected = pattern(len)?;
            let mem = mem(&mut bytes);
            patiently(|| {
                let mut small = Snapshot::new();
                let mut large = Allocation::none();

                let copy = small.take(&mut large, mem)?;
                assert!(*copy == *expected);
                mem.fill(0xff);
                assert!(*copy == *expected);
                copy.fill(0);
                assert!((0..len).all(|index| mem.get(index) == Some(0xff)));
                assert_eq!(large.0.is_some(), len > 256);
                Ok(())
            })?;
        }
        Ok(())
    }

    #[test]
    fn a_copy_has_a_limit() -> Result {
        let mut bytes = pattern(Allocation::MAX + 1)?;
        let mut small = Snapshot::new();
        let mut large = Allocation::none();
        assert_eq!(small.take(&mut large, mem(&mut bytes)).err(), Some(E2BIG));
        assert!(large.0.is_none());
        Ok(())
    }

    #[test]
    fn functions_see_copies_of_every_size() -> Result {
        for len in [0, 1, 256, 257, 4096, Allocation::MAX] {
            let mut bytes = pattern(len)?;
            let sum: i64 = bytes.iter().map(|&byte| i64::from(byte)).sum();
            let data = bytes.as_mut_ptr();
            let len = len as u32;

            let seen = patiently(|| {
                // SAFETY: So many bytes are there, and nobody else refers to them.
                let sum = unsafe { entry::bpf_kunit_sum(data, len) };
                kernel::error::to_result(sum.min(0) as i32).map(|()| sum)
            })?;
            assert_eq!(seen, sum);
            patiently(|| {
                // SAFETY: As above.
                kernel::error::to_result(unsafe { entry::bpf_kunit_inc(data, len, 0) })
            })?;
            let before = pattern(len as usize)?;
            assert!(bytes.iter().zip(&before).all(|(new, old)| *new == old + 1));
        }
        Ok(())
    }

    #[test]
    fn what_is_too_long_is_not_touched() -> Result {
        let mut bytes = pattern(Allocation::MAX + 1)?;
        let mut small = [5];
        let (data, len, one) = (bytes.as_mut_ptr(), bytes.len() as u32, small.as_mut_ptr());
        // SAFETY: So many bytes are there, and nobody else refers to them.
        unsafe {
            assert_eq!(entry::bpf_kunit_sum(data, len), -7);
            assert_eq!(entry::bpf_kunit_inc(data, len, 0), -7);
            assert_eq!(entry::bpf_kunit_clear(one, 1, one, 1, data, len), -7);
            assert_eq!(entry::bpf_kunit_clear(data, len, one, 1, one, 1), -7);
        }
        assert_eq!(small, [5]);
        assert!(*bytes == *pattern(Allocation::MAX + 1)?);
        Ok(())
    }

    #[test]
    fn a_function_that_fails_has_written() {
        let mut bytes = [1, 2];
        // SAFETY: The bytes are there, and nobody else refers to them.
        let ret = unsafe { entry::bpf_kunit_inc(bytes.as_mut_ptr(), 2, 1) };
        assert_eq!(ret, -5);
        assert_eq!(bytes, [2, 3]);
    }

    #[test]
    fn arguments_can_be_the_same_memory() {
        let mut bytes = [1, 2, 3, 4];
        let data = bytes.as_mut_ptr();
        // SAFETY: The bytes are there, and nobody else refers to them.
        let sum = unsafe {
            // The copy of the first argument is written back last.
            entry::bpf_kunit_clear(data, 4, data, 3, data.add(2), 2)
        };
        assert_eq!(sum, 10);
        assert_eq!(bytes, [1, 1, 1, 2]);

        let data = bytes.as_mut_ptr();
        // SAFETY: As above.
        let sum = unsafe { entry::bpf_kunit_mem_clear(data, 4, data.add(2), 2) };
        // It is the memory itself that was changed first.
        assert_eq!(sum, 4);
        assert_eq!(bytes, [1; 4]);
    }
}
