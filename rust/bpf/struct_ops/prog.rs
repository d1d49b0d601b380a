// SPDX-License-Identifier: GPL-2.0

//! A program that implements a member of a table.
//!
//! [`MemberProg`] describes the program for prologues and epilogues. It does not run the program.

use super::table::Member;
use crate::kfunc_set::Prog;
use kernel::str::CStr;

/// A program that implements a member.
pub struct MemberProg<'a> {
    pub(super) prog: &'a Prog,
    pub(super) member: &'static Member,
}

impl<'a> MemberProg<'a> {
    /// Describes `prog`, which implements `member`.
    pub(super) fn new(prog: &'a Prog, member: &'static Member) -> Self {
        Self { prog, member }
    }

    /// Returns the member that the program implements.
    pub fn member(&self) -> &'static Member {
        self.member
    }

    /// Returns the name that the author gave the program. The name may be cut off after 15 bytes.
    pub fn name(&self) -> &CStr {
        self.prog.name()
    }

    /// Returns whether the program may sleep.
    pub fn is_sleepable(&self) -> bool {
        self.prog.is_sleepable()
    }
}
