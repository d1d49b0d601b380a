// SPDX-License-Identifier: GPL-2.0

//! Tasks as arguments of kfuncs: `Trusted<'_, Task>`.
//!
//! The pointer gives the [`Fields`] of the task. A kfunc that needs a reference calls
//! [`try_get`](Trusted::try_get), which returns a [`TaskRef`] if the task still has a reference.
//!
//! # What this module does not do
//!
//! - A kfunc cannot take `RcuPtr<'_, Task>`. The verifier takes `real_parent` and `group_leader` of a
//!   task as RCU pointers, but a task that is reaped keeps both, and the kernel frees their target
//!   as soon as it is reaped, too.
//! - A kfunc cannot take `&Task`. The verifier would accept any trusted pointer for it, also the
//!   argument of a tracepoint. The last reference to that task may be released already, but safe
//!   code could acquire a new one from `&Task`.
//! - A kfunc cannot take or return `ARef<Task>`. Its drop is not allowed in every context, because
//!   the release of the last reference calls `call_rcu()`, and a program may run in the middle of
//!   `call_rcu()`. As an argument or result, `ARef<Task>` would also mix two counts: it counts
//!   `usage`, but the kernel's own kfuncs for tasks (`bpf_task_acquire()`, `bpf_task_release()`)
//!   and its destructor for kptrs count `rcu_users`. The verifier does not distinguish the two, so
//!   a program could acquire one and release the other. A program that wants to hold a task calls
//!   the kernel's kfuncs.
//!
//! C header: [`include/linux/sched/task.h`](srctree/include/linux/sched/task.h)

use crate::{
    helpers::{
        rust_bpf_helper_put_task,
        rust_bpf_helper_task_inc_not_zero, //
    },
    kernel_type,
    kernel_type::{
        KernelType,
        Trusted, //
    }, //
};
use core::{
    ffi::c_void,
    ptr::NonNull, //
};
use kernel::task::{
    Kuid,
    Pid,
    Task, //
};

kernel_type! {
    /// The fields of a task that code can read without a reference.
    pub struct Fields: task_struct {
        /// The name of the thread, with NULs at the end. Another thread can change the name
        /// meanwhile.
        pub comm: [u8; 16],
        /// The flags of the task: `PF_*`.
        pub flags: u32,
        /// The priority for the scheduler; realtime tasks have less than 100.
        pub prio: i32,
        /// The id of the process, which is the pid of its first thread.
        pub tgid: i32,
        /// The time of the start in nanoseconds since the boot, without suspension.
        pub start_time: u64,
    }
}

impl Fields {
    /// Returns the task as the type of the kernel crate. The caller must not let the reference
    /// out: safe code could make an `ARef` of it.
    fn task(&self) -> &Task {
        // SAFETY: `Task` is a transparent wrapper of `struct task_struct`, whose memory is
        // allocated. The callers below use only methods that do not need a count.
        unsafe { &*core::ptr::from_ref(self).cast() }
    }

    /// Returns the id of the thread in the initial PID namespace.
    pub fn pid(&self) -> Pid {
        self.task().pid()
    }

    /// Returns the real user id of the task.
    pub fn uid(&self) -> Kuid {
        // The task's credentials are freed with the task, and `task_uid()` takes the RCU read lock.
        self.task().uid()
    }
}

// SAFETY: `Fields` describes `struct task_struct` to `scripts/rust-btf`.
unsafe impl KernelType for Task {
    const BTF: &'static str = <Fields as KernelType>::BTF;
    type Fields = Fields;
}

impl<'a> From<&'a Task> for Trusted<'a, Task> {
    fn from(task: &'a Task) -> Self {
        // SAFETY: The reference keeps the task for `'a`.
        unsafe { Trusted::from_raw(core::ptr::from_ref(task).cast()) }
    }
}

/// A reference to a task, which can be dropped in any context, NMI included.
///
/// A `TaskRef` gives no `&Task`, because safe code could create an `ARef<Task>` from a `&Task`.
///
/// # Invariants
///
/// The `TaskRef` owns one of the counts in the task's `usage`.
pub struct TaskRef(NonNull<Task>);

// SAFETY: Any thread may read the pid of a task and release a reference to it.
unsafe impl Send for TaskRef {}

// SAFETY: `&TaskRef` gives access only to the pid, which any thread may read.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    /// Returns the pid of the task in the initial PID namespace.
    pub fn pid(&self) -> i32 {
        // SAFETY: By the type invariants, `self` owns a count, so the task is valid.
        unsafe { self.0.as_ref() }.pid()
    }
}

impl TaskRef {
    /// Returns the task, for C functions.
    pub(crate) fn as_raw(&self) -> *mut c_void {
        self.0.as_ptr().cast()
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, `self` owns a count, which is given up here. The helper
        // may be called in any context.
        unsafe { rust_bpf_helper_put_task(self.0.as_ptr().cast()) };
    }
}

impl Trusted<'_, Task> {
    /// Acquires a reference to the task. Returns [`None`] if the last reference was released.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn try_get(&self) -> Option<TaskRef> {
        let task: NonNull<Task> = NonNull::from(&**self).cast();
        // SAFETY: The memory of the task is allocated; the helper uses only the count.
        let has_count = unsafe { rust_bpf_helper_task_inc_not_zero(task.as_ptr().cast()) };
        // INVARIANT: The helper has added the count.
        has_count.then(|| TaskRef(task))
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_task)]
mod tests {
    use super::*;
    use kernel::{
        bindings,
        prelude::*, //
    };

    fn usage(task: &bindings::task_struct) -> i32 {
        task.usage.refs.counter
    }

    #[test]
    fn fields_are_those_of_the_current_task() {
        let task = current!();
        let trusted = Trusted::from(&**task);
        assert_eq!(trusted.pid(), task.pid());
        assert_eq!(trusted.tgid(), task.tgid());
        assert!(trusted.uid() == task.uid());
        assert!(trusted.comm().contains(&0));
        assert!(trusted.start_time() > 0);
        // `PF_KTHREAD`: KUnit runs tests in a kernel thread.
        assert!(trusted.flags() & 0x0020_0000 != 0);
    }

    /// Returns a reference to a task, of which the code under test uses only the count.
    fn try_get(task: *const bindings::task_struct) -> Option<TaskRef> {
        // SAFETY: The callers keep the task allocated.
        unsafe { Trusted::<Task>::from_raw(task.cast()) }.try_get()
    }

    #[test]
    fn try_get_returns_a_reference_to_the_current_task() {
        let task = try_get(current!().as_ptr());
        assert_eq!(task.map(|task| task.pid()), Some(current!().pid()));
    }

    #[test]
    fn try_get_fails_for_a_task_without_references() -> Result {
        let mut raw = KBox::init(pin_init::init_zeroed::<bindings::task_struct>(), GFP_KERNEL)?;
        assert!(try_get(&raw const *raw).is_none());
        assert_eq!(usage(&raw), 0);

        raw.usage.refs.counter = 1;
        let held = try_get(&raw const *raw);
        assert_eq!(usage(&raw), 2);
        drop(held);
        assert_eq!(usage(&raw), 1);
        Ok(())
    }
}
