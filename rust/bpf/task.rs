// SPDX-License-Identifier: GPL-2.0

//! Tasks in signatures of kfuncs: `RcuPtr<'_, Task>`.
//!
//! There is no `&Task`. The verifier accepts trusted pointers for that, and trusts those that a
//! tracepoint shows, too: the last reference to the task may be gone, and safe code could make a
//! new one of `&Task`. [`RcuPtr::try_get`](crate::RcuPtr::try_get) looks first, and returns a [`TaskRef`].
//!
//! There is no `ARef<Task>` either. It could not be dropped wherever a program runs: the last
//! reference calls `call_rcu()`, in the middle of which the program may be. As an argument or result,
//! it counts `usage`, the kernel's own
//! kfuncs for tasks (`bpf_task_acquire()`, `bpf_task_release()`) and its destructor for kptrs count
//! `rcu_users`, and to the verifier one reference is like the other: a program would take here and
//! give there. A program that wants to hold a task uses those.
//!
//! This is also how another type of the kernel is added: its name and size, and how a reference is
//! taken if there is one.
//!
//! C header: [`include/linux/sched/task.h`](srctree/include/linux/sched/task.h)

use crate::{
    describe::{
        self,
        Number, //
    },
    helpers::{
        rust_bpf_helper_put_task,
        rust_bpf_helper_task_inc_not_zero, //
    },
    object::Referenced,
    types::BtfType, //
};
use core::ptr::NonNull;
use kernel::task::Task;

/// A reference to a task, which can be dropped in any context.
///
/// It does not lend the task: of a `&Task`, an `ARef<Task>` could be made.
///
/// # Invariants
///
/// One of the counts in the task's `usage` belongs to it.
pub struct TaskRef(NonNull<Task>);

// SAFETY: Tasks can be used from any thread.
unsafe impl Send for TaskRef {}

// SAFETY: As above.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    /// The number of the task, as the initial namespace has it.
    pub fn pid(&self) -> i32 {
        // SAFETY: By the type invariants.
        unsafe { self.0.as_ref() }.pid()
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, there is a count to give up. The function may be called in
        // any context.
        unsafe { rust_bpf_helper_put_task(self.0.as_ptr().cast()) };
    }
}

// SAFETY: `Task` is a transparent `struct task_struct`. It has members that are no scalars.
unsafe impl BtfType for Task {
    const BTF: &'static str = "struct task_struct";
    const DECLARATION: &'static str = {
        const PARTS: &[&str] = &["struct task_struct ", Number::<{ size_of::<Task>() }>::TEXT];
        const BYTES: [u8; describe::len(PARTS)] = describe::concat(PARTS);
        describe::text(&BYTES)
    };
    const SCALARS: Option<u32> = None;
}

const _: () = {
    const KEY: &str = if cfg!(MODULE) {
        "rust_btf="
    } else {
        "rust_bpf.rust_btf="
    };
    const ENTRY: &[&str] = &[KEY, Task::DECLARATION, "\0"];

    // The BTF step compares the size with the kernel's.
    #[link_section = ".modinfo"]
    #[used(compiler)]
    static DECLARE: [u8; describe::len(ENTRY)] = describe::concat(ENTRY);
};

// SAFETY: The kernel frees a task after RCU readers (`delayed_put_task_struct()`).
unsafe impl Referenced for Task {
    type Held = TaskRef;

    unsafe fn try_get(task: NonNull<Self>) -> Option<TaskRef> {
        // SAFETY: RCU keeps the memory of the task; the function only looks at the count.
        let has_count = unsafe { rust_bpf_helper_task_inc_not_zero(task.as_ptr().cast()) };
        // INVARIANT: The count was just added.
        has_count.then(|| TaskRef(task))
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_task)]
mod tests {
    use super::*;
    use crate::{
        kunit::receive,
        RcuPtr, //
    };
    use kernel::{
        bindings,
        prelude::*,
        sync::rcu, //
    };

    fn usage(task: &bindings::task_struct) -> i32 {
        task.usage.refs.counter
    }

    #[test]
    fn the_declaration_has_the_size_of_the_kernel() {
        let size = Task::DECLARATION.strip_prefix("struct task_struct ");
        let size = size.and_then(|digits| digits.parse::<usize>().ok());
        assert_eq!(size, Some(size_of::<bindings::task_struct>()));
    }

    #[test]
    fn a_task_that_runs_can_be_held() {
        let register = &raw const **current!() as u64;
        let reader = rcu::read_lock();
        // SAFETY: RCU keeps the task, as does that it runs.
        let task = unsafe { receive::<RcuPtr<'_, Task>, _>(register, |task| task.try_get()) };
        drop(reader);
        assert_eq!(task.map(|task| task.pid()), Some(current!().pid()));
    }

    #[test]
    fn a_task_without_references_cannot() -> Result {
        // Of this one nobody looks at more than its count.
        let mut raw = KBox::init(pin_init::init_zeroed::<bindings::task_struct>(), GFP_KERNEL)?;
        let register = &raw mut *raw as u64;
        // SAFETY: It stays as long as `raw`.
        let held = unsafe { receive::<RcuPtr<'_, Task>, _>(register, |task| task.try_get()) };
        assert!(held.is_none());
        assert_eq!(usage(&raw), 0);

        raw.usage.refs.counter = 1;
        // SAFETY: As above.
        let held = unsafe { receive::<RcuPtr<'_, Task>, _>(register, |task| task.try_get()) };
        assert_eq!(usage(&raw), 2);
        drop(held);
        assert_eq!(usage(&raw), 1);
        Ok(())
    }
}
