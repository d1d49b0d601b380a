// SPDX-License-Identifier: GPL-2.0

//! The counts of an object, and how it is freed.
//!
//! An [`Object<T>`](crate::Object) is a `T` and a header. Everything that does not depend on `T`
//! is here, and once in the kernel; a module has a static [`Reclaim`] for each type of objects, and a
//! function that drops a `T` if that does anything.
//!
//! This module does not know who may have a reference, nor what the verifier thinks of it: see
//! [`object`](crate::object).
//!
//! C: `rust/helpers/free.c`.

use crate::{
    helpers::{
        rust_bpf_helper_free_begins,
        rust_bpf_helper_free_ends,
        rust_bpf_helper_kfree_rcu,
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

/// How objects of a type are freed: a static of the module that has the type.
/// `struct rust_bpf_reclaim` of the C code.
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
    // The C code does not know the rest.
    /// The offset of the header in an object, in bytes.
    header: usize,
    /// Drops the value of an object, if that does anything.
    drop: Option<unsafe extern "C" fn(*mut c_void)>,
}

// SAFETY: C code changes `node`, `is_listed` and `chained`, by atomic operations. Nobody changes the
// other fields.
unsafe impl Sync for Reclaim {}

impl Reclaim {
    /// For the code that `#[derive(BtfType)]` generates.
    pub const fn new<T: BtfObject>() -> Self {
        Self {
            free: Header::free,
            free_chained: Header::free_chained,
            size: size_of::<Object<T>>(),
            node: UnsafeCell::new(core::ptr::null_mut()),
            is_listed: UnsafeCell::new(0),
            chained: UnsafeCell::new(0),
            header: Object::<T>::HEADER,
            drop: if needs_drop::<T>() {
                Some(Object::<T>::drop_value)
            } else {
                None
            },
        }
    }

    /// The number of callbacks that began in the callback of another object and have not ended.
    #[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
    pub(crate) fn chained(&self) -> i32 {
        // SAFETY: The field is an `atomic_t`.
        unsafe { (*self.chained.get().cast::<Atomic<i32>>()).load(Relaxed) }
    }
}

/// The part of an object that does not depend on its type. `struct rust_bpf_header` of the C code.
///
/// # Invariants
///
/// The header is at `reclaim.header` in an object whose memory `kmalloc_nolock()` made. `refs` is
/// the number of references, and 0 once the last is gone; then nobody but RCU readers, and later the
/// callback in `rcu`, has access to the value. `weak` is the number of references to the memory, and
/// one more until the callback has dropped the value. `place` is null, or was once in a registry,
/// where RCU readers may have found the object until it was dropped.
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

    /// Makes the memory of an object with one reference, and without a value. May be called in any
    /// context.
    ///
    /// Returns [`None`] if there is no memory, or if too many objects wait for RCU readers.
    pub(crate) fn allocate(reclaim: &'static Reclaim) -> Option<NonNull<Self>> {
        // SAFETY: The function may be called in any context.
        if !unsafe { rust_bpf_helper_may_make() } {
            return None;
        }
        // SAFETY: The function may be called in any context.
        let memory = NonNull::new(unsafe { rust_bpf_helper_kmalloc_nolock(reclaim.size) })?;
        // SAFETY: The memory is so large.
        let header = unsafe { memory.byte_add(reclaim.header) }.cast::<Self>();
        // INVARIANT: There is one reference, for the caller, and what all references have of the
        // memory.
        // SAFETY: There is room for a header.
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

    /// The object that the header is a part of.
    ///
    /// # Safety
    ///
    /// There must be a header.
    unsafe fn object(header: NonNull<Self>) -> NonNull<c_void> {
        // SAFETY: The caller has a header, which by its invariants is at this place in an object.
        unsafe { header.byte_sub((*header.as_ptr()).reclaim.header) }.cast()
    }

    /// Frees the memory of an object that has no value and that nobody else has seen.
    ///
    /// # Safety
    ///
    /// `header` must come from [`allocate`](Self::allocate).
    pub(crate) unsafe fn free_unused(header: NonNull<Self>) {
        // SAFETY: `kmalloc_nolock()` made the memory, and nobody refers to it.
        unsafe { bindings::kfree_nolock(Self::object(header).as_ptr()) };
    }

    /// Drops the value of an object, after all RCU readers that can see it.
    ///
    /// # Safety
    ///
    /// `head` must be the `rcu` of an object whose last reference is gone, and this the only call.
    unsafe extern "C" fn free(head: *mut bindings::callback_head) {
        // SAFETY: The caller passes such an object.
        unsafe { Self::drop_value(head, false) };
    }

    /// The same, if the callback of another object gave up the last reference.
    ///
    /// # Safety
    ///
    /// As for [`free`](Self::free).
    unsafe extern "C" fn free_chained(head: *mut bindings::callback_head) {
        // SAFETY: The caller passes such an object.
        unsafe { Self::drop_value(head, true) };
    }

    /// # Safety
    ///
    /// As for [`free`](Self::free).
    unsafe fn drop_value(head: *mut bindings::callback_head, is_chained: bool) {
        // SAFETY: The pointer is one to the field of a header.
        let header =
            unsafe { NonNull::new_unchecked(head.byte_sub(Self::RCU).cast::<Self>()) };
        // SAFETY: The header is valid until the memory is given up below.
        let (object, reclaim) = unsafe { (Self::object(header), (*header.as_ptr()).reclaim) };
        // SAFETY: This is the callback.
        unsafe { rust_bpf_helper_free_begins(reclaim) };
        // SAFETY: Places are in registries of the type's module, which has not gone.
        unsafe { Place::leave(&(*header.as_ptr()).place, object.as_ptr()) };
        if let Some(drop) = reclaim.drop {
            // SAFETY: An object begins with its value, to which nobody has access any more.
            unsafe { drop(object.as_ptr()) };
        }
        // SAFETY: The value is gone, so what all references had of the memory is given up.
        unsafe { Self::put_memory(header) };
        // SAFETY: The callback ends here.
        unsafe { rust_bpf_helper_free_ends(reclaim, is_chained) };
    }

    /// Adds a count to the memory.
    pub(crate) fn get_memory(&self) {
        self.weak.inc();
    }

    /// Gives up one of the counts of the memory, of which the last frees it.
    ///
    /// # Safety
    ///
    /// The caller must have one.
    pub(crate) unsafe fn put_memory(header: NonNull<Self>) {
        // SAFETY: The caller has a count, so the memory is there.
        let this = unsafe { header.as_ref() };
        if !this.weak.dec_and_test() {
            return;
        }
        // SAFETY: There is a header.
        let memory = unsafe { Self::object(header) }.as_ptr();
        if this.place.load(Relaxed).is_null() {
            // SAFETY: `kmalloc_nolock()` made the memory, and nobody refers to it.
            unsafe { bindings::kfree_nolock(memory) };
        } else {
            // SAFETY: Nobody but RCU readers of the registry refers to the memory, and `rcu` is not
            // used any more.
            unsafe { rust_bpf_helper_kfree_rcu(this.rcu.get().cast(), memory) };
        }
    }
}
