// SPDX-License-Identifier: GPL-2.0

//! Kfuncs with structs, constants, strings, maps, many arguments, flags and iterators, for
//! `selftests/bpf`. `kfunc_test` has the kfuncs with scalars and memory.

use bpf::{
    prelude::*,
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

/// A union. Programs see it in BTF, but kfuncs cannot take it.
#[derive(BtfType, Clone, Copy)]
#[btf(name = "kfunc_types_either")]
#[repr(C)]
union Either {
    number: u64,
    bytes: [u8; 8],
}

/// A struct that contains the union.
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

/// A signed enum.
#[derive(BtfType, Clone, Copy)]
#[btf(name = "kfunc_types_level")]
#[repr(i32)]
enum Level {
    Low = -5,
    High = 5,
}

/// Returns the sum of all members of @outer.
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

/// Fills @outer with 1, 2, 3 and so on. If @fail is true, leaves @outer unchanged and returns an
/// error.
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

/// Returns the constant plus one.
#[kfunc]
fn bpf_kfunc_types_const(number: Const<u32>) -> u64 {
    u64::from(*number).wrapping_add(1)
}

/// Returns @value. The verifier does not check the argument before it.
#[kfunc]
fn bpf_kfunc_types_ignored(_old: Ignored<u64>, value: u32) -> u32 {
    value
}

/// Returns the length of a string.
#[kfunc]
fn bpf_kfunc_types_string(text: &CStr) -> u64 {
    text.to_bytes().len() as u64
}

/// Returns the size of keys, the size of values (16 bits each) and the maximum number of elements
/// (32 bits) of a map.
#[kfunc]
fn bpf_kfunc_types_map(map: &Map) -> u64 {
    u64::from(map.key_size()) << 48
        | u64::from(map.value_size()) << 32
        | u64::from(map.max_entries())
}

/// Returns the id of the calling program, and writes the program's name to @name.
#[kfunc]
fn bpf_kfunc_types_caller(name: &Mem, prog: &ProgAux) -> Result<u32> {
    name.copy_from(prog.name().to_bytes_with_nul())?;
    Ok(prog.id())
}

/// Returns the color with the value @number, or red if there is none.
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

/// Returns a number that has the arguments as digits. The program passes the first five in
/// registers and the others on the stack.
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

/// A kfunc that may sleep.
#[kfunc(sleepable)]
fn bpf_kfunc_types_sleepable() -> u32 {
    1
}

/// A destructive kfunc: the program needs `CAP_SYS_BOOT`.
#[kfunc(destructive)]
fn bpf_kfunc_types_destructive() -> u32 {
    2
}

/// A kfunc without flags.
#[kfunc]
fn bpf_kfunc_types_plain() -> u32 {
    4
}

/// Returns the PID of @task, or -1 if no reference to the task can be taken.
#[kfunc]
fn bpf_kfunc_types_task_pid(task: Trusted<'_, Task>) -> i32 {
    task.try_get().map_or(-1, |task| task.pid())
}

/// Writes "abc" to @offset of a dynptr; returns the byte before @offset.
#[kfunc]
fn bpf_kfunc_types_dynptr(data: Dynptr<'_>, offset: u32) -> Result<u32> {
    let mut before = [0];
    data.read(offset.checked_sub(1).ok_or(EINVAL)?, &mut before)?;
    data.write(offset, b"abc")?;
    // The write changed the memory of the dynptr itself.
    let mem = data.as_mem().ok_or(EINVAL)?;
    if mem.get(offset as usize) != Some(b'a') || mem.len() != data.len() as usize {
        return Err(EIO);
    }
    let [byte] = before;
    Ok(byte.into())
}

/// An iterator that returns numbers by value.
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

/// An iterator that returns the words of a text by value, as arrays.
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

/// The number of calls of `bpf_kfunc_types_locked()`.
static LOCKED: ResSpinLock<u32> = ResSpinLock::new(0);

/// An object that a kfunc makes under the lock.
#[derive(BtfType)]
#[btf(object, name = "bpf_kfunc_types_made")]
struct Made;

/// Counts its calls under a lock, and makes an object while it holds the lock. A program that is
/// attached to the allocator can call this kfunc again at that moment.
#[kfunc]
fn bpf_kfunc_types_locked() -> Result<u32> {
    LOCKED.with(|calls| {
        drop(Object::new(Made));
        *calls = calls.wrapping_add(1);
        *calls
    })
}

/// A filter that allows only `syscall` programs, though the set is registered for all types.
fn only_syscall(prog: &bpf::Prog) -> bool {
    prog.is(bpf::ProgType::Syscall)
}

/// Returns true. Only the filter prevents other programs from calling this kfunc.
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
            bpf_kfunc_types_dynptr,
            bpf_kfunc_types_task_pid,
            bpf_kfunc_types_plain,
            bpf_kfunc_types_sleepable,
            bpf_kfunc_types_destructive,
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
