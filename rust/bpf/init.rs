// SPDX-License-Identifier: GPL-2.0

//! Whether code is in the `init` of its module, where alone the kernel can be told of kfuncs and
//! tables: it changes what a module's BTF offers without a lock, because no program looks at it.
//!
//! It does not see whether the caller is the thread that runs `init`. `THIS_MODULE` of another
//! module would pass while that is being loaded; a module cannot get at it.
//!
//! C: `register_btf_kfunc_id_set()` and `__register_bpf_struct_ops()` ask nothing.

use kernel::{
    bindings,
    prelude::*, //
};

/// Whether `module` is being initialized; for code that is built in, whether the kernel is.
pub(crate) fn check(module: &ThisModule) -> Result {
    // SAFETY: The pointer is null if the code is built in, else it is the module that the caller
    // has a reference to. The state of a module in its `init` changes only after that.
    let in_init = match unsafe { module.as_ptr().as_ref() } {
        Some(module) => module.state == bindings::module_state_MODULE_STATE_COMING,
        // SAFETY: The variable is the kernel's, and the states go up. It changes while others run,
        // but not between an initcall and its end.
        None => unsafe {
            core::ptr::addr_of!(bindings::system_state).read_volatile()
                < bindings::system_states_SYSTEM_FREEING_INITMEM
        },
    };
    if in_init {
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
    fn it_ends_when_the_module_is_live() {
        assert_eq!(check(&kunit::COMING), Ok(()));
        assert_eq!(check(&kunit::UNFORMED), Err(EBUSY));
        assert_eq!(check(&kunit::LIVE), Err(EBUSY));
        assert_eq!(check(&kunit::GOING), Err(EBUSY));
    }

    #[test]
    fn of_the_kernel_it_ends_with_the_boot() {
        assert_eq!(check(&kunit::BUILT_IN), kunit::if_built_in(Ok(())));
    }
}
