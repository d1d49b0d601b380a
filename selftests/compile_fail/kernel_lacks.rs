// SPDX-License-Identifier: GPL-2.0

//! Contracts that 7.2, or a kernel without the patches, does not check.

use bpf::{
    prelude::*,
    struct_ops,
    Arena, //
};
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_lacks_thing")]
struct Thing {
    #[btf]
    id: u64,
}

#[kfunc]
fn bpf_arena(at: Arena<'_>) {} //~ if not kernel_has_BTF_FMODEL_ARENA_ARG: evaluation of constant value failed | bpf_arena: argument 1 (at): this kernel does not support arena arguments; Linux 7.3 does

#[kfunc]
fn bpf_arena_or_null(at: Option<Arena<'_>>) {} //~ if not kernel_has_BTF_FMODEL_ARENA_ARG: evaluation of constant value failed | bpf_arena_or_null: argument 1 (at): this kernel does not support arena arguments; Linux 7.3 does

#[kfunc]
fn bpf_or_null(thing: Option<&Object<Thing>>) {} //~ if not kernel_has_BTF_FMODEL_ARENA_ARG: evaluation of constant value failed | bpf_or_null: argument 1 (thing): the verifier of this kernel accepts numbers in place of null; take a pointer that is not null, or require Linux 7.3

#[kfunc]
fn bpf_two_maps(first: &Map, second: &Map) {} //~ if not kernel_has_BTF_FMODEL_ARENA_ARG: evaluation of constant value failed | bpf_two_maps: argument 1 (first): the verifier of this kernel crashes if a kfunc takes two maps; take one, or require Linux 7.3

#[kfunc(perfmon)] //~ if not kernel_has_KF_PERFMON: evaluation of constant value failed | bpf_perfmon: the verifier of this kernel has no `KF_PERFMON`, so every program could call the kfunc; remove `perfmon`, or require Linux 7.3
fn bpf_perfmon() {}

// The verifier of 7.2 rejects all calls that the flag would allow.
#[kfunc(spinlock_safe)]
fn bpf_spinlock_safe() {}

#[struct_ops(bpf_compile_fail_ops)]
trait Ops {
    fn six(&self, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64;
    fn seven(&self, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64) -> u64; //~ if not kernel_has_BTF_FMODEL_ARENA_ARG: evaluation of constant value failed | seven: this kernel passes at most 6 arguments to a member; put some into an object, or require Linux 7.3
}

#[struct_ops(bpf_compile_fail_many_ops)] //~ if not kernel_has_bpf_insn_array_adjust_target: evaluation of constant value failed | Many: this kernel takes the members from the 24th on for a kind of tracing; split the table into two, or require the patches
#[rustfmt::skip]
trait Many {
    fn m0(&self); fn m1(&self); fn m2(&self); fn m3(&self); fn m4(&self); fn m5(&self);
    fn m6(&self); fn m7(&self); fn m8(&self); fn m9(&self); fn m10(&self); fn m11(&self);
    fn m12(&self); fn m13(&self); fn m14(&self); fn m15(&self); fn m16(&self); fn m17(&self);
    fn m18(&self); fn m19(&self); fn m20(&self); fn m21(&self); fn m22(&self); fn m23(&self);
}

struct Nothings;

#[kfunc_iterator(compile_fail_nothings)]
impl Nothings {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    fn next(&mut self) -> Option<[u8; 0]> { //~ if not kernel_has_BTF_FMODEL_ARENA_ARG: evaluation of constant value failed | compile_fail_nothings: the verifier of this kernel rejects empty arrays; yield a `u8`, or require Linux 7.3
        None
    }
}
