// SPDX-License-Identifier: GPL-2.0

//! Whether a module is being initialized.
//!
//! Kfuncs and tables are registered then: `register_btf_kfunc_id_set()` and
//! `__register_bpf_struct_ops()` change lists of the module without a lock, at which programs can
//! look as soon as it is live.
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

/// Checks that a static is one of `module`.
///
/// # Errors
///
/// `EINVAL` if it is not: another module's `init` passed its own.
pub(crate) fn check_owner<T>(what: &'static T, module: &ThisModule) -> Result {
    let what = core::ptr::from_ref(what).cast();
    // SAFETY: If the code is in a module, this is a valid one.
    if unsafe { rust_bpf_helper_is_of(what, module.as_ptr().cast()) } {
        return Ok(());
    }
    pr_err!(
        "a module registers, or makes the state of, what is another module's; pass the own one\n"
    );
    Err(EINVAL)
}

/// While there is one, no module becomes live, as far as programs can see, and no two threads
/// register. Not to be held while code of an author runs. May sleep.
///
/// # Invariants
///
/// The mutex in `rust/helpers/init.c` is held.
pub(crate) struct Lock(NotThreadSafe);

impl Lock {
    pub(crate) fn new() -> Self {
        // SAFETY: The function may be called where it is allowed to sleep.
        unsafe { rust_bpf_helper_init_lock() };
        // INVARIANT: It was just taken.
        Self(NotThreadSafe)
    }

    /// The same, if `module` is being initialized; for code that is built in, the kernel, by this
    /// thread.
    ///
    /// # Errors
    ///
    /// `EBUSY` if it is not.
    pub(crate) fn in_init(module: &ThisModule) -> Result<Self> {
        let lock = Self::new();
        // SAFETY: If the code is in a module, this is a valid one.
        if unsafe { rust_bpf_helper_in_init(module.as_ptr().cast()) } {
            Ok(lock)
        } else {
            Err(EBUSY)
        }
    }

    /// Whether programs can call `module`. What is built in is always taken for live.
    pub(crate) fn is_live(&self, module: &ThisModule) -> bool {
        // SAFETY: If the code is in a module, this is a valid one.
        let state = unsafe { module.as_ptr().as_ref() }.map(|module| module.state);
        state.is_none_or(|state| state == bindings::module_state_MODULE_STATE_LIVE)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { rust_bpf_helper_init_unlock() };
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_init)]
mod tests {
    use super::*;
    use crate::kunit;

    #[test]
    fn a_module_is_initialized_while_it_comes() {
        assert!(Lock::in_init(&kunit::COMING).is_ok());
        assert_eq!(Lock::in_init(&kunit::LIVE).err(), Some(EBUSY));
        assert_eq!(Lock::in_init(&kunit::GOING).err(), Some(EBUSY));
        // Tests have threads of their own, also while the kernel boots.
        assert_eq!(Lock::in_init(&kunit::BUILT_IN).err(), Some(EBUSY));
    }

    #[test]
    fn a_module_registers_its_own() {
        static WHAT: u32 = 0;

        assert!(check_owner(&WHAT, &kunit::COMING).is_ok());
        assert!(check_owner(&WHAT, &kunit::BUILT_IN).is_ok());
        assert_eq!(check_owner(&WHAT, &kunit::OTHER).err(), Some(EINVAL));
    }

    #[test]
    fn programs_call_what_is_live() {
        let live = |module| Lock::new().is_live(module);
        assert!(!live(&kunit::COMING));
        assert!(!live(&kunit::GOING));
        assert!(live(&kunit::LIVE));
        assert!(live(&kunit::BUILT_IN));
    }
}
