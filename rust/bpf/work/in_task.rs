// SPDX-License-Identifier: GPL-2.0

//! Works that a task does before it returns to user mode.
//!
//! This module has no queue: each work is given to its task. It does not wake a task that waits in the
//! kernel.
//!
//! C header: [`include/linux/task_work.h`](srctree/include/linux/task_work.h)

use crate::{
    header::{
        Header,
        Reclaim, //
    },
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
/// `raw` is a task work of the crate, which this value owns. It is counted in `reclaim`.
struct TaskWork {
    raw: NonNull<c_void>,
    reclaim: &'static Reclaim,
}

impl TaskWork {
    /// Allocates a task work for `task`. May be called in any context.
    fn new(task: TaskRef, reclaim: &'static Reclaim) -> Result<Self> {
        let mut raw = core::ptr::null_mut();
        // SAFETY: The task is valid. The helper takes over its count, unless it fails.
        to_result(unsafe { rust_bpf_helper_task_work_new(task.as_raw(), reclaim, &mut raw) })?;
        core::mem::forget(task);
        let raw = NonNull::new(raw).ok_or(ENOMEM)?;
        // INVARIANT: The helper has allocated and counted it.
        Ok(Self { raw, reclaim })
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
            rust_bpf_helper_task_work_start(
                this.raw.as_ptr(),
                header,
                Header::run_work,
                Header::skip_work,
            );
        }
    }
}

impl Drop for TaskWork {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, `self` owns the task work.
        unsafe { rust_bpf_helper_task_work_free(self.raw.as_ptr(), self.reclaim) };
    }
}

/// Creates a work, which `task` does before it returns to user mode. Returns a reference to the
/// work.
///
/// If the task exits before, [`Work::skipped`] is called instead. If the module that contains the
/// type is unloaded before, nothing is called: the task can be stopped, or wait in the kernel, for
/// any time. A work that is started while the task does works is for the next time that it returns
/// to user mode, a tick later or more.
///
/// The unload of the module waits for works that have begun. Memory of user mode that a work reads
/// can belong to a file system in user mode, which answers when it likes.
///
/// # Errors
///
/// - [`EINVAL`]: the task is a thread of the kernel, or was not started by its parent yet.
/// - [`ESRCH`]: the task exits.
/// - [`EAGAIN`]: tasks have 4096 works of this type that have not ended, or this CPU goes offline. A
///   program that starts works for tasks that anybody can stop should count them for each task.
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
    let task_work = TaskWork::new(task, T::reclaim())?;
    let work = Object::pin_init(init)?;
    // SAFETY: The function may be called in any context.
    if !unsafe { rust_bpf_helper_work_begins(T::reclaim()) } {
        return Err(ENODEV);
    }
    // SAFETY: The work was counted above.
    unsafe { task_work.start(work.clone()) };
    Ok(work)
}
