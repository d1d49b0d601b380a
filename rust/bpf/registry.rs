// SPDX-License-Identifier: GPL-2.0

//! Registries: programs find objects by a key.
//!
//! A type with `#[btf(object, registry = 64)]` has a registry with 64 places. A lookup finds an
//! object in the registry by its key while the object has a reference. The registry itself holds no
//! reference. After the release of the last reference, no lookup finds the object, and its place is
//! free.
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::{prelude::*, sync::atomic::Atomic};
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_counter", registry = 64)]
//! struct Counter {
//!     value: Atomic<u64>,
//! }
//!
//! #[kfunc]
//! fn bpf_counter_open(key: u64) -> Option<ARef<Object<Counter>>> {
//!     Object::find_or_make(key, || Counter { value: Atomic::new(0) }).ok()
//! }
//!
//! #[kfunc]
//! fn bpf_counter_find<'a>(key: u64, rcu: &'a rcu::Guard) -> Option<RcuPtr<'a, Object<Counter>>> {
//!     Object::find(key, rcu)
//! }
//! ```
//!
//! A lookup and a walk take no lock; they need only an RCU read-side critical section. The
//! insertion of an object takes a [`ResSpinLock`], which can fail. All operations work in any
//! context, NMI included. The registry allocates no memory.
//!
//! The `XArray` and `RBTree` of the kernel crate cannot do this. Their users change them under a
//! spinlock, which waits for ever if a program interrupts the holder of the lock, and an insertion
//! allocates memory in a way that not every context allows.
//!
//! # What this module does not do
//!
//! - A registry does not grow: if no place is free, the insertion fails.
//! - A registry has no keys other than 64-bit numbers, and does not resist chosen keys: if a
//!   program chooses keys with the same hash, a lookup can visit every place.
//! - A registry does not take the same object twice.

use crate::{
    lock::ResSpinLock,
    object::{
        BtfObject,
        Object,
        RcuPtr, //
    },
    rcu::with_rcu, //
};
use core::{
    ffi::c_void,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    sync::{
        aref::ARef,
        atomic::{
            Acquire,
            Atomic,
            Full,
            Relaxed,
            Release, //
        },
        rcu, //
    }, //
};

/// A place of a registry.
///
/// # Invariants
///
/// `object` is null, or points to an object whose `place` points to this place. RCU readers may use
/// that object: `object` is set to another value before the grace period after which the memory of
/// the object is freed. `key` is the key of the object.
#[doc(hidden)]
pub struct Place {
    key: Atomic<u64>,
    object: Atomic<*mut c_void>,
    /// A lookup of a key whose home is this place visits this place and the next `reach` places,
    /// independent of the object in this place.
    reach: Atomic<u32>,
}

impl Place {
    /// Creates an empty place.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: `object` is null.
        Self {
            key: Atomic::new(0),
            object: Atomic::new(core::ptr::null_mut()),
            reach: Atomic::new(0),
        }
    }

    /// Removes `object` from its place, if it has one. Returns whether the object was in the place.
    ///
    /// # Safety
    ///
    /// The pointer in `place` must be null or point to a place of a registry that is not freed.
    pub(crate) unsafe fn leave(place: &Atomic<*mut Place>, object: *mut c_void) -> bool {
        // SAFETY: The caller passes null or a pointer to a place that is not freed.
        let Some(place) = (unsafe { place.load(Acquire).as_ref() }) else {
            return false;
        };
        // The place may contain another object by now.
        place
            .object
            .cmpxchg(object, core::ptr::null_mut(), Full)
            .is_ok()
    }
}

/// The registry of a type. `#[derive(BtfType)]` generates it as a static.
#[doc(hidden)]
pub struct Registry<T, P: ?Sized = [Place]> {
    lock: ResSpinLock<()>,
    _objects: PhantomData<fn() -> T>,
    places: P,
}

impl<T, const N: usize> Registry<T, [Place; N]> {
    /// Creates an empty registry.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        const { assert!(N > 0 && N <= 1 << 16, "a registry has 1 to 65536 places") };
        Self {
            lock: ResSpinLock::new(()),
            _objects: PhantomData,
            places: [const { Place::new() }; N],
        }
    }
}

/// A type that has a registry. `#[derive(BtfType)]` implements the trait for a type with
/// `#[btf(object, registry = 64)]`.
///
/// # Safety
///
/// The registry must be a static of the module that contains the code of the type: the registry
/// must not be freed before the last object of the type is freed.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no registry",
    label = "write `#[btf(object, registry = 64)]` on the type"
)]
pub unsafe trait Registered: BtfObject + Sized {
    /// Returns the registry of the type.
    #[doc(hidden)]
    fn registry() -> &'static Registry<Self>;
}

impl<T: Registered> Registry<T> {
    /// Returns the home of a key: the index of the place that a lookup visits first.
    fn home(&self, key: u64) -> usize {
        // The upper half of the product with the golden ratio depends on all bits of the key.
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        // The result is less than the number of places, because both factors are less than 2^32.
        (hash.wrapping_mul(self.places.len() as u64) >> 32) as usize
    }

    /// Iterates over `count` places from the index `home` on, and continues with the first place
    /// after the last one.
    fn from(&self, home: usize, count: usize) -> impl Iterator<Item = &'static Place>
    where
        Self: 'static,
    {
        let places = &T::registry().places;
        let (before, after) = places.split_at_checked(home).unwrap_or((&[], places));
        // Not `Iterator::take()`: rustc 1.97 does not see that its count cannot overflow.
        let after = after.get(..count).unwrap_or(after);
        let rest = count.saturating_sub(after.len());
        Iterator::chain(after.iter(), before.get(..rest).unwrap_or(before))
    }

    /// Returns the object in a place, if the object has a reference and, with [`Some`] key, has
    /// this key.
    ///
    /// # Safety
    ///
    /// The caller must be in an RCU read-side critical section until the end of `'a`.
    unsafe fn look<'a>(place: &Place, key: Option<u64>) -> Option<&'a Object<T>> {
        let object = place.object.load(Acquire);
        if let Some(key) = key {
            // The key may already be that of the next object. Then this reader also sees that
            // `object` has left the place, or has no reference any more.
            if place.key.load(Acquire) != key || place.object.load(Acquire) != object {
                return None;
            }
        }
        // SAFETY: By the type invariants of `Place`, `object` is null or an object that RCU readers
        // may use, and the caller is an RCU reader until the end of `'a`.
        let found = unsafe { object.cast::<Object<T>>().as_ref() }?;
        found.is_alive().then_some(found)
    }

    /// Returns the object that has a key.
    ///
    /// # Safety
    ///
    /// The caller must be in an RCU read-side critical section until the end of `'a`.
    unsafe fn find<'a>(&'static self, key: u64) -> Option<&'a Object<T>> {
        let home = self.home(key);
        let reach = self.places.get(home)?.reach.load(Acquire) as usize;
        self.from(home, reach.saturating_add(1))
            // SAFETY: The caller is in an RCU read-side critical section until the end of `'a`.
            .find_map(|place| unsafe { Self::look(place, Some(key)) })
    }

    /// Inserts an object with a key and returns a reference to it. If another object has the key,
    /// returns a reference to that object, and does not insert `object`.
    fn put(&'static self, key: u64, object: ARef<Object<T>>) -> Result<ARef<Object<T>>> {
        let put = |_: &rcu::Guard| {
            // SAFETY: The code is in an RCU read-side critical section, in which `found` is used.
            if let Some(found) = unsafe { self.find(key) }.and_then(try_get) {
                return Ok(found);
            }
            let home = self.home(key);
            let free = self
                .from(home, self.places.len())
                // SAFETY: The code is in an RCU read-side critical section; the object is not kept.
                .position(|place| unsafe { Self::look(place, None) }.is_none())
                .ok_or(ENOSPC)?;
            let place = self.from(home, self.places.len()).nth(free).ok_or(ENOSPC)?;
            let null = core::ptr::null_mut();
            let this = core::ptr::from_ref(place).cast_mut();
            object
                .header
                .place
                .cmpxchg(null, this, Full)
                .map_err(|_| EBUSY)?;
            // A reader that sees the object also sees its key. If the place contains an object
            // without references, the callback of that object does not clear the place, because the
            // place contains the new object then.
            // INVARIANT: The `place` of the object points to this place. The callback that drops
            // the object clears the place.
            place.key.store(key, Release);
            place
                .object
                .store(core::ptr::from_ref(&*object).cast_mut().cast(), Release);
            if let Some(home) = self.places.get(home) {
                let reach = home.reach.load(Relaxed).max(free as u32);
                home.reach.store(reach, Release);
            }
            Ok(object.clone())
        };
        self.lock.with(|()| with_rcu(put))?
    }
}

/// Acquires a reference to an object that a lookup found, unless its last reference was released.
fn try_get<T: BtfObject>(object: &Object<T>) -> Option<ARef<Object<T>>> {
    // SAFETY: The caller found the object in an RCU read-side critical section that has not ended.
    unsafe { Object::try_get(NonNull::from(object)) }
}

impl<T: Registered> Object<T> {
    /// Finds the object that has `key`. Returns a pointer that is valid until the critical section
    /// of `rcu` ends, or [`None`].
    ///
    /// # Context
    ///
    /// Any, NMI included. Takes no lock.
    pub fn find(key: u64, rcu: &rcu::Guard) -> Option<RcuPtr<'_, Self>> {
        // SAFETY: `rcu` proves that the code is in an RCU read-side critical section.
        let object = unsafe { T::registry().find(key) }?;
        Some(RcuPtr::new(object, rcu))
    }

    /// Finds the object that has `key`. Returns a reference to the object, or [`None`].
    ///
    /// # Context
    ///
    /// Any, NMI included. Takes no lock.
    pub fn find_get(key: u64) -> Option<ARef<Self>> {
        with_rcu(|_| {
            // SAFETY: The code is in an RCU read-side critical section, in which the object is used.
            unsafe { T::registry().find(key) }.and_then(try_get)
        })
    }

    /// Finds the object that has `key`, or creates an object with the value that `make` returns and
    /// inserts it with `key`. Returns a reference to the object.
    ///
    /// If two CPUs insert an object with the same key at the same time, both get the same object.
    ///
    /// # Errors
    ///
    /// - The errors of [`new`](Self::new).
    /// - [`ENOSPC`]: no place is free.
    /// - The errors of [`ResSpinLock::with`].
    ///
    /// # Context
    ///
    /// Any that `make` allows, NMI included. Takes the lock of the registry to insert an object,
    /// but not while `make` runs.
    pub fn find_or_make(key: u64, make: impl FnOnce() -> T) -> Result<ARef<Self>> {
        match Self::find_get(key) {
            Some(found) => Ok(found),
            None => T::registry().put(key, Self::new(make())?),
        }
    }

    /// Inserts this object with `key`. The object stays in the registry until its last reference is
    /// released, or until [`leave`](Self::leave).
    ///
    /// # Errors
    ///
    /// - [`EEXIST`]: another object has the key.
    /// - [`EBUSY`]: the object has, or had, a key already.
    /// - [`ENOSPC`]: no place is free.
    /// - The errors of [`ResSpinLock::with`].
    ///
    /// # Context
    ///
    /// Any, NMI included. Takes the lock of the registry.
    pub fn enter(&self, key: u64) -> Result {
        let there = T::registry().put(key, self.into())?;
        if core::ptr::eq(&*there, self) {
            Ok(())
        } else {
            Err(EEXIST)
        }
    }

    /// Removes this object from the registry. Returns whether the object was in the registry.
    ///
    /// # Context
    ///
    /// Any, NMI included. Takes no lock.
    pub fn leave(&self) -> bool {
        let this = core::ptr::from_ref(self).cast_mut();
        // SAFETY: By the safety requirements of `Registered`, the registry is not freed before the
        // object.
        unsafe { Place::leave(&self.header.place, this.cast()) }
    }

    /// Walks over all objects in the registry, one object for each call.
    ///
    /// The walk continues at the index `next`, which is 0 at the beginning. The call sets `next` to
    /// the index after the object. Returns a pointer that is valid until the critical section of
    /// `rcu` ends, or [`None`] at the end of the walk.
    ///
    /// The walk may or may not return an object that is inserted or removed meanwhile. It returns
    /// every other object once.
    ///
    /// # Context
    ///
    /// Any, NMI included. Takes no lock.
    pub fn next<'a>(next: &mut u32, rcu: &'a rcu::Guard) -> Option<RcuPtr<'a, Self>> {
        let places = &T::registry().places;
        let rest = places.get(*next as usize..)?;
        for place in rest {
            *next = next.saturating_add(1);
            // SAFETY: `rcu` proves that the code is in an RCU read-side critical section.
            if let Some(object) = unsafe { Registry::<T>::look(place, None) } {
                return Some(RcuPtr::new(object, rcu));
            }
        }
        None
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_registry)]
mod tests {
    use super::*;
    use crate::BtfType;

    /// The value of an object in the registry.
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_found", registry = 4)]
    struct Found {
        number: u64,
    }

    type Item = Object<Found>;

    fn open(key: u64, number: u64) -> Result<ARef<Item>> {
        Object::find_or_make(key, || Found { number })
    }

    /// Walks over the registry. Returns a number whose decimal digit `n` (0 is the last digit) is
    /// the count of the objects with `number == n`.
    fn walk() -> u64 {
        let guard = rcu::read_lock();
        let mut place = 0;
        let mut digits = [0; 10];
        while let Some(item) = Item::next(&mut place, &guard) {
            if let Some(digit) = digits.get_mut(item.number as usize) {
                *digit += 1;
            }
        }
        digits.iter().rev().fold(0, |sum, digit| sum * 10 + digit)
    }

    #[test]
    fn a_key_finds_one_object_until_its_last_release() -> Result {
        let one = open(1, 1)?;
        let same = open(1, 2)?;
        assert!(core::ptr::eq(&*one, &*same));
        let two = open(2, 2)?;
        assert_eq!(walk(), 110);
        drop(one);
        assert!(Item::find_get(1).is_some());
        drop(same);
        assert!(Item::find_get(1).is_none());
        assert_eq!(walk(), 100);
        let other = open(1, 3)?;
        assert_eq!(other.number, 3);
        drop((other, two));
        assert_eq!(walk(), 0);
        rcu::rcu_barrier();
        Ok(())
    }

    #[test]
    fn an_insertion_fails_when_all_places_are_taken() -> Result {
        let full = [open(10, 1)?, open(11, 2)?, open(12, 3)?, open(13, 4)?];
        assert_eq!(walk(), 11110);
        assert_eq!(open(14, 5).err(), Some(ENOSPC));
        for (key, item) in (10..).zip(&full) {
            assert_eq!(
                Item::find_get(key).map(|found| found.number),
                Some(item.number)
            );
        }
        drop(full);
        // The place of an object is free as soon as its last reference is released, before the
        // object is dropped.
        let again = [open(20, 1)?, open(21, 2)?, open(22, 3)?, open(23, 4)?];
        rcu::rcu_barrier();
        // The callbacks of the first four objects do not remove the second four objects.
        assert_eq!(walk(), 11110);
        drop(again);
        rcu::rcu_barrier();
        assert_eq!(walk(), 0);
        Ok(())
    }

    #[test]
    fn an_object_can_enter_the_registry_only_once() -> Result {
        let item = Object::new(Found { number: 1 })?;
        assert_eq!(walk(), 0);
        assert_eq!(item.enter(30), Ok(()));
        assert_eq!(item.enter(31), Err(EBUSY));
        let other = Object::new(Found { number: 2 })?;
        assert_eq!(other.enter(30), Err(EEXIST));
        assert!(item.leave());
        assert!(!item.leave());
        assert_eq!(walk(), 0);
        assert_eq!(item.enter(30), Err(EBUSY));
        assert_eq!(other.enter(30), Ok(()));
        assert_eq!(walk(), 100);
        drop((item, other));
        rcu::rcu_barrier();
        Ok(())
    }
}
