// SPDX-License-Identifier: GPL-2.0

//! Tables that cannot be registered. The module loads if each is refused with the right error.

use bpf::{
    prelude::*,
    struct_ops,
    struct_ops::{
        Slot,
        StructOps,
        StructOpsType, //
    }, //
};
use kernel::prelude::*;

module! {
    type: OpsRefused,
    name: "ops_refused",
    description: "struct_ops tables that cannot be registered",
    license: "GPL",
}

/// A table that nobody implements.
#[struct_ops(bpf_refused_ops)]
pub trait RefusedOps {
    /// Is not called.
    fn member(&self) -> u32;
}

static SLOT: Slot<RefusedOpsTable> = Slot::new();

struct First;

impl StructOps for First {
    type Table = RefusedOpsTable;
    type Slot = &'static Slot<Self::Table>;

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Ok(&SLOT)
    }
}

/// Has the same table.
struct Second;

impl StructOps for Second {
    type Table = RefusedOpsTable;
    type Slot = &'static Slot<Self::Table>;

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Ok(&SLOT)
    }
}

/// A table that the subsystem does not want.
#[struct_ops(bpf_unwanted_ops)]
pub trait UnwantedOps {
    /// Is not called.
    fn member(&self) -> u32;
}

struct Unwanted;

impl StructOps for Unwanted {
    type Table = UnwantedOpsTable;
    type Slot = &'static Slot<Self::Table>;

    fn init() -> Result {
        Err(ENODEV)
    }

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Err(EINVAL)
    }
}

static FIRST: StructOpsType<First> = StructOpsType::new();
static SECOND: StructOpsType<Second> = StructOpsType::new();
static UNWANTED: StructOpsType<Unwanted> = StructOpsType::new();

struct OpsRefused(&'static ThisModule);

fn expect(what: &str, result: Result, expected: Result) -> Result {
    if result == expected {
        return Ok(());
    }
    pr_err!("{what}: {result:?} instead of {expected:?}\n");
    Err(EPROTO)
}

impl kernel::Module for OpsRefused {
    fn init(module: &'static ThisModule) -> Result<Self> {
        expect("the first", FIRST.register(module), Ok(()))?;
        expect("the same again", FIRST.register(module), Err(EEXIST))?;
        expect("another one", SECOND.register(module), Err(EEXIST))?;
        expect("an unwanted one", UNWANTED.register(module), Err(ENODEV))?;
        Ok(Self(module))
    }
}

impl Drop for OpsRefused {
    fn drop(&mut self) {
        // Programs could be verified with it by now.
        let result = SECOND.register(self.0);
        if expect("too late", result, Err(EBUSY)).is_ok() {
            pr_info!("all were refused as expected\n");
        }
    }
}
