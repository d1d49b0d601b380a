// SPDX-License-Identifier: GPL-2.0

//! Whether code is in the `init` of its module, where alone the kernel can be told of kfuncs and
//! tables: it changes what a module's BTF offers without a lock, because no program looks at it and
//! nobody else changes it.
//!
//! It does not see whose `init` it is: whoever can name another module's `ThisModule` in a thread
//! that loads that module is in it.
//!
//! C: `register_btf_kfunc_id_set()` and `__register_bpf_struct_ops()` ask nothing.

use kernel::prelude::*;

extern "C" {
    // In `rust/helpers/init.c`.
    fn rust_bpf_helper_in_init(module: *const core::ffi::c_void) -> bool;
}

/// Whether this thread initializes `module`; for code that is built in, the kernel. May not be
/// called in an interrupt.
///
/// # Errors
///
/// `EBUSY` if it does not.
pub(crate) fn check(module: &ThisModule) -> Result {
    // SAFETY: The function only compares the pointer.
    if unsafe { rust_bpf_helper_in_init(module.as_ptr().cast()) } {
        Ok(())
    } else {
        Err(EBUSY)
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_init)]
mod tests {
    use super::*;
    use crate::kunit;

    #[test]
    fn it_is_of_one_module() -> Result {
        assert_eq!(check(&kunit::COMING), Err(EBUSY));
        kunit::in_init(&kunit::COMING, || {
            assert_eq!(check(&kunit::COMING), Ok(()));
            assert_eq!(check(&kunit::GOING), Err(EBUSY));
            kunit::in_init(&kunit::GOING, || {
                assert_eq!(check(&kunit::COMING), Ok(()));
                assert_eq!(check(&kunit::GOING), Ok(()));
            })
        })??;
        assert_eq!(check(&kunit::COMING), Err(EBUSY));
        assert_eq!(check(&kunit::GOING), Err(EBUSY));
        Ok(())
    }

    #[test]
    fn it_is_of_one_thread() {
        // Tests have threads of their own, also while the kernel boots.
        assert_eq!(check(&kunit::BUILT_IN), Err(EBUSY));
    }
}
