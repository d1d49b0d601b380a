// SPDX-License-Identifier: GPL-2.0

//! Warns with a stack trace when it is loaded: what `scripts/vm` must not let pass.

use kernel::prelude::*;

module! {
    type: VmWarning,
    name: "vm_warning",
    description: "Makes the kernel print a warning",
    license: "GPL",
}

struct VmWarning;

impl kernel::Module for VmWarning {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        kernel::warn_on!(true);
        Ok(Self)
    }
}
