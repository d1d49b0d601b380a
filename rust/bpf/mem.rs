// SPDX-License-Identifier: GPL-2.0

//! Memory that a BPF program lends to a kfunc.
//!
//! For a pointer and a length (`void *data, u32 data__sz` in BTF), the verifier checks that the
//! program may read **and write** that many bytes (`check_mem_size_reg()`). The verifier does not
//! check that the program is the only user of the memory:
//!
//! - the memory can be a map value, which other CPUs and, through `mmap()`, user space change at
//!   any time;
//! - two arguments of one call can be the same memory, or overlap.
//!
//! A Rust slice promises the opposite: the bytes of a `&[u8]` do not change, and no other pointer
//! leads to the bytes of a `&mut [u8]`. Safe code relies on this promise: a `&str` whose bytes
//! change after the UTF-8 check makes the kernel read out of bounds. So a kfunc can take one of two
//! types:
//!
//! - [`&Mem`](Mem) is the memory itself. The kfunc can read and write every byte at any time, and
//!   every byte can change at any time. This type has no cost.
//! - `&[u8]` and `&mut [u8]` are a private copy. The crate makes the copy before the kfunc runs.
//!   For `&mut [u8]`, the crate writes the copy back after the kfunc returns; if two arguments
//!   overlap, the crate writes the copy of the first argument last. A copy of up to 256 bytes is on
//!   the stack. For a larger copy, the crate calls `kmalloc_nolock()`, which works in every context
//!   in which a program can run, and which can fail: the kfunc must be able to return an error.
//!
//! This module does not handle pointers to objects (see [`object`](crate::object)) or dynptrs (see
//! [`dynptr`](crate::dynptr)).
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

/// Memory of a BPF program, which other CPUs and user space can change at any time.
///
/// A method reads or writes one byte or copies bytes, and each access can see a write of another
/// CPU. A kfunc that needs bytes that do not change copies them with [`Mem::copy_to`], or takes
/// `&[u8]`. No method sleeps or takes a lock.
///
/// # Examples
///
/// ```
/// # use bpf::prelude::*;
/// # use kernel::prelude::*;
/// #
/// /// Overwrites @data with zeroes and returns the old value of its first byte.
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
    /// Makes a `Mem` of two registers: a pointer and a size in bytes.
    ///
    /// # Safety
    ///
    /// If the size is not 0, that many bytes at the pointer must be valid for reads and writes
    /// during the call of the kfunc.
    #[inline(always)]
    unsafe fn from_registers((data, len): (*mut u8, u32), _: &Call) -> &Self {
        // If `bpf_prog_test_run()` runs a program without a context, the context pointer is null.
        // The verifier accepts this pointer as memory of size 0; for a larger size, the run of the
        // program fails. A Rust reference must not be null. The sum costs two instructions and no
        // branch.
        let data = data.wrapping_add(usize::from(data.is_null()));
        // SAFETY: The caller promises that the `len` bytes are valid. If `len` is 0, no byte is
        // accessed.
        unsafe { Self::new(data, len) }
    }

    /// Makes a `Mem` of the `len` bytes at `data`.
    ///
    /// # Safety
    ///
    /// If `len` is not 0, the `len` bytes that begin at `data` must be valid for reads and writes
    /// for `'a`.
    #[inline(always)]
    pub(crate) unsafe fn new<'a>(data: *mut u8, len: u32) -> &'a Self {
        // SAFETY: The caller promises that the memory is valid. The memory counts as initialized,
        // because it comes from outside of Rust. All bytes are in `UnsafeCell`, so other code may
        // change them while the reference exists.
        let bytes = unsafe { slice::from_raw_parts(data.cast::<UnsafeCell<u8>>(), len as usize) };
        // CAST: `Self` has the layout of the slice: it is `repr(transparent)`.
        let mem = core::ptr::from_ref(bytes) as *const Self;
        // SAFETY: `mem` points to `bytes`, which is valid for as long as the result.
        unsafe { &*mem }
    }

    /// Returns the number of bytes, at most `BPF_MAX_VAR_SIZ` (512 MiB).
    #[inline]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the length is 0.
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the byte at `index`, or [`None`] if `index` is not below the length.
    #[inline]
    pub fn get(&self, index: usize) -> Option<u8> {
        let byte = self.0.get(index)?;
        // SAFETY: `byte` is valid for reads. The kernel's memory model allows a race of a single
        // volatile access.
        Some(unsafe { byte.get().read_volatile() })
    }

    /// Writes `value` to the byte at `index`.
    ///
    /// # Errors
    ///
    /// [`EINVAL`] if `index` is not below the length.
    #[inline]
    pub fn set(&self, index: usize, value: u8) -> Result {
        let byte = self.0.get(index).ok_or(EINVAL)?;
        // SAFETY: `byte` is valid for writes. The kernel's memory model allows a race of a single
        // volatile access.
        unsafe { byte.get().write_volatile(value) };
        Ok(())
    }

    /// Returns the part of the memory in `range`, or [`None`] if `range` is not within the memory.
    #[inline]
    pub fn slice(&self, range: Range<usize>) -> Option<&Self> {
        let bytes = self.0.get(range)?;
        // CAST: `Self` has the layout of the slice: it is `repr(transparent)`.
        let mem = core::ptr::from_ref(bytes) as *const Self;
        // SAFETY: `mem` points to `bytes`, which is valid for as long as the result.
        Some(unsafe { &*mem })
    }

    /// Copies all bytes to the beginning of `buf` and returns this part of `buf`.
    ///
    /// # Errors
    ///
    /// [`E2BIG`] if `buf` is shorter than the memory; `buf` does not change then.
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
    /// [`E2BIG`] if the memory is shorter than `bytes`; the memory does not change then.
    #[inline]
    pub fn copy_from(&self, bytes: &[u8]) -> Result {
        self.slice(0..bytes.len()).ok_or(E2BIG)?.write(bytes);
        Ok(())
    }

    /// Sets all bytes to `value`.
    #[inline]
    pub fn fill(&self, value: u8) {
        // SAFETY: The memory is valid for writes of its length. The kernel's memory model covers
        // races with its own `memset()`.
        unsafe { bindings::memset(self.as_ptr().cast(), value.into(), self.len()) };
    }

    /// Copies all bytes to `buf`, which must have the length of the memory.
    #[inline(always)]
    fn read(&self, buf: &mut [u8]) {
        debug_assert_eq!(buf.len(), self.len());
        // SAFETY: `buf` is valid for writes of its length, which is the length of the memory.
        // `buf` is a unique reference, so it does not overlap with the memory.
        unsafe { fetch(buf.as_mut_ptr(), self.as_ptr(), self.len()) };
    }

    /// Copies all of `bytes`, which must have the length of the memory, to the memory.
    #[inline(always)]
    fn write(&self, bytes: &[u8]) {
        debug_assert_eq!(bytes.len(), self.len());
        // SAFETY: The memory is valid for writes of its length, which is the length of `bytes`.
        // `bytes` does not change while it is borrowed, so it does not overlap with the memory.
        unsafe { bindings::memcpy(self.as_ptr().cast(), bytes.as_ptr().cast(), self.len()) };
    }

    /// Writes back a copy that [`Snapshot::take`] made of this memory.
    #[inline(always)]
    fn write_back(&self, copy: &[u8]) {
        // The condition is true for a copy of this memory; the compiler does not know that.
        if copy.len() == self.len() {
            self.write(copy);
        }
    }

    fn as_ptr(&self) -> *mut u8 {
        UnsafeCell::raw_get(self.0.as_ptr())
    }
}

/// Copies `len` bytes of memory that other CPUs can change at any time.
///
/// The compiler knows the meaning of `memcpy()`. If the copy is copied again, the compiler may read
/// the source a second time instead, and the source may have changed after the kfunc checked the
/// copy. So the inline assembly tells the compiler that the copy can have any value.
///
/// # Safety
///
/// `from` must be valid for reads and `to` for writes of `len` bytes, and they must not overlap.
#[inline(always)]
pub(crate) unsafe fn fetch(to: *mut u8, from: *const u8, len: usize) {
    // SAFETY: The caller promises that both are valid for `len` bytes and do not overlap. The
    // kernel's memory model covers races with its own `memcpy()`.
    unsafe { bindings::memcpy(to.cast(), from.cast(), len) };
    // SAFETY: The assembly has no instructions.
    unsafe { asm!("/* {} */", in(reg) to, options(nostack, preserves_flags)) };
}

/// Room on the stack for a private copy of a program's memory.
///
/// A `&[u8]` argument refers to such a copy. A copy of more than [`INLINE`](Self::INLINE) bytes is
/// in an [`Allocation`]. The allocation is a separate variable, so that the compiler sees that a
/// small copy has no allocation to free.
struct Snapshot(MaybeUninit<[u8; Self::INLINE]>);

impl Snapshot {
    /// The largest size in bytes of a copy on the stack.
    const INLINE: usize = 256;

    /// Makes room for a copy, without a copy in it.
    #[inline(always)]
    fn new() -> Self {
        Self(MaybeUninit::uninit())
    }

    /// Copies `mem` to the stack or, if it is large, to a new allocation in `large`; returns the
    /// copy.
    ///
    /// # Errors
    ///
    /// - [`E2BIG`]: `mem` has more than [`Allocation::MAX`] bytes.
    /// - [`ENOMEM`]: the allocation failed.
    #[inline(always)]
    fn take<'a>(&'a mut self, large: &'a mut Allocation, mem: &Mem) -> Result<&'a mut [u8]> {
        let data = if mem.len() <= Self::INLINE {
            let data = self.0.as_mut_ptr().cast::<u8>();
            // SAFETY: `data` is valid for writes of `INLINE` bytes, which is at least `mem.len()`.
            // No other pointer leads to this stack memory, so it does not overlap with `mem`.
            unsafe { fetch(data, mem.as_ptr(), mem.len()) };
            data
        } else {
            let data = copy_to_heap(mem)?;
            // INVARIANT: `data` comes from `kmalloc_nolock()`, and has no other owner.
            *large = Allocation(Some(data));
            data.as_ptr()
        };
        // SAFETY: `fetch()` initialized `mem.len()` bytes, and the slice borrows `self` and
        // `large`.
        Ok(unsafe { slice::from_raw_parts_mut(data, mem.len()) })
    }
}

/// Memory for a large copy, or none.
///
/// # Invariants
///
/// A pointer in it comes from `kmalloc_nolock()`, and the `Allocation` owns the memory.
struct Allocation(Option<NonNull<u8>>);

impl Allocation {
    /// The largest size in bytes that `kmalloc_nolock()` can allocate.
    const MAX: usize = bindings::KMALLOC_MAX_CACHE_SIZE as usize;

    /// Makes an `Allocation` without memory.
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
            // SAFETY: By the type invariants, `data` comes from `kmalloc_nolock()` and belongs to
            // `self`, which is not used after this. `kfree_nolock()` may run in any context.
            unsafe { bindings::kfree_nolock(data.as_ptr().cast()) };
        }
    }
}

/// Copies `mem` to new memory of `kmalloc_nolock()`. The caller owns the memory.
#[cold]
fn copy_to_heap(mem: &Mem) -> Result<NonNull<u8>> {
    if mem.len() > Allocation::MAX {
        return Err(E2BIG);
    }
    // SAFETY: `kmalloc_nolock()` may run in any context.
    let data = unsafe { rust_bpf_helper_kmalloc_nolock(mem.len()) };
    let data = NonNull::new(data.cast::<u8>()).ok_or(ENOMEM)?;
    // SAFETY: `data` has room for `mem.len()` bytes, and is new memory, so it does not overlap.
    unsafe { fetch(data.as_ptr(), mem.as_ptr(), mem.len()) };
    Ok(data)
}

// SAFETY: For a pointer and a size, the verifier checks that the program may read and write the
// memory (`check_mem_size_reg()`). The program cannot release the memory before the call returns.
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
        // SAFETY: The verifier checked that the program may read and write the memory.
        function(unsafe { Mem::from_registers(passed.memory(), call) })
    }
}

// SAFETY: The verifier checks the memory as for `&Mem`. The function gets a private copy of it.
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
        // SAFETY: The verifier checked that the program may read and write the memory.
        let mem = unsafe { Mem::from_registers(passed.memory(), call) };
        let mut snapshot = Snapshot::new();
        let mut large = Allocation::none();
        match snapshot.take(&mut large, mem) {
            Ok(bytes) => function(bytes),
            Err(err) => fail(err),
        }
    }
}

// SAFETY: The verifier checks the memory as for `&Mem`, also for writes. The function gets a
// private copy, and `write_back()` writes only initialized bytes.
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
        // SAFETY: The verifier checked that the program may read and write the memory.
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
#[allow(dead_code)] // No set has the kfuncs of this suite.
mod tests {
    use super::*;
    use crate::kfunc;

    /// Returns the sum of @data.
    #[kfunc]
    fn bpf_kunit_sum(data: &[u8]) -> Result<u32> {
        Ok(data.iter().map(|&byte| u32::from(byte)).sum())
    }

    /// Adds one to each byte of @data, and then returns an error if @fail is true.
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

    /// Sets @to to 1 and returns the sum of @from. Both arguments are the memory itself.
    #[kfunc]
    fn bpf_kunit_mem_clear(from: &Mem, to: &Mem) -> u64 {
        to.fill(1);
        (0..from.len())
            .filter_map(|index| from.get(index))
            .map(u64::from)
            .sum()
    }

    /// The symbols of the kfuncs, as the JIT's code calls them.
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
        // SAFETY: The bytes are valid for as long as they are borrowed.
        unsafe { Mem::new(bytes.as_mut_ptr(), bytes.len() as u32) }
    }

    /// Returns `len` bytes with different values.
    fn pattern(len: usize) -> Result<KVVec<u8>> {
        let mut bytes = KVVec::with_capacity(len, GFP_KERNEL)?;
        for index in 0..len {
            bytes.push((index % 251) as u8, GFP_KERNEL)?;
        }
        Ok(bytes)
    }

    /// Calls `attempt` again if it returns `ENOMEM`: the allocator does not wait for locks.
    fn retry<T>(mut attempt: impl FnMut() -> Result<T>) -> Result<T> {
        for _ in 0..100 {
            match attempt() {
                Err(err) if err == ENOMEM => {}
                result => return result,
            }
        }
        Err(ENOMEM)
    }

    #[test]
    fn get_and_set_reject_an_index_past_the_end() {
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
    fn slice_rejects_a_range_past_the_end() {
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
    fn empty_memory_has_no_bytes() {
        // SAFETY: If the size is 0, any pointer is valid.
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
    fn a_copy_needs_enough_room() {
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
    fn writes_stay_within_the_slice() -> Result {
        let mut bytes = [0; 5];
        let inner = mem(&mut bytes).slice(1..4).ok_or(EINVAL)?;
        inner.fill(7);
        assert_eq!(bytes, [0, 7, 7, 7, 0]);

        let inner = mem(&mut bytes).slice(1..4).ok_or(EINVAL)?;
        inner.write_back(&[1, 2, 3]);
        // These slices are no copies of `inner`: they have other lengths.
        inner.write_back(&[8; 2]);
        inner.write_back(&[8; 4]);
        assert_eq!(bytes, [0, 1, 2, 3, 0]);
        Ok(())
    }

    #[test]
    fn two_slices_can_overlap() -> Result {
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
    fn a_copy_and_its_source_change_independently() -> Result {
        for len in [0, 1, 256, 257, 4096, Allocation::MAX] {
            let mut bytes = pattern(len)?;
            let expected = pattern(len)?;
            let mem = mem(&mut bytes);
            retry(|| {
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
    fn a_copy_above_the_limit_is_e2big() -> Result {
        let mut bytes = pattern(Allocation::MAX + 1)?;
        let mut small = Snapshot::new();
        let mut large = Allocation::none();
        assert_eq!(small.take(&mut large, mem(&mut bytes)).err(), Some(E2BIG));
        assert!(large.0.is_none());
        Ok(())
    }

    #[test]
    fn kfuncs_get_copies_of_every_size() -> Result {
        for len in [0, 1, 256, 257, 4096, Allocation::MAX] {
            let mut bytes = pattern(len)?;
            let sum: i64 = bytes.iter().map(|&byte| i64::from(byte)).sum();
            let data = bytes.as_mut_ptr();
            let len = len as u32;

            let seen = retry(|| {
                // SAFETY: `data` has `len` bytes, and no other reference leads to them.
                let sum = unsafe { entry::bpf_kunit_sum(data, len) };
                kernel::error::to_result(sum.min(0) as i32).map(|()| sum)
            })?;
            assert_eq!(seen, sum);
            retry(|| {
                // SAFETY: `data` has `len` bytes, and no other reference leads to them.
                kernel::error::to_result(unsafe { entry::bpf_kunit_inc(data, len, 0) })
            })?;
            let before = pattern(len as usize)?;
            assert!(bytes.iter().zip(&before).all(|(new, old)| *new == old + 1));
        }
        Ok(())
    }

    #[test]
    fn memory_above_the_limit_does_not_change() -> Result {
        let mut bytes = pattern(Allocation::MAX + 1)?;
        let mut small = [5];
        let (data, len, one) = (bytes.as_mut_ptr(), bytes.len() as u32, small.as_mut_ptr());
        // SAFETY: Both pointers have as many bytes, and no other reference leads to them.
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
    fn the_copy_is_written_back_if_the_kfunc_fails() {
        let mut bytes = [1, 2];
        // SAFETY: The bytes are valid, and no other reference leads to them.
        let ret = unsafe { entry::bpf_kunit_inc(bytes.as_mut_ptr(), 2, 1) };
        assert_eq!(ret, -5);
        assert_eq!(bytes, [2, 3]);
    }

    #[test]
    fn two_arguments_can_be_the_same_memory() {
        let mut bytes = [1, 2, 3, 4];
        let data = bytes.as_mut_ptr();
        // SAFETY: The bytes are valid, and no other reference leads to them.
        let sum = unsafe {
            // The crate writes the copy of the first argument back last.
            entry::bpf_kunit_clear(data, 4, data, 3, data.add(2), 2)
        };
        assert_eq!(sum, 10);
        assert_eq!(bytes, [1, 1, 1, 2]);

        let data = bytes.as_mut_ptr();
        // SAFETY: The bytes are valid, and no other reference leads to them.
        let sum = unsafe { entry::bpf_kunit_mem_clear(data, 4, data.add(2), 2) };
        // The kfunc changed the memory itself before it computed the sum.
        assert_eq!(sum, 4);
        assert_eq!(bytes, [1; 4]);
    }
}
