// SPDX-License-Identifier: GPL-2.0

//! Checks that a module registers only its own kfuncs and tables, and only in its `init`.
//!
//! `register_btf_kfunc_id_set()` and `__register_bpf_struct_ops()` change lists of the module
//! without a lock. The verifier reads these lists as soon as the module is live.
//!
//! This module does not register kfuncs or tables: see [`kfunc_set`](mod@crate::kfunc_set) and
//! [`struct_ops`](mod@crate::struct_ops).
//!
//! C: `enum module_state` in [`include/linux/module.h`](srctree/include/linux/module.h)

use crate::helpers::{
    rust_bpf_helper_in_init,
    rust_bpf_helper_init_lock,
    rust_bpf_helper_init_unlock,
    rust_bpf_helper_is_of, //
};
use kernel::{
    bindings,
    prelude::*,
    types::NotThreadSafe, //
};

/// Checks that the static `what` is in the memory of `module`.
///
/// # Errors
///
/// [`EINVAL`]: the static is in another module. The function prints an error.
#[inline(always)]
pub(crate) fn check_owner<T>(what: &'static T, module: &ThisModule) -> Result {
    check_owner_of(core::ptr::from_ref(what).cast(), module)
}

/// [`check_owner`] without the type of the static, so that a module has no copy for each type.
fn check_owner_of(what: *const core::ffi::c_void, module: &ThisModule) -> Result {
    // SAFETY: A `ThisModule` is null for built-in code, and otherwise points to a valid module.
    if unsafe { rust_bpf_helper_is_of(what, module.as_ptr().cast()) } {
        return Ok(());
    }
    pr_err!("a module must register and initialize only its own kfunc sets, tables, states and watchers\n");
    Err(EINVAL)
}

/// Calls `f` while `module` is being initialized, and stays so until `f` returns. For crates of this
/// tree that register code of modules. `f` must not call code of a module. `code` is a function
/// of the module that `f` registers.
///
/// # Errors
///
/// - [`EINVAL`]: `code` is in another module.
/// - [`EBUSY`]: the module is not being initialized.
///
/// # Context
///
/// May sleep.
pub fn during_init<R>(
    module: &'static ThisModule,
    code: *const core::ffi::c_void,
    f: impl FnOnce() -> R,
) -> Result<R> {
    check_owner_of(code, module)?;
    let _lock = Lock::in_init(module)?;
    Ok(f())
}

/// The lock for registrations. While a thread holds it, programs do not see a module become live,
/// and no other thread registers kfuncs or tables. The holder must not call code of a module.
///
/// # Invariants
///
/// The current thread holds the mutex in `rust/helpers/init.c`.
pub(crate) struct Lock(NotThreadSafe);

impl Lock {
    /// Takes the lock. May sleep.
    pub(crate) fn new() -> Self {
        // SAFETY: The helper may be called where the code is allowed to sleep.
        unsafe { rust_bpf_helper_init_lock() };
        // INVARIANT: The helper has locked the mutex.
        Self(NotThreadSafe)
    }

    /// Takes the lock if `module` is being initialized. For built-in code, takes the lock if the
    /// current thread initializes the kernel. May sleep.
    ///
    /// # Errors
    ///
    /// [`EBUSY`]: the module, or the kernel, is not being initialized.
    pub(crate) fn in_init(module: &ThisModule) -> Result<Self> {
        let lock = Self::new();
        // SAFETY: A `ThisModule` is null for built-in code, and otherwise points to a valid module.
        if unsafe { rust_bpf_helper_in_init(module.as_ptr().cast()) } {
            Ok(lock)
        } else {
            Err(EBUSY)
        }
    }

    /// Returns whether programs can call `module`. Returns true for built-in code.
    pub(crate) fn is_live(&self, module: &ThisModule) -> bool {
        // SAFETY: A `ThisModule` is null for built-in code, and otherwise points to a valid module.
        let state = unsafe { module.as_ptr().as_ref() }.map(|module| module.state);
        state.is_none_or(|state| state == bindings::module_state_MODULE_STATE_LIVE)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, this thread holds the mutex.
        unsafe { rust_bpf_helper_init_unlock() };
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_init)]
mod tests {
    use super::*;
    use crate::kunit;

    #[test]
    fn in_init_succeeds_only_for_a_coming_module() {
        assert!(Lock::in_init(&kunit::COMING).is_ok());
        assert_eq!(Lock::in_init(&kunit::LIVE).err(), Some(EBUSY));
        assert_eq!(Lock::in_init(&kunit::GOING).err(), Some(EBUSY));
        // A test runs in its own thread, which does not initialize the kernel, also at boot.
        assert_eq!(Lock::in_init(&kunit::BUILT_IN).err(), Some(EBUSY));
    }

    #[test]
    fn check_owner_rejects_a_static_of_another_module() {
        static WHAT: u32 = 0;

        assert!(check_owner(&WHAT, &kunit::COMING).is_ok());
        assert!(check_owner(&WHAT, &kunit::BUILT_IN).is_ok());
        assert_eq!(check_owner(&WHAT, &kunit::OTHER).err(), Some(EINVAL));
    }

    #[test]
    fn a_coming_or_going_module_is_not_live() {
        let live = |module| Lock::new().is_live(module);
        assert!(!live(&kunit::COMING));
        assert!(!live(&kunit::GOING));
        assert!(live(&kunit::LIVE));
        assert!(live(&kunit::BUILT_IN));
    }
}
