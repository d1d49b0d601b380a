// SPDX-License-Identifier: GPL-2.0

//! A table with sleepable members, called in a context that must not sleep.

use bpf::{
    struct_ops,
    struct_ops::Slot, //
};
use kernel::prelude::*;

#[struct_ops(bpf_fail_sleep_ops)]
trait SleepOps {
    #[sleepable]
    fn member(&self) {}
}

static SLOT: Slot<SleepOpsTable> = Slot::new();

/// Calls the member in an RCU read-side critical section.
pub fn call() {
    SLOT.with(|ops| ops.member()); //~ evaluation of | Slot::with: the table has members that may sleep; take Slot::get
}
