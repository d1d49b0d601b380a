// SPDX-License-Identifier: GPL-2.0

//! Holds a reference to a table and one to a task, each of which may become the last one, and drops
//! them where a program says. For `prog_tests/last_ref.c`.

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

/// A table that is held and not called.
#[struct_ops(bpf_last_ops)]
pub trait LastOps {
    /// Is not called.
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

/// Makes the module hold the attached table; returns whether there is one.
#[kfunc]
fn bpf_last_hold_table() -> bool {
    let table = SLOT.get();
    let is_there = table.is_some();
    TABLE.with(|held| *held = table).is_ok() && is_there
}

/// Makes the module hold @task; returns whether it does.
#[kfunc]
fn bpf_last_hold_task(task: RcuPtr<'_, Task>) -> bool {
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
