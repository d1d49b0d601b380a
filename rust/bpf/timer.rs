// SPDX-License-Identifier: GPL-2.0

//! Timers that a program starts in any context, and whose calls may sleep.
//!
//! A program that sees an event of a device often has to look at the device some time later, or if
//! the next event does not come. It sees the event in an interrupt, and the look sleeps. The
//! kernel's own timer for programs, `bpf_timer`, does not call functions that sleep, and its work
//! queue, `bpf_wq`, does not wait.
//!
//! A [`Timer`] is a part of an [`Object`], and the object is a [`Work`]: at the expiry, a thread of
//! the kernel runs the work. With a [`Kept`](crate::callback::Kept) callback, the work calls a
//! function of the program:
//!
//! ```
//! # use bpf::{callback::{Callback, Kept, Lent, Sleepable}, prelude::*, timer::{Expiry, Timed, Timer}, work};
//! # use kernel::prelude::*;
//! #[pin_data]
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_alarm")]
//! struct Alarm {
//!     #[pin]
//!     timer: Timer,
//!     callback: Kept<fn(Lent<Alarm>) -> i32, Sleepable>,
//! }
//!
//! impl work::Work for Alarm {
//!     fn run(self: &Object<Self>, running: &work::Running) {
//!         if self.callback.call(running, (Lent(self.into()),)).is_err() {
//!             // User space has closed the owner of the callback.
//!             self.timer.cancel();
//!         }
//!     }
//! }
//!
//! impl Timed for Alarm {
//!     fn timer(&self) -> &Timer {
//!         &self.timer
//!     }
//! }
//!
//! /// Creates an alarm, which calls `callback` each time that it expires.
//! #[kfunc]
//! fn bpf_alarm_new(
//!     owner: &Map,
//!     callback: Callback<'_, fn(Lent<Alarm>) -> i32, Sleepable>,
//! ) -> Option<ARef<Object<Alarm>>> {
//!     let callback = callback.keep(owner).ok()?;
//!     Object::pin_init(pin_init!(Alarm { timer <- Timer::new(0, 0), callback })).ok()
//! }
//!
//! /// Lets the alarm expire in that many nanoseconds, also from the callback.
//! #[kfunc]
//! fn bpf_alarm_start(alarm: &Object<Alarm>, nanoseconds: u64) -> Result<()> {
//!     Timer::start(alarm, Expiry::After(nanoseconds)).map(drop)
//! }
//!
//! /// Waits, if the callback is running.
//! #[kfunc(sleepable)]
//! fn bpf_alarm_stop(alarm: &Object<Alarm>, milliseconds: u32) -> Result<u32> {
//!     alarm.timer.cancel_and_wait(milliseconds).map(u32::from)
//! }
//! #
//! # #[kfunc]
//! # fn bpf_alarm_release(alarm: ARef<Object<Alarm>>) {
//! #     drop(alarm);
//! # }
//! ```
//!
//! # Starts and calls
//!
//! A start leads to one call, unless another start replaces it or a cancel comes before the call
//! begins. No start and no expiry needs memory: all of it is in the object. A call that has begun
//! goes on; the next one waits for its end, so the calls of one timer never run at the same time.
//!
//! A timer with a period goes on by itself. A call that comes late does not move the later ones: they
//! are a multiple of the period after the start. If a call takes longer than the period, the timer
//! skips periods, and [`Timer::missed`] counts them. So a short period cannot make more interrupts
//! than calls.
//!
//! A program can start a timer at an event that a start causes, for example where it traces
//! `hrtimer_start()`. In such a program, interrupts are off. So after a start with interrupts off,
//! or in an NMI, the CPU handles the next ones a period of the tick later, and 8 in each period. A
//! timer with a shorter time expires late then.
//!
//! # Who keeps whom
//!
//! - An armed timer has no reference to its object: the release of the last one stops it. A program
//!   that wants the call keeps a reference in a map.
//! - A call has a reference to its object, and delays the unload of the module.
//! - A timer has no reference to a program: the callback has, until user space closes its owner (see
//!   [`callback`](crate::callback#who-keeps-whom)).
//!
//! # In a softirq
//!
//! The thread comes later than the interrupt, by the time that the scheduler needs. A call that does
//! not sleep need not wait for it: a timer from [`Timer::in_softirq`], in a [`TimedInSoftirq`] value,
//! calls in a softirq, as `bpf_timer` does, and can call a `NonSleepable` callback there.
//!
//! # What this module does not do
//!
//! - It does not call anything in the interrupt in which the timer expires.
//! - It does not wake the system from suspend, in which its clock (`CLOCK_MONOTONIC`) stands still.
//!
//! C header: [`include/linux/hrtimer.h`](srctree/include/linux/hrtimer.h)

use crate::{
    header::{
        Header,
        Run, //
    },
    helpers::{
        self,
        rust_bpf_helper_timer_cancel,
        rust_bpf_helper_timer_drop,
        rust_bpf_helper_timer_in_softirq,
        rust_bpf_helper_timer_init,
        rust_bpf_helper_timer_missed,
        rust_bpf_helper_timer_now,
        rust_bpf_helper_timer_start,
        rust_bpf_helper_timer_wait, //
    },
    object::{
        BtfObject,
        Object, //
    },
    work::Work, //
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    error::{
        to_result,
        Error, //
    },
    prelude::*,
    types::Opaque, //
};

/// When a timer expires, in nanoseconds.
#[derive(Clone, Copy, Debug)]
pub enum Expiry {
    /// That long after the call of [`Timer::start`].
    After(u64),
    /// At that time of `CLOCK_MONOTONIC`, for example what the helper `bpf_ktime_get_ns()` returns
    /// and something more. At once, if the time has passed.
    At(u64),
}

/// A timer, which is a part of an object.
#[pin_data(PinnedDrop)]
pub struct Timer {
    #[pin]
    raw: Opaque<helpers::Timer>,
}

// SAFETY: The functions in `rust/helpers/timer.c` may be called on all CPUs.
unsafe impl Send for Timer {}

// SAFETY: As for `Send`.
unsafe impl Sync for Timer {}

/// A work that a timer can start.
pub trait Timed: Work {
    /// Returns the timer, which must be a field of the value.
    fn timer(&self) -> &Timer;
}

/// A token that proves that the code is in a softirq of a timer.
pub struct Softirq(());

/// A value whose timer calls in a softirq.
pub trait TimedInSoftirq: BtfObject + Sized {
    /// Returns the timer, which must be a field of the value, from [`Timer::in_softirq`].
    fn timer(&self) -> &Timer;

    /// Is called when the timer has expired.
    ///
    /// # Context
    ///
    /// A softirq: the function must not sleep.
    fn expire(self: &Object<Self>, softirq: &Softirq);
}

/// Finds [`TimedInSoftirq::expire`] of a type, if there is one: see [`work::Probe`].
#[doc(hidden)]
pub struct Probe<T>(PhantomData<T>);

impl<T: TimedInSoftirq> Probe<T> {
    /// The function that the timer of an object calls.
    pub const RUN_IN_SOFTIRQ: Option<Run> = Some(Self::expire);

    /// # Safety
    ///
    /// `object` must point to a valid `Object<T>`, in a softirq.
    unsafe extern "C" fn expire(object: *mut c_void) {
        // SAFETY: The caller passes a valid object.
        unsafe { &*object.cast::<Object<T>>() }.expire(&Softirq(()));
    }
}

/// What [`Probe`] finds for a type without such a timer.
#[doc(hidden)]
pub trait NotTimed {
    /// No function.
    const RUN_IN_SOFTIRQ: Option<Run> = None;
}

impl<T> NotTimed for Probe<T> {}

impl Timer {
    /// Creates a timer that is not armed. With a `period` of nanoseconds, it expires again and
    /// again after its start; without one (0), once.
    ///
    /// The kernel may let the timer expire up to `slack` nanoseconds late, together with another
    /// one.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn new(period: u64, slack: u64) -> impl PinInit<Self> {
        Self::init(Header::run_work, false, period, slack)
    }

    /// Creates a timer that calls in a softirq. See [`new`](Self::new).
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn in_softirq(period: u64, slack: u64) -> impl PinInit<Self> {
        Self::init(Self::run_in_softirq, true, period, slack)
    }

    fn init(
        run: unsafe extern "C" fn(*mut Header),
        in_softirq: bool,
        period: u64,
        slack: u64,
    ) -> impl PinInit<Self> {
        pin_init!(Self {
            raw <- Opaque::ffi_init(move |slot: *mut helpers::Timer| {
                // SAFETY: `slot` is valid for writes. The C code passes the header of the object
                // with which the timer is started.
                unsafe { rust_bpf_helper_timer_init(slot.cast(), run, in_softirq, period, slack) };
            }),
        })
    }

    /// Arms the timer of an object. If a call of it has not begun, this start replaces it, whether
    /// the timer has expired or not. Returns whether it did.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the module that contains the type is unloaded.
    /// - [`EAGAIN`]: this CPU goes offline.
    /// - [`EINVAL`]: [`Timed::timer`] returned a timer that is not a field of the value, or that is
    ///   from [`in_softirq`](Self::in_softirq).
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn start<T: Timed>(object: &Object<T>, expiry: Expiry) -> Result<bool> {
        object.timer().start_of(object, false, expiry)
    }

    /// Arms the timer of an object, which calls in a softirq. See [`start`](Self::start).
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the module that contains the type is unloaded.
    /// - [`EAGAIN`]: this CPU goes offline.
    /// - [`EINVAL`]: [`TimedInSoftirq::timer`] returned a timer that is not a field of the value, or
    ///   that is from [`new`](Self::new).
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn start_in_softirq<T: TimedInSoftirq>(object: &Object<T>, expiry: Expiry) -> Result<bool> {
        object.timer().start_of(object, true, expiry)
    }

    fn start_of<T: BtfObject>(
        &self,
        object: &Object<T>,
        in_softirq: bool,
        expiry: Expiry,
    ) -> Result<bool> {
        let timer = self;
        let value: *const T = &**object;
        let offset = core::ptr::from_ref(timer).addr().wrapping_sub(value.addr());
        // SAFETY: The timer is initialized.
        let calls_in_softirq = unsafe { rust_bpf_helper_timer_in_softirq(timer.raw.get().cast()) };
        if offset >= size_of::<T>() || in_softirq != calls_in_softirq {
            return Err(EINVAL);
        }
        let at = match expiry {
            // SAFETY: The function may be called in any context.
            Expiry::After(time) => unsafe { rust_bpf_helper_timer_now() }.saturating_add(time),
            Expiry::At(time) => time,
        };
        // SAFETY: The timer is a part of the object, so it is initialized, its memory is valid
        // until the object has no reference and a grace period has passed, and it is dropped only
        // then. The object is valid, so its header is.
        let result =
            unsafe { rust_bpf_helper_timer_start(timer.raw.get().cast(), &object.header, at) };
        match result {
            0 => Ok(false),
            1 => Ok(true),
            err => Err(Error::from_errno(err)),
        }
    }

    /// Makes sure that the call for the last start does not begin, and ends the repetition. Returns
    /// whether there was one that had not begun. A call that has begun goes on, and can start the
    /// timer again.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn cancel(&self) -> bool {
        // SAFETY: The timer is initialized.
        unsafe { rust_bpf_helper_timer_cancel(self.raw.get().cast()) }
    }

    /// Cancels the timer, and waits for the end of a call that has begun, for at most that many
    /// milliseconds (but at most 24 days). Returns what [`cancel`](Self::cancel) does. If the call
    /// has started the timer again, it is armed.
    ///
    /// # Errors
    ///
    /// The timer is cancelled with these errors, too:
    ///
    /// - [`ETIMEDOUT`]: the call has not ended, and goes on.
    /// - [`EINTR`]: the thread got a signal; the call goes on.
    /// - [`EDEADLK`]: this thread runs the call or a work, or has access to a
    ///   [`Sleepable`](crate::revocable::Sleepable). The call may wait for this thread. Or the code
    ///   is in a softirq.
    ///
    /// # Context
    ///
    /// Only where the code may sleep: a kfunc that calls this function must be `sleepable`.
    pub fn cancel_and_wait(&self, milliseconds: u32) -> Result<bool> {
        let cancelled = self.cancel();
        // SAFETY: The timer is initialized, and the caller may sleep.
        let err = unsafe { rust_bpf_helper_timer_wait(self.raw.get().cast(), milliseconds) };
        to_result(err as i32)?;
        Ok(cancelled)
    }

    /// Returns how many periods have passed in which the call of the period before had not begun.
    /// The first period ends at the time for which the timer was started, also if that time had
    /// passed before the start.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn missed(&self) -> u64 {
        // SAFETY: The timer is initialized.
        unsafe { rust_bpf_helper_timer_missed(self.raw.get().cast()) }
    }

    /// Makes the call of an object in a softirq.
    ///
    /// # Safety
    ///
    /// As for [`Header::run_work`], but in a softirq.
    unsafe extern "C" fn run_in_softirq(header: *mut Header) {
        let Some(header) = NonNull::new(header) else {
            return;
        };
        // SAFETY: The caller passes a valid header.
        if let Some(run) = unsafe { header.as_ref() }.reclaim().run_in_softirq() {
            // SAFETY: The header is that of an object of the type with this function, and the
            // caller keeps it, and the module.
            unsafe { run(Header::object(header).as_ptr()) };
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Timer {
    fn drop(self: Pin<&mut Self>) {
        // SAFETY: The timer is initialized. If it was started, it is a part of an object, which is
        // dropped in an RCU callback after its last reference, so neither interrupts nor threads
        // have one. If not, no list has it, and the function does nothing, in any context.
        unsafe { rust_bpf_helper_timer_drop(self.raw.get().cast()) };
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_timer)]
mod tests {
    use super::*;
    use crate::{
        lock::ResSpinLock,
        work::Running,
        BtfType, //
    };
    use kernel::{
        sync::{
            aref::ARef,
            atomic::{
                Atomic,
                Full,
                Relaxed, //
            }, //
        },
        time::{
            delay::fsleep,
            Delta, //
        }, //
    };

    const MS: u64 = 1_000_000;

    #[pin_data]
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_timed")]
    struct Ticks {
        #[pin]
        timer: Timer,
        /// The number of calls.
        calls: Atomic<u32>,
        /// How long a call takes.
        milliseconds: u64,
        /// What `cancel_and_wait` returns in a call: an errno, or 0.
        waited: Atomic<i32>,
        alive: Option<Alive>,
    }

    /// Counts a value until it is dropped.
    struct Alive(&'static Atomic<u32>);

    impl Drop for Alive {
        fn drop(&mut self) {
            self.0.fetch_sub(1, Full);
        }
    }

    impl Work for Ticks {
        fn run(self: &Object<Self>, _: &Running) {
            if self.milliseconds > 0 {
                fsleep(Delta::from_millis(self.milliseconds as i64));
                let waited = self.timer.cancel_and_wait(1);
                self.waited
                    .store(waited.err().map_or(0, Error::to_errno), Relaxed);
            }
            self.calls.fetch_add(1, Full);
        }
    }

    impl Timed for Ticks {
        fn timer(&self) -> &Timer {
            &self.timer
        }
    }

    fn ticks(period: u64, milliseconds: u64) -> impl PinInit<Ticks> {
        pin_init!(Ticks {
            timer <- Timer::new(period, 0),
            calls: Atomic::new(0),
            milliseconds,
            waited: Atomic::new(0),
            alive: None,
        })
    }

    /// Waits for that number of calls, for at most 2 seconds. Returns the number of calls.
    fn calls(ticks: &Ticks, wanted: u32) -> u32 {
        for _ in 0..2000 {
            if ticks.calls.load(Relaxed) >= wanted {
                break;
            }
            fsleep(Delta::from_millis(1));
        }
        ticks.calls.load(Relaxed)
    }

    fn now() -> u64 {
        // SAFETY: The function may be called in any context.
        unsafe { rust_bpf_helper_timer_now() }
    }

    #[test]
    fn a_start_leads_to_one_call_after_its_time() -> Result {
        let ticks = Object::pin_init(ticks(0, 0))?;
        for (number, time) in [(1, 20 * MS), (2, 0)] {
            let start = now();
            assert_eq!(Timer::start(&ticks, Expiry::After(time)), Ok(false));
            assert_eq!(calls(&ticks, number), number);
            assert!(now() - start >= time);
        }
        for (number, time) in [(3, now() + 20 * MS), (4, now()), (5, 0)] {
            assert_eq!(Timer::start(&ticks, Expiry::At(time)), Ok(false));
            assert_eq!(calls(&ticks, number), number);
            assert!(now() >= time);
        }
        fsleep(Delta::from_millis(20));
        assert_eq!(calls(&ticks, 5), 5);
        assert!(!ticks.timer.cancel());
        Ok(())
    }

    #[test]
    fn a_start_replaces_the_one_before() -> Result {
        let ticks = Object::pin_init(ticks(0, 0))?;
        let start = now();
        assert_eq!(Timer::start(&ticks, Expiry::After(u64::MAX)), Ok(false));
        assert_eq!(Timer::start(&ticks, Expiry::After(300 * MS)), Ok(true));
        assert_eq!(Timer::start(&ticks, Expiry::After(400 * MS)), Ok(true));
        assert_eq!(calls(&ticks, 1), 1);
        assert!(now() - start >= 400 * MS);
        Ok(())
    }

    #[test]
    fn a_timer_that_is_cancelled_makes_no_call() -> Result {
        let ticks = Object::pin_init(ticks(0, 0))?;
        assert!(!ticks.timer.cancel());
        Timer::start(&ticks, Expiry::After(100 * MS))?;
        assert!(ticks.timer.cancel());
        assert!(!ticks.timer.cancel());
        fsleep(Delta::from_millis(150));
        assert_eq!(calls(&ticks, 0), 0);
        // It can be started again.
        assert_eq!(Timer::start(&ticks, Expiry::After(MS)), Ok(false));
        assert_eq!(calls(&ticks, 1), 1);
        Ok(())
    }

    #[test]
    fn a_timer_with_a_period_goes_on() -> Result {
        let ticks = Object::pin_init(ticks(2 * MS, 0))?;
        let start = now();
        Timer::start(&ticks, Expiry::After(2 * MS))?;
        assert!(calls(&ticks, 20) >= 20);
        let periods = (now() - start) / (2 * MS);
        assert!(u64::from(calls(&ticks, 0)) + ticks.timer.missed() <= periods + 1);
        assert_eq!(ticks.timer.cancel_and_wait(1000), Ok(true));
        let ended = calls(&ticks, 0);
        fsleep(Delta::from_millis(20));
        assert_eq!(calls(&ticks, 0), ended);
        Ok(())
    }

    #[test]
    fn a_short_period_makes_no_more_interrupts_than_calls() -> Result {
        let ticks = Object::pin_init(ticks(1, 0))?;
        Timer::start(&ticks, Expiry::After(0))?;
        assert!(calls(&ticks, 20) >= 20);
        assert_eq!(ticks.timer.cancel_and_wait(1000), Ok(true));
        assert!(ticks.timer.missed() > 1000);
        Ok(())
    }

    #[test]
    fn a_wait_is_for_the_call_that_runs() -> Result {
        let ticks = Object::pin_init(ticks(0, 300))?;
        assert_eq!(ticks.timer.cancel_and_wait(0), Ok(false));
        Timer::start(&ticks, Expiry::After(0))?;
        fsleep(Delta::from_millis(50));
        assert_eq!(ticks.timer.cancel_and_wait(0), Err(ETIMEDOUT));
        assert_eq!(ticks.timer.cancel_and_wait(1000), Ok(false));
        assert_eq!(calls(&ticks, 0), 1);
        // The call cannot wait for itself.
        assert_eq!(ticks.waited.load(Relaxed), EDEADLK.to_errno());
        Ok(())
    }

    #[test]
    fn a_timer_starts_with_interrupts_off() -> Result {
        static LOCK: ResSpinLock<()> = ResSpinLock::new(());

        let ticks = Object::pin_init(ticks(0, 0))?;
        assert_eq!(
            LOCK.with(|()| Timer::start(&ticks, Expiry::After(0)))?,
            Ok(false)
        );
        assert_eq!(calls(&ticks, 1), 1);
        Ok(())
    }

    #[test]
    fn an_object_without_references_makes_no_call() -> Result {
        static ALIVE: Atomic<u32> = Atomic::new(0);

        for time in [0, MS, u64::MAX] {
            ALIVE.fetch_add(1, Full);
            let ticks = Object::pin_init(pin_init!(Ticks {
                timer <- Timer::new(MS, 0),
                calls: Atomic::new(0),
                milliseconds: 0,
                waited: Atomic::new(0),
                alive: Some(Alive(&ALIVE)),
            }))?;
            Timer::start(&ticks, Expiry::After(time))?;
            drop(ticks);
            for _ in 0..2000 {
                if ALIVE.load(Relaxed) == 0 {
                    break;
                }
                fsleep(Delta::from_millis(1));
            }
            assert_eq!(ALIVE.load(Relaxed), 0);
        }
        Ok(())
    }

    /// A work whose timer is not a part of it.
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_other_timer")]
    struct Other(ARef<Object<Ticks>>);

    impl Work for Other {
        fn run(self: &Object<Self>, _: &Running) {}
    }

    impl Timed for Other {
        fn timer(&self) -> &Timer {
            &self.0.timer
        }
    }

    /// A value with both.
    #[pin_data]
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_softirq")]
    struct Both {
        #[pin]
        timer: Timer,
        works: Atomic<u32>,
        calls: Atomic<u32>,
    }

    impl Work for Both {
        fn run(self: &Object<Self>, _: &Running) {
            self.works.fetch_add(1, Full);
        }
    }

    impl Timed for Both {
        fn timer(&self) -> &Timer {
            &self.timer
        }
    }

    impl TimedInSoftirq for Both {
        fn timer(&self) -> &Timer {
            &self.timer
        }

        fn expire(self: &Object<Self>, _: &Softirq) {
            self.calls.fetch_add(1, Full);
        }
    }

    fn both(timer: impl PinInit<Timer>) -> impl PinInit<Both> {
        pin_init!(Both {
            timer <- timer,
            works: Atomic::new(0),
            calls: Atomic::new(0),
        })
    }

    /// Waits for a call of either kind.
    fn works_and_calls(both: &Both) -> (u32, u32) {
        for _ in 0..2000 {
            if both.works.load(Relaxed) + both.calls.load(Relaxed) > 0 {
                break;
            }
            fsleep(Delta::from_millis(1));
        }
        fsleep(Delta::from_millis(10));
        (both.works.load(Relaxed), both.calls.load(Relaxed))
    }

    #[test]
    fn a_timer_calls_in_a_softirq_or_in_a_thread() -> Result {
        let object = Object::pin_init(both(Timer::in_softirq(0, 0)))?;
        assert_eq!(Timer::start(&object, Expiry::After(0)), Err(EINVAL));
        assert_eq!(
            Timer::start_in_softirq(&object, Expiry::After(0)),
            Ok(false)
        );
        assert_eq!(works_and_calls(&object), (0, 1));

        let object = Object::pin_init(both(Timer::new(0, 0)))?;
        assert_eq!(
            Timer::start_in_softirq(&object, Expiry::After(0)),
            Err(EINVAL)
        );
        assert_eq!(Timer::start(&object, Expiry::After(0)), Ok(false));
        assert_eq!(works_and_calls(&object), (1, 0));
        Ok(())
    }

    #[test]
    fn the_timer_of_another_object_is_refused() -> Result {
        let other = Object::new(Other(Object::pin_init(ticks(0, 0))?))?;
        assert_eq!(Timer::start(&other, Expiry::After(0)), Err(EINVAL));
        Ok(())
    }
}
