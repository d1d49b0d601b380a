// SPDX-License-Identifier: GPL-2.0

//! A callback that can be called any number of times.
//!
//! This module has no arguments for the callback: each call passes its own. It calls nothing by
//! itself: see [`timer`](crate::timer).

use super::{
    armed::Armed,
    Callback,
    Context,
    NonSleepable,
    Place,
    Prototype, //
};
use crate::value::Map;
use kernel::prelude::*;

/// A callback that can be called any number of times, until user space closes its owner.
///
/// An object that has such a callback can be an argument of it:
/// `callback: Kept<fn(Lent<Watchdog>) -> i32>` in a `Watchdog`.
pub struct Kept<F, C = NonSleepable>(Armed<F, C>);

impl<F: Prototype, C: Context> Callback<'_, F, C> {
    /// Keeps the callback, to be called any number of times. `owner` is a map that user space holds.
    ///
    /// # Errors
    ///
    /// Those of [`schedule`](Self::schedule).
    ///
    /// # Context
    ///
    /// Any, NMI included. Takes a lock, which is resilient.
    pub fn keep(self, owner: &Map) -> Result<Kept<F, C>> {
        Ok(Kept(Armed::new(self, owner)?))
    }
}

impl<F: Prototype, C: Context> Kept<F, C> {
    /// Calls the callback with `args`, and returns its result.
    ///
    /// If two threads call the callback, both calls can run at the same time.
    ///
    /// # Errors
    ///
    /// - [`ECANCELED`](crate::callback#who-keeps-whom): user space has closed the owner. All later
    ///   calls fail as well.
    /// - [`EAGAIN`]: the callback may sleep, and the thread must not: it holds a spinlock, or is in an
    ///   RCU read-side critical section. A later call is possible.
    ///
    /// # Context
    ///
    /// The thread of a work, where the call sleeps if the callback does; or the softirq of a timer.
    pub fn call(&self, _place: &impl Place<C>, args: F::Args) -> Result<F::Ret> {
        self.0.get()?;
        // SAFETY: `get` gave the right to the call, and the work or the timer keeps its module loaded.
        Ok(unsafe { self.0.run(args) })
    }
}
