// SPDX-License-Identifier: GPL-2.0

//! Kfuncs of the kernel that prologues and epilogues call.
//!
//! The verifier does not check a call in a prologue or an epilogue: neither the arguments nor flags
//! such as `KF_SLEEPABLE`. So a [`KernelKfunc`] is an `unsafe` declaration that the kfunc accepts
//! any numbers in any context. Safe code can call a declared kfunc. This module declares
//! [`SCX_BPF_NOW`] and [`SCX_BPF_NR_CPU_IDS`].
//!
//! A kfunc costs as much as a [`Helper`](super::Helper). For work of the module itself, take a
//! helper, which can have objects as arguments.
//!
//! For kfuncs of the module, see [`ModuleKfunc`](super::ModuleKfunc).
//!
//! C: `BPF_CALL_KFUNC()` in `include/linux/filter.h`; `add_kfunc_in_insns()` in
//! `kernel/bpf/fixups.c`.

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

/// Returns the time of this CPU's scheduler clock, in nanoseconds. The time never decreases on one
/// CPU.
///
/// C: `scx_bpf_now()` in `kernel/sched/ext/ext.c`, with `CONFIG_SCHED_CLASS_EXT`.
// SAFETY: The kfunc takes no arguments, disables preemption, and reads a clock. Its documentation
// allows any context.
pub static SCX_BPF_NOW: KernelKfunc =
    unsafe { KernelKfunc::new(c"scx_bpf_now", 0, ResultSize::DW) };

/// Returns the number of possible CPU ids.
///
/// C: `scx_bpf_nr_cpu_ids()` in `kernel/sched/ext/ext.c`, with `CONFIG_SCHED_CLASS_EXT`.
// SAFETY: The kfunc takes no arguments and reads a number that does not change after boot.
pub static SCX_BPF_NR_CPU_IDS: KernelKfunc =
    unsafe { KernelKfunc::new(c"scx_bpf_nr_cpu_ids", 0, ResultSize::W) };

/// The id of a kfunc that the kernel does not have.
const MISSING: u32 = u32::MAX;

/// The size of the number that a kfunc returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResultSize {
    /// 32 bits, without a sign.
    W,
    /// 32 bits, with a sign.
    SignedW,
    /// 64 bits.
    DW,
}

impl ResultSize {
    fn bytes(self) -> u32 {
        match self {
            Self::W | Self::SignedW => 4,
            Self::DW => 8,
        }
    }
}

/// A kfunc of the kernel that takes and returns numbers.
///
/// # Invariants
///
/// - The kfunc accepts any numbers, in every context that programs run in.
/// - `id` is 0 before the first use. Then `id` is `MISSING`, or the id in the kernel's BTF of a
///   kfunc with this name that takes `params` numbers and returns a number of the size `result`.
pub struct KernelKfunc {
    name: &'static CStr,
    params: usize,
    result: ResultSize,
    id: Atomic<u32>,
}

impl KernelKfunc {
    /// Declares a kfunc with this name that takes `params` numbers and returns a number of the size
    /// `result`.
    ///
    /// The first use compares the declaration with the kernel's BTF. A prologue or an epilogue that
    /// calls a kfunc of another prototype, or one that the kernel does not have, is an error.
    ///
    /// # Safety
    ///
    /// The kfunc must accept any numbers in every context that programs run in. In particular, the
    /// kfunc must not
    ///
    /// - sleep;
    /// - keep a lock or a reference;
    /// - end the program, or invalidate another conclusion of the verifier about the program.
    #[inline]
    pub const unsafe fn new(name: &'static CStr, params: usize, result: ResultSize) -> Self {
        assert!(params <= 5, "a call has up to five arguments");
        // INVARIANT: The caller guarantees that the kfunc accepts any numbers in every context. The
        // id is 0.
        Self {
            name,
            params,
            result,
            id: Atomic::new(0),
        }
    }

    /// Returns the name.
    pub(super) fn name(&self) -> &'static CStr {
        self.name
    }

    /// Returns the number of parameters.
    pub(super) fn params(&self) -> usize {
        self.params
    }

    /// Returns the size of the result.
    pub(super) fn result(&self) -> ResultSize {
        self.result
    }

    /// Returns the id in the kernel's BTF, or [`None`] if the kernel has no kfunc with this name
    /// and prototype. May sleep.
    pub(super) fn id(&self) -> Option<u32> {
        let mut id = self.id.load(Relaxed);
        // The lookup takes a reference to BTF that a module cannot release, so the lookup happens
        // once.
        if id == 0 {
            let (params, size) = (self.params as u32, self.result.bytes());
            // SAFETY: The name ends with a null byte.
            id = unsafe { rust_bpf_helper_kfunc_id(self.name.as_char_ptr(), params, size) };
            if id == 0 {
                id = MISSING;
            }
            // INVARIANT: The C function compared the prototype, or found no kfunc.
            self.id.store(id, Relaxed);
        }
        (id != MISSING).then_some(id)
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_kernel_kfunc)]
mod tests {
    use super::*;

    /// Returns whether the kernel has a function with this name and prototype.
    fn exists(name: &'static CStr, params: usize, result: ResultSize) -> bool {
        // SAFETY: Nothing calls the function.
        let kfunc = unsafe { KernelKfunc::new(name, params, result) };
        let id = kfunc.id();
        assert_eq!(kfunc.id(), id);
        id.is_some()
    }

    #[test]
    fn a_kfunc_has_the_declared_prototype() {
        assert!(exists(c"bpf_fentry_test1", 1, ResultSize::W));
        assert!(!exists(c"bpf_fentry_test1", 0, ResultSize::W));
        assert!(!exists(c"bpf_fentry_test1", 2, ResultSize::W));
        assert!(!exists(c"bpf_fentry_test1", 1, ResultSize::DW));
    }

    #[test]
    fn a_kfunc_with_types_other_than_numbers_is_missing() {
        // The first kfunc takes a pointer, the second one returns a pointer, and the third one
        // returns nothing.
        assert!(!exists(c"bpf_task_release", 1, ResultSize::DW));
        assert!(!exists(c"bpf_task_from_pid", 1, ResultSize::DW));
        assert!(!exists(c"bpf_throw", 1, ResultSize::DW));
    }

    #[test]
    fn an_unknown_kfunc_is_missing() {
        assert!(!exists(c"bpf_kunit_nobody", 0, ResultSize::DW));
    }

    #[test]
    fn the_kernel_has_the_kfuncs_of_this_crate() {
        for kfunc in [&SCX_BPF_NOW, &SCX_BPF_NR_CPU_IDS] {
            assert_eq!(kfunc.id().is_some(), cfg!(CONFIG_SCHED_CLASS_EXT));
        }
    }
}
