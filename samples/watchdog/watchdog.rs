// SPDX-License-Identifier: GPL-2.0

//! Watchdogs: timers that BPF programs start in any context, and whose callbacks may sleep.
//!
//! A program creates a watchdog with a callback, a function of the program. An event, for example in
//! an interrupt, starts the watchdog. When it expires, a thread calls the callback, which may read
//! the memory of a task or the registers of a device, and may start the watchdog again.
//!
//! The module has 64 watchdogs, and does not look at anything itself. It needs a kernel with the
//! patches in `patches/`; without them, it offers no kfunc that takes a callback.

use bpf::{
    callback::{
        Callback,
        Kept,
        Lent,
        Sleepable, //
    },
    prelude::*,
    timer::{
        Expiry,
        Timed,
        Timer, //
    },
    work, //
};
use kernel::prelude::*;

module! {
    type: Watchdogs,
    name: "watchdog",
    description: "Rust sample: timers with callbacks that sleep",
    license: "GPL",
}

/// What a program does when a watchdog expires: it gets the watchdog and its number.
type Look = fn(Lent<Watchdog>, u64) -> i32;

#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_watchdog", registry = 64)]
struct Watchdog {
    number: u64,
    look: Kept<Look, Sleepable>,
    #[pin]
    timer: Timer,
}

impl work::Work for Watchdog {
    fn run(self: &Object<Self>, running: &work::Running) {
        let args = (Lent(self.into()), self.number);
        if self.look.call(running, args).is_err() {
            // User space has closed the owner of the callback.
            self.timer.cancel();
        }
    }
}

impl Timed for Watchdog {
    fn timer(&self) -> &Timer {
        &self.timer
    }
}

/// Creates the watchdog @number, which calls @look when it expires.
///
/// With a @period (in nanoseconds), it expires again and again after a start; with 0, once. The
/// kernel may let it expire up to @slack nanoseconds late, together with another timer.
///
/// The callback belongs to the map @owner: when user space closes it, there are no more calls.
/// Returns null if there is a watchdog with the number, if there are 64, if user space does not hold
/// @owner, or if there is no memory.
#[kfunc]
fn bpf_watchdog_create(
    owner: &Map,
    look: Callback<'_, Look, Sleepable>,
    number: u64,
    period: u64,
    slack: u64,
) -> Option<ARef<Object<Watchdog>>> {
    let look = look.keep(owner).ok()?;
    let watchdog = Object::pin_init(pin_init!(Watchdog {
        number,
        look,
        timer <- Timer::new(period, slack),
    }))
    .ok()?;
    watchdog.enter(number).ok()?;
    Some(watchdog)
}

/// Returns the watchdog @number, or null.
#[kfunc]
fn bpf_watchdog_find<'a>(number: u64, rcu: &'a rcu::Guard) -> Option<RcuPtr<'a, Object<Watchdog>>> {
    Object::find(number, rcu)
}

/// Starts @watchdog, which expires in that many nanoseconds. If it was started before and its call
/// has not begun, this start replaces that one. Returns 1 if it did, otherwise 0, or -ENOENT if the watchdog
/// was released.
#[kfunc]
fn bpf_watchdog_start(watchdog: RcuPtr<'_, Object<Watchdog>>, nanoseconds: u64) -> Result<u32> {
    start(watchdog, Expiry::After(nanoseconds))
}

/// Starts @watchdog, which expires at the time @at of CLOCK_MONOTONIC, in nanoseconds. See
/// bpf_watchdog_start().
#[kfunc]
fn bpf_watchdog_start_at(watchdog: RcuPtr<'_, Object<Watchdog>>, at: u64) -> Result<u32> {
    start(watchdog, Expiry::At(at))
}

fn start(watchdog: RcuPtr<'_, Object<Watchdog>>, expiry: Expiry) -> Result<u32> {
    let watchdog = watchdog.try_get().ok_or(ENOENT)?;
    Timer::start(&watchdog, expiry).map(u32::from)
}

/// Makes sure that the call for the last start does not begin. Returns whether there was one. A call
/// that has begun goes on.
#[kfunc]
fn bpf_watchdog_cancel(watchdog: RcuPtr<'_, Object<Watchdog>>) -> bool {
    watchdog.timer.cancel()
}

/// Does so, and waits for the end of a call that has begun. Returns -ETIMEDOUT if it has not ended
/// after that many milliseconds, and -EDEADLK in a callback.
#[kfunc(sleepable)]
fn bpf_watchdog_cancel_and_wait(watchdog: &Object<Watchdog>, milliseconds: u32) -> Result<u32> {
    watchdog.timer.cancel_and_wait(milliseconds).map(u32::from)
}

/// Returns how many periods have passed without a call.
#[kfunc]
fn bpf_watchdog_missed(watchdog: RcuPtr<'_, Object<Watchdog>>) -> u64 {
    watchdog.timer.missed()
}

#[kfunc]
fn bpf_watchdog_release(watchdog: ARef<Object<Watchdog>>) {
    drop(watchdog);
}

kfunc_set! {
    static WATCHDOGS = {
        prog_types: [Syscall, Tracing, SchedCls],
        kfuncs: [
            bpf_watchdog_create,
            bpf_watchdog_find,
            bpf_watchdog_start,
            bpf_watchdog_start_at,
            bpf_watchdog_cancel,
            bpf_watchdog_cancel_and_wait,
            bpf_watchdog_missed,
            bpf_watchdog_release,
        ],
    };
}

struct Watchdogs;

impl kernel::Module for Watchdogs {
    fn init(module: &'static ThisModule) -> Result<Self> {
        WATCHDOGS.register(module)?;
        Ok(Self)
    }
}
