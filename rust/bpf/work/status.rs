// SPDX-License-Identifier: GPL-2.0

//! The status of a work: its result, and the wait for it.
//!
//! This module does not run works: see [`Queue`](super::Queue).
//!
//! C header: [`include/linux/completion.h`](srctree/include/linux/completion.h)

use crate::{
    compat::{
        EALREADY,
        ECANCELED,
        EINPROGRESS, //
    },
    helpers::rust_bpf_helper_wait,
    work::Running, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Relaxed,
        Release, //
    },
    types::Opaque, //
};

/// The work has not begun.
const STARTED: u32 = 0;
/// A program has cancelled the work before it began.
const CANCELLED: u32 = 1;
/// The work has begun.
const RUNNING: u32 = 2;
/// The work has ended, and `result` is its result.
const ENDED: u32 = 3;

/// The status of a work, which the work and the kfuncs for it share.
#[pin_data]
pub struct Status {
    state: Atomic<u32>,
    /// A number from 0 to `u32::MAX`, or a negative error number.
    result: Atomic<i64>,
    #[pin]
    ended: Opaque<bindings::completion>,
}

// SAFETY: The functions for the completion can be called on all CPUs, and the other fields are
// atomic.
unsafe impl Send for Status {}

// SAFETY: As for `Send`.
unsafe impl Sync for Status {}

impl Status {
    /// Creates the status of a work that has not begun.
    pub fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state: Atomic::new(STARTED),
            result: Atomic::new(0),
            ended <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes.
                unsafe { bindings::init_completion(slot) };
            }),
        })
    }

    /// Calls `f`, unless a program has cancelled the work, and ends the work with the result of
    /// `f`. Wakes the threads that wait for the end. Returns the result.
    ///
    /// # Errors
    ///
    /// - [`ECANCELED`]: a program has cancelled the work; `f` has not run.
    /// - [`EALREADY`]: the function was called before; `f` has not run.
    /// - The errors of `f`.
    ///
    /// # Context
    ///
    /// A thread, in [`Work::run`](super::Work::run), as the [`Running`] proves.
    pub fn finish(&self, _: &Running, f: impl FnOnce() -> Result<u32>) -> Result<u32> {
        let result = match self.state.cmpxchg(STARTED, RUNNING, Full) {
            Ok(_) => f(),
            Err(CANCELLED) => Err(ECANCELED),
            Err(_) => return Err(EALREADY),
        };
        self.end(result);
        result
    }

    /// Ends the work with [`ECANCELED`], if it has not begun, and wakes the threads that wait: for
    /// [`Work::skipped`](super::Work::skipped).
    ///
    /// # Context
    ///
    /// Any but an NMI.
    pub fn skip(&self) {
        if matches!(
            self.state.cmpxchg(STARTED, RUNNING, Full),
            Ok(_) | Err(CANCELLED)
        ) {
            self.end(Err(ECANCELED));
        }
    }

    /// Stores the result, and wakes the threads that wait. The work is running, or cancelled.
    fn end(&self, result: Result<u32>) {
        let number = result.map_or_else(|err| err.to_errno().into(), i64::from);
        self.result.store(number, Relaxed);
        self.state.store(ENDED, Release);
        // SAFETY: The completion is initialized. The work holds a reference to the object with the
        // status.
        unsafe { bindings::complete_all(self.ended.get()) };
    }

    /// Cancels the work, if it has not begun. Returns whether it does not run.
    ///
    /// # Context
    ///
    /// Any, NMI included. A thread that waits for the work may sleep on until its time limit, or
    /// until it would have been the turn of the work.
    pub fn cancel(&self) -> bool {
        match self.state.cmpxchg(STARTED, CANCELLED, Full) {
            Ok(_) => true,
            Err(state) => state == CANCELLED,
        }
    }

    /// Returns the result of the work.
    ///
    /// # Errors
    ///
    /// - [`EINPROGRESS`]: the work has not ended.
    /// - [`ECANCELED`]: a program has cancelled the work.
    /// - The errors of the work.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn poll(&self) -> Result<u32> {
        match self.state.load(Acquire) {
            ENDED => {}
            CANCELLED => return Err(ECANCELED),
            _ => return Err(EINPROGRESS),
        }
        let result = self.result.load(Relaxed);
        u32::try_from(result).map_err(|_| Error::from_errno(result as i32))
    }

    /// Waits until the work has ended, for at most that many milliseconds (but at most 24 days), and
    /// returns its result. A wait of 0 milliseconds only looks.
    ///
    /// # Errors
    ///
    /// - [`ETIMEDOUT`]: the work has not ended, and goes on.
    /// - [`EINTR`]: the thread got a signal; the work goes on.
    /// - [`EDEADLK`]: this thread runs a work, or has access to a
    ///   [`Sleepable`](crate::revocable::Sleepable). The work may wait for this thread.
    /// - [`ECANCELED`]: a program has cancelled the work.
    /// - The errors of the work.
    ///
    /// # Context
    ///
    /// Only where the code may sleep: a kfunc that calls this function must be `sleepable`.
    pub fn wait(&self, milliseconds: u32) -> Result<u32> {
        match self.poll() {
            Err(EINPROGRESS) => {}
            known => return known,
        }
        // SAFETY: The completion is initialized, and the caller may sleep.
        let err = unsafe { rust_bpf_helper_wait(self.ended.get(), milliseconds) };
        to_result(err as i32)?;
        self.poll()
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_work_status)]
mod tests {
    use super::*;

    /// The tests do the work themselves.
    const THREAD: Running = Running(());

    fn status() -> Result<Pin<KBox<Status>>> {
        KBox::pin_init(Status::new(), GFP_KERNEL)
    }

    #[test]
    fn a_result_is_a_number_or_an_error() -> Result {
        for result in [Ok(0), Ok(u32::MAX), Err(EIO)] {
            let status = status()?;
            assert_eq!(status.poll(), Err(EINPROGRESS));
            assert_eq!(status.wait(0), Err(ETIMEDOUT));
            assert_eq!(status.finish(&THREAD, || result), result);
            assert_eq!(status.poll(), result);
            assert_eq!(status.wait(u32::MAX), result);
            assert!(!status.cancel());
        }
        Ok(())
    }

    #[test]
    fn a_work_that_is_skipped_is_cancelled() -> Result {
        for cancelled in [false, true] {
            let status = status()?;
            assert!(!cancelled || status.cancel());
            status.skip();
            assert_eq!(status.poll(), Err(ECANCELED));
            assert_eq!(status.wait(u32::MAX), Err(ECANCELED));
            assert_eq!(status.finish(&THREAD, || Ok(1)), Err(EALREADY));
        }
        let status = status()?;
        assert_eq!(status.finish(&THREAD, || Ok(1)), Ok(1));
        status.skip();
        assert_eq!(status.poll(), Ok(1));
        Ok(())
    }

    #[test]
    fn a_work_that_is_cancelled_does_not_run() -> Result {
        let status = status()?;
        assert!(status.cancel());
        assert!(status.cancel());
        assert_eq!(status.poll(), Err(ECANCELED));
        assert_eq!(status.wait(0), Err(ECANCELED));
        let mut runs = 0;
        let result = status.finish(&THREAD, || {
            runs += 1;
            Ok(0)
        });
        assert_eq!((result, runs), (Err(ECANCELED), 0));
        assert_eq!(status.poll(), Err(ECANCELED));
        Ok(())
    }

    #[test]
    fn a_work_ends_once() -> Result {
        let status = status()?;
        let mut inner = Ok(1);
        assert_eq!(
            status.finish(&THREAD, || {
                inner = status.finish(&THREAD, || Ok(2));
                assert!(!status.cancel());
                Ok(3)
            }),
            Ok(3)
        );
        assert_eq!(inner, Err(EALREADY));
        assert_eq!(status.finish(&THREAD, || Ok(4)), Err(EALREADY));
        assert_eq!(status.poll(), Ok(3));
        Ok(())
    }
}
