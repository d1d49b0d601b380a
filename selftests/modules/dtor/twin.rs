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
    static KFUNCS for [Syscall] = [bpf_twin_release] with objects [Other];
}

struct Twin {
    _kfuncs: bpf::Registration,
}

impl kernel::Module for Twin {
    fn init(module: &'static ThisModule) -> Result<Self> {
        Ok(Self {
            _kfuncs: KFUNCS.register(module)?,
        })
    }
}
