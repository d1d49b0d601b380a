// SPDX-License-Identifier: GPL-2.0

//! The part of a subsystem: which table it calls, and its answers when a table comes or goes.
//!
//! This module does not talk to the kernel: [`callbacks`](super::StructOpsType) does, and calls an
//! implementation of [`StructOps`].
//!
//! C: the functions in `struct bpf_struct_ops`, in
//! [`include/linux/bpf.h`](srctree/include/linux/bpf.h).

use super::{
    prog::MemberProg,
    slot::{
        Ops,
        Slot, //
    },
    table::{
        Member,
        Table, //
    }, //
};
use crate::{
    kfunc_set::Prog,
    pro_epilogue::{
        Epilogue,
        Helper,
        Prologue, //
    },
    state::ModuleRef, //
};
use core::ops::Deref;
use kernel::prelude::*;

/// A subsystem that calls the members of a table.
///
/// All functions run in threads and may sleep: [`init`](StructOps::init) in the thread that loads the
/// module, the others in the thread that loads a program, or attaches, updates or detaches a table,
/// and [`unreg`](StructOps::unreg) sometimes in a worker of the kernel. If a link attaches the
/// table, the kernel holds the mutex of all links of struct_ops maps around
/// [`reg`](StructOps::reg) and [`update`](StructOps::update); else it holds the mutex of the map.
/// Around `unreg`, the kernel sometimes holds neither. The crate calls [`slot`](StructOps::slot)
/// before each of these three, with the same mutexes held.
pub trait StructOps: Sized + 'static {
    /// The table.
    type Table: Table;

    /// A pointer to a slot: `&'static Slot<Self::Table>` if slots are statics, or a reference to
    /// an object that contains one.
    type Slot: Deref<Target = Slot<Self::Table>>;

    /// The functions that prologues and epilogues may call.
    const HELPERS: &'static [&'static Helper] = &[];

    /// Prepares the subsystem. The crate calls this once, before the kernel knows the table.
    ///
    /// # Errors
    ///
    /// [`StructOpsType::register`](super::StructOpsType::register) returns the error.
    fn init() -> Result {
        Ok(())
    }

    /// Writes the instructions that run before a program of a member.
    ///
    /// The crate calls this more than once for a program, and expects the same instructions each
    /// time. If they have an error, the verifier rejects the program, and the kernel log has the
    /// error. If they have an error only after the verifier accepted the program, the crate
    /// replaces the program by one that does nothing and returns 0.
    fn prologue(prog: &MemberProg<'_>, code: &mut Prologue<'_>) {
        let (_, _) = (prog, code);
    }

    /// Writes the instructions that run when a program of a member returns. The rules are those of
    /// [`prologue`](StructOps::prologue).
    fn epilogue(prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
        let (_, _) = (prog, code);
    }

    /// Returns the slot in which a table belongs. The data members of the table may decide that.
    ///
    /// The function must return the same slot for the same data members as long as the slot exists.
    /// If the object that contains the slot is freed while a table is attached, the slot is freed
    /// with it, and the table is not called any more. If the slot exists and the function does not
    /// find it when the table is detached, the table stays in the slot.
    ///
    /// # Errors
    ///
    /// The error is returned to the caller of `BPF_LINK_CREATE`, `BPF_LINK_UPDATE` or
    /// `BPF_MAP_UPDATE_ELEM`.
    fn slot(table: &Self::Table, module: &ModuleRef) -> Result<Self::Slot>;

    /// Allows or refuses to attach a table. Its slot is empty, and the crate puts the table there
    /// after this function. If another thread has put a table there meanwhile, the crate calls
    /// [`unreg`](StructOps::unreg), and the caller gets `EBUSY`.
    ///
    /// # Errors
    ///
    /// The table is not attached. The error is returned to the caller of `BPF_LINK_CREATE` or
    /// `BPF_MAP_UPDATE_ELEM`.
    fn reg(ops: &Ops<Self::Table>) -> Result {
        let _ = ops;
        Ok(())
    }

    /// Takes note that a table was detached, or lost its slot to another table. Calls of its
    /// members that have begun continue.
    fn unreg(ops: &Ops<Self::Table>) {
        let _ = ops;
    }

    /// Allows or refuses to replace a table, which a link attached, by another table for the same
    /// slot. The replacement still fails after this function if the object that contains the slot
    /// is freed at the same time.
    ///
    /// # Errors
    ///
    /// The old table stays attached. The error is returned to the caller of `BPF_LINK_UPDATE`.
    fn update(new: &Ops<Self::Table>, old: &Ops<Self::Table>) -> Result {
        let (_, _) = (new, old);
        Ok(())
    }

    /// Checks the data members of a table by themselves, without regard to other tables. Programs
    /// cannot be called yet. The crate has checked that all mandatory members are there.
    ///
    /// # Errors
    ///
    /// The error is returned to the caller of `BPF_MAP_UPDATE_ELEM`.
    fn validate(table: &Self::Table) -> Result {
        let _ = table;
        Ok(())
    }

    /// Checks, and may change, the value of a data member when user space fills a table.
    ///
    /// # Errors
    ///
    /// The error is returned to the caller of `BPF_MAP_UPDATE_ELEM`.
    fn init_member(member: &Member, value: &mut [u8]) -> Result {
        let (_, _) = (member, value);
        Ok(())
    }

    /// Allows or refuses that a program implements a member, when the program is loaded. The crate
    /// has checked that a program that may sleep implements a member that may sleep.
    ///
    /// # Errors
    ///
    /// The error is returned to the caller of `BPF_PROG_LOAD`.
    fn check_member(member: &Member, prog: &Prog) -> Result {
        let (_, _) = (member, prog);
        Ok(())
    }
}
