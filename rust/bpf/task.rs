// SPDX-License-Identifier: GPL-2.0

//! Tasks in signatures of kfuncs: `Rcu<'_, Task>`.
//!
//! There is no `&Task`. The verifier accepts trusted pointers for that, and trusts those that a
//! tracepoint shows, too: the last reference to the task may be gone, and safe code could make a
//! new one of `&Task`. [`Rcu::try_get`](crate::Rcu::try_get) looks first.
//!
//! There is no `ARef<Task>` either, as an argument or result. It counts `usage`, the kernel's own
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
    object::Referenced,
    types::BtfType, //
};
use core::ptr::NonNull;
use kernel::task::Task;

extern "C" {
    // In `rust/helpers/task.c`.
    fn rust_bpf_helper_task_inc_not_zero(task: *mut core::ffi::c_void) -> bool;
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
    unsafe fn inc_not_zero(object: NonNull<Self>) -> bool {
        // SAFETY: By the safety requirements; the function only looks at the count.
        unsafe { rust_bpf_helper_task_inc_not_zero(object.as_ptr().cast()) }
    }
}
