// SPDX-License-Identifier: GPL-2.0

//! Objects that programs find by a key.
//!
//! A type with `#[btf(object, registry = 64)]` has a registry with so many places. An object that is
//! put there can be found by its key as long as anybody holds a reference; the registry holds none.
//! When the last reference goes, the object is not found any more, and its place is free.
//!
//! ```ignore
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
//! Finding and walking take no lock, only RCU. Putting an object there takes a [`ResSpinLock`], which
//! can fail. All of it works in any context, NMIs included, and allocates nothing.
//!
//! The `XArray` and `RBTree` of the kernel crate cannot be used for this: they are changed under a
//! spinlock that waits for ever if a program interrupts its holder, and allocate where that is not
//! allowed in every context.
//!
//! # What it does not do
//!
//! - It does not grow: what has no place is refused.
//! - Keys are numbers of 64 bits. Keys that a program chooses so that they fall together cost as much
//!   as a look at every place.
//! - An object is put there once.

use crate::{
    lock::ResSpinLock,
    object::{
        BtfObject,
        Object,
        RcuPtr, //
    }, //
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

/// A place for an object.
///
/// # Invariants
///
/// `object` is null or an object whose `place` this is, and which RCU readers may still look at: it
/// is taken away before the object's memory is freed, after them. `key` is its key.
#[doc(hidden)]
pub struct Place {
    key: Atomic<u64>,
    object: Atomic<*mut c_void>,
    /// Not of this place's object, but of keys for which this is the first place to look: how many
    /// places after it there can be something for them.
    reach: Atomic<u32>,
}

impl Place {
    /// An empty one.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: It is null.
        Self {
            key: Atomic::new(0),
            object: Atomic::new(core::ptr::null_mut()),
            reach: Atomic::new(0),
        }
    }

    /// Empties the place that an object has, if it has one.
    ///
    /// # Safety
    ///
    /// If `place` is not null, it must be one of a registry that is not freed.
    pub(crate) unsafe fn leave(place: &Atomic<*mut Place>, object: *mut c_void) -> bool {
        // SAFETY: By the safety requirements.
        let Some(place) = (unsafe { place.load(Acquire).as_ref() }) else {
            return false;
        };
        // Somebody else may have the place already.
        place
            .object
            .cmpxchg(object, core::ptr::null_mut(), Full)
            .is_ok()
    }
}

/// The places of a type. `#[derive(BtfType)]` makes it.
#[doc(hidden)]
pub struct Registry<T, P: ?Sized = [Place]> {
    lock: ResSpinLock<()>,
    _objects: PhantomData<fn() -> T>,
    places: P,
}

impl<T, const N: usize> Registry<T, [Place; N]> {
    /// An empty one.
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

/// A type whose objects can be found. Implemented by `#[derive(BtfType)]` with
/// `#[btf(object, registry = 64)]`.
///
/// # Safety
///
/// The registry must be a static of the module that has the code of the type: it must not be freed
/// before the last object is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no registry",
    label = "write `#[btf(object, registry = 64)]` on the type"
)]
pub unsafe trait Registered: BtfObject + Sized {
    /// The places.
    #[doc(hidden)]
    fn registry() -> &'static Registry<Self>;
}

impl<T: Registered> Registry<T> {
    /// The first place to look for a key.
    fn home(&self, key: u64) -> usize {
        // The upper half of a product with the golden ratio depends on all bits.
        let hash = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        // Less than the number of places, which is less than 2^32.
        (hash.wrapping_mul(self.places.len() as u64) >> 32) as usize
    }

    /// So many places from one on, and around the end.
    fn from(&self, home: usize, count: usize) -> impl Iterator<Item = &'static Place>
    where
        Self: 'static,
    {
        let places = &T::registry().places;
        let (before, after) = places.split_at_checked(home).unwrap_or((&[], places));
        Iterator::chain(after.iter(), before).take(count)
    }

    /// What is in a place, if it has this key and there still are references to it.
    ///
    /// # Safety
    ///
    /// This must be an RCU read-side critical section that does not end in `'a`.
    unsafe fn look<'a>(place: &Place, key: Option<u64>) -> Option<&'a Object<T>> {
        let object = place.object.load(Acquire);
        if let Some(key) = key {
            // Is the key that of the object? Who sees the key of the next one does not see this one
            // any more.
            if place.key.load(Acquire) != key || place.object.load(Acquire) != object {
                return None;
            }
        }
        // SAFETY: By the type invariants of `Place`, and as said above.
        let found = unsafe { object.cast::<Object<T>>().as_ref() }?;
        found.is_alive().then_some(found)
    }

    /// The object with a key.
    ///
    /// # Safety
    ///
    /// As for `look`.
    unsafe fn find<'a>(&'static self, key: u64) -> Option<&'a Object<T>> {
        let home = self.home(key);
        let reach = self.places.get(home)?.reach.load(Acquire) as usize;
        self.from(home, reach.saturating_add(1))
            // SAFETY: By the safety requirements.
            .find_map(|place| unsafe { Self::look(place, Some(key)) })
    }

    /// Puts an object into a place, unless another one has the key; then returns that.
    fn put(&'static self, key: u64, object: ARef<Object<T>>) -> Result<ARef<Object<T>>> {
        self.lock.with(|()| {
            let _rcu = rcu::read_lock();
            // SAFETY: This is such a critical section.
            if let Some(found) = unsafe { self.find(key) }.and_then(try_get) {
                return Ok(found);
            }
            let home = self.home(key);
            let free = self
                .from(home, self.places.len())
                // SAFETY: As above.
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
            // Whoever sees the object sees its key. What was there before, perhaps an object
            // without references, leaves the place alone.
            // INVARIANT: The place is the object's, which empties it when it is dropped.
            place.key.store(key, Release);
            place
                .object
                .store(core::ptr::from_ref(&*object).cast_mut().cast(), Release);
            if let Some(home) = self.places.get(home) {
                let reach = home.reach.load(Relaxed).max(free as u32);
                home.reach.store(reach, Release);
            }
            Ok(object.clone())
        })?
    }
}

/// A reference to what was found, if there still is one.
fn try_get<T: BtfObject>(object: &Object<T>) -> Option<ARef<Object<T>>> {
    // SAFETY: RCU keeps the object.
    unsafe { Object::try_get(NonNull::from(object)) }
}

impl<T: Registered> Object<T> {
    /// The object with this key, or [`None`].
    pub fn find(key: u64, rcu: &rcu::Guard) -> Option<RcuPtr<'_, Self>> {
        // SAFETY: `rcu` says so.
        let object = unsafe { T::registry().find(key) }?;
        Some(RcuPtr::new(object, rcu))
    }

    /// A reference to the object with this key, or [`None`].
    pub fn find_get(key: u64) -> Option<ARef<Self>> {
        let _rcu = rcu::read_lock();
        // SAFETY: This is such a critical section.
        unsafe { T::registry().find(key) }.and_then(try_get)
    }

    /// The same, or to one that `make` makes and that has the key from then on.
    ///
    /// If two CPUs do this at the same time, both get the object that one of them made.
    ///
    /// # Errors
    ///
    /// - Those of [`new`](Self::new).
    /// - [`ENOSPC`]: there is no place left.
    /// - Those of [`ResSpinLock::with`].
    pub fn find_or_make(key: u64, make: impl FnOnce() -> T) -> Result<ARef<Self>> {
        match Self::find_get(key) {
            Some(found) => Ok(found),
            None => T::registry().put(key, Self::new(make())?),
        }
    }

    /// Lets this object be found by a key. It keeps the place until its last reference is gone, or
    /// until [`leave`](Self::leave).
    ///
    /// # Errors
    ///
    /// - [`EEXIST`]: another object has the key.
    /// - [`EBUSY`]: the object has, or had, a key already.
    /// - [`ENOSPC`], and those of [`ResSpinLock::with`].
    pub fn enter(&self, key: u64) -> Result {
        let there = T::registry().put(key, self.into())?;
        if core::ptr::eq(&*there, self) {
            Ok(())
        } else {
            Err(EEXIST)
        }
    }

    /// Lets the object not be found any more. Returns whether it could be before.
    pub fn leave(&self) -> bool {
        let this = core::ptr::from_ref(self).cast_mut();
        // SAFETY: By the safety requirements of `Registered`.
        unsafe { Place::leave(&self.header.place, this.cast()) }
    }

    /// Walks over all objects that can be found: the next one at or after the place `next`, which is
    /// then set to the one behind it.
    ///
    /// What comes or goes meanwhile may be seen or not; everything else is seen once.
    pub fn next<'a>(next: &mut u32, rcu: &'a rcu::Guard) -> Option<RcuPtr<'a, Self>> {
        let places = &T::registry().places;
        let rest = places.get(*next as usize..)?;
        for place in rest {
            *next = next.saturating_add(1);
            // SAFETY: `rcu` says so.
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

    /// Something that is found.
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_found", registry = 4)]
    struct Found {
        number: u64,
    }

    type Item = Object<Found>;

    fn open(key: u64, number: u64) -> Result<ARef<Item>> {
        Object::find_or_make(key, || Found { number })
    }

    /// Numbers of all that are there, in the order of the digits.
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
    fn a_key_leads_to_one_object_as_long_as_it_is_held() -> Result {
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
    fn there_are_as_many_places() -> Result {
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
        // Places of objects whose last reference went are free before they are.
        let again = [open(20, 1)?, open(21, 2)?, open(22, 3)?, open(23, 4)?];
        rcu::rcu_barrier();
        // The callbacks of the first leave those of the second alone.
        assert_eq!(walk(), 11110);
        drop(again);
        rcu::rcu_barrier();
        assert_eq!(walk(), 0);
        Ok(())
    }

    #[test]
    fn an_object_enters_once() -> Result {
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
