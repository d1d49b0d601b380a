// SPDX-License-Identifier: GPL-2.0

//! A lock for which a program waits asleep.
//!
//! A program holds the lock from one kfunc to another: see [`locked`](crate::locked). While it does,
//! it may not call what may sleep, because that may fault, and the task that handles the fault may
//! need the lock.
//!
//! A `Mutex` of the kernel crate would not do: a program that is attached to what the holder calls
//! runs in the same task, and would wait for itself. [`SleepLock`] returns an error instead, if the
//! task has the lock already, or if the lock is not free for a second.
//!
//! # What this module does not do
//!
//! - Rust code does not take the lock by itself: only a program that holds it reaches the value.
//! - The lock does not lend the priority of the task that waits to the task that holds it.
//!
//! C header: [`include/linux/semaphore.h`](srctree/include/linux/semaphore.h)

use crate::{
    compat,
    helpers::{
        rust_bpf_helper_sleep_lock,
        rust_bpf_helper_sleep_lock_init,
        rust_bpf_helper_sleep_unlock, //
    },
    locked::ProgramLock, //
};
use core::cell::UnsafeCell;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// A value behind a lock that sleeps. One task at a time has access to the value.
///
/// C: `struct semaphore` in [`include/linux/semaphore.h`](srctree/include/linux/semaphore.h).
#[pin_data]
pub struct SleepLock<T> {
    #[pin]
    lock: Opaque<bindings::semaphore>,
    /// The address of the task that holds the lock, or 0.
    owner: Atomic<usize>,
    value: UnsafeCell<T>,
}

// SAFETY: The lock and the value, which is `Send`, can be used by any task.
unsafe impl<T: Send> Send for SleepLock<T> {}

// SAFETY: Only the task that holds the lock uses the value, which is `Send`.
unsafe impl<T: Send> Sync for SleepLock<T> {}

impl<T> SleepLock<T> {
    /// Creates an unlocked lock around `value`.
    pub fn new(value: T) -> impl PinInit<Self> {
        pin_init!(Self {
            // SAFETY: The semaphore is new memory, which does not move.
            lock <- Opaque::ffi_init(|lock| unsafe { rust_bpf_helper_sleep_lock_init(lock) }),
            owner: Atomic::new(0),
            value: UnsafeCell::new(value),
        })
    }
}

/// Returns the address of the task that runs.
fn current() -> usize {
    // SAFETY: The function has no requirements.
    unsafe { bindings::get_current() }.addr()
}

// SAFETY: The semaphore has a count of 1, so one task at a time is between `enter` and `leave`. In
// that time the task must not fault, which `KF_REGION_NOFAULT` says.
unsafe impl<T: Send> ProgramLock for SleepLock<T> {
    const FLAGS: u32 = compat::KF_REGION_NOFAULT;
    const SLEEPS: bool = true;
    type Value = T;

    unsafe fn enter(&self) -> Result {
        // Only this task writes its address, so no other order is needed.
        if self.owner.load(Relaxed) == current() {
            return Err(EDEADLK);
        }
        // SAFETY: The semaphore is initialized. The caller may sleep (`SLEEPS`).
        to_result(unsafe { rust_bpf_helper_sleep_lock(self.lock.get()) })?;
        self.owner.store(current(), Relaxed);
        Ok(())
    }

    unsafe fn leave(&self) {
        self.owner.store(0, Relaxed);
        // SAFETY: The caller holds the lock.
        unsafe { rust_bpf_helper_sleep_unlock(self.lock.get()) };
    }

    fn value(&self) -> *mut T {
        self.value.get()
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_sleep_lock)]
mod tests {
    use super::*;

    #[test]
    fn a_task_that_holds_the_lock_gets_edeadlk() -> Result {
        let lock = KBox::pin_init(SleepLock::new(1), GFP_KERNEL)?;
        // SAFETY: The test leaves the lock, and may sleep.
        assert_eq!(unsafe { lock.enter() }, Ok(()));
        // SAFETY: This fails.
        let again = unsafe { lock.enter() };
        // SAFETY: The lock is held, so nobody else uses the value.
        let value = unsafe { *lock.value() };
        // SAFETY: The lock is held.
        unsafe { lock.leave() };
        assert_eq!((again, value), (Err(EDEADLK), 1));
        // SAFETY: The test leaves the lock, and may sleep.
        assert_eq!(unsafe { lock.enter() }, Ok(()));
        // SAFETY: The lock is held.
        unsafe { lock.leave() };
        Ok(())
    }

    #[test]
    fn a_task_does_not_wait_for_ever() -> Result {
        let lock = KBox::pin_init(SleepLock::new(1), GFP_KERNEL)?;
        // SAFETY: The test leaves the lock, and may sleep.
        assert_eq!(unsafe { lock.enter() }, Ok(()));
        // As if another task held the lock.
        lock.owner.store(1, Relaxed);
        // SAFETY: This fails, and the test may sleep.
        let other = unsafe { lock.enter() };
        // SAFETY: The lock is held.
        unsafe { lock.leave() };
        assert_eq!(
            other.map_err(|err| err.to_errno()),
            Err(-(bindings::ETIME as i32))
        );
        Ok(())
    }
}
