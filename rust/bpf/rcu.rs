// SPDX-License-Identifier: GPL-2.0

//! RCU read-side critical sections without a guard.
//!
//! `kernel::sync::rcu::read_lock()` returns a guard that safe code can forget. The kernel would then
//! wait for the end of the critical section for ever, so the build refuses it in functions that BPF
//! calls.
//!
//! This module does not wait for readers, and it does not check that the code in a critical section
//! does not sleep.
//!
//! C: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h).

use crate::{
    helpers,
    object::rcu_guard,
    register::Call, //
};
use kernel::sync::rcu;

/// Calls `section` in an RCU read-side critical section, and returns its result.
///
/// # Context
///
/// Any, NMI included. `section` must not sleep.
///
/// # Examples
///
/// ```ignore
/// with_rcu(|rcu| Object::find(key, rcu)?.try_get())
/// ```
#[inline(always)]
pub fn with_rcu<R>(section: impl FnOnce(&rcu::Guard) -> R) -> R {
    let call = Call;
    // SAFETY: `rcu_read_lock()` can be called in any context, and nests.
    unsafe { helpers::rust_bpf_helper_rcu_read_lock() };
    // SAFETY: The code is in an RCU read-side critical section until `section` has returned, and the
    // result does not borrow from the guard.
    let result = section(unsafe { rcu_guard(&call) });
    // SAFETY: This function called the one that begins the critical section.
    unsafe { helpers::rust_bpf_helper_rcu_read_unlock() };
    result
}
