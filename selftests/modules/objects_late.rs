// SPDX-License-Identifier: GPL-2.0

//! Registers two sets with objects of different types. The kernel takes the objects of a module
//! once, so the second set must name no object that the first set does not name.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: ObjectsLate,
    name: "objects_late",
    description: "A module whose second set has new objects",
    license: "GPL",
}

#[derive(BtfType)]
#[btf(object, name = "bpf_late_first")]
struct First;

#[derive(BtfType)]
#[btf(object, name = "bpf_late_second")]
struct Second;

/// Returns an object of the first type.
#[kfunc]
fn bpf_late_first() -> Option<ARef<Object<First>>> {
    Object::new(First).ok()
}

/// Returns an object of the second type.
#[kfunc]
fn bpf_late_second() -> Option<ARef<Object<Second>>> {
    Object::new(Second).ok()
}

kfunc_set! {
    static FIRST = {
        prog_types: [Syscall],
        kfuncs: [bpf_late_first],
    };
}

kfunc_set! {
    static AGAIN = {
        prog_types: [Tracing],
        kfuncs: [bpf_late_first],
    };
}

kfunc_set! {
    static SECOND = {
        prog_types: [Xdp],
        kfuncs: [bpf_late_second],
    };
}

struct ObjectsLate;

impl kernel::Module for ObjectsLate {
    fn init(module: &'static ThisModule) -> Result<Self> {
        FIRST.register(module)?;
        AGAIN.register(module)?;
        pr_info!("two sets with the same objects are registered\n");
        SECOND.register(module)?;
        Ok(Self)
    }
}
