// SPDX-License-Identifier: GPL-2.0

//! Functions that declare an argument to live longer than the call, in several ways.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_kept")]
struct Kept {
    #[btf]
    id: u64,
}

type Always = RcuPtr<'static, Object<Kept>>;

#[kfunc]
fn bpf_keep_alias(kept: Always) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep(kept: RcuPtr<'static, Object<Kept>>) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_option(kept: Option<&'static Object<Kept>>) {} //~ borrowed data escapes outside of closure | only valid in the closure body
//~^ if not kernel_has_BTF_FMODEL_ARENA_ARG: evaluation of constant value failed | accepts numbers in place of null

#[kfunc]
fn bpf_keep_dynptr(data: Dynptr<'static>) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_bound<'a: 'static>(mem: &'a Mem) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_reader<'a: 'static>(rcu: &'a rcu::Guard) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_call<'a: 'static>(module: &'a ModuleRef) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_size(size: bpf::RdonlyBufSize<'static>) {} //~ borrowed data escapes outside of closure | only valid in the closure body

use bpf::bpf_helper;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_native_thing")]
struct NativeThing {
    #[btf]
    id: u64,
}

#[rustfmt::skip]
bpf_helper! { static KEEP = fn(thing: &'static Object<NativeThing>) {}; } //~ `call` does not live long enough /or/ temporary value dropped while borrowed

fn keep(_prog: &'static bpf::Prog) -> bool {
    true
}

#[kfunc]
fn bpf_filtered() {}

kfunc_set! {
    static FILTERED = {
        prog_types: [Tracing],
        kfuncs: [bpf_filtered],
        filter: keep, //~ mismatched types
    };
}
