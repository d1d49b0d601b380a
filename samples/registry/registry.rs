// SPDX-License-Identifier: GPL-2.0

//! A registry of counters that BPF programs share.
//!
//! A program opens a counter by its key, holds a reference to it, keeps the reference in a map,
//! adds to it, and walks over all counters. A counter is there as long as anybody holds a reference:
//! the registry does not. Every rule of that (a reference is given up once, and
//! not used after that; `NULL` is tested for; a pointer from under RCU does not leave it) is a
//! type here, and the verifier enforces it.

use bpf::{
    prelude::*,
    RdonlyBuf,
    RdonlyBufSize, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

module! {
    type: Registry,
    name: "registry",
    description: "Rust sample: counters that BPF programs share",
    license: "GPL",
}

/// A counter. BPF programs can read `key`; they change the value by a kfunc.
#[derive(BtfType)]
#[btf(object, name = "bpf_counter", registry = 64)]
struct Counter {
    #[btf]
    key: u64,
    value: Atomic<u64>,
    /// The key in hexadecimal digits.
    label: [u8; 16],
}

/// Counters that are not freed yet: the tests see that none is left.
static ALIVE: Atomic<u32> = Atomic::new(0);

impl Counter {
    fn new(key: u64) -> Self {
        ALIVE.fetch_add(1, Relaxed);
        Self {
            key,
            value: Atomic::new(0),
            label: label(key),
        }
    }
}

impl Drop for Counter {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
    }
}

fn label(key: u64) -> [u8; 16] {
    let mut label = [0; 16];
    for (digit, shift) in label.iter_mut().zip((0..64).step_by(4).rev()) {
        let value = (key >> shift) as u32 & 0xf;
        *digit = char::from_digit(value, 16).map_or(0, |digit| digit as u8);
    }
    label
}

/// Returns the counter with @key, which is made if there is none, or `NULL` if there is no room.
#[kfunc]
fn bpf_counter_open(key: u64) -> Option<ARef<Object<Counter>>> {
    Object::find_or_make(key, || Counter::new(key)).ok()
}

/// Returns the counter with @key, without a reference, or `NULL`.
#[kfunc]
fn bpf_counter_find<'a>(key: u64, rcu: &'a rcu::Guard) -> Option<RcuPtr<'a, Object<Counter>>> {
    Object::find(key, rcu)
}

/// Makes a reference of a pointer from under RCU; `NULL` if the counter is about to be freed.
#[kfunc]
fn bpf_counter_acquire(counter: RcuPtr<'_, Object<Counter>>) -> Option<ARef<Object<Counter>>> {
    counter.try_get()
}

/// Gives up a reference.
#[kfunc]
fn bpf_counter_release(counter: ARef<Object<Counter>>) {
    drop(counter);
}

/// Adds @value to @counter and returns what it was.
#[kfunc]
fn bpf_counter_add(counter: &Object<Counter>, value: u64) -> u64 {
    counter.value.fetch_add(value, Relaxed)
}

/// Returns the value of @counter, or 0 if there is none.
#[kfunc]
fn bpf_counter_value(counter: Option<&Object<Counter>>) -> u64 {
    counter.map_or(0, |counter| counter.value.load(Relaxed))
}

/// Lends the label of @counter, which is 16 bytes long, or `NULL` if the program wants more.
#[kfunc]
fn bpf_counter_label<'a>(
    counter: &'a Object<Counter>,
    size: RdonlyBufSize<'a>,
) -> Option<RdonlyBuf<'a>> {
    size.lend(&counter.label)
}

/// Removes @counter from the registry: the next to open its key gets another one.
#[kfunc]
fn bpf_counter_remove(counter: &Object<Counter>) -> bool {
    counter.leave()
}

/// Returns how many counters are not freed yet.
#[kfunc]
fn bpf_counters_alive() -> u32 {
    ALIVE.load(Relaxed)
}

/// Walks over the registry. What is added or removed meanwhile may be seen or not.
struct Walk {
    next: u32,
}

#[kfunc_iterator(counter)]
impl Walk {
    /// Begins with the counter at place @first.
    fn new(first: u32) -> Result<Self> {
        Ok(Self { next: first })
    }

    fn next<'a>(&mut self, rcu: &'a rcu::Guard) -> Option<RcuPtr<'a, Object<Counter>>> {
        Object::next(&mut self.next, rcu)
    }
}

kfunc_set! {
    /// Programs of all types that trace, and those that user space runs.
    static REGISTRY = {
        prog_types: [Tracing, Syscall],
        kfuncs: [
            bpf_counter_open,
            bpf_counter_find,
            bpf_counter_acquire,
            bpf_counter_release,
            bpf_counter_add,
            bpf_counter_value,
            bpf_counter_label,
            bpf_counter_remove,
            bpf_counters_alive,
            bpf_iter_counter_new,
            bpf_iter_counter_next,
            bpf_iter_counter_destroy,
        ],
        objects: [Counter],
    };
}

struct Registry;

impl kernel::Module for Registry {
    fn init(module: &'static ThisModule) -> Result<Self> {
        REGISTRY.register(module)?;
        Ok(Self)
    }
}
