// SPDX-License-Identifier: GPL-2.0

//! A type with the name of the one in `../dtor_twin.rs`, which is not to be dropped as one of these.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: Twin,
    name: "twin",
    description: "An object with a name that is taken, for the BPF selftests",
    license: "GPL",
}

/// The object. None is made.
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

/// Gives up a reference.
#[kfunc]
fn bpf_twin_release(other: ARef<Object<Other>>) {
    drop(other);
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall],
        kfuncs: [bpf_twin_release],
        objects: [Other],
    };
}

struct Twin;

impl kernel::Module for Twin {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        Ok(Self)
    }
}
