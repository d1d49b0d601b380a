// SPDX-License-Identifier: GPL-2.0

//! A callback with its arguments, which can be called once.
//!
//! The kernel has the state of the callback, because the map that owns it can cancel it at any time:
//! see `kernel/bpf/callback.c`, which the patches add. This module has the arguments. Whoever gets
//! the right to call or to cancel the callback from the kernel has the right to the arguments.

use super::{
    prototype::{
        returned,
        Prototype, //
    },
    Callback,
    Context,
    NonSleepable, //
};
use crate::{
    compat::ECANCELED,
    helpers::{
        rust_bpf_helper_callback_arm,
        rust_bpf_helper_callback_cancel,
        rust_bpf_helper_callback_free,
        rust_bpf_helper_callback_run,
        rust_bpf_helper_callback_take, //
    },
    value::Map,
    work::Running, //
};
use core::{
    cell::UnsafeCell,
    ffi::c_void,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A callback that is called once, with these arguments, unless it is cancelled before.
///
/// # Invariants
///
/// - `raw` is a callback of the kernel, which this value owns.
/// - `args` has the arguments until the kernel gives one thread the right to call or to cancel the
///   callback, and belongs to this thread from then on.
pub struct Scheduled<F: Prototype, C: Context = NonSleepable> {
    raw: NonNull<c_void>,
    args: UnsafeCell<Option<F::Args>>,
    _context: PhantomData<C>,
}

// SAFETY: The kernel's functions may be called on all CPUs, and the arguments are `Send`.
unsafe impl<F: Prototype, C: Context> Send for Scheduled<F, C> {}

// SAFETY: The kernel gives the right to the arguments to one thread.
unsafe impl<F: Prototype, C: Context> Sync for Scheduled<F, C> {}

impl<F: Prototype, C: Context> Callback<'_, F, C> {
    /// Keeps the callback, to be called with `args`. `owner` is a map that user space holds.
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
        let mut raw = core::ptr::null_mut();
        let owner = core::ptr::from_ref(owner).cast_mut().cast();
        // SAFETY: The program that passed the map and the function runs.
        to_result(unsafe {
            rust_bpf_helper_callback_arm(owner, self.function.as_ptr(), &mut raw)
        })?;
        // INVARIANT: The helper has allocated a callback, and no thread has a right to it.
        Ok(Scheduled {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
            args: UnsafeCell::new(Some(args)),
            _context: PhantomData,
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
    /// The thread of a work. Sleeps if the callback does.
    pub fn call(&self, _running: &Running) -> Result<F::Ret> {
        // SAFETY: By the type invariants, `raw` is a callback.
        to_result(unsafe { rust_bpf_helper_callback_take(self.raw.as_ptr(), C::SLEEPABLE) })?;
        // SAFETY: This thread has the right to the arguments.
        let args = unsafe { (*self.args.get()).take() }.ok_or(ECANCELED)?;
        let (registers, held) = F::pass(args);
        // SAFETY: This thread has the right to call the callback. The verifier has checked the
        // function for these arguments. The helper before has checked that the thread
        // may sleep if the callback does, and the work keeps its module loaded.
        let result = unsafe {
            rust_bpf_helper_callback_run(self.raw.as_ptr(), C::SLEEPABLE, registers.as_ptr())
        };
        drop(held);
        // SAFETY: The verifier has checked the result for this prototype.
        Ok(unsafe { returned(result) })
    }

    /// Makes sure that the callback is not called, and releases the arguments. Returns whether that
    /// was in time: a call that has begun goes on.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn cancel(&self) -> bool {
        // SAFETY: By the type invariants, `raw` is a callback.
        let cancelled = unsafe { rust_bpf_helper_callback_cancel(self.raw.as_ptr()) };
        if cancelled {
            // SAFETY: This thread has the right to the arguments.
            drop(unsafe { (*self.args.get()).take() });
        }
        cancelled
    }
}

impl<F: Prototype, C: Context> Drop for Scheduled<F, C> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, this value owns the callback. No call of it is running,
        // because `call()` borrows the value.
        unsafe { rust_bpf_helper_callback_free(self.raw.as_ptr()) };
    }
}
