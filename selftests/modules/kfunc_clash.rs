// SPDX-License-Identifier: GPL-2.0

//! Offers a kfunc of a name that `kfunc_test` has taken: the kernel must not load it after that.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: KfuncClash,
    name: "kfunc_clash",
    description: "A module that must not load beside kfunc_test",
    license: "GPL",
}

/// Returns another value than the one of `kfunc_test`.
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
