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
//!     static SET for [Tracing] = [bpf_iter_range_new, bpf_iter_range_next, bpf_iter_range_destroy];
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
//! - An object, as [`Rcu<'a, Object<T>>`](crate::Rcu), if `next` takes `&'a RcuReader`. Then the
//!   program must be in an RCU read-side critical section from `new` on (`KF_RCU_PROTECTED`), and
//!   the pointer is valid until its end. To keep the object, it calls a kfunc that makes a
//!   reference of an `Rcu` argument.
//!
//! What cannot be an item, and why:
//!
//! - A struct by value. The verifier takes a pointer to a struct for one to an object that is valid
//!   as long as the program runs, and this one would not be.
//! - A reference (`ARef`). When the verifier follows the path on which `next` returns `NULL`, it
//!   keeps the reference that `KF_ACQUIRE` brought (`process_iter_next_call()`), and refuses every
//!   program.
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
        Rcu, //
    },
    types::Pointer, //
};
use core::mem::MaybeUninit;

/// What `next` of an iterator can yield.
///
/// # Safety
///
/// The pointer that `place` returns must be one that the verifier may take for what it concludes
/// from `BTF`: memory of that size until the iterator is destroyed, or an RCU-protected object.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be an item of an open-coded iterator",
    label = "yield an integer, `bool`, an array of them, or `Rcu<'a, Object<T>>`"
)]
pub unsafe trait IteratorItem: Sized {
    /// Where an item lies while the program looks at it.
    type Slot;

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
            const BTF: &'static str = Pointer::<$ty>::TEXT;

            #[inline(always)]
            fn place(self, slot: &mut MaybeUninit<$ty>) -> *const core::ffi::c_void {
                core::ptr::from_ref(slot.write(self)).cast()
            }
        }

        // SAFETY: The same. The size is that of the array.
        unsafe impl<const N: usize> IteratorItem for [$ty; N] {
            type Slot = [$ty; N];
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
unsafe impl<T: BtfObject> IteratorItem for Rcu<'_, Object<T>> {
    type Slot = ();
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;

    #[inline(always)]
    fn place(self, _slot: &mut MaybeUninit<()>) -> *const core::ffi::c_void {
        self.as_ptr().cast()
    }
}

/// What a program has on its stack. For the code that `#[kfunc_iterator]` generates.
///
/// # Invariants
///
/// `value` is [`None`] if `new` failed, or once `next` returned [`None`].
#[doc(hidden)]
#[repr(C)]
pub struct State<I: Send, S> {
    // First, so that a pointer to it is the one that `next` got.
    slot: MaybeUninit<S>,
    value: Option<I>,
}

impl<I: Send, S> State<I, S> {
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
                slot: MaybeUninit::uninit(),
            })
        };
    }

    /// Gives the iterator what `new` made.
    #[inline(always)]
    pub fn set(&mut self, value: I) {
        self.value = Some(value);
    }

    /// Yields the next item.
    #[inline(always)]
    pub fn next<T: IteratorItem<Slot = S>>(
        &mut self,
        next: impl FnOnce(&mut I) -> Option<T>,
    ) -> *const core::ffi::c_void {
        let Some(value) = &mut self.value else {
            return core::ptr::null();
        };
        match next(value) {
            Some(item) => item.place(&mut self.slot),
            None => {
                self.value = None;
                core::ptr::null()
            }
        }
    }
}
