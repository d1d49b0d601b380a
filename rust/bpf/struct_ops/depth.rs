// SPDX-License-Identifier: GPL-2.0

//! A bound for calls of members inside of each other.
//!
//! A program may call a kfunc, or have a helper called, which calls a member of a table
//! again: of the same one, or of one whose program calls back. The kernel does not end that. Here a
//! member is called only while there is room on the stack, and while no more than eight calls are
//! inside of programs on the CPU; else it does what it does without a program.
//!
//! C: `rust/helpers/stack.c`.

#[cfg(not(target_arch = "x86_64"))]
use crate::helpers::rust_bpf_helper_in_program;
use crate::helpers::{
    rust_bpf_helper_member_begins,
    rust_bpf_helper_member_ends, //
};
#[cfg(target_arch = "x86_64")]
use kernel::bindings;

#[cfg(target_arch = "x86_64")]
extern "C" {
    // `current`, in `arch/x86/include/asm/current.h`.
    static const_current_task: *const core::ffi::c_void;
}

/// Whether this thread, or an interrupt of it, runs a program that a trampoline called.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn in_program() -> bool {
    let current: *const bindings::task_struct;
    // SAFETY: The variable is one for each CPU, and what is in it is the same on whichever CPU the
    // thread runs. It is read as C code does. A helper would be a call, before each call of a member.
    unsafe {
        core::arch::asm!(
            "mov {}, qword ptr gs:[rip + {}]",
            out(reg) current,
            sym const_current_task,
            options(nostack, preserves_flags, pure, readonly),
        )
    };
    // SAFETY: The thread is valid while it runs.
    !unsafe { (*current).bpf_ctx }.is_null()
}

/// The same.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn in_program() -> bool {
    // SAFETY: The function may be called in any context.
    unsafe { rust_bpf_helper_in_program() }
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
        if !in_program() {
            return Some(Self(false));
        }
        // SAFETY: The function may be called in any context.
        if !unsafe { rust_bpf_helper_member_begins() } {
            return None;
        }
        // INVARIANT: The function counted it. A thread that runs a program does not move, and an
        // interrupt does not.
        Some(Self(true))
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
