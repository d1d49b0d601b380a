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
fn bpf_keep_alias(kept: Always) {} //~ `__bpf_call` does not live long enough

#[kfunc]
fn bpf_keep(kept: Rcu<'static, Object<Kept>>) {} //~ `__bpf_call` does not live long enough

#[kfunc]
fn bpf_keep_option(kept: Option<&'static Object<Kept>>) {} //~ `__bpf_call` does not live long enough

#[kfunc]
fn bpf_keep_dynptr(data: Dynptr<'static>) {} //~ `__bpf_call` does not live long enough

#[kfunc] //~ `__bpf_call` does not live long enough
fn bpf_keep_bound<'a: 'static>(mem: &'a Mem) {}

#[kfunc] //~ `__bpf_call` does not live long enough
fn bpf_keep_reader<'a: 'static>(rcu: &'a RcuReader) {}

#[kfunc] //~ `__bpf_call` does not live long enough
fn bpf_keep_call<'a: 'static>(call: &'a KfuncCall) {}

#[kfunc]
fn bpf_keep_size(size: bpf::LentSize<'static>) {} //~ `__bpf_call` does not live long enough

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
