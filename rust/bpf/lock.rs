// SPDX-License-Identifier: GPL-2.0

//! A lock that cannot hang, for kfuncs.
//!
//! A kfunc runs wherever a program does: in the middle of another kfunc, of the memory allocator, of
//! an interrupt or NMI. A spinlock that a kfunc takes may be held by the code that the program
//! interrupted, on this CPU, and then the CPU waits for itself for ever. [`ResSpinLock`] is the
//! kernel's answer, the lock behind BPF's own maps: it finds out that this CPU holds the lock
//! already (`AA`), or that two CPUs wait for each other (`ABBA`), gives up after a quarter of a
//! second in any case, and returns an error.
//!
//! ```ignore
//! static TABLE: ModuleState<ResSpinLock<Table>> = ModuleState::new();
//!
//! #[kfunc]
//! fn bpf_table_len(module: &ModuleRef) -> Result<u32> {
//!     TABLE.get(module).ok_or(ENODEV)?.with(|table| table.len())
//! }
//! ```
//!
//! There is no guard. The kernel's lock keeps a list of the locks that a CPU holds, of which the last
//! must be released first, and a guard that is forgotten would leave interrupts off for ever. A
//! closure can do neither.
//!
//! # What it does not do
//!
//! - It does not sleep, and neither must the closure. Interrupts are off while it runs.
//! - It does not say who wins: whoever gets an error has done nothing, and returns it to the program.
//! - It does not make other locks safe: `SpinLock` and `Mutex` of the kernel crate wait for ever.
//!
//! C header: [`include/asm-generic/rqspinlock.h`](srctree/include/asm-generic/rqspinlock.h)

use crate::helpers::{
    rust_bpf_helper_res_spin_lock,
    rust_bpf_helper_res_spin_unlock, //
};
use core::cell::UnsafeCell;
use kernel::{
    bindings,
    error::to_result,
    prelude::*, //
};

/// A value that one CPU at a time has access to, for the time of a closure.
///
/// C: `rqspinlock_t`, and `struct bpf_res_spin_lock` of programs.
pub struct ResSpinLock<T> {
    lock: UnsafeCell<bindings::rqspinlock_t>,
    value: UnsafeCell<T>,
}

// SAFETY: The value is used by one CPU at a time, whichever has the lock.
unsafe impl<T: Send> Send for ResSpinLock<T> {}

// SAFETY: As above.
unsafe impl<T: Send> Sync for ResSpinLock<T> {}

impl<T> ResSpinLock<T> {
    /// A lock that nobody holds.
    pub const fn new(value: T) -> Self {
        Self {
            // `raw_res_spin_lock_init()` writes zeroes.
            lock: UnsafeCell::new(pin_init::zeroed()),
            value: UnsafeCell::new(value),
        }
    }

    /// Runs `f` with the value, interrupts off. May be called in any context, NMIs included.
    ///
    /// # Errors
    ///
    /// - [`EDEADLK`]: this CPU holds the lock already, or waits for a CPU that waits for this one.
    /// - [`ETIMEDOUT`]: it could not be had for a quarter of a second.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Result<R> {
        let mut flags = 0;
        // SAFETY: The lock is valid and does not move while it is held: `self` is borrowed.
        to_result(unsafe { rust_bpf_helper_res_spin_lock(self.lock.get(), &mut flags) })?;
        // SAFETY: The lock is held until `f` has returned, and nobody else has the value meanwhile,
        // not even this CPU.
        let result = f(unsafe { &mut *self.value.get() });
        // SAFETY: The lock was taken above, and all that were taken after it are released: they are
        // closures in this one.
        unsafe { rust_bpf_helper_res_spin_unlock(self.lock.get(), flags) };
        Ok(result)
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_lock)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_changed_under_the_lock() {
        static LOCK: ResSpinLock<u32> = ResSpinLock::new(1);

        assert_eq!(LOCK.with(|value| core::mem::replace(value, 2)), Ok(1));
        assert_eq!(LOCK.with(|value| *value), Ok(2));
    }

    #[test]
    fn who_holds_it_does_not_wait_for_itself() {
        static LOCK: ResSpinLock<u32> = ResSpinLock::new(0);
        static OTHER: ResSpinLock<u32> = ResSpinLock::new(0);

        let results = LOCK.with(|value| {
            *value += 1;
            let again = LOCK.with(|value| *value);
            let other = OTHER.with(|_| LOCK.with(|value| *value));
            (again, other)
        });
        assert_eq!(results, Ok((Err(EDEADLK), Ok(Err(EDEADLK)))));
        // It is free again, and so is the other one.
        assert_eq!(LOCK.with(|value| *value), Ok(1));
        assert_eq!(OTHER.with(|value| *value), Ok(0));
    }
}
