// SPDX-License-Identifier: GPL-2.0

//! Callbacks: functions of a program, which the kernel calls after the kfunc has returned.
//!
//! A kfunc takes a [`Callback`], with a prototype, and keeps it: as a [`Scheduled`] value, with the
//! arguments of one call, or as a [`Kept`] value, for calls with other arguments each time. A
//! [`work`] calls it:
//!
//! ```
//! # use bpf::{callback::{Callback, Scheduled, Sleepable}, prelude::*, work};
//! # use kernel::prelude::*;
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_later")]
//! struct Later {
//!     callback: Scheduled<fn(u32) -> i32, Sleepable>,
//! }
//!
//! impl work::Work for Later {
//!     fn run(self: &Object<Self>, running: &work::Running) {
//!         let _ = self.callback.call(running);
//!     }
//! }
//!
//! static QUEUE: ModuleState<work::Queue<Later>> = ModuleState::new();
//!
//! /// Calls `callback` with `number`, from a thread of the kernel, unless user space closes `owner`
//! /// before. Returns null if the queue is full, or if user space does not hold `owner`.
//! #[kfunc]
//! fn bpf_later_call(
//!     owner: &Map,
//!     callback: Callback<'_, fn(u32) -> i32, Sleepable>,
//!     number: u32,
//!     module: &ModuleRef,
//! ) -> Option<ARef<Object<Later>>> {
//!     let callback = callback.schedule(owner, (number,)).ok()?;
//!     QUEUE.get(module)?.start(Later { callback }).ok()
//! }
//! #
//! # #[kfunc]
//! # fn bpf_later_release(later: ARef<Object<Later>>) {
//! #     drop(later);
//! # }
//! #
//! # struct Laters { _queue: bpf::StateGuard<work::Queue<Later>> }
//! # impl Laters {
//! #     fn init(module: &'static ThisModule) -> Result<Self> {
//! #         Ok(Self { _queue: QUEUE.init(module, work::Queue::new(16)?)? })
//! #     }
//! # }
//! ```
//!
//! The program passes a static function:
//!
//! ```c
//! static int tell(u32 number)
//! {
//!         return number + 1;
//! }
//!
//! later = bpf_later_call(&map, tell, 42);
//! ```
//!
//! # The contract
//!
//! The prototype is a type of Rust, `fn(A, B) -> R`, and the verifier checks the function for it,
//! by itself: what the program has checked before the call of the kfunc, and the critical sections
//! that it is in, do not matter to the callback.
//!
//! | argument | the callback gets |
//! | --- | --- |
//! | an integer, `bool` | a scalar in the range of the type |
//! | [`Lent<T>`] | a trusted pointer to an object, until it returns |
//! | `Option<Lent<T>>` | the same, or null |
//! | `ARef<Object<T>>` | a reference, which it must release |
//! | `Option<ARef<Object<T>>>` | the same, or null |
//!
//! A callback returns nothing, an integer or `bool`. It has at most five arguments. With
//! [`Sleepable`] it may sleep, also if the program may not; otherwise it may not, also if the
//! program may.
//!
//! # Who keeps whom
//!
//! A callback that is kept holds a reference to its program, and to what its arguments own. It
//! belongs to a map, its owner. If the last reference of user space to the owner goes (file
//! descriptors and pins), the callback is cancelled, so a program that keeps the object of a callback in
//! its own map does not live for ever. So does `bpf_timer`. The reference ends as well when a
//! [`Scheduled`] callback has been called, and when the value is dropped.
//!
//! # What this module does not do
//!
//! - It does not call a function of the program before the kfunc returns: the verifier of 7.3 knows
//!   the few functions that do by their names.
//! - It does not call anything at a given time: see [`timer`].
//! - It does nothing on kernels without the patches (`patches/`): there, programs cannot call the
//!   kfuncs of a set that take a callback, and [`KfuncSet::register`](crate::KfuncSet::register)
//!   says so.
//!
//! C: `kernel/bpf/callback.c`, which the patches add.

use crate::{
    compat,
    contract::Contract,
    kfunc::{
        Call,
        KfuncArg,
        Passed, //
    },
    timer,
    work, //
};
use core::{
    convert::Infallible,
    ffi::c_void,
    marker::PhantomData,
    ptr::NonNull, //
};

mod armed;
mod kept;
mod prototype;
mod scheduled;

pub use kept::Kept;
pub use prototype::{
    CallbackArg,
    CallbackRet,
    Lent,
    Prototype, //
};
pub use scheduled::Scheduled;

/// Says whether a callback may sleep: [`Sleepable`] or [`NonSleepable`].
pub trait Context: private::Sealed + 'static {
    /// Whether the callback may sleep.
    #[doc(hidden)]
    const SLEEPABLE: bool;
    /// The suffix of the parameter's name.
    #[doc(hidden)]
    const SUFFIX: &'static str;
}

/// A token that proves that the code is where a callback with the context `C` can be called: in the
/// thread of a [`work`], or in the softirq of a [`timer`].
#[diagnostic::on_unimplemented(
    message = "a callback with the context `{C}` cannot be called here: it may sleep, and a softirq may not",
    label = "keep a `NonSleepable` callback, or call this one in a work"
)]
pub trait Place<C: Context>: private::Sealed {}

impl private::Sealed for work::Running {}
impl private::Sealed for timer::Softirq {}
impl<C: Context> Place<C> for work::Running {}
impl Place<NonSleepable> for timer::Softirq {}

/// The callback may sleep, and may call helpers and kfuncs that do.
pub enum Sleepable {}

/// The callback may not sleep. It is in an RCU read-side critical section.
pub enum NonSleepable {}

mod private {
    pub trait Sealed {}
    impl Sealed for super::Sleepable {}
    impl Sealed for super::NonSleepable {}
}

impl Context for Sleepable {
    const SLEEPABLE: bool = true;
    const SUFFIX: &'static str = "__s_async";
}

impl Context for NonSleepable {
    const SLEEPABLE: bool = false;
    const SUFFIX: &'static str = "__async";
}

/// A static function of the program that calls the kfunc.
///
/// C: `int (*callback__async)(u32 n)`, or with `__s_async` if it is [`Sleepable`].
pub struct Callback<'a, F, C = NonSleepable> {
    function: NonNull<c_void>,
    _type: PhantomData<(&'a (), F, C)>,
}

// SAFETY: The verifier accepts only a static function of the program, and checks it for the
// prototype of the parameter (`describe_async_cb()` of the patches). A kernel without the patches
// does not check the function: there, programs cannot call the kfunc (`UNCHECKED`).
unsafe impl<F: Prototype, C: Context> KfuncArg for Callback<'_, F, C> {
    const CONTRACT: Contract = Contract::value(F::BTF)
        .suffix(C::SUFFIX)
        .with_flags(compat::CALLBACKS);
    type Value<'a> = Callback<'a, F, C>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Self::Value<'_>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        function(Callback {
            // SAFETY: The address of a function is not null.
            function: unsafe { NonNull::new_unchecked(passed.register() as *mut c_void) },
            _type: PhantomData,
        })
    }
}
