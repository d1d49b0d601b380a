// SPDX-License-Identifier: GPL-2.0

//! Open-coded iterators: loops of BPF programs over what a Rust iterator yields.
//!
//! `#[kfunc_iterator(name)]` on the `impl` of a type with `new` and `next` makes three kfuncs of it
//! and the struct that a program has on its stack:
//!
//! ```ignore
//! /// The numbers from `first` to `last`.
//! struct Range { next: u64, last: u64 }
//!
//! #[kfunc_iterator(range)]
//! impl Range {
//!     /// Begins with @first. There must be something to count.
//!     fn new(first: u64, last: u64) -> Result<Self> {
//!         if first > last {
//!             return Err(EINVAL);
//!         }
//!         Ok(Self { next: first, last })
//!     }
//!
//!     /// Returns the next number.
//!     fn next(&mut self) -> Option<u64> { ... }
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
//! The value of the type lives on the program's stack from `new` to `destroy`, which drops it. The
//! verifier sees to it that `next` and `destroy` come after `new`, and that `destroy` comes. If
//! `new` fails, there is nothing to iterate over, and `destroy` has nothing to drop. After the
//! first [`None`] there are no more items, because the verifier concludes so: the value is dropped
//! then, and `next` is not called again.
//!
//! # Items
//!
//! - An integer, a `bool` or an array of them, by value. The program gets a pointer to read it,
//!   which is valid until `destroy`; `next` changes what it points to.
//! - An object, as [`RcuPtr<'a, Object<T>>`](crate::RcuPtr), if `next` takes `&'a rcu::Guard`. Then the
//!   program must be in an RCU read-side critical section from `new` on (`KF_RCU_PROTECTED`), and
//!   the pointer is valid until its end. To keep the object, it calls a kfunc that makes a
//!   reference of an `RcuPtr` argument.
//!
//! What cannot be an item, and why:
//!
//! - A struct by value. The verifier takes a pointer to a struct for one to an object that is valid
//!   as long as the program runs, and this one would not be.
//! - A reference (`ARef`). When the verifier follows the path on which `next` returns `NULL`, it
//!   keeps the reference that `KF_ACQUIRE` brought (`process_iter_next_call()`), and refuses every
//!   program.
//!
//! A loop ends after 8,388,608 items, even if there were more: a program that walks for ever would hold
//! up RCU.
//!
//! A lock cannot be held from one call to the next. The verifier does not know of it: the program
//! could sleep under a spinlock, or begin a second iterator over what is locked. So an iterator must
//! be `Send`, which guards are not.
//!
//! C: `KF_ITER_NEW`, `KF_ITER_NEXT`, `KF_ITER_DESTROY` in
//! [`include/linux/btf.h`](srctree/include/linux/btf.h).

use crate::{
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

/// What `next` of an iterator can yield.
///
/// # Safety
///
/// The pointer that `place` returns must be one that the verifier may take for what it concludes
/// from `BTF`: memory of that size until the iterator is destroyed, or an RCU-protected object.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an item of an open-coded iterator",
    label = "yield an integer, `bool`, an array of them, or `RcuPtr<'a, Object<T>>`"
)]
pub unsafe trait IteratorItem: Sized {
    /// Where an item lies while the program looks at it.
    type Slot;

    /// The item's type, without its lifetime.
    type Kind: 'static;

    /// The type that `next` returns in BTF.
    const BTF: &'static str;

    /// Puts the item in its place and returns what the program gets.
    fn place(self, slot: &mut MaybeUninit<Self::Slot>) -> *const core::ffi::c_void;
}

macro_rules! by_value {
    ($($ty:ty),*) => {$(
        // SAFETY: The slot is a part of the iterator, which is on the program's stack, and the
        // verifier takes the pointer away when the iterator is destroyed (`parent_id`).
        unsafe impl IteratorItem for $ty {
            type Slot = $ty;
            type Kind = $ty;
            const BTF: &'static str = Pointer::<$ty>::TEXT;

            #[inline(always)]
            fn place(self, slot: &mut MaybeUninit<$ty>) -> *const core::ffi::c_void {
                core::ptr::from_ref(slot.write(self)).cast()
            }
        }

        // SAFETY: The same. The size is that of the array.
        unsafe impl<const N: usize> IteratorItem for [$ty; N] {
            type Slot = [$ty; N];
            type Kind = [$ty; N];
            const BTF: &'static str = Pointer::<[$ty; N]>::TEXT;

            #[inline(always)]
            fn place(self, slot: &mut MaybeUninit<[$ty; N]>) -> *const core::ffi::c_void {
                core::ptr::from_ref(slot.write(self)).cast()
            }
        }
    )*};
}

by_value!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

// SAFETY: `new` of such an iterator has `KF_RCU_PROTECTED`, and the verifier takes the pointer away
// at the end of the critical section (`MEM_RCU`).
unsafe impl<T: BtfObject> IteratorItem for RcuPtr<'_, Object<T>> {
    type Slot = ();
    type Kind = Object<T>;
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;

    #[inline(always)]
    fn place(self, _slot: &mut MaybeUninit<()>) -> *const core::ffi::c_void {
        self.as_ptr().cast()
    }
}

/// As many items as a loop gets, whatever `next` says. The verifier takes it for granted that loops
/// end soon; an iterator of the kernel has the same bound (`BPF_MAX_LOOPS`).
const MAX_ITEMS: u32 = 8 << 20;

/// What a program has on its stack. For the code that `#[kfunc_iterator]` generates.
///
/// # Invariants
///
/// There is a `value` if `left` is not 0.
#[doc(hidden)]
#[repr(C)]
pub struct State<I: Send, S, K = ()> {
    // First, so that a pointer to it is the one that `next` got.
    slot: MaybeUninit<S>,
    value: Option<I>,
    /// The number of items that `next` may still yield; 0 if `new` failed, or once `next` returned
    /// [`None`].
    left: u32,
    /// What BTF says that `next` yields.
    _kind: PhantomData<fn() -> K>,
}

impl<I: Send, S, K> State<I, S, K> {
    /// The size in words of 8 bytes.
    pub const WORDS: usize = {
        assert!(
            align_of::<Self>() <= 8,
            "an iterator lies on the stack of a BPF program, which is aligned to 8 bytes"
        );
        assert!(
            size_of::<Self>() <= 256,
            "an iterator takes more than half of a BPF program's stack; put it in a box"
        );
        size_of::<Self>().div_ceil(8)
    };

    /// Begins.
    ///
    /// # Safety
    ///
    /// `state` must be valid for writes of `WORDS`.
    #[inline(always)]
    pub unsafe fn begin(state: *mut Self) {
        // SAFETY: By the safety requirements.
        unsafe {
            state.write(Self {
                value: None,
                left: 0,
                slot: MaybeUninit::uninit(),
                _kind: PhantomData,
            })
        };
    }

    /// Gives the iterator what `new` made.
    #[inline(always)]
    pub fn set(&mut self, value: I) {
        self.value = Some(value);
        // INVARIANT: There is a value.
        self.left = MAX_ITEMS;
    }

    /// Yields the next item.
    #[inline(always)]
    pub fn next<T: IteratorItem<Slot = S, Kind = K>>(
        &mut self,
        next: impl FnOnce(&mut I) -> Option<T>,
    ) -> *const core::ffi::c_void {
        let (left, is_over) = self.left.overflowing_sub(1);
        self.left = left;
        if is_over {
            return self.end();
        }
        // SAFETY: By the type invariants, there is a value, because `left` was not 0.
        let value = unsafe { self.value.as_mut().unwrap_unchecked() };
        match next(value) {
            Some(item) => item.place(&mut self.slot),
            None => self.end(),
        }
    }

    /// Yields nothing any more.
    #[inline(always)]
    fn end(&mut self) -> *const core::ffi::c_void {
        // INVARIANT: Nothing is left.
        self.left = 0;
        self.value = None;
        core::ptr::null()
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_iterator)]
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

    /// How many iterators were dropped.
    static DROPS: Atomic<u32> = Atomic::new(0);

    /// Counts down, and would begin anew.
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
        /// Begins with what is in @from, which must be one number.
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

    /// Something that programs hold references to.
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_item")]
    struct Item;

    /// Yields one object, as often as it is asked.
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

    /// The kfuncs as the JIT's code calls them.
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

    /// What a program has on its stack: an iterator between other things.
    #[repr(C)]
    struct Stack<const WORDS: usize> {
        before: u64,
        it: [u64; WORDS],
        after: u64,
    }

    type CountdownStack = Stack<{ State::<Countdown, [u32; 2], [u32; 2]>::WORDS }>;
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

        /// Whether nothing was written beside the iterator.
        fn is_clean(&self) -> bool {
            self.before == Self::GARBAGE && self.after == Self::GARBAGE
        }
    }

    impl CountdownStack {
        fn begin(&mut self, mut from: [u8; 2], len: u32) -> i32 {
            // SAFETY: There is room for the iterator, and so many bytes or the size is refused.
            unsafe { entry::bpf_iter_kunit_countdown_new(self.it(), from.as_mut_ptr(), len) }
        }

        fn next(&mut self) -> Option<[u32; 2]> {
            // SAFETY: There was a `begin`. An item is there until the iterator is destroyed.
            unsafe { entry::bpf_iter_kunit_countdown_next(self.it()).as_ref() }.copied()
        }

        fn destroy(&mut self) {
            // SAFETY: As above.
            unsafe { entry::bpf_iter_kunit_countdown_destroy(self.it()) };
        }
    }

    #[test]
    fn the_room_is_whole_words() {
        assert_eq!(State::<(), ()>::WORDS, 1);
        assert_eq!(State::<u8, u8>::WORDS, 1);
        // With whether there is a value, nine bytes.
        assert_eq!(State::<[u8; 7], ()>::WORDS, 2);
        assert_eq!(State::<[u8; 8], ()>::WORDS, 2);
        assert_eq!(State::<[u8; 7], u8>::WORDS, 2);
        assert_eq!(State::<u64, [u64; 2]>::WORDS, 5);
        // The most that there can be.
        assert_eq!(State::<[u8; 251], ()>::WORDS, 32);
        assert!(align_of::<State<u64, u64>>() <= 8);
    }

    #[test]
    fn items_come_one_after_the_other() {
        let mut stack = CountdownStack::new();
        assert_eq!(stack.begin([2, 0], 1), 0);
        assert_eq!(stack.next(), Some([2, 4]));
        assert_eq!(stack.next(), Some([1, 1]));
        assert_eq!(stack.next(), None);
        stack.destroy();
        assert!(stack.is_clean());
    }

    #[test]
    fn an_item_lies_where_the_iterator_begins() {
        let mut stack = CountdownStack::new();
        assert_eq!(stack.begin([2, 0], 1), 0);
        let place = stack.it();
        // SAFETY: It is begun.
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
    fn after_the_end_there_is_nothing() {
        DROPS.store(0, Relaxed);
        let mut stack = CountdownStack::new();
        assert_eq!(stack.begin([1, 0], 1), 0);
        assert_eq!(stack.next(), Some([1, 1]));
        assert_eq!(DROPS.load(Relaxed), 0);
        assert_eq!(stack.next(), None);
        // Who has nothing more to yield is dropped, and is not dropped again.
        assert_eq!(DROPS.load(Relaxed), 1);
        assert_eq!(stack.next(), None);
        assert_eq!(stack.next(), None);
        stack.destroy();
        assert_eq!(DROPS.load(Relaxed), 1);
    }

    #[test]
    fn a_loop_can_be_left() {
        DROPS.store(0, Relaxed);
        let mut stack = CountdownStack::new();
        assert_eq!(stack.begin([9, 0], 1), 0);
        stack.destroy();
        assert_eq!(DROPS.load(Relaxed), 1);

        // The place is used again, as in a nested loop.
        assert_eq!(stack.begin([9, 0], 1), 0);
        assert_eq!(stack.next(), Some([9, 81]));
        stack.destroy();
        assert_eq!(DROPS.load(Relaxed), 2);
        assert!(stack.is_clean());
    }

    #[test]
    fn what_did_not_begin_is_over() {
        DROPS.store(0, Relaxed);
        // `new` fails, or is not called because its argument cannot be copied.
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
    fn objects_are_items_where_they_are() -> Result {
        let item = Object::new(Item)?;
        let address: *const Object<Item> = &raw const *item;
        let mut stack = SameStack::new();

        // SAFETY: There is room for the iterator. There is a reader as long as there are items.
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
    fn a_loop_ends() {
        let mut state = MaybeUninit::<State<u32, u32, u32>>::uninit();
        // SAFETY: There is room for it.
        let state = unsafe {
            State::begin(state.as_mut_ptr());
            state.assume_init_mut()
        };
        // Nothing before `new` has made a value.
        assert!(state.next(|_| Some(1_u32)).is_null());
        state.set(0);
        assert_eq!(state.left, MAX_ITEMS);
        state.left = 3;
        let mut items = 0;
        while !state.next(|_| Some(1_u32)).is_null() {
            items += 1;
        }
        assert_eq!(items, 3);
        assert!(state.value.is_none());
    }

    #[test]
    fn items_have_a_size_in_btf() {
        assert_eq!(<i64 as IteratorItem>::BTF, "*s64");
        assert_eq!(<bool as IteratorItem>::BTF, "*bool");
        assert_eq!(<[u32; 2] as IteratorItem>::BTF, "*[2]u32");
        assert_eq!(
            <RcuPtr<'_, Object<Item>> as IteratorItem>::BTF,
            "*struct bpf_kunit_item"
        );
    }
}
