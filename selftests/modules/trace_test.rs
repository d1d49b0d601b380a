// SPDX-License-Identifier: GPL-2.0

//! Traceable functions and kfuncs, for `selftests/bpf`.

use bpf::{
    may_panic,
    prelude::*,
    ProgAux, //
};
use kernel::prelude::*;

module! {
    type: TraceTest,
    name: "trace_test",
    description: "Traceable functions for the BPF selftests",
    license: "GPL",
}

/// An object that tracers see.
#[derive(BtfType)]
#[btf(object, name = "bpf_trace_test_thing")]
struct Thing {
    #[btf]
    id: u64,
}

/// Has an argument of each kind.
#[traceable]
fn trace_test_args(a: u8, b: i16, c: u32, d: i64, e: bool, f: u64) -> u64 {
    (u64::from(a) ^ b as u64 ^ u64::from(c) ^ d as u64 ^ u64::from(e)).wrapping_add(f)
}

/// Takes objects, and returns a negative number.
#[traceable]
fn trace_test_objects(thing: &Object<Thing>, other: Option<&Object<Thing>>) -> i32 {
    let other = other.map_or(0, |other| other.id);
    (other as i32).wrapping_sub(thing.id as i32)
}

/// Is not in the list of functions whose result programs can replace.
#[traceable]
fn trace_test_fixed(value: u32) -> Result {
    if value == 0 {
        return Err(ENOENT);
    }
    Ok(())
}

/// Programs can replace the result.
#[traceable(fmod_ret)]
fn trace_test_hook(value: u32) -> Result {
    if value == 0 {
        return Err(ENOENT);
    }
    Ok(())
}

/// Programs that may sleep can replace the result.
#[traceable(fmod_ret, sleepable)]
fn trace_test_sleeps(value: u32) -> Result {
    trace_test_fixed(value)
}

/// Calls itself by its own symbol.
#[traceable]
fn trace_test_depth(left: u32) -> u32 {
    match left.checked_sub(1) {
        Some(left) => trace_test_depth(left).saturating_add(1),
        None => 0,
    }
}

/// Panics for no value of a byte.
#[may_panic("the table has an entry for each value of a byte")]
#[traceable]
// The lint does not know the reason.
#[allow(clippy::indexing_slicing)]
fn trace_test_table(index: u8) -> u32 {
    [7_u32; 256][usize::from(index)]
}

/// Has no stub.
#[inline(never)]
#[export_name = "trace_test_silent"]
fn silent(value: u32) -> u32 {
    value ^ 1
}

/// Returns the result of [`trace_test_args`], plus one. So the call is not at the end of the function,
/// and the function is on the stack of the tracers.
#[kfunc]
fn bpf_trace_test_args(a: u8, b: i16, c: u32, d: i64, e: bool) -> u64 {
    trace_test_args(a, b, c, d, e, 6).wrapping_add(1)
}

/// Calls [`trace_test_objects`] with new objects.
#[kfunc]
fn bpf_trace_test_objects(id: u64, with_other: bool) -> Result<u32> {
    let thing = Object::new(Thing { id })?;
    let other = if with_other {
        Some(Object::new(Thing { id: 1 })?)
    } else {
        None
    };
    Ok(trace_test_objects(&thing, other.as_deref()) as u32)
}

/// Returns the number of the object.
#[kfunc]
fn bpf_trace_test_id(thing: &Object<Thing>) -> u64 {
    thing.id
}

/// Returns 1 if [`trace_test_hook`] returns `Ok`, or an error number.
#[kfunc]
fn bpf_trace_test_hook(value: u32) -> Result<u32> {
    trace_test_hook(value)?;
    Ok(1)
}

/// Returns 1 if [`trace_test_sleeps`] returns `Ok`, or an error number.
#[kfunc(sleepable)]
fn bpf_trace_test_sleeps(value: u32) -> Result<u32> {
    trace_test_sleeps(value)?;
    Ok(1)
}

/// Returns how many calls of [`trace_test_depth`] returned.
#[kfunc]
fn bpf_trace_test_depth(depth: u8) -> u32 {
    trace_test_depth(u32::from(depth) & 7)
}

/// Returns the values of functions that no tracer is attached to.
#[kfunc]
fn bpf_trace_test_others(index: u8) -> u32 {
    trace_test_table(index) ^ silent(index.into())
}

/// A traceable kfunc.
#[kfunc]
#[traceable]
fn bpf_trace_test_traced(value: u32, data: &[u8]) -> Result<u32> {
    Ok(value.wrapping_add(data.len() as u32))
}

/// More arguments than registers.
#[traceable]
#[kfunc]
#[allow(clippy::too_many_arguments)]
fn bpf_trace_test_eight(a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64, h: u64) -> u64 {
    [b, c, d, e, f, g, h]
        .into_iter()
        .fold(a, |sum, n| sum.wrapping_mul(10).wrapping_add(n))
}

/// Has an argument that the kernel adds.
#[kfunc]
#[traceable]
fn bpf_trace_test_aux(value: u32, prog: &ProgAux) -> u32 {
    let _ = prog;
    value
}

/// A kfunc whose result programs can replace.
#[kfunc]
#[traceable(fmod_ret)]
fn bpf_trace_test_modifiable(value: u32) -> Result {
    trace_test_fixed(value)
}

/// A kfunc whose result programs that may sleep can replace.
#[traceable(fmod_ret)]
#[kfunc(sleepable)]
fn bpf_trace_test_sleepable(value: u32) -> Result {
    trace_test_fixed(value)
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall, Tracing],
        kfuncs: [
            bpf_trace_test_args,
            bpf_trace_test_objects,
            bpf_trace_test_id,
            bpf_trace_test_hook,
            bpf_trace_test_sleeps,
            bpf_trace_test_depth,
            bpf_trace_test_others,
            bpf_trace_test_traced,
            bpf_trace_test_eight,
            bpf_trace_test_aux,
            bpf_trace_test_modifiable,
            bpf_trace_test_sleepable,
        ],
        fmod_ret: [
            trace_test_hook,
            trace_test_sleeps,
            bpf_trace_test_modifiable,
            bpf_trace_test_sleepable,
        ],
    };
}

struct TraceTest;

impl kernel::Module for TraceTest {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        Ok(Self)
    }
}
