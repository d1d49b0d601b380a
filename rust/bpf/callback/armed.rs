// SPDX-License-Identifier: GPL-2.0

//! The kernel's part of a callback: the reference to the program, and the right to call it.
//!
//! This module does not have the arguments, nor their types: see [`Scheduled`](super::Scheduled) and
//! [`Kept`](super::Kept).
//!
//! C: `kernel/bpf/callback.c`, which the patches add.

use super::{
    prototype::{
        returned,
        Prototype, //
    },
    Callback,
    Context, //
};
use crate::{
    helpers::{
        rust_bpf_helper_callback_arm,
        rust_bpf_helper_callback_cancel,
        rust_bpf_helper_callback_free,
        rust_bpf_helper_callback_get,
        rust_bpf_helper_callback_run,
        rust_bpf_helper_callback_take, //
    },
    value::Map, //
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A callback of the kernel, which was armed.
///
/// # Invariants
///
/// `raw` is a callback of the kernel, which this value owns. Its function is one that the verifier
/// has checked for the prototype `F` and the context `C`.
pub(super) struct Armed<F, C> {
    raw: NonNull<c_void>,
    _type: PhantomData<(F, C)>,
}

// SAFETY: The kernel's functions may be called on all CPUs. There is no value of the types `F` and
// `C`.
unsafe impl<F, C> Send for Armed<F, C> {}

// SAFETY: As for `Send`.
unsafe impl<F, C> Sync for Armed<F, C> {}

impl<F: Prototype, C: Context> Armed<F, C> {
    /// Arms a callback. `owner` is a map that user space holds. May be called in any context.
    pub(super) fn new(callback: Callback<'_, F, C>, owner: &Map) -> Result<Self> {
        let mut raw = core::ptr::null_mut();
        let owner = core::ptr::from_ref(owner).cast_mut().cast();
        // SAFETY: The program that passed the map and the function runs.
        to_result(unsafe {
            rust_bpf_helper_callback_arm(owner, callback.function.as_ptr(), &mut raw)
        })?;
        // INVARIANT: The helper has allocated a callback, and armed it with the function.
        Ok(Self {
            raw: NonNull::new(raw).ok_or(ENOMEM)?,
            _type: PhantomData,
        })
    }

    /// Takes the right to call the callback, for ever: see [`Scheduled::call`](super::Scheduled).
    pub(super) fn take(&self) -> Result {
        // SAFETY: By the type invariants, `raw` is a callback.
        to_result(unsafe { rust_bpf_helper_callback_take(self.raw.as_ptr(), C::SLEEPABLE) })
    }

    /// Gets the right to call the callback once: see [`Kept::call`](super::Kept::call).
    pub(super) fn get(&self) -> Result {
        // SAFETY: By the type invariants, `raw` is a callback.
        to_result(unsafe { rust_bpf_helper_callback_get(self.raw.as_ptr(), C::SLEEPABLE) })
    }

    /// Calls the callback.
    ///
    /// # Safety
    ///
    /// The caller must have the right to this call, from [`take`](Self::take) or
    /// [`get`](Self::get), and must have kept the context since. Something must keep the module
    /// loaded that contains the calling code.
    pub(super) unsafe fn run(&self, args: F::Args) -> F::Ret {
        let (registers, held) = F::pass(args);
        // SAFETY: The caller has the right to the call. By the type invariants, the verifier has
        // checked the function for these arguments. `take` and `get` have checked that the thread
        // may sleep if the callback does.
        let result = unsafe {
            rust_bpf_helper_callback_run(self.raw.as_ptr(), C::SLEEPABLE, registers.as_ptr())
        };
        drop(held);
        // SAFETY: The verifier has checked the result for this prototype.
        unsafe { returned(result) }
    }

    /// Makes sure that the callback is not called. Returns whether that was in time. May be called
    /// in any context.
    pub(super) fn cancel(&self) -> bool {
        // SAFETY: By the type invariants, `raw` is a callback.
        unsafe { rust_bpf_helper_callback_cancel(self.raw.as_ptr()) }
    }
}

impl<F, C> Drop for Armed<F, C> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, this value owns the callback. No call of it is running,
        // because `run()` borrows the value.
        unsafe { rust_bpf_helper_callback_free(self.raw.as_ptr()) };
    }
}
