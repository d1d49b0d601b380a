// SPDX-License-Identifier: GPL-2.0

//! Timers that are armed, expire and call while their module is unloaded. Loaded and unloaded by the
//! test.
//!
//! The module leaks references to objects with timers, which safe code can do. After the unload,
//! nothing may look at the module any more.

use bpf::{
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
    type: TimerUnload,
    name: "timer_unload",
    description: "Timers that are armed in an unload",
    license: "GPL",
}

const MS: u64 = 1_000_000;

#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_timer_unload_ticks")]
struct Ticks {
    #[pin]
    timer: Timer,
    #[pin]
    other: Timer,
    starts_itself: bool,
}

impl Ticks {
    fn start(period: u64, expiry: Expiry, starts_itself: bool) -> Result<ARef<Object<Self>>> {
        let ticks = Object::pin_init(pin_init!(Self {
            timer <- Timer::new(period, 0),
            other <- Timer::new(0, 0),
            starts_itself,
        }))?;
        Timer::start(&ticks, expiry)?;
        Ok(ticks)
    }
}

impl work::Work for Ticks {
    fn run(self: &Object<Self>, _: &work::Running) {
        if self.starts_itself {
            // Fails when the module is unloaded.
            let _ = Timer::start(self, Expiry::After(0));
        }
    }
}

impl Timed for Ticks {
    fn timer(&self) -> &Timer {
        if self.starts_itself && !self.other.cancel() {
            &self.other
        } else {
            &self.timer
        }
    }
}

struct TimerUnload {
    _ticks: ARef<Object<Ticks>>,
}

impl kernel::Module for TimerUnload {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        for (period, expiry) in [
            (MS, Expiry::After(0)),
            (1, Expiry::After(0)),
            // The test unloads the module before.
            (0, Expiry::After(60 * MS)),
            (0, Expiry::After(u64::MAX)),
        ] {
            core::mem::forget(Ticks::start(period, expiry, false)?);
        }
        core::mem::forget(Ticks::start(0, Expiry::After(0), true)?);
        Ok(Self {
            _ticks: Ticks::start(MS, Expiry::After(0), false)?,
        })
    }
}
