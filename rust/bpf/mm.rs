// SPDX-License-Identifier: GPL-2.0

//! Virtual memory areas and address spaces as arguments of kfuncs.
//!
//! `T` in [`Trusted<'_, T>`](crate::Trusted) is [`Vma`] or [`Mm`].
//!
//! An [iterator](crate::iterator) walks the areas of a task with a [`VmaWalk`], and holds each one:
//! see [`LockVma`].
//!
//! This module does not read memory of user space. The program does, after it has released the area:
//! `bpf_copy_from_user_task()`.
//!
//! C headers: [`include/linux/mm_types.h`](srctree/include/linux/mm_types.h),
//! [`include/linux/mmap_lock.h`](srctree/include/linux/mmap_lock.h)

use crate::{
    compat,
    helpers::{
        rust_bpf_helper_lock_vma,
        rust_bpf_helper_put_mm,
        rust_bpf_helper_task_mm,
        rust_bpf_helper_unlock_mm, //
    },
    iterator::{
        IteratorItem,
        Slot, //
    },
    kernel_type,
    Trusted, //
};
use core::{
    ffi::c_void,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    task::Task, //
};

kernel_type! {
    /// An area of virtual memory. Another thread can change the area meanwhile, unless the program
    /// holds a lock of the address space.
    ///
    /// C: `struct vm_area_struct`.
    pub struct Vma: vm_area_struct {
        /// The address of the first byte.
        pub vm_start: usize = __bindgen_anon_1.__bindgen_anon_1.vm_start,
        /// The address after the last byte.
        pub vm_end: usize = __bindgen_anon_1.__bindgen_anon_1.vm_end,
        /// The flags: `VM_*`.
        pub vm_flags: usize = __bindgen_anon_2.vm_flags,
        /// The offset of the area in its file, in pages.
        pub vm_pgoff: usize,
    }
}

kernel_type! {
    /// An address space.
    ///
    /// C: `struct mm_struct`.
    pub struct Mm: mm_struct {}
}

/// A walk over the areas of an address space, in the order of their addresses.
///
/// The address space stays, but areas come and go: the walk finds the first area behind the one
/// that the program held last.
///
/// # Invariants
///
/// `mm` is a `struct rust_bpf_mm`, a reference to an address space that the walk owns.
pub struct VmaWalk {
    mm: NonNull<c_void>,
    next: usize,
}

// SAFETY: Any task may use and put the reference.
unsafe impl Send for VmaWalk {}

impl VmaWalk {
    /// Begins a walk over the areas of `task` that end behind `address`. Returns [`None`] if the task
    /// has no address space, if that is being changed, or without memory.
    ///
    /// # Context
    ///
    /// Any but NMI; returns [`None`] if interrupts are off. Does not sleep.
    pub fn new(task: &Trusted<'_, Task>, address: usize) -> Option<Self> {
        let task: NonNull<c_void> = NonNull::from(&**task).cast();
        // SAFETY: The task is allocated. The function waits for no lock.
        let mm = unsafe { rust_bpf_helper_task_mm(task.as_ptr()) };
        // INVARIANT: The function returned a reference.
        Some(Self {
            mm: NonNull::new(mm)?,
            next: address,
        })
    }

    /// Returns the next area, as an item of an iterator.
    pub fn lock_next(&mut self) -> LockVma<'_> {
        LockVma(self)
    }
}

impl Drop for VmaWalk {
    /// In any context, NMI included.
    fn drop(&mut self) {
        // SAFETY: By the type invariants, this is the reference of `self`. The function can be called in
        // any context.
        unsafe { rust_bpf_helper_put_mm(self.mm.as_ptr()) };
    }
}

/// The next area of a walk, as the item of an iterator.
///
/// The program gets a trusted `struct vm_area_struct *`. It holds `mmap_lock` of the address space
/// for reading, so the area does not change, and the program must not fault, nor call what may sleep
/// (`KF_REGION_NOFAULT`), until it releases the area. The kfunc for the next item may sleep. It
/// returns null behind the last area, and also if another task changes the address space for longer
/// than 100 ms, or this one does: a program can be attached to what runs under `mmap_lock`.
pub struct LockVma<'a>(&'a mut VmaWalk);

/// The address space whose lock an iterator holds.
///
/// # Invariants
///
/// The iterator holds `mmap_lock` of the address space for reading, in the task of the program. The
/// [`VmaWalk`] in the same iterator keeps it.
#[doc(hidden)]
pub struct HeldVma(Option<NonNull<c_void>>);

impl Slot for HeldVma {
    const EMPTY: Self = Self(None);
}

impl Drop for HeldVma {
    #[inline]
    fn drop(&mut self) {
        if let Some(mm) = self.0.take() {
            // SAFETY: By the type invariants.
            unsafe { rust_bpf_helper_unlock_mm(mm.as_ptr()) };
        }
    }
}

// SAFETY: The verifier records that the iterator holds a reference, and the program is in a region in
// which it does not fault, until it calls `release`, `next` or `destroy`. Until then, the area is in
// the address space. The pointer is trusted, and what the program reads from it (`vm_mm`, `vm_file`)
// ends with it.
unsafe impl IteratorItem for LockVma<'_> {
    type Slot = HeldVma;
    type Kind = Vma;
    const BTF: &'static str = "*struct vm_area_struct";
    const REGION: u32 = compat::KF_REGION_NOFAULT | compat::KF_SLEEPABLE;

    unsafe fn place(self, slot: &mut HeldVma) -> *const c_void {
        let walk = self.0;
        // SAFETY: The walk has a reference to the address space. The kfunc may sleep (`REGION`).
        let vma = unsafe { rust_bpf_helper_lock_vma(walk.mm.as_ptr(), walk.next) };
        // SAFETY: The area is valid as long as the lock is held.
        if let Some(vma) = unsafe { vma.cast::<bindings::vm_area_struct>().as_ref() } {
            // INVARIANT: The function returned with the lock held. The walk is a part of the value of
            // the iterator, which is dropped after the slot.
            slot.0 = Some(walk.mm);
            // SAFETY: The struct has these fields for each area in an address space.
            walk.next = unsafe { vma.__bindgen_anon_1.__bindgen_anon_1.vm_end };
        }
        vma
    }
}
