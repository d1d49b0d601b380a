// SPDX-License-Identifier: GPL-2.0

//! Control groups as arguments of kfuncs.
//!
//! `T` in [`Trusted<'_, T>`](crate::Trusted) is [`Cgroup`].
//!
//! This module holds no references to control groups: the kernel crate has no abstraction of them.
//! A program has kfuncs of the kernel for that (`bpf_cgroup_acquire()`, `bpf_cgroup_release()`).
//!
//! C header: [`include/linux/cgroup-defs.h`](srctree/include/linux/cgroup-defs.h)

use crate::{
    helpers::rust_bpf_helper_cgroup_id,
    kernel_type,
    kernel_type::RcuType, //
};

kernel_type! {
    /// A control group of the second version.
    ///
    /// C: `struct cgroup`.
    pub struct Cgroup: cgroup {
        /// The depth in the hierarchy; 0 for its root.
        pub level: i32,
    }
}

// SAFETY: The RCU pointers of the verifier are `dfl_cgrp` of `struct css_set`, `cgroup` of `struct
// cgroup_subsys_state`, and references in maps. The kernel frees a control group and the sets after
// a grace period (`css_free_rwork_fn()`, `put_css_set_locked()`), and a task keeps its set until the
// task is freed.
unsafe impl RcuType for Cgroup {}

impl Cgroup {
    /// Returns the id of the group, which is the number of its directory's inode.
    pub fn id(&self) -> u64 {
        // SAFETY: The control group is allocated, and keeps its node of kernfs until it is freed.
        unsafe { rust_bpf_helper_cgroup_id(core::ptr::from_ref(self).cast()) }
    }
}
