// SPDX-License-Identifier: GPL-2.0

//! State of a module: a value that all kfuncs of the module share.
//!
//! A kfunc has no `self`, so it can find shared data only through a static. A [`ModuleState`] is a
//! static for a value that the module creates when it is loaded. The value is dropped when the
//! module is unloaded:
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::prelude::*;
//! # struct Table(u32);
//! # impl Table { fn new() -> Self { Self(0) } fn len(&self) -> u32 { self.0 } }
//! static TABLE: ModuleState<ResSpinLock<Table>> = ModuleState::new();
//!
//! #[kfunc]
//! fn bpf_table_len(module: &ModuleRef) -> Result<u32> {
//!     TABLE.get(module).ok_or(ENODEV)?.with(|table| table.len())
//! }
//! #
//! # kfunc_set! { static KFUNCS = { prog_types: [Tracing], kfuncs: [bpf_table_len] }; }
//!
//! struct Tables {
//!     _table: bpf::StateGuard<ResSpinLock<Table>>,
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
//! A program passes no argument for a [`ModuleRef`]. The `ModuleRef` proves that the code runs in a
//! kfunc and that the module stays loaded: the program that calls the kfunc holds a reference to
//! the module. [`StructOps::slot()`](crate::struct_ops::StructOps::slot) also gets a `ModuleRef`,
//! because the map of the table holds a reference to the module.
//!
//! # What this module does not do
//!
//! A `ModuleState` does not lock its value. Put a value that changes in a
//! [`ResSpinLock`](crate::ResSpinLock). A `SpinLock` hangs the CPU if a program is attached to a
//! function that runs under the lock, and the program calls the kfunc again.
//!
//! C: `bpf_add_kfunc_call()` in `kernel/bpf/verifier.c`, which takes the program's reference.

use crate::{
    compat,
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

/// A token that proves that a program or a struct_ops map holds a reference to the module.
pub struct ModuleRef(());

impl ModuleRef {
    /// Returns the token for the duration of a call.
    ///
    /// # Safety
    ///
    /// Until the call ends, the code must run in a kfunc of the module that a program called, or
    /// the caller must hold a reference to the struct_ops map of a table of the module.
    pub(crate) unsafe fn get(_: &Call) -> &Self {
        &Self(())
    }
}

// SAFETY: The program passes no argument. The program holds a reference to the module of every
// kfunc that it calls (`bpf_add_kfunc_call()`), and releases the reference after the call.
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

/// The state has no value.
const EMPTY: u32 = 0;
/// A thread initializes the value or drops it.
const BUSY: u32 = 1;
/// The state has a value.
const READY: u32 = 2;

/// The status of a [`ModuleState`]. The functions of this type do not depend on the type of the
/// value, so that a module does not contain a copy of them for each type.
struct Status(Atomic<u32>);

impl Status {
    /// Returns whether the state has a value. A value stays until the module is unloaded.
    #[inline(always)]
    fn is_ready(&self) -> bool {
        self.0.load(Acquire) == READY
    }

    /// Changes the status from `EMPTY` to `BUSY`. Returns [`EBUSY`] if the state has a value, or if
    /// another thread initializes or drops it.
    fn reserve(&self) -> Result {
        match self.0.cmpxchg(EMPTY, BUSY, Full) {
            Ok(_) => Ok(()),
            Err(_) => Err(EBUSY),
        }
    }

    /// Sets the status after the value was initialized or dropped.
    fn set(&self, status: u32) {
        self.0.store(status, Release);
    }

    /// Hides the value from kfuncs and returns true, if programs cannot call the module. Otherwise
    /// prints an error and returns false; the caller must leak the value.
    fn hide(&self, module: &ThisModule) -> bool {
        // Programs can call kfuncs while the module is live. The lock keeps the module from
        // becoming live before the value is hidden.
        let lock = init::Lock::new();
        if lock.is_live(module) {
            pr_err!(
                "a StateGuard is dropped while programs can call its module; the value is leaked\n"
            );
            return false;
        }
        self.set(BUSY);
        true
    }
}

/// A static for a value that lives until the module is unloaded.
///
/// # Invariants
///
/// `value` is initialized while `status` is `READY`.
pub struct ModuleState<T> {
    status: Status,
    value: UnsafeCell<MaybeUninit<T>>,
}

// SAFETY: Kfuncs on all CPUs share the value, which is `Sync`. The thread that unloads the module
// drops the value, which is `Send`.
unsafe impl<T: Send + Sync> Sync for ModuleState<T> {}

impl<T: Send + Sync> ModuleState<T> {
    /// Creates a state without a value.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: The status is not `READY`.
        Self {
            status: Status(Atomic::new(EMPTY)),
            value: UnsafeCell::new(MaybeUninit::uninit()),
        }
    }

    /// Initializes the value with `init`. `module` must be the module that contains the static.
    ///
    /// Returns a guard that drops the value. Keep the guard in the module's struct.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: the state has a value already.
    /// - [`EINVAL`]: the static belongs to another module.
    /// - The errors of `init`.
    ///
    /// # Context
    ///
    /// Any context that `init` allows. Takes no lock.
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
        // SAFETY: `value` is valid for writes and does not move. While the status is `BUSY`, no
        // other thread uses it.
        if let Err(err) = unsafe { compat::try_init(self.value.get().cast::<T>(), init) } {
            self.status.set(EMPTY);
            return Err(err.into());
        }
        // INVARIANT: `try_init` has initialized the value.
        self.status.set(READY);
        Ok(StateGuard {
            state: self,
            module,
        })
    }

    /// Returns the value, or [`None`] if the state has no value.
    ///
    /// # Context
    ///
    /// Any, NMI included. Takes no lock.
    #[inline]
    pub fn get<'a>(&'static self, _call: &'a ModuleRef) -> Option<&'a T> {
        if !self.status.is_ready() {
            return None;
        }
        // SAFETY: By the type invariants, the value is initialized. `_call` proves that the module
        // is not unloaded before the call ends, so the value is not dropped before.
        Some(unsafe { (*self.value.get()).assume_init_ref() })
    }
}

/// A guard that drops the value of a [`ModuleState`].
///
/// The module keeps the guard, so that the value is dropped when the module is unloaded. If the
/// guard is dropped while programs can call the module, the value is leaked and stays usable. The
/// `Drop` may sleep.
#[must_use = "keep the guard in the module's struct; when the guard is dropped, so is the value"]
pub struct StateGuard<T: Send + Sync + 'static> {
    state: &'static ModuleState<T>,
    module: &'static ThisModule,
}

impl<T: Send + Sync> Drop for StateGuard<T> {
    fn drop(&mut self) {
        if !self.state.status.hide(self.module) {
            return;
        }
        // SAFETY: `init` has initialized the value, and only this guard drops it. No kfunc uses the
        // value, because programs cannot call the module.
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

    /// The number of values that were dropped.
    static DROPS: Atomic<u32> = Atomic::new(0);

    struct Value(u32);

    impl Drop for Value {
        fn drop(&mut self) {
            DROPS.add(1, Relaxed);
        }
    }

    /// Returns the value that a kfunc gets.
    fn seen(state: &'static ModuleState<Value>) -> Option<u32> {
        // SAFETY: The tests do not drop the guard during this function.
        let call = unsafe { ModuleRef::get(&Call) };
        state.get(call).map(|value| value.0)
    }

    #[test]
    fn a_kfunc_gets_the_value_until_the_guard_is_dropped() -> Result {
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
    fn a_second_init_fails_while_a_value_exists() -> Result {
        static STATE: ModuleState<Value> = ModuleState::new();

        DROPS.store(0, Relaxed);
        let guard = STATE.init(&kunit::COMING, Value(1))?;
        assert_eq!(STATE.init(&kunit::COMING, Value(2)).err(), Some(EBUSY));
        assert_eq!(seen(&STATE), Some(1));
        // The failed call has dropped `Value(2)`.
        assert_eq!(DROPS.load(Relaxed), 1);
        // The module drops the guard if a later step of its `init` fails.
        drop(guard);
        assert_eq!(DROPS.load(Relaxed), 2);

        let guard = STATE.init(&kunit::GOING, Value(3))?;
        assert_eq!(seen(&STATE), Some(3));
        drop(guard);
        assert_eq!(DROPS.load(Relaxed), 3);
        Ok(())
    }

    #[test]
    fn init_succeeds_after_an_init_that_failed() -> Result {
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
    fn a_kfunc_gets_no_value_while_the_value_is_dropped() -> Result {
        static STATE: ModuleState<Looks> = ModuleState::new();
        static SEEN: Atomic<u32> = Atomic::new(0);

        /// A value whose `Drop` calls `get` on its own state.
        struct Looks;

        impl Drop for Looks {
            fn drop(&mut self) {
                // SAFETY: The code does not use the value.
                let call = unsafe { ModuleRef::get(&Call) };
                SEEN.store(if STATE.get(call).is_some() { 2 } else { 1 }, Relaxed);
            }
        }

        drop(STATE.init(&kunit::GOING, Looks)?);
        assert_eq!(SEEN.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn the_value_of_a_live_module_is_leaked() -> Result {
        static STATE: ModuleState<Value> = ModuleState::new();

        DROPS.store(0, Relaxed);
        for module in [&kunit::LIVE, &kunit::BUILT_IN] {
            drop(STATE.init(module, Value(5))?);
            assert_eq!(DROPS.load(Relaxed), 0);
            assert_eq!(seen(&STATE), Some(5));
            assert_eq!(STATE.init(module, Value(6)).err(), Some(EBUSY));

            // The test drops the leaked value with a guard of a module that is unloaded.
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
