// SPDX-License-Identifier: GPL-2.0

//! State of a module that its kfuncs use.
//!
//! A kfunc is a function by itself: what it works on must be found from a static. A [`ModuleState`]
//! is a static for a value that is made when the module is loaded and dropped when it is unloaded:
//!
//! ```ignore
//! static TABLE: ModuleState<ResSpinLock<Table>> = ModuleState::new();
//!
//! #[kfunc]
//! fn bpf_table_len(module: &ModuleRef) -> Result<u32> {
//!     TABLE.get(module).ok_or(ENODEV)?.with(|table| table.len())
//! }
//!
//! impl kernel::Module for Tables {
//!     fn init(module: &'static ThisModule) -> Result<Self> {
//!         KFUNCS.register(module)?;
//!         Ok(Self {
//!             _table: TABLE.init(module, ResSpinLock::new(Table::new()))?,
//!         })
//!     }
//! }
//! ```
//!
//! A [`ModuleRef`] is no argument for a program. It shows that the code runs in a kfunc, so that
//! the module stays loaded: the program that calls has a reference to it. A
//! [`StructOps`](crate::struct_ops::StructOps) gets one where the map of a table has the reference.
//!
//! This module does not lock: a value that changes brings its lock, which should be a
//! [`ResSpinLock`](crate::ResSpinLock). A `SpinLock` hangs the CPU if a program that is attached to
//! what runs under it calls the kfunc again.

use crate::{
    contract::Contract,
    init,
    kfunc::{
        Call,
        KfuncArg,
        Passed, //
    }, //
};
use core::{
    cell::UnsafeCell,
    convert::Infallible,
    mem::MaybeUninit, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Release, //
    }, //
};

/// Shows that the code runs in a kfunc that a BPF program called, or for a struct_ops map.
pub struct ModuleRef(());

impl ModuleRef {
    /// # Safety
    ///
    /// For the life of the call, the code must run in a kfunc of its module that a program called,
    /// or the caller must have a struct_ops map of a table of the module.
    pub(crate) unsafe fn get(_: &Call) -> &Self {
        &Self(())
    }
}

// SAFETY: The program passes nothing. The program that calls the kfunc holds a reference to the
// module (`add_kfunc_call()`), which lasts longer than the call.
unsafe impl KfuncArg for &ModuleRef {
    const CONTRACT: Contract = Contract::nothing();
    type Value<'a> = &'a ModuleRef;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        _passed: Passed<Self>,
        call: &Call,
        function: impl FnOnce(&ModuleRef) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        // SAFETY: The code runs in a kfunc that a program called.
        function(unsafe { ModuleRef::get(call) })
    }
}

/// No value.
const EMPTY: u32 = 0;
/// Somebody makes the value, or drops it.
const BUSY: u32 = 1;
/// There is a value.
const READY: u32 = 2;

/// Whether there is a value. What does not depend on the type of the value is here, so that a module
/// has no copy of it for each type.
struct Status(Atomic<u32>);

impl Status {
    /// Whether there is a value, which does not go before the module does.
    #[inline(always)]
    fn is_ready(&self) -> bool {
        self.0.load(Acquire) == READY
    }

    /// Reserves the place for a value; [`EBUSY`] if there is one.
    fn reserve(&self) -> Result {
        match self.0.cmpxchg(EMPTY, BUSY, Full) {
            Ok(_) => Ok(()),
            Err(_) => Err(EBUSY),
        }
    }

    /// A value is made, or dropped.
    fn set(&self, status: u32) {
        self.0.store(status, Release);
    }

    /// Takes the value out of sight; returns whether nobody can use it any more. If kfuncs can, the
    /// value is leaked.
    fn hide(&self, module: &ThisModule) -> bool {
        // A kfunc can be called from when the module is live until it begins to go. The lock keeps
        // it from becoming live before the value is out of sight.
        let lock = init::Lock::new();
        if lock.is_live(module) {
            pr_err!("a ModuleState is dropped while kfuncs can use it; its value is leaked\n");
            return false;
        }
        self.set(BUSY);
        true
    }
}

/// A static whose value lives as long as the module is loaded.
///
/// # Invariants
///
/// `value` is initialized while `status` is `READY`.
pub struct ModuleState<T> {
    status: Status,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: The value is shared, and dropped by whoever unloads the module.
unsafe impl<T: Send + Sync> Sync for ModuleState<T> {}

impl<T: Send + Sync> ModuleState<T> {
    /// Makes one without a value.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: Not `READY`.
        Self {
            status: Status(Atomic::new(EMPTY)),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Makes the value. Keep the result in the module; it drops the value.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: there is a value.
    /// - [`EINVAL`]: the static is another module's.
    /// - Those of `init`.
    pub fn init<E>(
        &'static self,
        module: &'static ThisModule,
        init: impl PinInit<T, E>,
    ) -> Result<StateGuard<T>>
    where
        Error: From<E>,
    {
        init::check_owner(self, module)?;
        self.status.reserve()?;
        // SAFETY: The place is valid for writes, does not move, and is ours by `BUSY`.
        if let Err(err) = unsafe { pin_init::raw_try_init(self.value.get().cast::<T>(), init) } {
            self.status.set(EMPTY);
            return Err(err.into());
        }
        // INVARIANT: The value was just made.
        self.status.set(READY);
        Ok(StateGuard {
            state: self,
            module,
        })
    }

    /// The value, or [`None`] if it was not made.
    #[inline]
    pub fn get<'a>(&'static self, _call: &'a ModuleRef) -> Option<&'a T> {
        if !self.status.is_ready() {
            return None;
        }
        // SAFETY: By the type invariants, the value is initialized. It is not dropped during the
        // call, because the module is not unloaded.
        Some(unsafe { (*self.value.get()).assume_init_ref() })
    }
}

/// Drops the value of a [`ModuleState`] when the module is unloaded.
#[must_use = "keep the guard in the module, or the value is gone"]
pub struct StateGuard<T: Send + Sync + 'static> {
    state: &'static ModuleState<T>,
    module: &'static ThisModule,
}

impl<T: Send + Sync> Drop for StateGuard<T> {
    fn drop(&mut self) {
        if !self.state.status.hide(self.module) {
            return;
        }
        // SAFETY: The guard exists, so the value does, and nobody uses it: no program can call.
        unsafe { self.state.value.get().cast::<T>().drop_in_place() };
        self.state.status.set(EMPTY);
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_state)]
mod tests {
    use super::*;
    use crate::kunit;
    use kernel::sync::atomic::Relaxed;

    /// How many values were dropped.
    static DROPS: Atomic<u32> = Atomic::new(0);

    struct Value(u32);

    impl Drop for Value {
        fn drop(&mut self) {
            DROPS.add(1, Relaxed);
        }
    }

    /// What a kfunc sees.
    fn seen(state: &'static ModuleState<Value>) -> Option<u32> {
        // SAFETY: The value is not dropped meanwhile.
        let call = unsafe { ModuleRef::get(&Call) };
        state.get(call).map(|value| value.0)
    }

    #[test]
    fn a_value_is_seen_while_there_is_one() -> Result {
        static STATE: ModuleState<Value> = ModuleState::new();

        DROPS.store(0, Relaxed);
        assert_eq!(seen(&STATE), None);
        let guard = STATE.init(&kunit::GOING, Value(1))?;
        assert_eq!(seen(&STATE), Some(1));
        assert_eq!(DROPS.load(Relaxed), 0);
        drop(guard);
        assert_eq!(seen(&STATE), None);
        assert_eq!(DROPS.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn there_is_one_value_at_a_time() -> Result {
        static STATE: ModuleState<Value> = ModuleState::new();

        DROPS.store(0, Relaxed);
        let guard = STATE.init(&kunit::COMING, Value(1))?;
        assert_eq!(STATE.init(&kunit::COMING, Value(2)).err(), Some(EBUSY));
        assert_eq!(seen(&STATE), Some(1));
        // The one that was not needed.
        assert_eq!(DROPS.load(Relaxed), 1);
        // What follows in the module's `init` fails.
        drop(guard);
        assert_eq!(DROPS.load(Relaxed), 2);

        let guard = STATE.init(&kunit::GOING, Value(3))?;
        assert_eq!(seen(&STATE), Some(3));
        drop(guard);
        assert_eq!(DROPS.load(Relaxed), 3);
        Ok(())
    }

    #[test]
    fn an_init_can_fail_and_be_tried_again() -> Result {
        static STATE: ModuleState<Value> = ModuleState::new();

        let mut meanwhile = (None, None);
        let failing = pin_init::pin_init_scope(|| {
            meanwhile = (STATE.init(&kunit::COMING, Value(0)).err(), seen(&STATE));
            Ok::<Result<Value>, Error>(Err(ENOENT))
        });
        assert_eq!(STATE.init(&kunit::COMING, failing).err(), Some(ENOENT));
        assert_eq!(meanwhile, (Some(EBUSY), None));
        assert_eq!(seen(&STATE), None);
        let guard = STATE.init(&kunit::GOING, Value(4))?;
        assert_eq!(seen(&STATE), Some(4));
        drop(guard);
        Ok(())
    }

    #[test]
    fn a_value_that_goes_is_not_seen() -> Result {
        static STATE: ModuleState<Looks> = ModuleState::new();
        static SEEN: Atomic<u32> = Atomic::new(0);

        /// Looks for itself when it is dropped.
        struct Looks;

        impl Drop for Looks {
            fn drop(&mut self) {
                // SAFETY: Nothing is done with the value.
                let call = unsafe { ModuleRef::get(&Call) };
                SEEN.store(if STATE.get(call).is_some() { 2 } else { 1 }, Relaxed);
            }
        }

        drop(STATE.init(&kunit::GOING, Looks)?);
        assert_eq!(SEEN.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn a_value_that_kfuncs_can_use_is_not_dropped() -> Result {
        static STATE: ModuleState<Value> = ModuleState::new();

        DROPS.store(0, Relaxed);
        for module in [&kunit::LIVE, &kunit::BUILT_IN] {
            drop(STATE.init(module, Value(5))?);
            assert_eq!(DROPS.load(Relaxed), 0);
            assert_eq!(seen(&STATE), Some(5));
            assert_eq!(STATE.init(module, Value(6)).err(), Some(EBUSY));

            // It is leaked only as far as others are concerned.
            drop(StateGuard {
                state: &STATE,
                module: &kunit::GOING,
            });
            assert_eq!(seen(&STATE), None);
            DROPS.store(0, Relaxed);
        }
        Ok(())
    }
}
