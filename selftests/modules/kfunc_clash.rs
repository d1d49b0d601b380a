// SPDX-License-Identifier: GPL-2.0

//! Registers a kfunc with a name that `kfunc_test` has already registered. The kernel must not load
//! this module after `kfunc_test`.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: KfuncClash,
    name: "kfunc_clash",
    description: "A module that must not load beside kfunc_test",
    license: "GPL",
}

/// Returns another value than the kfunc of this name in `kfunc_test`.
#[kfunc]
fn bpf_kfunc_test_u8(value: u8) -> u8 {
    !value
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall],
        kfuncs: [bpf_kfunc_test_u8],
    };
}

struct KfuncClash;

impl kernel::Module for KfuncClash {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        Ok(Self)
    }
}
