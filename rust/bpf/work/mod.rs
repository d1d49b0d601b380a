// SPDX-License-Identifier: GPL-2.0

//! Works: what a kfunc starts, and a thread does later.
//!
//! A program that sees an event of a device often runs in an interrupt. The answer to the event
//! often sleeps. A kfunc can start a work, from any context. A thread of the kernel runs the work
//! after the kfunc has returned, and the work may sleep:
//!
//! ```
//! # use bpf::{prelude::*, work};
//! # use kernel::prelude::*;
//! #[pin_data]
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_blink")]
//! struct Blink {
//!     times: u32,
//!     #[pin]
//!     status: work::Status,
//! }
//!
//! impl work::Work for Blink {
//!     fn run(self: &Object<Self>, running: &work::Running) {
//!         // The closure may sleep. It does not run if a program has cancelled the work.
//!         let _ = self.status.finish(running, || Ok(self.times));
//!     }
//! }
//!
//! static QUEUE: ModuleState<work::Queue<Blink>> = ModuleState::new();
//!
//! /// Starts a work. Returns null if 16 works have not ended, or if there is no memory.
//! #[kfunc]
//! fn bpf_blink_start(times: u32, module: &ModuleRef) -> Option<ARef<Object<Blink>>> {
//!     let blink = pin_init!(Blink { times, status <- work::Status::new() });
//!     QUEUE.get(module)?.start(blink).ok()
//! }
//!
//! /// Waits for the end of a work.
//! #[kfunc(sleepable)]
//! fn bpf_blink_wait(blink: &Object<Blink>, milliseconds: u32) -> Result<u32> {
//!     blink.status.wait(milliseconds)
//! }
//!
//! #[kfunc]
//! fn bpf_blink_release(blink: ARef<Object<Blink>>) {
//!     drop(blink);
//! }
//! #
//! # struct Blinks { _queue: bpf::StateGuard<work::Queue<Blink>> }
//! # impl Blinks {
//! #     fn init(module: &'static ThisModule) -> Result<Self> {
//! #         Ok(Self { _queue: QUEUE.init(module, work::Queue::new(16)?)? })
//! #     }
//! # }
//! ```
//!
//! A work is an [`Object`]: the program can hold a reference to it, keep the reference in a map, or
//! release it at once. A [`Queue`] runs its works one after the other, in the order of their start.
//! The works of different queues run at the same time. A queue bounds the number of works that have
//! not ended; beyond that, [`Queue::start`] fails.
//!
//! [`start_in_task`] gives a work to a task instead, which does it before it returns to user mode.
//!
//! The program learns the result from a [`Status`]: a kfunc polls it, or waits for it with a time
//! limit, or the work appends a record to a [`RingBuf`](crate::RingBuf).
//!
//! # Who keeps whom
//!
//! - From its start to its end, a queue holds a reference to the work. The value of the work holds
//!   references to what it uses: to the object of a device, to a ring buffer.
//! - A queue without works holds no work, and a work that has ended is held only by programs and
//!   maps. So no cycle keeps a program, a map and an object for ever: each cycle that contains a
//!   queue ends with the work.
//! - A work has no reference to the program that started it, unless its value holds a
//!   [callback](crate::callback), which belongs to a map.
//! - The crate delays the unload of the module that contains the type of a work until all works of
//!   the type have ended, also if the module has leaked the queue. From the beginning of the unload,
//!   no work of the type starts. So a work must end: it must not wait for something without a time
//!   limit.
//! - A work does not wait for another work ([`Status::wait`] is `EDEADLK` there), because both may
//!   be in one queue.
//!
//! # What this module does not do
//!
//! - It does not run a work at a given time, and does not repeat a work: see [`timer`](crate::timer).
//! - It does not interrupt a work that runs.
//! - It does not call back a program: see [`callback`](crate::callback).
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use crate::{
    header::Run,
    object::{
        BtfObject,
        Object, //
    }, //
};
use core::{
    ffi::c_void,
    marker::PhantomData, //
};

mod in_task;
mod queue;
mod status;

pub use in_task::start_in_task;
pub use queue::Queue;
pub use status::Status;

/// A token that proves that the code is in [`Work::run`]: in a thread of the kernel that runs a
/// work, or in a task that does one before it returns to user mode.
pub struct Running(());

/// A value whose objects are works.
pub trait Work: BtfObject + Sized {
    /// Does the work, once for each start.
    ///
    /// # Context
    ///
    /// A thread of the kernel, or the task of [`start_in_task`], which may sleep. The function must
    /// end after a bounded time.
    fn run(self: &Object<Self>, running: &Running);

    /// Called in place of [`run`](Self::run) if the task of [`start_in_task`] has exited. A work
    /// with a [`Status`] calls [`Status::skip`].
    ///
    /// # Context
    ///
    /// Any but an NMI: the function must not sleep.
    fn skipped(self: &Object<Self>) {}
}

/// Finds [`Work::run`] of a type, if the type is a work. For the code that `#[derive(BtfType)]`
/// generates, in the module that contains the type: this module stays loaded while the works of the
/// type run.
#[doc(hidden)]
pub struct Probe<T>(PhantomData<T>);

impl<T: Work> Probe<T> {
    /// The function that does the work of an object.
    pub const RUN: Option<Run> = Some(Self::run);

    /// The function to call if nobody is going to do the work of an object.
    pub const SKIP: Option<Run> = Some(Self::skip);

    /// # Safety
    ///
    /// `object` must point to a valid `Object<T>`, and the thread must run works.
    unsafe extern "C" fn run(object: *mut c_void) {
        // SAFETY: The caller passes a valid object.
        unsafe { &*object.cast::<Object<T>>() }.run(&Running(()));
    }

    /// # Safety
    ///
    /// `object` must point to a valid `Object<T>`.
    unsafe extern "C" fn skip(object: *mut c_void) {
        // SAFETY: The caller passes a valid object.
        unsafe { &*object.cast::<Object<T>>() }.skipped();
    }
}

/// What [`Probe`] finds for a type that is no work.
#[doc(hidden)]
pub trait NoWork {
    /// No function.
    const RUN: Option<Run> = None;
    /// No function.
    const SKIP: Option<Run> = None;
}

impl<T> NoWork for Probe<T> {}
