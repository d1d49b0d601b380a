// SPDX-License-Identifier: GPL-2.0

//! A registry of counters that BPF programs share.
//!
//! A program opens a counter by its key, holds a reference, keeps the reference in a map, adds to
//! the counter, and iterates over all counters. A counter exists as long as a program or a map
//! holds a reference; the registry holds none. The verifier enforces every rule, because each rule
//! is a type here: a program releases a reference once and does not use it after that, tests for
//! null, and does not use an RCU pointer outside of the RCU read-side critical section.
//!
//! The registry has 64 places and does not grow. Counters do not outlive their last reference.

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

/// A counter. Programs can read `key`, and change `value` through a kfunc.
#[derive(BtfType)]
#[btf(object, name = "bpf_counter", registry = 64)]
struct Counter {
    #[btf]
    key: u64,
    value: Atomic<u64>,
    /// The key in hexadecimal digits.
    label: [u8; 16],
}

/// The number of counters that are not freed. The tests check that none is left.
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

/// Returns a reference to the counter with @key. Makes the counter if there is none.
///
/// Returns null if the registry has no free place, if there is no memory, or if the registry's lock
/// cannot be taken.
#[kfunc]
fn bpf_counter_open(key: u64) -> Option<ARef<Object<Counter>>> {
    Object::find_or_make(key, || Counter::new(key)).ok()
}

/// Returns the counter with @key, without a reference. Returns null if there is none.
#[kfunc]
fn bpf_counter_find<'a>(key: u64, rcu: &'a rcu::Guard) -> Option<RcuPtr<'a, Object<Counter>>> {
    Object::find(key, rcu)
}

/// Returns a reference for an RCU pointer. Returns null if the last reference is gone.
#[kfunc]
fn bpf_counter_acquire(counter: RcuPtr<'_, Object<Counter>>) -> Option<ARef<Object<Counter>>> {
    counter.try_get()
}

/// Releases a reference.
#[kfunc]
fn bpf_counter_release(counter: ARef<Object<Counter>>) {
    drop(counter);
}

/// Adds @value to @counter. Returns the value before the addition.
#[kfunc]
fn bpf_counter_add(counter: &Object<Counter>, value: u64) -> u64 {
    counter.value.fetch_add(value, Relaxed)
}

/// Returns the value of @counter.
#[kfunc]
fn bpf_counter_value(counter: &Object<Counter>) -> u64 {
    counter.value.load(Relaxed)
}

/// Returns the label of @counter as read-only memory of @size bytes. Returns null if @size is more
/// than 16.
#[kfunc]
fn bpf_counter_label<'a>(
    counter: &'a Object<Counter>,
    size: RdonlyBufSize<'a>,
) -> Option<RdonlyBuf<'a>> {
    size.lend(&counter.label)
}

/// Removes @counter from the registry. The next call that opens the key makes another counter.
///
/// Returns false if the counter is not in the registry.
#[kfunc]
fn bpf_counter_remove(counter: &Object<Counter>) -> bool {
    counter.leave()
}

/// Returns the number of counters that are not freed.
#[kfunc]
fn bpf_counters_alive() -> u32 {
    ALIVE.load(Relaxed)
}

/// An iterator over the registry. It may or may not visit a counter that is added or removed
/// meanwhile.
struct Walk {
    next: u32,
}

#[kfunc_iterator(counter)]
impl Walk {
    /// Begins at place @first of the registry.
    fn new(first: u32) -> Result<Self> {
        Ok(Self { next: first })
    }

    fn next<'a>(&mut self, rcu: &'a rcu::Guard) -> Option<RcuPtr<'a, Object<Counter>>> {
        Object::next(&mut self.next, rcu)
    }
}

kfunc_set! {
    /// For tracing programs of all types, and for programs that user space runs.
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
    };
}

struct Registry;

impl kernel::Module for Registry {
    fn init(module: &'static ThisModule) -> Result<Self> {
        REGISTRY.register(module)?;
        Ok(Self)
    }
}
