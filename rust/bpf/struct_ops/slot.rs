// SPDX-License-Identifier: GPL-2.0

//! Tables with programs behind their members, and the slots in which subsystems keep them.
//!
//! [`Ops`] is a table on which the trait of the table is implemented. [`Attached`] is a reference to
//! one. [`Slot`] is the place of the table that is attached.
//!
//! This module does not decide which table is attached: the subsystem does, see
//! [`StructOps`](super::StructOps).
//!
//! C: `bpf_struct_ops_get()` and `bpf_struct_ops_put()`.

use super::table::Table;
use crate::helpers::rust_bpf_helper_put_table;
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        rcu, //
    },
};

/// A table with programs behind its members. The trait of the table is implemented on it.
#[repr(transparent)]
pub struct Ops<T>(T);

impl<T: Table> Ops<T> {
    /// The functions themselves. For the code that `#[struct_ops]` generates.
    #[doc(hidden)]
    #[inline(always)]
    pub fn table(&self) -> &T {
        &self.0
    }

    /// # Safety
    ///
    /// `kdata` must be the table of a struct_ops map that is kept for `'a`.
    pub(super) unsafe fn from_raw<'a>(kdata: *const core::ffi::c_void) -> &'a Self {
        // SAFETY: By the safety requirements; `Ops` is transparent. The kernel does not write to a
        // table after it was checked, but for one that is attached without a link and refused;
        // that is in no slot yet, and nobody has it but who refuses. Before that it writes on no
        // other thread.
        unsafe { &*kdata.cast() }
    }
}

/// A table that is kept, with its programs, until this is dropped.
///
/// It comes from [`Slot::get`]. To keep it longer than the table is attached makes no sense but is
/// safe: its programs, and the module, stay. It can be given up in any context.
///
/// # Invariants
///
/// `ops` is the table of a struct_ops map, to which this is a reference.
pub struct Attached<T: Table> {
    ops: NonNull<Ops<T>>,
    _owns: PhantomData<T>,
}

// SAFETY: Programs can be called from any thread, and tables do not change.
unsafe impl<T: Table> Send for Attached<T> {}

// SAFETY: As above.
unsafe impl<T: Table> Sync for Attached<T> {}

impl<T: Table> Attached<T> {
    /// Adds a reference, unless the table is about to be freed.
    ///
    /// # Safety
    ///
    /// `ops` must be the table of a struct_ops map that is valid memory, at least until the end of
    /// an RCU read-side critical section that the caller is in.
    pub(super) unsafe fn try_get(ops: NonNull<Ops<T>>) -> Option<Self> {
        // SAFETY: By the safety requirements.
        if !unsafe { bindings::bpf_struct_ops_get(ops.as_ptr().cast()) } {
            return None;
        }
        // INVARIANT: The reference was just added.
        Some(Self {
            ops,
            _owns: PhantomData,
        })
    }

    fn into_raw(self) -> *mut Ops<T> {
        let ops = self.ops.as_ptr();
        core::mem::forget(self);
        ops
    }

    /// # Safety
    ///
    /// `ops` must come from [`Attached::into_raw`], once, or be null.
    unsafe fn from_raw(ops: *mut Ops<T>) -> Option<Self> {
        // INVARIANT: By the safety requirements, a reference is taken over.
        Some(Self {
            ops: NonNull::new(ops)?,
            _owns: PhantomData,
        })
    }
}

impl<T: Table> Deref for Attached<T> {
    type Target = Ops<T>;

    fn deref(&self) -> &Ops<T> {
        // SAFETY: By the type invariants.
        unsafe { self.ops.as_ref() }
    }
}

impl<T: Table> Drop for Attached<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the reference is given up here. The function may be called
        // in any context.
        unsafe { rust_bpf_helper_put_table(self.ops.as_ptr().cast()) };
    }
}

/// A place for one table, which many threads read and few change.
///
/// Reading takes no lock. Whoever calls a member while the table is replaced calls one of the two,
/// whole: tables are put here, by the crate, only when they are complete and nothing can refuse
/// them any more. When the slot is dropped, so is the table in it.
///
/// # Invariants
///
/// `ops` is null or comes from `Attached::into_raw`. Who takes it away drops it; the kernel frees
/// a table only after RCU readers (`bpf_struct_ops_map_free()`).
pub struct Slot<T: Table> {
    ops: Atomic<*mut Ops<T>>,
    /// What attached it: a link, or the table itself. A map can be attached by several links, of
    /// which this is only compared.
    owner: Atomic<*mut core::ffi::c_void>,
}

// SAFETY: As for `Attached`.
unsafe impl<T: Table> Send for Slot<T> {}

// SAFETY: As for `Attached`.
unsafe impl<T: Table> Sync for Slot<T> {}

impl<T: Table> Slot<T> {
    /// An empty slot.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: It is null.
        Self {
            ops: Atomic::new(core::ptr::null_mut()),
            owner: Atomic::new(core::ptr::null_mut()),
        }
    }

    /// Whether there is no table in it.
    pub(super) fn is_empty(&self) -> bool {
        self.ops.load(Acquire).is_null()
    }

    /// Whether this table is in it, by that owner.
    pub(super) fn holds(&self, ops: &Ops<T>, owner: *mut core::ffi::c_void) -> bool {
        self.owner.load(Acquire) == owner
            && core::ptr::eq(self.ops.load(Acquire), core::ptr::from_ref(ops))
    }

    /// Puts a table into the slot if it is empty.
    ///
    /// # Errors
    ///
    /// `EBUSY` if it is not.
    pub(super) fn set(&self, ops: Attached<T>, owner: *mut core::ffi::c_void) -> Result {
        let new = ops.into_raw();
        // INVARIANT: As `into_raw` returned it.
        match self.ops.cmpxchg(core::ptr::null_mut(), new, Full) {
            Ok(_) => {
                self.owner.store(owner, Release);
                Ok(())
            }
            Err(_) => {
                // SAFETY: It was made above, and nobody has seen it.
                drop(unsafe { Attached::from_raw(new) });
                Err(EBUSY)
            }
        }
    }

    /// Replaces a table by another in one step.
    ///
    /// # Errors
    ///
    /// `ENOENT` if `old` is not in the slot; then nothing changes.
    pub(super) fn replace(&self, old: &Ops<T>, new: Attached<T>) -> Result {
        let new = new.into_raw();
        let old = core::ptr::from_ref(old).cast_mut();
        // INVARIANT: As `into_raw` returned it.
        let (gone, result) = match self.ops.cmpxchg(old, new, Full) {
            Ok(old) => (old, Ok(())),
            Err(_) => (new, Err(ENOENT)),
        };
        // SAFETY: The old one was taken away, or nobody has seen the new one.
        drop(unsafe { Attached::from_raw(gone) });
        result
    }

    /// Empties the slot if this table is in it, by that owner.
    ///
    /// Calls that have begun go on; the table stays until they have ended.
    pub(super) fn clear(&self, ops: &Ops<T>, owner: *mut core::ffi::c_void) {
        let none = core::ptr::null_mut();
        if self.owner.cmpxchg(owner, none, Full).is_err() {
            return;
        }
        let ops = core::ptr::from_ref(ops).cast_mut();
        if let Ok(gone) = self.ops.cmpxchg(ops, core::ptr::null_mut(), Full) {
            // SAFETY: It was taken away just now.
            drop(unsafe { Attached::from_raw(gone) });
        }
    }

    /// The table, kept for as long as the caller wants.
    pub fn get(&self) -> Option<Attached<T>> {
        let _rcu = rcu::read_lock();
        let ops = NonNull::new(self.ops.load(Acquire))?;
        // SAFETY: By the type invariants the memory is valid in this critical section.
        unsafe { Attached::try_get(ops) }
    }

    /// Calls `f` with the table, in an RCU read-side critical section; [`None`] if there is none.
    ///
    /// It is the fast way, for tables without members that may sleep.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&Ops<T>) -> R) -> Option<R> {
        const {
            assert!(
                !T::SLEEPS,
                "Slot::with: the table has members that may sleep; take Slot::get"
            )
        };
        let _rcu = rcu::read_lock();
        // This `read_volatile` is intended to correspond to a READ_ONCE call, as it is in
        // rcu_dereference(): what is read of the table depends on the pointer, which orders it.
        // `Atomic::load` is a call of a C function.
        //
        // SAFETY: The pointer is valid. It may be written to meanwhile, as a whole.
        let ops = NonNull::new(unsafe { self.ops.as_ptr().read_volatile() })?;
        // SAFETY: By the type invariants the memory is valid in this critical section.
        Some(f(unsafe { ops.as_ref() }))
    }
}

impl<T: Table> Drop for Slot<T> {
    fn drop(&mut self) {
        let ops = self.ops.xchg(core::ptr::null_mut(), Full);
        // SAFETY: By the type invariants.
        drop(unsafe { Attached::from_raw(ops) });
    }
}
