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
        rust_bpf_helper_task_work_start,
        rust_bpf_helper_work_begins,
        rust_bpf_helper_work_ends, //
    },
    object::Object,
    task::TaskRef,
    work::Work, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::aref::ARef, //
};

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
    let work = Object::pin_init(init)?;
    // SAFETY: The function may be called in any context. The count is given to the task.
    if !unsafe { rust_bpf_helper_work_begins(T::reclaim()) } {
        return Err(ENODEV);
    }
    let task = task.into_raw();
    let object = ARef::into_raw(work.clone());
    // SAFETY: Both references are valid, and so is the header of the object. The helper takes them
    // over, and the count, unless it fails.
    let result = to_result(unsafe {
        let header = &raw const (*object.as_ptr()).header;
        rust_bpf_helper_task_work_start(task, header, Header::run_work)
    });
    if let Err(err) = result {
        // SAFETY: The helper has not taken over what it got.
        unsafe {
            drop(ARef::from_raw(object));
            drop(TaskRef::from_raw(task));
            rust_bpf_helper_work_ends(T::reclaim());
        }
        return Err(err);
    }
    Ok(work)
}
