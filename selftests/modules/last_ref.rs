// SPDX-License-Identifier: GPL-2.0

//! Holds a reference to a table and a reference to a task, and drops each when a program calls a
//! kfunc, for `prog_tests/last_ref.c`. The test makes sure that it is the last reference.

use bpf::{
    prelude::*,
    struct_ops,
    struct_ops::{
        Attached,
        Slot,
        StructOps,
        StructOpsType, //
    },
    task::TaskRef,
    ResSpinLock, //
};
use kernel::{
    prelude::*,
    task::Task, //
};

module! {
    type: LastRef,
    name: "last_ref",
    description: "Last references, for the BPF selftests",
    license: "GPL",
}

/// A table that the module holds but does not call.
#[struct_ops(bpf_last_ops)]
pub trait LastOps {
    /// Never called.
    fn member(&self) -> u32;
}

struct Last;

static SLOT: Slot<LastOpsTable> = Slot::new();

impl StructOps for Last {
    type Table = LastOpsTable;
    type Slot = &'static Slot<Self::Table>;

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Ok(&SLOT)
    }
}

static LAST: StructOpsType<Last> = StructOpsType::new();

static TABLE: ResSpinLock<Option<Attached<LastOpsTable>>> = ResSpinLock::new(None);
static TASK: ResSpinLock<Option<TaskRef>> = ResSpinLock::new(None);

/// Takes a reference to the attached table, which the module keeps; returns whether there is one.
#[kfunc]
fn bpf_last_hold_table() -> bool {
    let table = SLOT.get();
    let is_there = table.is_some();
    TABLE.with(|held| *held = table).is_ok() && is_there
}

/// Takes a reference to @task, which the module keeps; returns whether that succeeded.
#[kfunc]
fn bpf_last_hold_task(task: Trusted<'_, Task>) -> bool {
    let task = task.try_get();
    let is_there = task.is_some();
    TASK.with(|held| *held = task).is_ok() && is_there
}

/// Drops the reference to the table; returns whether there was one.
#[kfunc]
fn bpf_last_drop_table() -> bool {
    let table = TABLE.with(Option::take);
    matches!(table, Ok(Some(_)))
}

/// Drops the reference to the task; returns whether there was one.
#[kfunc]
fn bpf_last_drop_task() -> bool {
    let task = TASK.with(Option::take);
    matches!(task, Ok(Some(_)))
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall, Tracing],
        kfuncs: [
            bpf_last_hold_table,
            bpf_last_hold_task,
            bpf_last_drop_table,
            bpf_last_drop_task,
        ],
    };
}

struct LastRef;

impl kernel::Module for LastRef {
    fn init(module: &'static ThisModule) -> Result<Self> {
        LAST.register(module)?;
        KFUNCS.register(module)?;
        Ok(Self)
    }
}
