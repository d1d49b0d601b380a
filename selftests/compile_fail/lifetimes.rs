// SPDX-License-Identifier: GPL-2.0

//! Functions that want to keep what is lent for a call, however they call it.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_kept")]
struct Kept {
    #[btf]
    id: u64,
}

type Always = Rcu<'static, Object<Kept>>;

#[kfunc]
fn bpf_keep_alias(kept: Always) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep(kept: Rcu<'static, Object<Kept>>) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_option(kept: Option<&'static Object<Kept>>) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_dynptr(data: Dynptr<'static>) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_bound<'a: 'static>(mem: &'a Mem) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_reader<'a: 'static>(rcu: &'a rcu::Guard) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_call<'a: 'static>(call: &'a KfuncCall) {} //~ borrowed data escapes outside of closure | only valid in the closure body

#[kfunc]
fn bpf_keep_size(size: bpf::LentSize<'static>) {} //~ borrowed data escapes outside of closure | only valid in the closure body

use bpf::bpf_call;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_native_thing")]
struct NativeThing {
    #[btf]
    id: u64,
}

bpf_call! {
    static KEEP = fn(thing: &'static Object<NativeThing>) { //~ `call` does not live long enough
    };
}

fn keep(_prog: &'static bpf::Prog) -> bool {
    true
}

#[kfunc]
fn bpf_filtered() {}

kfunc_set! {
    static FILTERED for [Tracing] = [bpf_filtered] if keep; //~ mismatched types
}
