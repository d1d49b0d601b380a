// SPDX-License-Identifier: GPL-2.0

//! Kfuncs with scalar and memory arguments and with each kind of result, for `selftests/bpf`.
//!
//! Each kfunc does just enough to show a BPF program that a value arrived unchanged. Only programs
//! of the types `syscall` and `tracing` may call the kfuncs. `kfunc_types` has kfuncs with other
//! types.

use bpf::prelude::*;
use core::sync::atomic::{
    AtomicU32,
    Ordering, //
};
use kernel::prelude::*;

module! {
    type: KfuncTest,
    name: "kfunc_test",
    description: "Kfuncs for the BPF selftests",
    license: "GPL",
}

macro_rules! identity {
    ($($name:ident: $ty:ty),* $(,)?) => {$(
        /// Returns its argument.
        #[kfunc]
        fn $name(value: $ty) -> $ty {
            value
        }
    )*};
}

identity! {
    bpf_kfunc_test_u8: u8,
    bpf_kfunc_test_u16: u16,
    bpf_kfunc_test_u32: u32,
    bpf_kfunc_test_u64: u64,
    bpf_kfunc_test_s8: i8,
    bpf_kfunc_test_s16: i16,
    bpf_kfunc_test_s32: i32,
    bpf_kfunc_test_s64: i64,
    bpf_kfunc_test_bool: bool,
}

/// One element for each value of a `u8`, so that a `u8` cannot be an index out of bounds.
// The compiler evaluates the initializer.
#[allow(clippy::indexing_slicing)]
static SQUARES: [u32; 256] = {
    let mut squares = [0; 256];
    let mut i = 0;
    while i < 256 {
        squares[i] = (i * i) as u32;
        i += 1;
    }
    squares
};

/// Returns the square of @index. There is no bounds check, because a `u8` cannot be out of bounds.
#[kfunc]
// The build rejects the module if the compiler emits a bounds check that can panic.
#[allow(clippy::indexing_slicing)]
fn bpf_kfunc_test_square(index: u8) -> u32 {
    SQUARES[usize::from(index)]
}

/// Returns 10 or 20. A `bool` that is neither `true` nor `false` would read out of bounds.
#[kfunc]
// The build rejects the module if the compiler emits a bounds check that can panic.
#[allow(clippy::indexing_slicing)]
fn bpf_kfunc_test_choose(second: bool) -> u32 {
    [10, 20][usize::from(second)]
}

/// Returns whether all five arguments have the values that the test passes, in this order.
#[kfunc]
fn bpf_kfunc_test_five(a: u8, b: i16, c: u32, d: i64, e: bool) -> bool {
    a == u8::MAX && b == i16::MIN && c == u32::MAX && d == i64::MIN && e
}

/// More arguments than registers.
#[inline(never)]
#[allow(clippy::too_many_arguments)]
fn last_of_ten(
    a: u64,
    b: u64,
    c: u64,
    d: u64,
    e: u64,
    f: u64,
    g: u64,
    h: u64,
    i: u64,
    j: u64,
) -> u64 {
    core::hint::black_box((a, b, c, d, e, f, g, h, i));
    j
}

/// Returns @e. The call at the end needs more memory for arguments than the program passes.
#[kfunc]
fn bpf_kfunc_test_tail_call(a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
    last_of_ten(a, b, c, d, e, a, b, c, d, e)
}

static CALLS: AtomicU32 = AtomicU32::new(0);

/// Counts its calls.
#[kfunc]
fn bpf_kfunc_test_void() {
    CALLS.fetch_add(1, Ordering::Relaxed);
}

/// Returns how often `bpf_kfunc_test_void()` was called since the module was loaded.
#[kfunc]
fn bpf_kfunc_test_calls() -> u32 {
    CALLS.load(Ordering::Relaxed)
}

/// Returns an error if @fail is true.
#[kfunc]
fn bpf_kfunc_test_result(fail: bool) -> Result {
    if fail {
        return Err(ENOENT);
    }
    Ok(())
}

/// Returns @value, or an error if @fail is true.
#[kfunc]
fn bpf_kfunc_test_result_u32(fail: bool, value: u32) -> Result<u32> {
    if fail {
        return Err(EFAULT);
    }
    Ok(value)
}

fn sum(bytes: &[u8]) -> u32 {
    let bytes = bytes.iter().copied().map(u32::from);
    bytes.fold(0, u32::wrapping_add)
}

fn mem_sum(mem: &Mem) -> u64 {
    let bytes = (0..mem.len()).filter_map(|index| mem.get(index));
    bytes.map(u64::from).fold(0, u64::wrapping_add)
}

/// Returns the sum of the bytes, from a private copy.
#[kfunc]
fn bpf_kfunc_test_sum(data: &[u8]) -> Result<u32> {
    Ok(sum(data))
}

/// Reverses the bytes in a private copy, which the crate writes back.
#[kfunc]
fn bpf_kfunc_test_reverse(data: &mut [u8]) -> Result {
    data.reverse();
    Ok(())
}

/// Sets @to to zero and returns the sum that @from had before, even if both are the same memory.
#[kfunc]
fn bpf_kfunc_test_clear(from: &[u8], to: &mut [u8]) -> Result<u32> {
    to.fill(0);
    Ok(sum(from))
}

/// Returns the sum of the bytes, from the program's memory itself.
#[kfunc]
fn bpf_kfunc_test_mem_sum(data: &Mem) -> u64 {
    mem_sum(data)
}

/// Writes 0, 1, 2 and so on to the program's memory itself, up to its end.
#[kfunc]
fn bpf_kfunc_test_mem_count(data: &Mem) -> Result {
    for index in 0..data.len() {
        data.set(index, index as u8)?;
    }
    Ok(())
}

/// Sets @to to zero and returns the sum of @from, which is zero if both are the same memory.
#[kfunc]
fn bpf_kfunc_test_mem_clear(from: &Mem, to: &Mem) -> u64 {
    to.fill(0);
    mem_sum(from)
}

/// Returns whether `Some(data)` is `Some`: a reference to memory must not look like `None`.
#[kfunc]
fn bpf_kfunc_test_mem_is_some(data: &Mem) -> bool {
    core::hint::black_box(Some(data)).is_some()
}

/// Calls each method of [`Mem`] at and beyond the end of the memory; returns 0 if no access beyond
/// the end succeeded.
#[kfunc]
fn bpf_kfunc_test_mem_beyond(data: &Mem) -> u32 {
    let len = data.len();
    let mut small = [0; 4];
    let mut wrong = 0;

    wrong |= u32::from(data.get(len).is_some());
    wrong |= u32::from(data.set(len, 1).is_ok()) << 1;
    wrong |= u32::from(data.slice(0..len.wrapping_add(1)).is_some()) << 2;
    wrong |= u32::from(data.slice(len..len).is_none()) << 3;
    wrong |= u32::from(data.copy_to(&mut small).is_ok() && len > small.len()) << 4;
    wrong |= u32::from(data.copy_from(&[0; 64]).is_ok() && len < 64) << 5;
    wrong
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall, Tracing],
        kfuncs: [
            bpf_kfunc_test_u8,
            bpf_kfunc_test_u16,
            bpf_kfunc_test_u32,
            bpf_kfunc_test_u64,
            bpf_kfunc_test_s8,
            bpf_kfunc_test_s16,
            bpf_kfunc_test_s32,
            bpf_kfunc_test_s64,
            bpf_kfunc_test_bool,
            bpf_kfunc_test_square,
            bpf_kfunc_test_choose,
            bpf_kfunc_test_five,
            bpf_kfunc_test_tail_call,
            bpf_kfunc_test_void,
            bpf_kfunc_test_calls,
            bpf_kfunc_test_result,
            bpf_kfunc_test_result_u32,
            bpf_kfunc_test_sum,
            bpf_kfunc_test_reverse,
            bpf_kfunc_test_clear,
            bpf_kfunc_test_mem_sum,
            bpf_kfunc_test_mem_count,
            bpf_kfunc_test_mem_clear,
            bpf_kfunc_test_mem_is_some,
            bpf_kfunc_test_mem_beyond,
        ],
    };
}

struct KfuncTest;

impl kernel::Module for KfuncTest {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        Ok(Self)
    }
}
