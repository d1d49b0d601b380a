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
fn bpf_keep_alias(kept: Always) {} //~ `call` does not live long enough

#[kfunc]
fn bpf_keep(kept: Rcu<'static, Object<Kept>>) {} //~ `call` does not live long enough

#[kfunc]
fn bpf_keep_option(kept: Option<&'static Object<Kept>>) {} //~ `call` does not live long enough

#[kfunc]
fn bpf_keep_dynptr(data: Dynptr<'static>) {} //~ `call` does not live long enough
