// SPDX-License-Identifier: GPL-2.0

//! Prints a kernel warning with a stack trace when it is loaded. `scripts/harness/vm` must fail if
//! the kernel prints such a warning.

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
