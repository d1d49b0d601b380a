// SPDX-License-Identifier: GPL-2.0

//! A callback with its arguments, which can be called once.
//!
//! The kernel has the state of the callback, because the map that owns it can cancel it at any time:
//! see `kernel/bpf/callback.c`, which the patches add. This module has the arguments. Whoever gets
//! the right to call or to cancel the callback from the kernel has the right to the arguments.

use super::{
    armed::Armed,
    Callback,
    Context,
    NonSleepable,
    Place,
    Prototype, //
};
use crate::{
    compat::ECANCELED,
    value::Map, //
};
use core::cell::UnsafeCell;
use kernel::prelude::*;

/// A callback that is called once, with these arguments, unless it is cancelled before.
///
/// # Invariants
///
/// `args` has the arguments until the kernel gives one thread the right to call or to cancel the
/// callback, and belongs to this thread from then on.
pub struct Scheduled<F: Prototype, C: Context = NonSleepable> {
    armed: Armed<F, C>,
    args: UnsafeCell<Option<F::Args>>,
}

// SAFETY: The kernel gives the right to the arguments to one thread, and they are `Send`.
unsafe impl<F: Prototype, C: Context> Sync for Scheduled<F, C> {}

impl<F: Prototype, C: Context> Callback<'_, F, C> {
    /// Keeps the callback, to be called once, with `args`. `owner` is a map that user space holds.
    ///
    /// # Errors
    ///
    /// - [`EPERM`]: user space holds no reference to `owner`, or `owner` is an inner map.
    /// - [`ENOENT`]: the last reference to the program was released.
    /// - [`ENOMEM`]: there is no memory.
    /// - `EDEADLK`, `ETIMEDOUT`: the program has interrupted code of the kernel that changes the
    ///   callbacks of maps.
    /// - `EOPNOTSUPP`: the kernel does not have the patches.
    ///
    /// # Context
    ///
    /// Any, NMI included. Takes a lock, which is resilient.
    pub fn schedule(self, owner: &Map, args: F::Args) -> Result<Scheduled<F, C>> {
        // INVARIANT: No thread has a right to the callback.
        Ok(Scheduled {
            armed: Armed::new(self, owner)?,
            args: UnsafeCell::new(Some(args)),
        })
    }
}

impl<F: Prototype, C: Context> Scheduled<F, C> {
    /// Calls the callback, and returns its result.
    ///
    /// The reference to the program and the arguments that the callback does not own are released
    /// when it has returned.
    ///
    /// # Errors
    ///
    /// - `ECANCELED`: the callback has been called, or was cancelled.
    /// - [`EAGAIN`]: the callback may sleep, and the thread must not: it holds a spinlock, or is in an
    ///   RCU read-side critical section. A later call is possible.
    ///
    /// # Context
    ///
    /// The thread of a work, where the call sleeps if the callback does; or the softirq of a timer.
    pub fn call(&self, _place: &impl Place<C>) -> Result<F::Ret> {
        self.armed.take()?;
        // SAFETY: `take` gave this thread the right to the arguments.
        let args = unsafe { (*self.args.get()).take() }.ok_or(ECANCELED)?;
        // SAFETY: `take` gave the right to the call, and the work or the timer keeps its module loaded.
        Ok(unsafe { self.armed.run(args) })
    }

    /// Makes sure that the callback is not called, and releases the arguments. Returns whether that
    /// was in time: a call that has begun goes on.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn cancel(&self) -> bool {
        let cancelled = self.armed.cancel();
        if cancelled {
            // SAFETY: `cancel` gave this thread the right to the arguments.
            drop(unsafe { (*self.args.get()).take() });
        }
        cancelled
    }
}
