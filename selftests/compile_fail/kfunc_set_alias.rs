// SPDX-License-Identifier: GPL-2.0

//! A kfunc under another name: the set would have its symbol with the flags of another kfunc.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_alias_thing")]
struct Thing {
    #[btf]
    id: u64,
}

#[kfunc]
fn bpf_plain(thing: &Object<Thing>) {}

#[kfunc]
fn bpf_release(thing: ARef<Object<Thing>>) {}

mod alias {
    pub(super) use super::bpf_plain as bpf_release;
}

kfunc_set! {
    static ALIAS = {
        prog_types: [Tracing],
        kfuncs: [alias::bpf_release], //~ evaluation of constant value failed | ALIAS: `bpf_release` is an alias of a kfunc; write the name of the kfunc
    };
}
