// SPDX-License-Identifier: GPL-2.0

//! Tables that cannot be registered. The module loads only if each registration fails with the
//! right error.

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

/// A table that no program implements.
#[struct_ops(bpf_refused_ops)]
pub trait RefusedOps {
    /// Never called.
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

/// A second subsystem with the same table.
struct Second;

impl StructOps for Second {
    type Table = RefusedOpsTable;
    type Slot = &'static Slot<Self::Table>;

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Ok(&SLOT)
    }
}

/// A table that the subsystem rejects in `init()`.
#[struct_ops(bpf_unwanted_ops)]
pub trait UnwantedOps {
    /// Never called.
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
        expect("the first type", FIRST.register(module), Ok(()))?;
        expect("the same type again", FIRST.register(module), Err(EEXIST))?;
        expect("the same table", SECOND.register(module), Err(EEXIST))?;
        expect("a failing init()", UNWANTED.register(module), Err(ENODEV))?;
        Ok(Self(module))
    }
}

impl Drop for OpsRefused {
    fn drop(&mut self) {
        // After the init, programs may already be verified with the module: this is too late.
        let result = SECOND.register(self.0);
        if expect("a registration at unload", result, Err(EBUSY)).is_ok() {
            pr_info!("all registrations returned the expected errors\n");
        }
    }
}
