// SPDX-License-Identifier: GPL-2.0

//! A lock for kfuncs that returns an error instead of a deadlock.
//!
//! A program can call a kfunc in any context: in the middle of another kfunc, of the memory
//! allocator, of an interrupt or of an NMI. If the program interrupts the holder of a spinlock and
//! the kfunc takes that spinlock, the CPU waits for itself for ever. [`ResSpinLock`] is the
//! kernel's resilient spin lock, which BPF's own maps use. It returns an error if this CPU holds
//! the lock already (`AA`), if two CPUs wait for each other (`ABBA`), or after a wait of a quarter
//! of a second.
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::prelude::*;
//! # struct Table(u32);
//! # impl Table { fn len(&self) -> u32 { self.0 } }
//! static TABLE: ModuleState<ResSpinLock<Table>> = ModuleState::new();
//!
//! #[kfunc]
//! fn bpf_table_len(module: &ModuleRef) -> Result<u32> {
//!     TABLE.get(module).ok_or(ENODEV)?.with(|table| table.len())
//! }
//! ```
//!
//! A program can hold the lock from one kfunc to another: see [`locked`](crate::locked). Preemption
//! is off then, and interrupts are on: an interrupt that wants the lock gets an error.
//!
//! Rust code has no guard of the lock. The kernel keeps a list of the locks that each CPU holds, and a CPU must
//! release the last lock of its list first. A guard could be dropped in another order, and a
//! forgotten guard would leave interrupts off for ever. A closure excludes both.
//!
//! # What this module does not do
//!
//! - The lock does not sleep. The closure must not sleep either: interrupts are off while it runs.
//! - The lock does not retry. After an error, the closure has not run; the kfunc returns the error
//!   to the program.
//! - The lock does not make other locks safe: `SpinLock` and `Mutex` of the kernel crate wait for
//!   ever.
//!
//! C header: [`include/asm-generic/rqspinlock.h`](srctree/include/asm-generic/rqspinlock.h)

use crate::{
    compat,
    helpers::{
        rust_bpf_helper_res_spin_enter,
        rust_bpf_helper_res_spin_leave,
        rust_bpf_helper_res_spin_lock,
        rust_bpf_helper_res_spin_unlock, //
    },
    locked::ProgramLock, //
};
use core::cell::UnsafeCell;
use kernel::{
    bindings,
    error::to_result,
    prelude::*, //
};

/// A value behind a resilient spin lock. One CPU at a time has access to the value, in a closure.
///
/// C: `rqspinlock_t` in
/// [`include/asm-generic/rqspinlock.h`](srctree/include/asm-generic/rqspinlock.h). The lock that
/// programs declare is `struct bpf_res_spin_lock`.
pub struct ResSpinLock<T> {
    lock: UnsafeCell<bindings::rqspinlock_t>,
    value: UnsafeCell<T>,
}

// SAFETY: The lock and the value, which is `Send`, can be used on any CPU.
unsafe impl<T: Send> Send for ResSpinLock<T> {}

// SAFETY: Only the CPU that holds the lock uses the value, which is `Send`.
unsafe impl<T: Send> Sync for ResSpinLock<T> {}

impl<T> ResSpinLock<T> {
    /// Creates an unlocked lock around `value`.
    pub const fn new(value: T) -> Self {
        Self {
            // `raw_res_spin_lock_init()` writes zeroes.
            lock: UnsafeCell::new(pin_init::zeroed()),
            value: UnsafeCell::new(value),
        }
    }

    /// Takes the lock, calls `f` with the value, and releases the lock. Returns the result of `f`.
    ///
    /// # Errors
    ///
    /// - [`EDEADLK`]: this CPU holds the lock already, or waits for a CPU that waits for this one.
    /// - [`ETIMEDOUT`]: the lock was not free for a quarter of a second.
    ///
    /// # Context
    ///
    /// Any, NMI included. Does not sleep. `f` runs with interrupts off and must not sleep.
    ///
    /// C: `raw_res_spin_lock_irqsave()`.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> Result<R> {
        let mut flags = 0;
        // SAFETY: `self` is borrowed, so the lock is valid and does not move while it is held.
        to_result(unsafe { rust_bpf_helper_res_spin_lock(self.lock.get(), &mut flags) })?;
        // SAFETY: This CPU holds the lock until `f` has returned. Until then, every other call of
        // `with` for this lock fails or waits, also on this CPU.
        let result = f(unsafe { &mut *self.value.get() });
        // SAFETY: This CPU holds the lock. `f` has released every lock that it took, because it can
        // take such a lock only for the duration of a closure.
        unsafe { rust_bpf_helper_res_spin_unlock(self.lock.get(), flags) };
        Ok(result)
    }
}

// SAFETY: Between `enter` and `leave`, `with` and `enter` fail or wait on each CPU. Preemption is
// off, which `KF_REGION_PREEMPT` says; the verifier makes programs leave in the reverse order.
unsafe impl<T: Send> ProgramLock for ResSpinLock<T> {
    const FLAGS: u32 = compat::KF_REGION_PREEMPT;
    const SLEEPS: bool = false;
    type Value = T;

    #[inline]
    unsafe fn enter(&self) -> Result {
        // SAFETY: The caller keeps the lock allocated until `leave`.
        to_result(unsafe { rust_bpf_helper_res_spin_enter(self.lock.get()) })
    }

    #[inline]
    unsafe fn leave(&self) {
        // SAFETY: The caller holds the lock, and no lock that it took later.
        unsafe { rust_bpf_helper_res_spin_leave(self.lock.get()) };
    }

    fn value(&self) -> *mut T {
        self.value.get()
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_lock)]
mod tests {
    use super::*;

    #[test]
    fn a_closure_reads_and_changes_the_value() {
        static LOCK: ResSpinLock<u32> = ResSpinLock::new(1);

        assert_eq!(LOCK.with(|value| core::mem::replace(value, 2)), Ok(1));
        assert_eq!(LOCK.with(|value| *value), Ok(2));
    }

    #[test]
    fn a_cpu_that_holds_the_lock_gets_edeadlk() {
        static LOCK: ResSpinLock<u32> = ResSpinLock::new(0);
        static OTHER: ResSpinLock<u32> = ResSpinLock::new(0);

        let results = LOCK.with(|value| {
            *value += 1;
            let again = LOCK.with(|value| *value);
            let other = OTHER.with(|_| LOCK.with(|value| *value));
            (again, other)
        });
        assert_eq!(results, Ok((Err(EDEADLK), Ok(Err(EDEADLK)))));
        // Both locks are free again.
        assert_eq!(LOCK.with(|value| *value), Ok(1));
        assert_eq!(OTHER.with(|value| *value), Ok(0));
    }

    #[test]
    fn a_program_holds_the_lock_with_interrupts_on() {
        static LOCK: ResSpinLock<u32> = ResSpinLock::new(1);

        // SAFETY: The test leaves the lock, and does not sleep meanwhile.
        let entered = unsafe { LOCK.enter() };
        // SAFETY: This fails.
        let again = unsafe { LOCK.enter() };
        let with = LOCK.with(|value| *value);
        // SAFETY: The lock is held.
        unsafe { LOCK.leave() };
        assert_eq!((entered, again, with), (Ok(()), Err(EDEADLK), Err(EDEADLK)));
        assert_eq!(LOCK.with(|value| *value), Ok(1));
    }
}
