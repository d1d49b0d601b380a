// SPDX-License-Identifier: GPL-2.0

//! A program that implements a member of a table.
//!
//! It says what the program is, for prologues and epilogues; it does not run it.

use super::table::Member;
use crate::kfunc_set::Prog;
use kernel::str::CStr;

/// A program that implements a member.
pub struct MemberProg<'a> {
    pub(super) prog: &'a Prog,
    pub(super) member: &'static Member,
}

impl<'a> MemberProg<'a> {
    pub(super) fn new(prog: &'a Prog, member: &'static Member) -> Self {
        Self { prog, member }
    }

    /// The member.
    pub fn member(&self) -> &'static Member {
        self.member
    }

    /// The name of the program, as its author gave it; it may be cut off after 15 bytes.
    pub fn name(&self) -> &CStr {
        self.prog.name()
    }

    /// Whether the program may sleep.
    pub fn is_sleepable(&self) -> bool {
        self.prog.is_sleepable()
    }
}
