// SPDX-License-Identifier: GPL-2.0

//! Works that a task does before it returns to user mode.
//!
//! This module has no queue: each work is given to its task. It does not wake a task that waits in the
//! kernel.
//!
//! C header: [`include/linux/task_work.h`](srctree/include/linux/task_work.h)

use crate::{
    header::Header,
    helpers::{
        rust_bpf_helper_task_work_free,
        rust_bpf_helper_task_work_new,
        rust_bpf_helper_task_work_start,
        rust_bpf_helper_work_begins, //
    },
    object::Object,
    task::TaskRef,
    work::Work, //
};
use core::{
    ffi::c_void,
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef, //
};

/// A task work that was not started.
///
/// # Invariants
///
/// It is a task work of the crate, which this value owns.
struct TaskWork(NonNull<c_void>);

impl TaskWork {
    /// Allocates a task work for `task`. May be called in any context.
    fn new(task: TaskRef) -> Result<Self> {
        let mut work = core::ptr::null_mut();
        // SAFETY: The task is valid. The helper takes over its count, unless it fails.
        to_result(unsafe { rust_bpf_helper_task_work_new(task.as_raw(), &mut work) })?;
        core::mem::forget(task);
        // INVARIANT: The helper has allocated it.
        NonNull::new(work).map(Self).ok_or(ENOMEM)
    }

    /// Gives the work to the task. May be called in any context.
    ///
    /// # Safety
    ///
    /// The caller must have counted a work of the type of the object, and gives up this count.
    unsafe fn start<T: Work>(self, work: ARef<Object<T>>) {
        let object = ARef::into_raw(work);
        let this = ManuallyDrop::new(self);
        // SAFETY: By the type invariants, the task work is valid, and so is the header of the object.
        // The helper takes over both, and the count.
        unsafe {
            let header = &raw const (*object.as_ptr()).header;
            rust_bpf_helper_task_work_start(this.0.as_ptr(), header, Header::run_work);
        }
    }
}

impl Drop for TaskWork {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, `self` owns the task work.
        unsafe { rust_bpf_helper_task_work_free(self.0.as_ptr()) };
    }
}

/// Creates a work, which `task` does before it returns to user mode. Returns a reference to the
/// work.
///
/// If the task exits before, nobody does the work. If the module that contains the type is unloaded
/// before, nobody does it, either: the task can be stopped, or wait in the kernel, for any time.
///
/// # Errors
///
/// - [`EINVAL`]: the task is a thread of the kernel, or was not started by its parent yet.
/// - [`EAGAIN`]: tasks have 4096 works of all modules that have not ended, or this CPU goes offline.
/// - [`ENODEV`]: the module that contains the type is unloaded.
/// - [`ENOMEM`], as for [`Object::new`].
/// - The errors of `init`.
///
/// # Context
///
/// Any context that `init` allows, NMI included.
pub fn start_in_task<T: Work, E>(task: TaskRef, init: impl PinInit<T, E>) -> Result<ARef<Object<T>>>
where
    Error: From<E>,
{
    // First: if there are too many works, there was no object, whose release makes an interrupt.
    let task_work = TaskWork::new(task)?;
    let work = Object::pin_init(init)?;
    // SAFETY: The function may be called in any context.
    if !unsafe { rust_bpf_helper_work_begins(T::reclaim()) } {
        return Err(ENODEV);
    }
    // SAFETY: The work was counted above.
    unsafe { task_work.start(work.clone()) };
    Ok(work)
}
