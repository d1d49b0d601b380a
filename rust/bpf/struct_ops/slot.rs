// SPDX-License-Identifier: GPL-2.0

//! Tables with programs behind their members, and the slots in which subsystems keep them.
//!
//! A subsystem calls the members of an [`Ops`]. An [`Attached`] is a reference to an [`Ops`]. A
//! [`Slot`] is the place where a subsystem keeps the table that is attached.
//!
//! This module does not decide which table is attached: the subsystem does, see
//! [`StructOps`](super::StructOps).
//!
//! C: `bpf_struct_ops_get()` and `bpf_struct_ops_put()`.

use super::table::Table;
use crate::{
    helpers::{
        rust_bpf_helper_put_table,
        rust_bpf_helper_rcu_read_lock,
        rust_bpf_helper_rcu_read_unlock, //
    },
    rcu::with_rcu, //
};
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Full,
        Release, //
    },
};

/// A table with programs behind its members. `#[struct_ops]` implements the trait of the table for
/// this type: a call of a method runs the program.
#[repr(transparent)]
pub struct Ops<T>(T);

impl<T: Table> Ops<T> {
    /// Returns the functions and values of the table. For the code that `#[struct_ops]` generates.
    #[doc(hidden)]
    #[inline(always)]
    pub fn table(&self) -> &T {
        &self.0
    }

    /// Returns the table at `kdata`.
    ///
    /// # Safety
    ///
    /// `kdata` must be the table of a struct_ops map that exists for `'a`.
    pub(super) unsafe fn from_raw<'a>(kdata: *const core::ffi::c_void) -> &'a Self {
        // SAFETY: The caller guarantees that the map exists for `'a`, and `Ops` is transparent. The
        // kernel writes to a table in two cases. It fills the table, in the thread that then checks
        // the table. And it clears a table that `reg` refused to attach without a link: such a
        // table is in no slot, and only the thread that refused the table had a reference to it.
        unsafe { &*kdata.cast() }
    }
}

/// A reference to a table, which keeps the table and its programs.
///
/// [`Slot::get`] acquires the reference. It is safe, but of no use, to keep the reference after the
/// table is detached: the programs and the module stay. The reference may be dropped in any
/// context.
///
/// # Invariants
///
/// `ops` is the table of a struct_ops map. The value owns a reference to that map.
pub struct Attached<T: Table> {
    ops: NonNull<Ops<T>>,
    _owns: PhantomData<T>,
}

// SAFETY: Every thread may call programs, and a table to which Rust code has a reference does not
// change.
unsafe impl<T: Table> Send for Attached<T> {}

// SAFETY: Several threads may call programs at the same time, and a table to which Rust code has a
// reference does not change.
unsafe impl<T: Table> Sync for Attached<T> {}

impl<T: Table> Attached<T> {
    /// Acquires a reference to a table. Returns [`None`] if the kernel is about to free the table.
    ///
    /// # Safety
    ///
    /// `ops` must be the table of a struct_ops map whose memory is valid during the call. A
    /// reference to the map, or an RCU read-side critical section, can guarantee that.
    pub(super) unsafe fn try_get(ops: NonNull<Ops<T>>) -> Option<Self> {
        // SAFETY: The caller guarantees that `ops` is the table of a map whose memory is valid.
        if !unsafe { bindings::bpf_struct_ops_get(ops.as_ptr().cast()) } {
            return None;
        }
        // INVARIANT: `bpf_struct_ops_get()` acquired the reference.
        Some(Self {
            ops,
            _owns: PhantomData,
        })
    }

    /// Returns a pointer that owns the reference.
    fn into_raw(self) -> *mut Ops<T> {
        let ops = self.ops.as_ptr();
        core::mem::forget(self);
        ops
    }

    /// Takes the reference from a pointer that owns it. Returns [`None`] for null.
    ///
    /// # Safety
    ///
    /// `ops` must be null or a result of [`Attached::into_raw`]. The caller must not use a result
    /// more than once.
    unsafe fn from_raw(ops: *mut Ops<T>) -> Option<Self> {
        // INVARIANT: The caller guarantees that `ops` owns a reference.
        Some(Self {
            ops: NonNull::new(ops)?,
            _owns: PhantomData,
        })
    }
}

impl<T: Table> Deref for Attached<T> {
    type Target = Ops<T>;

    fn deref(&self) -> &Ops<T> {
        // SAFETY: The reference to the map, a type invariant, keeps the table.
        unsafe { self.ops.as_ref() }
    }
}

impl<T: Table> Drop for Attached<T> {
    fn drop(&mut self) {
        // SAFETY: The value owns a reference to the map, a type invariant, and releases it once.
        // The function may be called in any context.
        unsafe { rust_bpf_helper_put_table(self.ops.as_ptr().cast()) };
    }
}

/// A place for one table, which many threads read and few threads change.
///
/// A reader takes no lock. A reader that calls a member while the table is replaced calls the old
/// table or the new table, and never a mixture: the crate puts a table into the slot only when the
/// table is complete and nothing can refuse it any more. A slot that is dropped drops its table.
///
/// # Invariants
///
/// `ops` is null or a result of `Attached::into_raw`. The thread that removes the pointer from the
/// slot drops the reference. The kernel frees a table only after an RCU grace period
/// (`bpf_struct_ops_map_free()`).
pub struct Slot<T: Table> {
    ops: Atomic<*mut Ops<T>>,
    /// A pointer to the link that attached the table, or to the table if no link did. Several links
    /// can attach the same table. The crate only compares the pointer.
    owner: Atomic<*mut core::ffi::c_void>,
}

// SAFETY: The slot owns an `Attached`, which is `Send`.
unsafe impl<T: Table> Send for Slot<T> {}

// SAFETY: All fields are atomic, and the slot lends an `Attached`, which is `Sync`.
unsafe impl<T: Table> Sync for Slot<T> {}

impl<T: Table> Slot<T> {
    /// Makes an empty slot.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: `ops` is null.
        Self {
            ops: Atomic::new(core::ptr::null_mut()),
            owner: Atomic::new(core::ptr::null_mut()),
        }
    }

    /// Returns whether the slot has no table.
    pub(super) fn is_empty(&self) -> bool {
        self.ops.load(Acquire).is_null()
    }

    /// Returns whether the slot has this table, and `owner` attached it.
    pub(super) fn holds(&self, ops: &Ops<T>, owner: *mut core::ffi::c_void) -> bool {
        self.owner.load(Acquire) == owner
            && core::ptr::eq(self.ops.load(Acquire), core::ptr::from_ref(ops))
    }

    /// Puts a table into the slot. `owner` is the link that attaches the table, or the table.
    ///
    /// # Errors
    ///
    /// `EBUSY` if the slot has a table.
    pub(super) fn set(&self, ops: Attached<T>, owner: *mut core::ffi::c_void) -> Result {
        let new = ops.into_raw();
        // INVARIANT: `new` is a result of `into_raw`.
        match self.ops.cmpxchg(core::ptr::null_mut(), new, Full) {
            Ok(_) => {
                self.owner.store(owner, Release);
                Ok(())
            }
            Err(_) => {
                // SAFETY: `into_raw` returned `new`, and the slot has not taken it.
                drop(unsafe { Attached::from_raw(new) });
                Err(EBUSY)
            }
        }
    }

    /// Replaces the table `old` by `new` in one step. The owner stays the same.
    ///
    /// # Errors
    ///
    /// `ENOENT` if the slot does not have `old`. The slot keeps the table that it has.
    pub(super) fn replace(&self, old: &Ops<T>, new: Attached<T>) -> Result {
        let new = new.into_raw();
        let old = core::ptr::from_ref(old).cast_mut();
        // INVARIANT: `new` is a result of `into_raw`.
        let (gone, result) = match self.ops.cmpxchg(old, new, Full) {
            Ok(old) => (old, Ok(())),
            Err(_) => (new, Err(ENOENT)),
        };
        // SAFETY: `gone` is a result of `into_raw`: the old table, which the exchange removed from
        // the slot, or the new one, which the slot has not taken.
        drop(unsafe { Attached::from_raw(gone) });
        result
    }

    /// Empties the slot if it has this table, and `owner` attached it.
    ///
    /// Calls that have begun continue, and the table stays until they end.
    pub(super) fn clear(&self, ops: &Ops<T>, owner: *mut core::ffi::c_void) {
        let none = core::ptr::null_mut();
        if self.owner.cmpxchg(owner, none, Full).is_err() {
            return;
        }
        let ops = core::ptr::from_ref(ops).cast_mut();
        if let Ok(gone) = self.ops.cmpxchg(ops, core::ptr::null_mut(), Full) {
            // SAFETY: `gone` is a result of `into_raw`, which the exchange removed from the slot.
            drop(unsafe { Attached::from_raw(gone) });
        }
    }

    /// Acquires a reference to the table. Returns [`None`] if the slot is empty. Does not sleep.
    pub fn get(&self) -> Option<Attached<T>> {
        with_rcu(|_| {
            let ops = NonNull::new(self.ops.load(Acquire))?;
            // SAFETY: The kernel frees the table only after a grace period, a type invariant, so the
            // memory is valid in this RCU read-side critical section.
            unsafe { Attached::try_get(ops) }
        })
    }

    /// Calls `f` with the table, in an RCU read-side critical section, so `f` must not sleep.
    /// Returns the result of `f`, or [`None`] if the slot is empty.
    ///
    /// This function is faster than [`get`](Slot::get), because it acquires no reference. It does
    /// not compile for a table with a member that may sleep.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&Ops<T>) -> R) -> Option<R> {
        const {
            assert!(
                !T::SLEEPS,
                "Slot::with: the table has members that may sleep; take Slot::get"
            )
        };
        // Not `with_rcu()`: the compiler would inline this small function so early that an error of the
        // assertion does not name the line of the call.
        //
        // SAFETY: `rcu_read_lock()` can be called in any context, and nests.
        unsafe { rust_bpf_helper_rcu_read_lock() };
        // This `read_volatile` is intended to correspond to a READ_ONCE call, like the one in
        // rcu_dereference(): the address dependency orders the loads from the table after the load
        // of the pointer. `Atomic::load` would call a C function.
        //
        // SAFETY: The slot is borrowed, so `ops` is valid. Other threads may write to `ops` at the
        // same time, but only as a whole.
        let ops = NonNull::new(unsafe { self.ops.as_ptr().read_volatile() });
        // SAFETY: The kernel frees the table only after a grace period, a type invariant, so the
        // memory is valid in this RCU read-side critical section.
        let result = ops.map(|ops| f(unsafe { ops.as_ref() }));
        // SAFETY: This function began the critical section.
        unsafe { rust_bpf_helper_rcu_read_unlock() };
        result
    }
}

impl<T: Table> Drop for Slot<T> {
    fn drop(&mut self) {
        let ops = self.ops.xchg(core::ptr::null_mut(), Full);
        // SAFETY: `ops` is null or a result of `into_raw`, a type invariant, and the exchange
        // removed it from the slot.
        drop(unsafe { Attached::from_raw(ops) });
    }
}
