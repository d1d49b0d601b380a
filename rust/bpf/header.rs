// SPDX-License-Identifier: GPL-2.0

//! The header of an object: it counts references and frees the object.
//!
//! An [`Object<T>`](crate::Object) is a `T` and a header. The code in this file does not depend on
//! `T`, so the kernel has it only once. A module contains a static [`Reclaim`] for each type of its
//! objects and, if `T` has drop code, a function that drops a `T`.
//!
//! This module does not define how programs hold references, nor the contracts with the verifier:
//! see [`object`](crate::object).
//!
//! C: `rust/helpers/free.c`.

use crate::{
    helpers::{
        rust_bpf_helper_free_begins,
        rust_bpf_helper_free_ends,
        rust_bpf_helper_free_memory,
        rust_bpf_helper_kmalloc_nolock,
        rust_bpf_helper_may_make, //
    },
    object::{
        BtfObject,
        Object, //
    },
    registry::Place, //
};
use core::{
    cell::UnsafeCell,
    ffi::c_void,
    mem::{
        needs_drop,
        offset_of,
        MaybeUninit, //
    },
    ptr::NonNull, //
};
use kernel::{
    bindings,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Refcount, //
    }, //
};

/// A function that does the work of the object with this address, which must be valid.
#[doc(hidden)]
pub type Run = unsafe extern "C" fn(*mut c_void);

/// The data that the crate needs for objects of a type: a static of the module that contains the
/// type.
///
/// C: `struct rust_bpf_reclaim` in `rust/helpers/helpers.h`, which declares only the first fields.
#[doc(hidden)]
#[repr(C)]
pub struct Reclaim {
    free: unsafe extern "C" fn(*mut bindings::callback_head),
    free_chained: unsafe extern "C" fn(*mut bindings::callback_head),
    /// The size of an object in bytes.
    size: usize,
    node: UnsafeCell<*mut c_void>,
    is_listed: UnsafeCell<i32>,
    chained: UnsafeCell<i32>,
    works: UnsafeCell<i32>,
    begun: UnsafeCell<i32>,
    task_works: UnsafeCell<i32>,
    is_closed: UnsafeCell<i32>,
    // The C struct does not declare the following fields.
    /// The offset of the header in an object, in bytes.
    header: usize,
    /// The function that drops the value of an object; [`None`] if the type has no drop code.
    drop: Option<unsafe extern "C" fn(*mut c_void)>,
    /// The function that does the work of an object; [`None`] if the type is no work.
    run: Option<Run>,
    /// The function to call if nobody is going to do the work; [`None`] if the type is no work.
    skip: Option<Run>,
    /// The function that the timer of an object calls in a softirq; [`None`] if there is none.
    run_in_softirq: Option<Run>,
    /// Whether a set of the module has registered the destructor of the type.
    pub(crate) has_dtor: Atomic<bool>,
}

// SAFETY: Only C code changes the fields from `node` to `is_closed`, by atomic operations. `has_dtor` is
// atomic. No code changes the other fields.
unsafe impl Sync for Reclaim {}

impl Reclaim {
    /// Creates the static of a type. For the code that `#[derive(BtfType)]` generates.
    pub const fn new<T: BtfObject>(
        run: Option<Run>,
        skip: Option<Run>,
        run_in_softirq: Option<Run>,
    ) -> Self {
        Self {
            free: Header::free,
            free_chained: Header::free_chained,
            size: size_of::<Object<T>>(),
            node: UnsafeCell::new(core::ptr::null_mut()),
            is_listed: UnsafeCell::new(0),
            chained: UnsafeCell::new(0),
            works: UnsafeCell::new(0),
            begun: UnsafeCell::new(0),
            task_works: UnsafeCell::new(0),
            is_closed: UnsafeCell::new(0),
            header: Object::<T>::HEADER,
            drop: if needs_drop::<T>() {
                Some(Object::<T>::drop_value)
            } else {
                None
            },
            run,
            skip,
            run_in_softirq,
            has_dtor: Atomic::new(false),
        }
    }

    /// Returns the function that does the work of an object.
    pub(crate) fn run(&self) -> Option<Run> {
        self.run
    }

    /// Returns the function that the timer of an object calls in a softirq.
    pub(crate) fn run_in_softirq(&self) -> Option<Run> {
        self.run_in_softirq
    }

    /// Returns the number of callbacks that the callback of another object started and that have
    /// not ended.
    #[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
    pub(crate) fn chained(&self) -> i32 {
        // SAFETY: The field is an `atomic_t`.
        unsafe { (*self.chained.get().cast::<Atomic<i32>>()).load(Relaxed) }
    }
}

/// The part of an object that does not depend on its type.
///
/// C: `struct rust_bpf_header` in `rust/helpers/helpers.h`, which declares only the first fields.
///
/// # Invariants
///
/// - The header is at offset `reclaim.header` of an object whose memory `kmalloc_nolock()`
///   returned.
/// - `refs` is the number of references. When `refs` is 0, only RCU readers and, after them, the
///   callback in `rcu` have access to the value. Before that, `rcu` belongs to the queue that holds
///   the object, if there is one (`work/queue.rs`).
/// - `weak` is the number of weak references, plus 1 until the callback has dropped the value.
/// - `place` is null, or points to the place of a registry into which the object was inserted. RCU
///   readers may find the object there until the callback runs.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) refs: Refcount,
    weak: Refcount,
    reclaim: &'static Reclaim,
    rcu: UnsafeCell<MaybeUninit<bindings::callback_head>>,
    pub(crate) place: Atomic<*mut Place>,
}

impl Header {
    /// The offset of `rcu` in bytes.
    pub(crate) const RCU: usize = offset_of!(Self, rcu);

    /// Allocates an object with one reference and without a value. Returns the header of the
    /// object, or [`None`] if the allocation fails or if too many objects wait for a grace period.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub(crate) fn allocate(reclaim: &'static Reclaim) -> Option<NonNull<Self>> {
        // SAFETY: The function may be called in any context.
        if !unsafe { rust_bpf_helper_may_make() } {
            return None;
        }
        // SAFETY: The function may be called in any context.
        let memory = NonNull::new(unsafe { rust_bpf_helper_kmalloc_nolock(reclaim.size) })?;
        // SAFETY: The memory has `reclaim.size` bytes, and an object has its header at this offset.
        let header = unsafe { memory.byte_add(reclaim.header) }.cast::<Self>();
        // INVARIANT: `refs` counts the caller's reference. `weak` is 1, because the callback has
        // not dropped the value.
        // SAFETY: The object has room for its header.
        unsafe {
            header.write(Self {
                refs: Refcount::new(1),
                weak: Refcount::new(1),
                reclaim,
                rcu: UnsafeCell::new(MaybeUninit::uninit()),
                place: Atomic::new(core::ptr::null_mut()),
            })
        };
        Some(header)
    }

    /// Returns the object that contains the header.
    ///
    /// # Safety
    ///
    /// `header` must point to a valid header.
    pub(crate) unsafe fn object(header: NonNull<Self>) -> NonNull<c_void> {
        // SAFETY: The header is valid. By its invariants, it is at this offset of an object.
        unsafe { header.byte_sub((*header.as_ptr()).reclaim.header) }.cast()
    }

    /// Does the work of an object.
    ///
    /// # Safety
    ///
    /// `header` must be that of an object, to which the caller has a reference. The thread must run
    /// works, and the module of the type must stay loaded.
    pub(crate) unsafe extern "C" fn run_work(header: *mut Self) {
        let Some(header) = NonNull::new(header) else {
            return;
        };
        // SAFETY: The caller passes a valid header.
        if let Some(run) = unsafe { header.as_ref() }.reclaim().run() {
            // SAFETY: The header is that of an object of the type with this function, and the
            // caller keeps it, and the module.
            unsafe { run(Self::object(header).as_ptr()) };
        }
    }

    /// Tells an object that nobody is going to do its work.
    ///
    /// # Safety
    ///
    /// `header` must be that of an object, to which the caller has a reference, and the module of the
    /// type must stay loaded. The context must not be an NMI.
    pub(crate) unsafe extern "C" fn skip_work(header: *mut Self) {
        let Some(header) = NonNull::new(header) else {
            return;
        };
        // SAFETY: The caller passes a valid header.
        if let Some(skip) = unsafe { header.as_ref() }.reclaim().skip {
            // SAFETY: The header is that of an object of the type with this function, and the
            // caller keeps it, and the module.
            unsafe { skip(Self::object(header).as_ptr()) };
        }
    }

    /// Frees the memory of an object that has no value.
    ///
    /// # Safety
    ///
    /// `header` must come from [`allocate`](Self::allocate), and no other code may use the object.
    pub(crate) unsafe fn free_unused(header: NonNull<Self>) {
        // SAFETY: No other code uses the object, which has no value.
        unsafe { Self::free_memory(header) };
    }

    /// Frees the memory of an object after a grace period.
    ///
    /// # Safety
    ///
    /// The object must have no value, and only RCU readers of a registry may use the memory.
    unsafe fn free_memory(header: NonNull<Self>) {
        // SAFETY: The header is valid. The caller says that nobody uses `rcu`.
        unsafe {
            let size = (*header.as_ptr()).reclaim.size;
            rust_bpf_helper_free_memory(header.as_ptr(), Self::object(header).as_ptr(), size);
        }
    }

    /// Drops the value of an object. The RCU callback, which runs after a grace period.
    ///
    /// # Safety
    ///
    /// `head` must point to the `rcu` of an object whose last reference was released, and the
    /// function must be called only once for the object.
    unsafe extern "C" fn free(head: *mut bindings::callback_head) {
        // SAFETY: The caller passes the `rcu` of an object without references, once.
        unsafe { Self::drop_value(head, false) };
    }

    /// Drops the value of an object whose last reference the callback of another object released.
    ///
    /// # Safety
    ///
    /// The requirements of [`free`](Self::free).
    unsafe extern "C" fn free_chained(head: *mut bindings::callback_head) {
        // SAFETY: The caller passes the `rcu` of an object without references, once.
        unsafe { Self::drop_value(head, true) };
    }

    /// Drops the value of an object. `is_chained` says whether the callback of another object
    /// released the last reference.
    ///
    /// # Safety
    ///
    /// The requirements of [`free`](Self::free).
    unsafe fn drop_value(head: *mut bindings::callback_head, is_chained: bool) {
        // SAFETY: `head` points to the field `rcu` of a header.
        let header = unsafe { NonNull::new_unchecked(head.byte_sub(Self::RCU).cast::<Self>()) };
        // SAFETY: The header is valid until `put_memory` below.
        let (object, reclaim) = unsafe { (Self::object(header), (*header.as_ptr()).reclaim) };
        // SAFETY: The code runs in the callback of the object.
        unsafe { rust_bpf_helper_free_begins(reclaim) };
        // SAFETY: A place is in a registry of the type's module, which is unloaded only after its
        // callbacks.
        unsafe { Place::leave(&(*header.as_ptr()).place, object.as_ptr()) };
        if let Some(drop) = reclaim.drop {
            // SAFETY: An object begins with its value, which only this callback can use now.
            unsafe { drop(object.as_ptr()) };
        }
        // SAFETY: The value is dropped, so the callback gives up the extra count in `weak`.
        unsafe { Self::put_memory(header, true) };
        // SAFETY: The callback ends here.
        unsafe { rust_bpf_helper_free_ends(reclaim, is_chained) };
    }

    /// Returns the memory for the RCU callback.
    pub(crate) fn rcu(&self) -> *mut bindings::callback_head {
        self.rcu.get().cast()
    }

    /// Returns the data for freeing objects of the type.
    pub(crate) fn reclaim(&self) -> &'static Reclaim {
        self.reclaim
    }

    /// Adds a count to `weak`.
    pub(crate) fn get_memory(&self) {
        self.weak.inc();
    }

    /// Removes a count from `weak`, and frees the memory of the object with the last count.
    ///
    /// # Safety
    ///
    /// The caller must own a count in `weak`. If `in_callback`, it must be an RCU callback.
    pub(crate) unsafe fn put_memory(header: NonNull<Self>, in_callback: bool) {
        // SAFETY: The caller owns a count in `weak`, so the memory is allocated.
        let this = unsafe { header.as_ref() };
        if !this.weak.dec_and_test() {
            return;
        }
        if in_callback && this.place.load(Relaxed).is_null() {
            // SAFETY: `kmalloc_nolock()` returned the memory, and no other code uses it. An RCU
            // callback may call `kfree()`.
            unsafe { bindings::kfree(Self::object(header).as_ptr()) };
        } else {
            // SAFETY: Only RCU readers of the registry use the memory, and `rcu` is not used any
            // more.
            unsafe { Self::free_memory(header) };
        }
    }
}
