// SPDX-License-Identifier: GPL-2.0

//! Kfuncs of the kernel that prologues and epilogues call.
//!
//! The verifier does not look at such a call: neither at what is passed nor at flags like
//! `KF_SLEEPABLE`. So a [`KernelKfunc`] is declared once, by who knows the function, and can be called
//! from safe code then. There are those that take and return numbers, and that may be called
//! anywhere.
//!
//! A call costs as much as that of a [`Helper`](super::Helper). What a module does itself is better
//! a helper, which takes objects.
//!
//! What it does not do: kfuncs of modules. The kernel finds those by a number that the loader of
//! the program chooses.
//!
//! C: `BPF_CALL_KFUNC()`; `add_kfunc_in_insns()` in `kernel/bpf/fixups.c`.

use kernel::{
    prelude::*,
    str::CStr,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

extern "C" {
    // In `rust/helpers/struct_ops.c`.
    fn rust_bpf_helper_kfunc_id(
        name: *const kernel::ffi::c_char,
        params: u32,
        result_size: u32,
    ) -> u32;
}

/// Returns the time in nanoseconds, by the clock of this CPU's scheduler.
///
/// It does not go back as seen from one CPU. C: `scx_bpf_now()` in `kernel/sched/ext/ext.c`, with
/// `CONFIG_SCHED_CLASS_EXT`.
// SAFETY: It disables preemption and reads; its documentation allows any context.
pub static SCX_BPF_NOW: KernelKfunc = unsafe { KernelKfunc::new(c"scx_bpf_now", 0, Size::DW) };

/// Returns the number of possible ids of CPUs.
///
/// C: `scx_bpf_nr_cpu_ids()` in `kernel/sched/ext/ext.c`, with `CONFIG_SCHED_CLASS_EXT`.
// SAFETY: It reads a number that does not change.
pub static SCX_BPF_NR_CPU_IDS: KernelKfunc =
    unsafe { KernelKfunc::new(c"scx_bpf_nr_cpu_ids", 0, Size::W) };

/// In place of the id of a kfunc that the kernel does not have.
const MISSING: u32 = u32::MAX;

/// The size of the number that a kfunc returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// 32 bits.
    W,
    /// 64 bits.
    DW,
}

impl Size {
    fn bytes(self) -> u32 {
        match self {
            Self::W => 4,
            Self::DW => 8,
        }
    }
}

/// A kfunc of the kernel itself, which takes and returns numbers.
///
/// # Invariants
///
/// The kfunc may be called with any numbers, wherever programs run. `id` is 0, `MISSING`, or that
/// of the kfunc in the kernel's BTF, where it takes `params` numbers and returns one of the size
/// `result`.
pub struct KernelKfunc {
    name: &'static CStr,
    params: usize,
    result: Size,
    id: Atomic<u32>,
}

impl KernelKfunc {
    /// Declares a kfunc that takes `params` numbers and returns one without a sign, of 32 or 64
    /// bits. Whether the kernel has it, and its BTF describes it so, is checked when it is used for
    /// the first time.
    ///
    /// # Safety
    ///
    /// It must be sound to call the kfunc with any numbers, in any context that programs run in: it
    /// must not sleep, keep a lock or a reference, end the program, or change what the verifier
    /// takes for granted about it.
    #[inline]
    pub const unsafe fn new(name: &'static CStr, params: usize, result: Size) -> Self {
        assert!(params <= 5, "a call has up to five arguments");
        // INVARIANT: By the safety requirements.
        Self {
            name,
            params,
            result,
            id: Atomic::new(0),
        }
    }

    /// Its name.
    pub(super) fn name(&self) -> &'static CStr {
        self.name
    }

    pub(super) fn params(&self) -> usize {
        self.params
    }

    pub(super) fn result(&self) -> Size {
        self.result
    }

    /// Its id in the kernel's BTF; [`None`] if the kernel has no such kfunc. May sleep.
    pub(super) fn id(&self) -> Option<u32> {
        let mut id = self.id.load(Relaxed);
        // Once, because the kernel counts who asks, and a module cannot take that back.
        if id == 0 {
            let (params, size) = (self.params as u32, self.result.bytes());
            // SAFETY: The name ends with a null byte.
            id = unsafe { rust_bpf_helper_kfunc_id(self.name.as_char_ptr(), params, size) };
            if id == 0 {
                id = MISSING;
            }
            // INVARIANT: The function checked that.
            self.id.store(id, Relaxed);
        }
        (id != MISSING).then_some(id)
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_kfunc)]
mod tests {
    use super::*;

    /// Whether the kernel has a function with this name and prototype.
    fn exists(name: &'static CStr, params: usize, result: Size) -> bool {
        // SAFETY: It is not called.
        let kfunc = unsafe { KernelKfunc::new(name, params, result) };
        let id = kfunc.id();
        assert_eq!(kfunc.id(), id);
        id.is_some()
    }

    #[test]
    fn kfuncs_are_as_they_are_declared() {
        assert!(exists(c"bpf_fentry_test1", 1, Size::W));
        assert!(!exists(c"bpf_fentry_test1", 0, Size::W));
        assert!(!exists(c"bpf_fentry_test1", 2, Size::W));
        assert!(!exists(c"bpf_fentry_test1", 1, Size::DW));
        // It takes a pointer, one returns one, and one returns nothing.
        assert!(!exists(c"bpf_task_release", 1, Size::DW));
        assert!(!exists(c"bpf_task_from_pid", 1, Size::DW));
        assert!(!exists(c"bpf_throw", 1, Size::DW));
        assert!(!exists(c"bpf_kunit_nobody", 0, Size::DW));
    }

    #[test]
    fn those_of_the_crate_exist() {
        for kfunc in [&SCX_BPF_NOW, &SCX_BPF_NR_CPU_IDS] {
            assert_eq!(kfunc.id().is_some(), cfg!(CONFIG_SCHED_CLASS_EXT));
        }
    }
}
