// SPDX-License-Identifier: GPL-2.0

//! A bound for nested calls of members.
//!
//! A kfunc that a program calls, or a helper that its prologue or epilogue calls, may call a member
//! of a table again: of the same table, or of a table whose program calls back. The kernel does not
//! limit the nesting. The crate does: a nested call runs the program of the member only if a third
//! of the thread's stack is free, and if at most eight calls of threads, or four calls of
//! interrupts, are nested on the CPU. Otherwise the call runs the default of the member.
//!
//! This module does not bound the recursion of kfuncs that call no member.
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

/// Returns whether this thread, or an interrupt on top of it, runs a program that a trampoline
/// called.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn in_program() -> bool {
    let current: *const bindings::task_struct;
    // SAFETY: The per-CPU variable has the same value for a thread on every CPU. The instruction
    // reads it like C code. A C helper would cost a function call before each call of a member.
    unsafe {
        core::arch::asm!(
            "mov {}, qword ptr gs:[rip + {}]",
            out(reg) current,
            sym const_current_task,
            options(nostack, preserves_flags, pure, readonly),
        )
    };
    // SAFETY: `current` is the running thread, which is valid while it runs.
    !unsafe { (*current).bpf_ctx }.is_null()
}

/// Returns whether this thread, or an interrupt on top of it, runs a program that a trampoline
/// called.
#[cfg(not(target_arch = "x86_64"))]
#[inline(always)]
fn in_program() -> bool {
    // SAFETY: The C function may be called in any context.
    unsafe { rust_bpf_helper_in_program() }
}

/// A call of a member that may run its program. For the code that `#[struct_ops]` generates.
///
/// # Invariants
///
/// If the field is true, this CPU has counted the call, and the code stays on this CPU.
#[doc(hidden)]
pub struct Depth(bool);

impl Depth {
    /// Begins a call. Returns [`None`] if the bound is reached. May be called in any context.
    #[inline(always)]
    pub fn enter() -> Option<Self> {
        if !in_program() {
            return Some(Self(false));
        }
        // SAFETY: The C function may be called in any context.
        if !unsafe { rust_bpf_helper_member_begins() } {
            return None;
        }
        // INVARIANT: The C function counted the call. A thread that runs a program, and an
        // interrupt, stay on their CPU.
        Some(Self(true))
    }
}

impl Drop for Depth {
    #[inline(always)]
    fn drop(&mut self) {
        if self.0 {
            // SAFETY: This CPU has counted the call, a type invariant, and the call ends once.
            unsafe { rust_bpf_helper_member_ends() };
        }
    }
}
