// SPDX-License-Identifier: GPL-2.0

//! The paths of the benchmark in Rust. `bench_c.c` has the same in C, in the same order.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: Bench,
    name: "bench_rust",
    description: "Kfuncs of the benchmark, in Rust",
    license: "GPL",
}

/// Returns a number.
#[kfunc]
fn bpf_bench_rust_args0() -> u64 {
    42
}

/// Returns the sum.
#[kfunc]
fn bpf_bench_rust_args2(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

/// Returns the sum. Tracers can attach, as they can to each function in C.
#[kfunc]
#[traceable]
fn bpf_bench_rust_traced(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

/// Returns the sum.
#[traceable]
fn bench_rust_add(a: u64, b: u64) -> u64 {
    a.wrapping_add(b)
}

/// Calls a function to which tracers can attach.
#[kfunc]
fn bpf_bench_rust_function(a: u64, b: u64) -> u64 {
    bench_rust_add(a, b) ^ 1
}

/// Returns the sum.
#[kfunc]
fn bpf_bench_rust_args5(a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
    [b, c, d, e].into_iter().fold(a, u64::wrapping_add)
}

/// Returns the sum.
#[kfunc]
#[allow(clippy::too_many_arguments)]
fn bpf_bench_rust_args10(
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
    [b, c, d, e, f, g, h, i, j]
        .into_iter()
        .fold(a, u64::wrapping_add)
}

/// Adds the first byte to the last. This is little work, so that the copy dominates.
fn ends(data: &[u8]) -> Result<u32> {
    let (Some(&first), Some(&last)) = (data.first(), data.last()) else {
        return Err(EINVAL);
    };
    Ok(u32::from(first).wrapping_add(last.into()))
}

/// Returns the sum of both ends of a private copy of @data.
#[kfunc]
fn bpf_bench_rust_slice(data: &[u8]) -> Result<u32> {
    ends(data)
}

/// Returns the sum of both ends of @data, read in place.
#[kfunc]
fn bpf_bench_rust_mem(data: &Mem) -> Result<u32> {
    let (Some(first), Some(last)) = (data.get(0), data.get(data.len().wrapping_sub(1))) else {
        return Err(EINVAL);
    };
    Ok(u32::from(first).wrapping_add(last.into()))
}

/// Returns a hash of @text (FNV-1a).
#[kfunc]
fn bpf_bench_rust_string(text: &CStr) -> u32 {
    text.to_bytes().iter().fold(0, |hash, &byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

/// Returns half of @value, which must be even.
#[kfunc]
fn bpf_bench_rust_result(value: u32) -> Result<u32> {
    if value % 2 != 0 {
        return Err(EINVAL);
    }
    Ok(value / 2)
}

/// The object to which programs hold references.
#[derive(BtfType)]
#[btf(object, name = "bpf_bench_rust_object")]
struct Thing {
    #[btf]
    key: u64,
}

static THING: ModuleState<ARef<Object<Thing>>> = ModuleState::new();

/// Returns the object, without a reference.
#[kfunc]
fn bpf_bench_rust_find<'a>(
    module: &ModuleRef,
    rcu: &'a rcu::Guard,
) -> Option<RcuPtr<'a, Object<Thing>>> {
    Some(RcuPtr::new(THING.get(module)?, rcu))
}

/// Acquires a reference from an RCU pointer.
#[kfunc]
fn bpf_bench_rust_acquire(thing: RcuPtr<'_, Object<Thing>>) -> Option<ARef<Object<Thing>>> {
    thing.try_get()
}

/// Releases a reference.
#[kfunc]
fn bpf_bench_rust_release(thing: ARef<Object<Thing>>) {
    drop(thing);
}

/// An iterator that counts.
struct Numbers {
    next: u64,
    end: u64,
}

#[kfunc_iterator(bench_rust)]
impl Numbers {
    /// Counts from @start to @end, excluding @end.
    fn new(start: u64, end: u64) -> Result<Self> {
        if start > end {
            return Err(EINVAL);
        }
        Ok(Self { next: start, end })
    }

    fn next(&mut self) -> Option<u64> {
        if self.next == self.end {
            return None;
        }
        let number = self.next;
        self.next = number.wrapping_add(1);
        Some(number)
    }
}

/// Returns the sum of both ends of 64 bytes of @data, read at @offset.
#[kfunc]
fn bpf_bench_rust_dynptr(data: Dynptr<'_>, offset: u32) -> Result<u32> {
    let mut bytes = [0; 64];
    data.read(offset, &mut bytes)?;
    ends(&bytes)
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall],
        kfuncs: [
            bpf_bench_rust_args0,
            bpf_bench_rust_args2,
            bpf_bench_rust_traced,
            bpf_bench_rust_function,
            bpf_bench_rust_args5,
            bpf_bench_rust_args10,
            bpf_bench_rust_slice,
            bpf_bench_rust_mem,
            bpf_bench_rust_string,
            bpf_bench_rust_result,
            bpf_bench_rust_find,
            bpf_bench_rust_acquire,
            bpf_bench_rust_release,
            bpf_iter_bench_rust_new,
            bpf_iter_bench_rust_next,
            bpf_iter_bench_rust_destroy,
            bpf_bench_rust_dynptr,
        ],
    };
}

struct Bench {
    _thing: bpf::StateGuard<ARef<Object<Thing>>>,
}

impl kernel::Module for Bench {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        let thing = Object::new(Thing { key: 1 })?;
        Ok(Self {
            _thing: THING.init(module, thing)?,
        })
    }
}
