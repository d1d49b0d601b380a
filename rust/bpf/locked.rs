// SPDX-License-Identifier: GPL-2.0

//! Locks that a program holds from one kfunc to another.
//!
//! A kfunc that returns [`Lock<T>`](Lock) locks an object for the program, and one that takes
//! [`Locked<'_, T>`](Locked) by value unlocks it. In between, the program calls kfuncs that take
//! `&Locked<'_, T>` or `&mut Locked<'_, T>`, and nothing that the lock forbids: the verifier knows
//! from the types.
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::prelude::*;
//! /// A table. BPF programs see `struct bpf_table`, and `struct bpf_table_locked` if they hold it.
//! #[pin_data]
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_table", lock = entries)]
//! struct Table {
//!     #[pin]
//!     entries: SleepLock<[u64; 16]>,
//! }
//!
//! /// Locks @table. Returns NULL if that would not end.
//! #[kfunc]
//! fn bpf_table_lock(table: &Object<Table>) -> Option<Lock<Table>> {
//!     Some(Lock::new(table.into()))
//! }
//!
//! #[kfunc]
//! fn bpf_table_get(table: &Locked<'_, Table>, index: u32) -> u64 {
//!     table.get(index as usize).copied().unwrap_or(0)
//! }
//!
//! #[kfunc]
//! fn bpf_table_unlock(table: Locked<'_, Table>) {
//!     table.unlock();
//! }
//! ```
//!
//! ```c
//! struct bpf_table_locked *locked = bpf_table_lock(table);
//!
//! if (!locked)
//!         return 0;
//! sum = bpf_table_get(locked, 1) + bpf_table_get(locked, 2);
//! bpf_table_unlock(locked);
//! ```
//!
//! `lock = entries` names the field of the object that is the lock. It says what the program may do
//! while it holds it:
//!
//! | lock | the program | `KF_REGION_` |
//! | --- | --- | --- |
//! | [`SleepLock<V>`](crate::SleepLock) | may be preempted, may not fault or call what may sleep; the kfunc that locks may sleep | `NOFAULT` |
//! | [`ResSpinLock<V>`](crate::ResSpinLock) | preemption is off | `PREEMPT` |
//! | [`RcuLock`] | is in an RCU read-side critical section | `RCU` |
//!
//! The verifier makes the program unlock on every path, and lets it neither keep `struct
//! bpf_table_locked` in a map nor throw an exception. The object lives at least as long.
//!
//! Rust code holds no guard: the crate locks after the kfunc has returned its [`Lock`], and unlocks
//! after the kfunc that takes the [`Locked`] has returned. So no module can forget a guard and leave
//! preemption off for ever.
//!
//! An item of an [iterator](crate::iterator) can be a [`Lock`] as well.
//!
//! # What this module does not do
//!
//! - It does not wait for ever: the kfunc returns null if the lock cannot be had.
//! - It does not lock `Mutex` and `SpinLock` of the kernel crate, which would.
//! - A kfunc that takes a `Locked` cannot sleep.
//!
//! C: `KF_REGION_RCU` and the like in [`include/linux/btf.h`](srctree/include/linux/btf.h), with the
//! patches of this tree. Other kernels have no such flags: there, programs cannot call these kfuncs,
//! and the set says so when the module is loaded.

use crate::{
    compat,
    contract::Contract,
    helpers,
    iterator::{
        IteratorItem,
        Slot, //
    },
    kfunc::{
        KfuncArg,
        KfuncRet,
        Passed, //
    },
    object::{
        BtfObject,
        Object, //
    },
    register::Call,
    types::{
        BtfType,
        Pointer, //
    }, //
};
use core::{
    convert::Infallible,
    ffi::c_void,
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::aref::ARef, //
};

/// A lock that a program can hold.
///
/// # Safety
///
/// - If `enter` returned [`Ok`], no other code uses the value until `leave`.
/// - What `FLAGS` forbids to the program must be enough for the lock.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no lock that a program can hold",
    label = "use `SleepLock<V>`, `ResSpinLock<V>` or `RcuLock`"
)]
pub unsafe trait ProgramLock {
    /// The region in which the program is: `KF_REGION_*`.
    const FLAGS: u32;

    /// Whether `enter` may sleep.
    const SLEEPS: bool;

    /// What the lock protects.
    type Value;

    /// Takes the lock.
    ///
    /// # Errors
    ///
    /// Those of the lock, instead of a deadlock.
    ///
    /// # Safety
    ///
    /// - After [`Ok`], the caller must keep the lock allocated and call `leave`. Until then, it must
    ///   do nothing that `FLAGS` forbids.
    /// - If `SLEEPS` is true, the caller must be allowed to sleep.
    unsafe fn enter(&self) -> Result;

    /// Releases the lock.
    ///
    /// # Safety
    ///
    /// The caller must hold the lock since an `enter` that returned [`Ok`].
    unsafe fn leave(&self);

    /// Returns a pointer to the value.
    fn value(&self) -> *mut Self::Value;
}

/// The RCU read side as a lock. It protects no value.
pub struct RcuLock;

// SAFETY: The value `()` has no memory.
unsafe impl ProgramLock for RcuLock {
    const FLAGS: u32 = compat::KF_REGION_RCU;
    const SLEEPS: bool = false;
    type Value = ();

    #[inline]
    unsafe fn enter(&self) -> Result {
        // SAFETY: The caller calls `leave`.
        unsafe { helpers::rust_bpf_helper_rcu_read_lock() };
        Ok(())
    }

    #[inline]
    unsafe fn leave(&self) {
        // SAFETY: The caller has entered.
        unsafe { helpers::rust_bpf_helper_rcu_read_unlock() };
    }

    fn value(&self) -> *mut () {
        NonNull::dangling().as_ptr()
    }
}

/// An object with a lock. `#[btf(object, lock = field)]` implements the trait.
///
/// # Safety
///
/// `LOCKED` must be the name of a struct of the module that has a member which is no scalar, and
/// that no other type has.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no lock that a program can hold",
    label = "name the field that is the lock: `#[btf(object, name = \"...\", lock = field)]`"
)]
pub unsafe trait Lockable: BtfObject {
    /// The type of the lock.
    type Lock: ProgramLock;

    /// The struct in BTF to which a program that holds the lock has a pointer.
    const LOCKED: &'static str;

    /// Returns the lock.
    fn lock(&self) -> &Self::Lock;
}

/// The flags of a kfunc that returns a lock.
const fn enters<T: Lockable>() -> u32 {
    T::Lock::FLAGS
        | if T::Lock::SLEEPS {
            compat::KF_SLEEPABLE
        } else {
            0
        }
}

/// An object that is locked for a program when the kfunc returns.
pub struct Lock<T: Lockable>(ARef<Object<T>>);

impl<T: Lockable> Lock<T> {
    /// Makes `object` the result of a kfunc, or the item of an iterator.
    pub fn new(object: ARef<Object<T>>) -> Self {
        Self(object)
    }

    /// Locks the object for a program. Returns [`None`] if that fails.
    ///
    /// # Safety
    ///
    /// The program must hold the object from here on, until [`leave`]. If the lock sleeps, the program
    /// must be allowed to sleep.
    #[inline]
    unsafe fn enter(self) -> Option<NonNull<Object<T>>> {
        // SAFETY: The program leaves the lock, and does nothing meanwhile that it forbids. The pointer
        // keeps the reference to the object.
        unsafe { self.0.lock().enter() }.ok()?;
        Some(ARef::into_raw(self.0))
    }
}

/// Unlocks an object, and drops the reference of the lock.
///
/// # Safety
///
/// `object` must come from [`Lock::enter`], and this must be the only call for it.
#[inline]
unsafe fn leave<T: Lockable>(object: NonNull<Object<T>>) {
    // SAFETY: `enter` left the reference with the program.
    let object = unsafe { ARef::from_raw(object) };
    // SAFETY: `enter` took the lock.
    unsafe { object.lock().leave() };
}

/// An object that the program holds locked.
///
/// The value of the lock is the target of [`Deref`]: of `&Locked`, another kfunc of the program may
/// use it at the same time; of `&mut Locked`, none does.
pub struct Locked<'a, T: Lockable> {
    object: NonNull<Object<T>>,
    // Only the task of the program may use the lock.
    _program: PhantomData<(&'a (), *mut ())>,
}

impl<T: Lockable> Locked<'_, T> {
    /// # Safety
    ///
    /// The program must hold the object locked until the call ends.
    #[inline(always)]
    unsafe fn from_register(register: u64) -> Self {
        Self {
            // SAFETY: The crate gave the pointer to the program, so it is not null.
            object: unsafe { NonNull::new_unchecked(register as *mut Object<T>) },
            _program: PhantomData,
        }
    }

    /// Ends the use of the object. The crate unlocks it when the kfunc has returned, also without
    /// this call.
    pub fn unlock(self) {}

    /// Returns the object.
    pub fn object(&self) -> &Object<T> {
        // SAFETY: The lock holds a reference until the call ends.
        unsafe { self.object.as_ref() }
    }
}

impl<T: Lockable> Deref for Locked<'_, T> {
    type Target = <T::Lock as ProgramLock>::Value;

    #[inline]
    fn deref(&self) -> &Self::Target {
        // SAFETY: The program holds the lock, and calls one kfunc at a time. No argument of the kfunc
        // is a `&mut` of the value (`broken_rule()`).
        unsafe { &*self.object().lock().value() }
    }
}

impl<T: Lockable> DerefMut for Locked<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Self::Target {
        // SAFETY: As in `deref`; no other argument of the kfunc is the value.
        unsafe { &mut *self.object().lock().value() }
    }
}

// SAFETY: `Lockable` declares the struct.
unsafe impl<T: Lockable> BtfType for Locked<'_, T> {
    const BTF: &'static str = T::LOCKED;
    const SCALARS: Option<u32> = None;
}

/// The contract of a pointer to a locked object.
const fn held<T: Lockable>() -> Contract {
    Contract::pointer(Pointer::<Locked<'static, T>>::TEXT)
        .trusted()
        .with_flags(T::Lock::FLAGS & compat::UNCHECKED)
}

// SAFETY: The verifier accepts a trusted pointer to the struct. All of them come from kfuncs and
// iterators that returned a `Lock`, and the program holds the reference, or the iterator does.
unsafe impl<T: Lockable> KfuncArg for &Locked<'_, T> {
    const CONTRACT: Contract = held::<T>().locked();
    type Value<'a> = &'a Locked<'a, T>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Self::Value<'_>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        // SAFETY: The program holds the object, and does not release it in this call.
        function(&unsafe { Locked::from_register(passed.register()) })
    }
}

// SAFETY: As for `&Locked`. The contract is exclusive, so no other argument is the same object.
unsafe impl<T: Lockable> KfuncArg for &mut Locked<'_, T> {
    const CONTRACT: Contract = held::<T>().locked().exclusive();
    type Value<'a> = &'a mut Locked<'a, T>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Self::Value<'_>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        // SAFETY: The program holds the object, and does not release it in this call.
        function(&mut unsafe { Locked::from_register(passed.register()) })
    }
}

// SAFETY: The verifier accepts a pointer with a reference that the program holds, and not the
// element of an iterator. The flags are those of the kfunc that returned it, so the program leaves
// the region (`check_release_region()` of the patches), and the crate unlocks the object.
unsafe impl<T: Lockable> KfuncArg for Locked<'_, T> {
    const CONTRACT: Contract = held::<T>()
        .with_flags(bindings::KF_RELEASE | T::Lock::FLAGS | compat::KF_REGION_LEAVE)
        .locked()
        .exclusive();
    type Value<'a> = Locked<'a, T>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Self::Value<'_>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        // SAFETY: The program holds the object until the function has returned.
        let locked: Locked<'_, T> = unsafe { Locked::from_register(passed.register()) };
        let object = locked.object;
        let result = function(locked);
        // SAFETY: The program does not hold the object any more (`release_reg()`), which `enter`
        // locked for it.
        unsafe { leave(object) };
        result
    }
}

// SAFETY: The verifier records that the program holds the reference, and is in the region, if the
// result is not null.
unsafe impl<T: Lockable> KfuncRet for Option<Lock<T>> {
    const BTF: &'static str = Pointer::<Locked<'static, T>>::TEXT;
    const FLAGS: u32 = bindings::KF_ACQUIRE | bindings::KF_RET_NULL | enters::<T>();
    type Abi = *const Object<T>;

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self.map_or(core::ptr::null(), |lock| ARef::into_raw(lock.0).as_ptr())
    }

    #[inline(always)]
    unsafe fn give(result: Self::Abi) -> Self::Abi {
        let Some(object) = NonNull::new(result.cast_mut()) else {
            return result;
        };
        // SAFETY: `into_abi` left the reference in the result.
        let lock = Lock(unsafe { ARef::from_raw(object) });
        // SAFETY: The verifier lets the program hold the reference, in the region of the lock. It
        // called the kfunc where it may sleep, if the lock does (`enters()`).
        unsafe { lock.enter() }.map_or(core::ptr::null(), |object| object.as_ptr())
    }
}

/// The object that an iterator holds locked.
///
/// # Invariants
///
/// The object comes from [`Lock::enter`].
#[doc(hidden)]
pub struct Held<T: Lockable>(Option<NonNull<Object<T>>>);

impl<T: Lockable> Drop for Held<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(object) = self.0.take() {
            // SAFETY: By the type invariants. Nobody else has the pointer: the program does not use
            // it any more.
            unsafe { leave(object) };
        }
    }
}

impl<T: Lockable> Slot for Held<T> {
    const EMPTY: Self = Self(None);
}

// SAFETY: The verifier records that the iterator holds a reference, and the program is in the
// region, until it calls `release`, `next` or `destroy`, which empty the slot.
unsafe impl<T: Lockable> IteratorItem for Lock<T> {
    type Slot = Held<T>;
    type Kind = Locked<'static, T>;
    const BTF: &'static str = Pointer::<Locked<'static, T>>::TEXT;
    const REGION: u32 = enters::<T>();

    #[inline(always)]
    unsafe fn place(self, slot: &mut Held<T>) -> *const c_void {
        // INVARIANT: The object comes from `enter`.
        // SAFETY: The caller is `next` of an iterator, which is called where it may sleep, if the lock
        // does. The slot leaves the lock.
        slot.0 = unsafe { self.enter() };
        slot.0
            .map_or(core::ptr::null(), |object| object.as_ptr().cast())
    }
}
