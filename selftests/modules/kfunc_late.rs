// SPDX-License-Identifier: GPL-2.0

//! Registers its kfuncs too late: when the module is unloaded. The crate must return an error,
//! because the kernel does not check this. The module writes the result to the kernel log, and
//! `prog_tests/kfunc_module.c` reads it there.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: KfuncLate,
    name: "kfunc_late",
    description: "A module that registers kfuncs after its init",
    license: "GPL",
}

/// Never called.
#[kfunc]
fn bpf_kfunc_late(value: u8) -> u8 {
    value
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall],
        kfuncs: [bpf_kfunc_late],
    };
}

struct KfuncLate(&'static ThisModule);

impl kernel::Module for KfuncLate {
    fn init(module: &'static ThisModule) -> Result<Self> {
        Ok(Self(module))
    }
}

impl Drop for KfuncLate {
    fn drop(&mut self) {
        match KFUNCS.register(self.0) {
            Err(err) if err == EBUSY => pr_info!("too late, as expected\n"),
            Err(err) => pr_info!("another error: {:?}\n", err),
            Ok(()) => pr_info!("the registration was accepted\n"),
        }
    }
}
