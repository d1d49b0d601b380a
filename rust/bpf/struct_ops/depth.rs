// SPDX-License-Identifier: GPL-2.0

//! A bound for calls of members inside of each other.
//!
//! A program may call a kfunc, or have a native function called, which calls a member of a table
//! again: of the same one, or of one whose program calls back. The kernel does not end that. Here a
//! member is called only while there is room on the stack; else it does what it does without a
//! program.
//!
//! C: `rust/helpers/stack.c`.

extern "C" {
    // In `rust/helpers/stack.c`.
    fn rust_bpf_helper_member_begins() -> u32;
    fn rust_bpf_helper_member_ends();
}

/// A call of a member, for which there is room. For the code that `#[struct_ops]` generates.
///
/// # Invariants
///
/// If it is true, the call was counted on this CPU, which the code does not leave.
#[doc(hidden)]
pub struct Depth(bool);

impl Depth {
    /// Begins a call if there is room for it. May be called in any context.
    #[inline(always)]
    pub fn enter() -> Option<Self> {
        // SAFETY: The function may be called in any context.
        match unsafe { rust_bpf_helper_member_begins() } {
            0 => None,
            1 => Some(Self(false)),
            // INVARIANT: The function counted it. It does that for interrupts only.
            _ => Some(Self(true)),
        }
    }
}

impl Drop for Depth {
    #[inline(always)]
    fn drop(&mut self) {
        if self.0 {
            // SAFETY: By the type invariants.
            unsafe { rust_bpf_helper_member_ends() };
        }
    }
}
