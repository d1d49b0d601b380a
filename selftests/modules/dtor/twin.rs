// SPDX-License-Identifier: GPL-2.0

//! A type with the same name as the one in `../dtor_twin.rs`. The kernel must not drop an object of
//! that type with the destructor of this type.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: Twin,
    name: "twin",
    description: "An object with a name that is taken, for the BPF selftests",
    license: "GPL",
}

/// The object. The module never makes one.
#[derive(BtfType)]
#[btf(object, name = "bpf_twin")]
struct Other {
    value: [u64; 4],
}

impl Drop for Other {
    fn drop(&mut self) {
        pr_err!(
            "an object of another module was dropped: {:?}\n",
            self.value
        );
    }
}

/// Releases a reference.
#[kfunc]
fn bpf_twin_release(other: ARef<Object<Other>>) {
    drop(other);
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall],
        kfuncs: [bpf_twin_release],
    };
}

struct Twin;

impl kernel::Module for Twin {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        Ok(Self)
    }
}
