// SPDX-License-Identifier: GPL-2.0

//! Open-coded iterators: loops of BPF programs over the items of a Rust iterator.
//!
//! `#[kfunc_iterator(name)]` on the `impl` of a type with `new` and `next` generates three kfuncs
//! (`bpf_iter_name_new`, `_next` and `_destroy`) and the struct that a program keeps on its stack:
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::prelude::*;
//! /// The numbers from `next` to `last`.
//! struct Range { next: u64, last: u64 }
//!
//! #[kfunc_iterator(range)]
//! impl Range {
//!     /// Starts an iterator from @first to @last. Returns -EINVAL if @first is greater.
//!     fn new(first: u64, last: u64) -> Result<Self> {
//!         if first > last {
//!             return Err(EINVAL);
//!         }
//!         Ok(Self { next: first, last })
//!     }
//!
//!     /// Returns the next number.
//!     fn next(&mut self) -> Option<u64> {
//!         let number = self.next;
//!         if number > self.last {
//!             return None;
//!         }
//!         self.next = number.checked_add(1)?;
//!         Some(number)
//!     }
//! }
//!
//! kfunc_set! {
//!     static SET = {
//!         prog_types: [Tracing],
//!         kfuncs: [bpf_iter_range_new, bpf_iter_range_next, bpf_iter_range_destroy],
//!     };
//! }
//! ```
//!
//! ```c
//! bpf_for_each(range, number, 1, 10)
//!         sum += *number;
//! ```
//!
//! The Rust iterator lives on the program's stack from `new` to `destroy`, which drops it. The
//! verifier makes sure that a program calls `next` and `destroy` only after `new`, and that it
//! calls `destroy`. If `new` fails, `next` returns `NULL` and `destroy` drops nothing. The verifier
//! concludes from the first `NULL` that the loop has ended. So the Rust iterator is dropped when
//! its `next` returns [`None`], and its `next` is not called again.
//!
//! # Items
//!
//! - An integer, a `bool`, or an array of one of these, by value. The program gets a read-only
//!   pointer to the item, which is valid until `destroy`. The next call of `next` overwrites the
//!   item.
//! - An object that the program holds locked, as [`Lock<T>`](crate::Lock), or an area of memory under
//!   `mmap_lock`, as [`LockVma`](crate::mm::LockVma). With the option `release`, as in
//!   `#[kfunc_iterator(name, release)]`, there is a fourth kfunc, `bpf_iter_name_release`: the program
//!   releases the item in the middle of the loop, may sleep from there on, and goes on with the next
//!   item. `next` and `destroy` release what the program still holds.
//! - An object, as [`RcuPtr<'a, Object<T>>`](crate::RcuPtr), if `next` takes `&'a rcu::Guard`. The
//!   program must be in an RCU read-side critical section from `new` on (`KF_RCU_PROTECTED`), and
//!   the pointer is valid until the end of that section. To keep the object, the program calls a
//!   kfunc that takes an `RcuPtr` and returns a reference.
//!
//! # What this module does not do
//!
//! - A struct cannot be an item by value. The verifier treats a pointer to a struct as a pointer to
//!   an object that is valid until the program ends, but the item would be valid only until
//!   `destroy`.
//! - A reference (`ARef`) cannot be an item. On the path on which `next` returns `NULL`, the
//!   verifier does not remove the reference that `KF_ACQUIRE` added (`process_iter_next_call()`),
//!   and therefore rejects every program.
//! - A loop does not continue after 8,388,608 items. An endless loop would block the RCU grace
//!   period.
//! - An iterator cannot hold a lock of its own between two calls, because the verifier does not know
//!   of it. So an iterator must be `Send`; the guards of locks are not `Send`. An item can be a lock.
//! - A program cannot tell the end of a loop from a lock that could not be had.
//!
//! C: `KF_ITER_NEW`, `KF_ITER_NEXT`, `KF_ITER_DESTROY` in
//! [`include/linux/btf.h`](srctree/include/linux/btf.h).

use crate::{
    compat,
    object::{
        BtfObject,
        Object,
        RcuPtr, //
    },
    types::Pointer, //
};
use core::{
    marker::PhantomData,
    mem::MaybeUninit, //
};
use kernel::bindings;

/// A type that `next` of an iterator can return as an item.
///
/// # Safety
///
/// The pointer that `place` returns must point to the type that the verifier reads from `BTF`:
/// memory of that size that is valid until the iterator is destroyed, or an object that RCU
/// protects.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an item of an open-coded iterator",
    label = "yield an integer, `bool`, an array of them, `RcuPtr<'a, Object<T>>`, or `Lock<T>`"
)]
pub unsafe trait IteratorItem: Sized {
    /// The memory for an item in the iterator; `()` if the item is a pointer to an object.
    type Slot: Slot;

    /// The type of the item without its lifetime.
    type Kind: 'static;

    /// The result type of `next` in BTF.
    const BTF: &'static str;

    /// The `KF_*` flags that the item brings to the whole iterator.
    const FLAGS: u32 = 0;

    /// The `KF_*` flags that the item brings to `next`: the region of an item that is a lock.
    const REGION: u32 = 0;

    /// Why the verifier rejects all programs that call `next`, or [`None`].
    const REFUSED: Option<&'static str> = None;

    /// Stores the item in the empty `slot`. Returns the pointer for the program, or null if the
    /// item is a lock that cannot be had.
    ///
    /// # Safety
    ///
    /// The caller must be the `next` of an iterator with the flags `REGION`, and `slot` must be in the
    /// iterator, before the value from which the item borrows.
    unsafe fn place(self, slot: &mut Self::Slot) -> *const core::ffi::c_void;
}

/// The memory for an item in the iterator. What it holds is released when it is dropped.
#[doc(hidden)]
pub trait Slot {
    /// A slot that holds nothing.
    const EMPTY: Self;
}

impl Slot for () {
    const EMPTY: Self = ();
}

/// The memory for an item that is a value.
#[doc(hidden)]
#[repr(transparent)]
pub struct Place<T: Copy>(MaybeUninit<T>);

impl<T: Copy> Slot for Place<T> {
    const EMPTY: Self = Self(MaybeUninit::uninit());
}

macro_rules! by_value {
    ($($ty:ty),*) => {$(
        // SAFETY: The slot is a part of the iterator on the program's stack. The verifier
        // invalidates the pointer when the program destroys the iterator (`parent_id`).
        unsafe impl IteratorItem for $ty {
            type Slot = Place<$ty>;
            type Kind = $ty;
            const BTF: &'static str = Pointer::<$ty>::TEXT;

            #[inline(always)]
            unsafe fn place(self, slot: &mut Place<$ty>) -> *const core::ffi::c_void {
                core::ptr::from_ref(slot.0.write(self)).cast()
            }
        }

        // SAFETY: The slot is a part of the iterator on the program's stack, and `BTF` has the size
        // of the array. The verifier invalidates the pointer when the program destroys the
        // iterator.
        unsafe impl<const N: usize> IteratorItem for [$ty; N] {
            type Slot = Place<[$ty; N]>;
            type Kind = [$ty; N];
            const BTF: &'static str = Pointer::<[$ty; N]>::TEXT;
            const REFUSED: Option<&'static str> = if N == 0 { compat::EMPTY_ITEMS } else { None };

            #[inline(always)]
            unsafe fn place(self, slot: &mut Place<[$ty; N]>) -> *const core::ffi::c_void {
                core::ptr::from_ref(slot.0.write(self)).cast()
            }
        }
    )*};
}

by_value!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

// SAFETY: The `new` of an iterator over `RcuPtr`s has `KF_RCU_PROTECTED`. The verifier invalidates
// the pointer at the end of the RCU read-side critical section (`MEM_RCU`).
unsafe impl<T: BtfObject> IteratorItem for RcuPtr<'_, Object<T>> {
    type Slot = ();
    type Kind = Object<T>;
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const FLAGS: u32 = bindings::KF_RCU_PROTECTED;

    #[inline(always)]
    unsafe fn place(self, _slot: &mut ()) -> *const core::ffi::c_void {
        self.as_ptr().cast()
    }
}

/// The largest number of items in a loop. The verifier assumes that a loop ends soon; the iterators
/// of the kernel have the same limit (`BPF_MAX_LOOPS`).
const MAX_ITEMS: u32 = 8 << 20;

/// The iterator on the stack of a program. For the code that `#[kfunc_iterator]` generates.
///
/// # Invariants
///
/// `value` is [`Some`] if `left` is not 0.
#[doc(hidden)]
#[repr(C)]
pub struct State<I: Send, S: Slot, K = ()> {
    // The first field, so that the address of the item is the address that the program passed, and
    // so that a lock is released before the value, which may own it, is dropped.
    slot: S,
    value: Option<I>,
    /// The number of items that `next` may still return; 0 after `new` failed or `next` returned
    /// [`None`].
    left: u32,
    /// The type of the items in BTF.
    _kind: PhantomData<fn() -> K>,
}

impl<I: Send, S: Slot, K> State<I, S, K> {
    /// The size of the iterator in words of 8 bytes.
    pub const WORDS: usize = {
        assert!(
            align_of::<Self>() <= 8,
            "an iterator on a BPF program's stack is aligned to 8 bytes; put its data into a box"
        );
        assert!(
            size_of::<Self>() <= 256,
            "an iterator takes more than half of a BPF program's stack; put its data into a box"
        );
        size_of::<Self>().div_ceil(8)
    };

    /// Initializes `state` as an iterator without a value.
    ///
    /// # Safety
    ///
    /// `state` must be valid for writes of `WORDS` words.
    #[inline(always)]
    pub unsafe fn begin(state: *mut Self) {
        // SAFETY: The caller passes a pointer that is valid for writes of the size of `Self`.
        unsafe {
            state.write(Self {
                value: None,
                left: 0,
                slot: S::EMPTY,
                _kind: PhantomData,
            })
        };
    }

    /// Stores the Rust iterator that `new` returned.
    #[inline(always)]
    pub fn set(&mut self, value: I) {
        self.value = Some(value);
        // INVARIANT: `value` is `Some`.
        self.left = MAX_ITEMS;
    }

    /// Calls `next`, which places the item in the slot, and returns a pointer to the item, or null
    /// after the last item. The item before it is released first.
    #[inline(always)]
    pub fn next(
        &mut self,
        next: impl FnOnce(&mut I, Placer<'_, S, K>) -> *const core::ffi::c_void,
    ) -> *const core::ffi::c_void {
        self.release();
        let (left, is_over) = self.left.overflowing_sub(1);
        self.left = left;
        if is_over {
            return self.end();
        }
        // SAFETY: `left` was not 0, so `value` is `Some` by the type invariants.
        let value = unsafe { self.value.as_mut().unwrap_unchecked() };
        let placer = Placer {
            slot: &mut self.slot,
            _kind: PhantomData,
        };
        let item = next(value, placer);
        if item.is_null() {
            return self.end();
        }
        item
    }

    /// Releases the item, if it is a lock.
    #[inline(always)]
    pub fn release(&mut self) {
        self.slot = S::EMPTY;
    }

    /// Drops the Rust iterator and returns null.
    #[inline(always)]
    fn end(&mut self) -> *const core::ffi::c_void {
        // INVARIANT: `left` is 0, so `value` may be `None`.
        self.left = 0;
        self.value = None;
        core::ptr::null()
    }
}

/// The empty slot of an iterator over items of the kind `K`.
#[doc(hidden)]
pub struct Placer<'a, S: Slot, K> {
    slot: &'a mut S,
    _kind: PhantomData<fn() -> K>,
}

impl<S: Slot, K> Placer<'_, S, K> {
    /// Places the item. Returns the pointer for the program, or null if there is none.
    #[inline(always)]
    pub fn place<T: IteratorItem<Slot = S, Kind = K>>(
        self,
        item: Option<T>,
    ) -> *const core::ffi::c_void {
        // SAFETY: Only `next` of an iterator makes a `Placer`, for its own slot. The macro gives `next`
        // the flags of the item.
        item.map_or(core::ptr::null(), |item| unsafe { item.place(self.slot) })
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_iterator)]
#[allow(dead_code)] // No set has the kfuncs of this suite.
mod tests {
    use super::*;
    use crate::{kfunc_iterator, BtfType};
    use core::ffi::c_void;
    use kernel::{
        prelude::*,
        sync::{
            aref::ARef,
            atomic::{
                Atomic,
                Relaxed, //
            },
            rcu, //
        }, //
    };

    /// The number of iterators that were dropped.
    static DROPS: Atomic<u32> = Atomic::new(0);

    /// Counts down to 1. After [`None`], it would start again.
    struct Countdown {
        from: u16,
        left: u16,
    }

    impl Drop for Countdown {
        fn drop(&mut self) {
            DROPS.add(1, Relaxed);
        }
    }

    #[kfunc_iterator(kunit_countdown)]
    impl Countdown {
        /// Starts with the number in @from, which must be one byte.
        fn new(from: &[u8]) -> Result<Self> {
            let &[from] = from else {
                return Err(ERANGE);
            };
            Ok(Self {
                from: from.into(),
                left: from.into(),
            })
        }

        /// Returns the number and its square.
        fn next(&mut self) -> Option<[u32; 2]> {
            let Some(left) = self.left.checked_sub(1) else {
                self.left = self.from;
                return None;
            };
            let number = u32::from(self.left);
            self.left = left;
            Some([number, number * number])
        }
    }

    /// The value of the objects that `Same` returns.
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_item")]
    struct Item;

    /// Returns the same object on every call.
    struct Same(ARef<Object<Item>>);

    #[kfunc_iterator(kunit_same)]
    impl Same {
        fn new(item: RcuPtr<'_, Object<Item>>) -> Result<Self> {
            Ok(Self(item.try_get().ok_or(ENOENT)?))
        }

        fn next<'a>(&mut self, reader: &'a rcu::Guard) -> Option<RcuPtr<'a, Object<Item>>> {
            Some(RcuPtr::new(&self.0, reader))
        }
    }

    /// The entry points of the kfuncs, which the code of the JIT calls.
    mod entry {
        use super::c_void;

        extern "C" {
            pub(super) fn bpf_iter_kunit_countdown_new(
                it: *mut c_void,
                from: *mut u8,
                len: u32,
            ) -> i32;
            pub(super) fn bpf_iter_kunit_countdown_next(it: *mut c_void) -> *const [u32; 2];
            pub(super) fn bpf_iter_kunit_countdown_destroy(it: *mut c_void);
            pub(super) fn bpf_iter_kunit_same_new(it: *mut c_void, item: u64) -> i32;
            pub(super) fn bpf_iter_kunit_same_next(it: *mut c_void) -> *const c_void;
            pub(super) fn bpf_iter_kunit_same_destroy(it: *mut c_void);
        }
    }

    /// The stack of a program: an iterator between two other words.
    #[repr(C)]
    struct Stack<const WORDS: usize> {
        before: u64,
        it: [u64; WORDS],
        after: u64,
    }

    type CountdownStack = Stack<{ State::<Countdown, Place<[u32; 2]>, [u32; 2]>::WORDS }>;
    type SameStack = Stack<{ State::<Same, (), Object<Item>>::WORDS }>;

    impl<const WORDS: usize> Stack<WORDS> {
        const GARBAGE: u64 = 0xdead_beef_dead_beef;

        fn new() -> Self {
            Self {
                before: Self::GARBAGE,
                it: [Self::GARBAGE; WORDS],
                after: Self::GARBAGE,
            }
        }

        fn it(&mut self) -> *mut c_void {
            self.it.as_mut_ptr().cast()
        }

        /// Returns whether the words around the iterator are unchanged.
        fn is_clean(&self) -> bool {
            self.before == Self::GARBAGE && self.after == Self::GARBAGE
        }
    }

    impl CountdownStack {
        fn begin(&mut self, mut from: [u8; 2], len: u32) -> i32 {
            // SAFETY: The stack has room for the iterator. The kfunc reads `len` bytes at `from`
            // only if `len` is at most 2.
            unsafe { entry::bpf_iter_kunit_countdown_new(self.it(), from.as_mut_ptr(), len) }
        }

        fn next(&mut self) -> Option<[u32; 2]> {
            // SAFETY: `begin` has initialized the iterator. The item is copied before `destroy`.
            unsafe { entry::bpf_iter_kunit_countdown_next(self.it()).as_ref() }.copied()
        }

        fn destroy(&mut self) {
            // SAFETY: `begin` has initialized the iterator.
            unsafe { entry::bpf_iter_kunit_countdown_destroy(self.it()) };
        }
    }

    #[test]
    fn the_size_of_an_iterator_is_rounded_up_to_words() {
        assert_eq!(State::<(), ()>::WORDS, 1);
        assert_eq!(State::<u8, Place<u8>>::WORDS, 1);
        // `[u8; 7]` takes 8 bytes with the tag of the `Option`, and `left` takes 4 bytes.
        assert_eq!(State::<[u8; 7], ()>::WORDS, 2);
        assert_eq!(State::<[u8; 8], ()>::WORDS, 2);
        assert_eq!(State::<[u8; 7], Place<u8>>::WORDS, 2);
        assert_eq!(State::<u64, Place<[u64; 2]>>::WORDS, 5);
        // The largest iterator that compiles.
        assert_eq!(State::<[u8; 251], ()>::WORDS, 32);
        assert!(align_of::<State<u64, Place<u64>>>() <= 8);
    }

    #[test]
    fn next_returns_the_items_in_order_and_then_null() {
        let mut stack = CountdownStack::new();
        assert_eq!(stack.begin([2, 0], 1), 0);
        assert_eq!(stack.next(), Some([2, 4]));
        assert_eq!(stack.next(), Some([1, 1]));
        assert_eq!(stack.next(), None);
        stack.destroy();
        assert!(stack.is_clean());
    }

    #[test]
    fn the_item_is_at_the_address_of_the_iterator() {
        let mut stack = CountdownStack::new();
        assert_eq!(stack.begin([2, 0], 1), 0);
        let place = stack.it();
        // SAFETY: `begin` has initialized the iterator.
        let (first, second) = unsafe {
            let it = stack.it();
            (
                entry::bpf_iter_kunit_countdown_next(it),
                entry::bpf_iter_kunit_countdown_next(it),
            )
        };
        assert_eq!(first.cast(), place.cast_const());
        assert_eq!(second, first);
        stack.destroy();
    }

    #[test]
    fn next_returns_null_after_the_end() {
        DROPS.store(0, Relaxed);
        let mut stack = CountdownStack::new();
        assert_eq!(stack.begin([1, 0], 1), 0);
        assert_eq!(stack.next(), Some([1, 1]));
        assert_eq!(DROPS.load(Relaxed), 0);
        assert_eq!(stack.next(), None);
        // The Rust iterator is dropped after the last item, and only once.
        assert_eq!(DROPS.load(Relaxed), 1);
        assert_eq!(stack.next(), None);
        assert_eq!(stack.next(), None);
        stack.destroy();
        assert_eq!(DROPS.load(Relaxed), 1);
    }

    #[test]
    fn destroy_before_the_end_drops_the_iterator() {
        DROPS.store(0, Relaxed);
        let mut stack = CountdownStack::new();
        assert_eq!(stack.begin([9, 0], 1), 0);
        stack.destroy();
        assert_eq!(DROPS.load(Relaxed), 1);

        // The program uses the same stack slot again, as in a nested loop.
        assert_eq!(stack.begin([9, 0], 1), 0);
        assert_eq!(stack.next(), Some([9, 81]));
        stack.destroy();
        assert_eq!(DROPS.load(Relaxed), 2);
        assert!(stack.is_clean());
    }

    #[test]
    fn next_returns_null_after_new_failed() {
        DROPS.store(0, Relaxed);
        // `new` fails, or is not called because the kfunc cannot copy the argument.
        for (len, errno) in [(2, ERANGE), (0, ERANGE), (u32::MAX, E2BIG)] {
            let mut stack = CountdownStack::new();
            assert_eq!(stack.begin([1, 1], len), errno.to_errno());
            assert_eq!(stack.next(), None);
            stack.destroy();
            assert!(stack.is_clean());
        }
        assert_eq!(DROPS.load(Relaxed), 0);
    }

    #[test]
    fn next_returns_the_address_of_an_object() -> Result {
        let item = Object::new(Item)?;
        let address: *const Object<Item> = &raw const *item;
        let mut stack = SameStack::new();

        // SAFETY: The stack has room for the iterator. The RCU read-side critical section lasts
        // from `new` to `destroy`.
        let (errno, items) = unsafe {
            let it = stack.it();
            let _reader = rcu::read_lock();
            let errno = entry::bpf_iter_kunit_same_new(it, address as u64);
            let next = || entry::bpf_iter_kunit_same_next(it);
            let items = [next(), next()];
            entry::bpf_iter_kunit_same_destroy(it);
            (errno, items)
        };
        assert_eq!(errno, 0);
        assert_eq!(items, [address.cast(); 2]);
        assert!(stack.is_clean());
        Ok(())
    }

    #[test]
    fn next_returns_null_after_the_item_limit() {
        let mut state = MaybeUninit::<State<u32, Place<u32>, u32>>::uninit();
        // SAFETY: `state` has room for a `State`, which `begin` initializes.
        let state = unsafe {
            State::begin(state.as_mut_ptr());
            state.assume_init_mut()
        };
        // Before `set`, the iterator has no items.
        assert!(state.next(|_, placer| placer.place(Some(1_u32))).is_null());
        state.set(0);
        assert_eq!(state.left, MAX_ITEMS);
        state.left = 3;
        let mut items = 0;
        while !state.next(|_, placer| placer.place(Some(1_u32))).is_null() {
            items += 1;
        }
        assert_eq!(items, 3);
        assert!(state.value.is_none());
    }

    /// Counts how often it holds something.
    struct Guard(Option<()>);

    impl Slot for Guard {
        const EMPTY: Self = Self(None);
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            if self.0.is_some() {
                DROPS.fetch_sub(1, Relaxed);
            }
        }
    }

    /// An item that the program holds.
    struct Held(bool);

    // SAFETY: No program gets the pointer.
    unsafe impl IteratorItem for Held {
        type Slot = Guard;
        type Kind = Self;
        const BTF: &'static str = "";

        unsafe fn place(self, slot: &mut Guard) -> *const c_void {
            if !self.0 {
                return core::ptr::null();
            }
            DROPS.add(1, Relaxed);
            slot.0 = Some(());
            core::ptr::from_ref(slot).cast()
        }
    }

    #[test]
    fn an_item_is_held_until_release_next_end_or_drop() {
        DROPS.store(0, Relaxed);
        let held = || DROPS.load(Relaxed);
        let mut state = MaybeUninit::<State<u32, Guard, Held>>::uninit();
        // SAFETY: `state` has room for a `State`, which `begin` initializes.
        let state = unsafe {
            State::begin(state.as_mut_ptr());
            state.assume_init_mut()
        };
        state.set(0);
        assert!(!state
            .next(|_, placer| placer.place(Some(Held(true))))
            .is_null());
        assert_eq!(held(), 1);
        state.release();
        assert_eq!(held(), 0);
        state.release();
        assert_eq!(held(), 0);
        // `next` releases the item before it asks for another one.
        assert!(!state
            .next(|_, placer| placer.place(Some(Held(true))))
            .is_null());
        let mut before = 9;
        let next = state.next(|_, placer| {
            before = held();
            placer.place(Some(Held(true)))
        });
        assert!(!next.is_null());
        assert_eq!((before, held()), (0, 1));
        // An item that cannot be held ends the loop.
        assert!(state
            .next(|_, placer| placer.place(Some(Held(false))))
            .is_null());
        assert_eq!(held(), 0);
        assert!(state
            .next(|_, placer| placer.place(Some(Held(true))))
            .is_null());

        state.set(0);
        assert!(!state
            .next(|_, placer| placer.place(Some(Held(true))))
            .is_null());
        // SAFETY: The state is initialized, and not used any more.
        unsafe { core::ptr::drop_in_place(state) };
        assert_eq!(held(), 0);
    }

    #[test]
    fn the_result_type_of_next_has_a_size_in_btf() {
        assert_eq!(<i64 as IteratorItem>::BTF, "*s64");
        assert_eq!(<bool as IteratorItem>::BTF, "*bool");
        assert_eq!(<[u32; 2] as IteratorItem>::BTF, "*[2]u32");
        assert_eq!(
            <RcuPtr<'_, Object<Item>> as IteratorItem>::BTF,
            "*struct bpf_kunit_item"
        );
    }

    #[test]
    fn an_item_under_rcu_makes_the_iterator_rcu_protected() {
        assert_eq!(
            <RcuPtr<'_, Object<Item>> as IteratorItem>::FLAGS,
            bindings::KF_RCU_PROTECTED
        );
        assert_eq!(<u64 as IteratorItem>::FLAGS, 0);
    }
}
