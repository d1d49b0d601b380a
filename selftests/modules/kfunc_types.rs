// SPDX-License-Identifier: GPL-2.0

//! Kfuncs with structs, constants, strings, maps, many arguments, flags and iterators, for
//! `selftests/bpf`. `kfunc_test` has those with plain values and memory.

use bpf::{
    prelude::*,
    Arena,
    Ignored,
    ProgAux, //
};
use core::ffi::CStr;
use kernel::{
    prelude::*,
    task::Task, //
};

module! {
    type: KfuncTypes,
    name: "kfunc_types",
    description: "Kfuncs with types of their own for the BPF selftests",
    license: "GPL",
}

/// A struct in a struct.
#[derive(BtfType, Clone, Copy, FromBytes, IntoBytes)]
#[btf(name = "kfunc_types_inner")]
#[repr(C)]
struct Inner {
    bytes: [u8; 4],
    number: i32,
}

/// A struct of all kinds of scalars.
#[derive(BtfType, Clone, Copy, FromBytes, IntoBytes)]
#[btf(name = "kfunc_types_outer")]
#[repr(C)]
struct Outer {
    a: u64,
    inner: Inner,
    b: u16,
    c: [u16; 3],
}

/// A union, which programs see and kfuncs do not take.
#[derive(BtfType, Clone, Copy)]
#[btf(name = "kfunc_types_either")]
#[repr(C)]
union Either {
    number: u64,
    bytes: [u8; 8],
}

/// A struct with it.
#[derive(BtfType, Clone, Copy)]
#[btf(name = "kfunc_types_tagged")]
#[repr(C)]
#[allow(dead_code)]
struct Tagged {
    tag: u32,
    either: Either,
}

/// An enum.
#[derive(BtfType, Clone, Copy, PartialEq, Eq)]
#[btf(name = "kfunc_types_color")]
#[repr(u32)]
enum Color {
    Red = 1,
    Green = 2,
    NearlyBlue = 0xffff_fff0,
}

/// A signed one.
#[derive(BtfType, Clone, Copy)]
#[btf(name = "kfunc_types_level")]
#[repr(i32)]
enum Level {
    Low = -5,
    High = 5,
}

/// Adds up what is in @outer and returns it.
#[kfunc]
fn bpf_kfunc_types_in(outer: In<Outer>) -> u64 {
    let inner = outer.inner;
    let bytes: u64 = inner.bytes.iter().map(|&byte| u64::from(byte)).sum();
    let words: u64 = outer.c.iter().map(|&word| u64::from(word)).sum();
    outer
        .a
        .wrapping_add(bytes)
        .wrapping_add_signed(inner.number.into())
        .wrapping_add(outer.b.into())
        .wrapping_add(words)
}

/// Fills @outer with 1, 2, 3 and so on; or leaves it alone and fails.
#[kfunc]
fn bpf_kfunc_types_out(mut outer: Out<'_, Outer>, fail: bool) -> Result {
    if fail {
        return Err(EPERM);
    }
    outer.write(Outer {
        a: 1,
        inner: Inner {
            bytes: [2, 3, 4, 5],
            number: 6,
        },
        b: 7,
        c: [8, 9, 10],
    });
    Ok(())
}

/// Returns the constant and one.
#[kfunc]
fn bpf_kfunc_types_const(number: Const<u32>) -> u64 {
    u64::from(*number).wrapping_add(1)
}

/// Returns @value and does not look at what is before it.
#[kfunc]
fn bpf_kfunc_types_ignored(_old: Ignored<u64>, value: u32) -> u32 {
    value
}

/// Returns the length of a string.
#[kfunc]
fn bpf_kfunc_types_string(text: &CStr) -> u64 {
    text.to_bytes().len() as u64
}

/// Returns the size of keys, of values and the number of elements, in 16, 16 and 32 bits.
#[kfunc]
fn bpf_kfunc_types_map(map: &Map) -> u64 {
    u64::from(map.key_size()) << 48
        | u64::from(map.value_size()) << 32
        | u64::from(map.max_entries())
}

/// Returns the id of the program that calls, and writes its name.
#[kfunc]
fn bpf_kfunc_types_caller(name: &Mem, prog: &ProgAux) -> Result<u32> {
    name.copy_from(prog.name().to_bytes_with_nul())?;
    Ok(prog.id())
}

/// Returns the color of this number, or red.
#[kfunc]
fn bpf_kfunc_types_color(number: u32) -> Color {
    Color::try_from(number).unwrap_or(Color::Red)
}

/// Returns a level.
#[kfunc]
fn bpf_kfunc_types_level(high: bool) -> Level {
    if high {
        Level::High
    } else {
        Level::Low
    }
}

/// Returns the arguments as digits: the first five come in registers, the others on the stack.
#[kfunc]
#[allow(clippy::too_many_arguments)]
fn bpf_kfunc_types_eight(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u64, h: u8) -> u64 {
    [
        a.into(),
        b.into(),
        c.into(),
        d.into(),
        e.into(),
        f.into(),
        g,
        h.into(),
    ]
    .into_iter()
    .fold(0, |number: u64, digit: u64| {
        number.wrapping_mul(10).wrapping_add(digit)
    })
}

/// Says that it may sleep.
#[kfunc(sleepable)]
fn bpf_kfunc_types_sleepable() -> u32 {
    1
}

/// Says that it is destructive, which asks for `CAP_SYS_BOOT`.
#[kfunc(destructive)]
fn bpf_kfunc_types_destructive() -> u32 {
    2
}

/// Says that it may be called under `bpf_spin_lock()`.
#[kfunc(spinlock_safe)]
fn bpf_kfunc_types_spinlock_safe() -> u32 {
    3
}

/// Says nothing.
#[kfunc]
fn bpf_kfunc_types_plain() -> u32 {
    4
}

/// Says that it asks for `CAP_PERFMON`.
#[kfunc(perfmon)]
fn bpf_kfunc_types_perfmon() -> u32 {
    5
}

/// Returns the number of @task, unless it is gone.
#[kfunc]
fn bpf_kfunc_types_task_pid(task: RcuPtr<'_, Task>) -> i32 {
    task.try_get().map_or(-1, |task| task.pid())
}

/// Adds up @len bytes at @bytes, and sets them to 7.
#[kfunc]
fn bpf_kfunc_types_arena(bytes: Arena<'_>, len: u32) -> Result<u32> {
    let mem = bytes.mem(len as usize).ok_or(E2BIG)?;
    let sum = (0..mem.len())
        .filter_map(|index| mem.get(index))
        .map(u32::from)
        .fold(0, u32::wrapping_add);
    mem.fill(7);
    Ok(sum)
}

/// Returns the byte at @byte, or fails if there is no pointer.
#[kfunc]
fn bpf_kfunc_types_arena_nullable(byte: Option<Arena<'_>>) -> Result<u32> {
    let mem = byte.ok_or(ENOENT)?.mem(1).ok_or(E2BIG)?;
    Ok(mem.get(0).ok_or(E2BIG)?.into())
}

/// Writes "abc" to @offset of a dynptr and reads the byte before it; returns that byte.
#[kfunc]
fn bpf_kfunc_types_dynptr(data: Dynptr<'_>, offset: u32) -> Result<u32> {
    let mut before = [0];
    data.read(offset.checked_sub(1).ok_or(EINVAL)?, &mut before)?;
    data.write(offset, b"abc")?;
    // What was written is in the memory itself, where there is such.
    let mem = data.as_mem().ok_or(EINVAL)?;
    if mem.get(offset as usize) != Some(b'a') || mem.len() != data.len() as usize {
        return Err(EIO);
    }
    let [byte] = before;
    Ok(byte.into())
}

/// Numbers, by value.
struct Numbers {
    next: i64,
    last: i64,
}

#[kfunc_iterator(kfunc_types_numbers)]
impl Numbers {
    fn new(first: i64, last: i64) -> Result<Self> {
        if first > last {
            return Err(ERANGE);
        }
        Ok(Self { next: first, last })
    }

    fn next(&mut self) -> Option<i64> {
        let number = self.next;
        if number > self.last {
            return None;
        }
        self.next = number.checked_add(1)?;
        Some(number)
    }
}

/// Words of a text, by value: an array.
struct Words {
    text: KVec<u8>,
    place: usize,
}

#[kfunc_iterator(kfunc_types_words, sleepable)]
impl Words {
    fn new(text: &[u8]) -> Result<Self> {
        let mut copy = KVec::with_capacity(text.len(), GFP_KERNEL)?;
        copy.extend_from_slice(text, GFP_KERNEL)?;
        Ok(Self {
            text: copy,
            place: 0,
        })
    }

    fn next(&mut self) -> Option<[u8; 8]> {
        let rest = self.text.get(self.place..)?;
        let mut letters = rest.iter().take_while(|&&letter| letter != b' ').count();
        if letters == 0 {
            return None;
        }
        self.place = self.place.checked_add(letters)?.checked_add(1)?;
        let mut word = [0; 8];
        letters = letters.min(word.len());
        word.get_mut(..letters)?
            .copy_from_slice(rest.get(..letters)?);
        Some(word)
    }
}

/// Counted under the lock.
static LOCKED: ResSpinLock<u32> = ResSpinLock::new(0);

/// Is made under the lock.
#[derive(BtfType)]
#[btf(object, name = "bpf_kfunc_types_made")]
struct Made;

/// Counts its calls under a lock, and makes an object there: a program that is attached to the
/// allocator can call it again.
#[kfunc]
fn bpf_kfunc_types_locked() -> Result<u32> {
    LOCKED.with(|calls| {
        drop(Object::new(Made));
        *calls = calls.wrapping_add(1);
        *calls
    })
}

/// Lets only programs that user space runs call the set, whatever the set is registered for.
fn only_syscall(prog: &bpf::Prog) -> bool {
    prog.is(bpf::ProgType::Syscall)
}

/// Returns whether the filter was asked: it must be.
#[kfunc]
fn bpf_kfunc_types_filtered() -> bool {
    true
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Tracing],
        kfuncs: [
            bpf_kfunc_types_plain,
            bpf_kfunc_types_sleepable,
            bpf_kfunc_types_destructive,
            bpf_kfunc_types_perfmon,
            bpf_kfunc_types_spinlock_safe,
            bpf_kfunc_types_locked,
        ],
    };
}

kfunc_set! {
    static SYSCALL_KFUNCS = {
        prog_types: [Syscall],
        kfuncs: [
            bpf_kfunc_types_in,
            bpf_kfunc_types_out,
            bpf_kfunc_types_const,
            bpf_kfunc_types_ignored,
            bpf_kfunc_types_string,
            bpf_kfunc_types_map,
            bpf_kfunc_types_caller,
            bpf_kfunc_types_color,
            bpf_kfunc_types_level,
            bpf_kfunc_types_eight,
            bpf_kfunc_types_arena,
            bpf_kfunc_types_arena_nullable,
            bpf_kfunc_types_dynptr,
            bpf_kfunc_types_task_pid,
            bpf_kfunc_types_plain,
            bpf_kfunc_types_sleepable,
            bpf_kfunc_types_destructive,
            bpf_kfunc_types_perfmon,
            bpf_kfunc_types_spinlock_safe,
            bpf_kfunc_types_locked,
            bpf_iter_kfunc_types_numbers_new,
            bpf_iter_kfunc_types_numbers_next,
            bpf_iter_kfunc_types_numbers_destroy,
            bpf_iter_kfunc_types_words_new,
            bpf_iter_kfunc_types_words_next,
            bpf_iter_kfunc_types_words_destroy,
        ],
    };
}

kfunc_set! {
    static FILTERED = {
        prog_types: [Any],
        kfuncs: [bpf_kfunc_types_filtered],
        filter: only_syscall,
    };
}

struct KfuncTypes;

impl kernel::Module for KfuncTypes {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        SYSCALL_KFUNCS.register(module)?;
        FILTERED.register(module)?;
        Ok(Self)
    }
}
