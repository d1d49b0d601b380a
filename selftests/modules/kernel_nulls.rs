// SPDX-License-Identifier: GPL-2.0

//! Kfuncs that take pointers or null. The tests are in `progs/kernel_nulls.c`. 7.2 does not support
//! them, so the module is empty there.

use kernel::prelude::*;

module! {
    type: KernelNulls,
    name: "kernel_nulls",
    description: "Kfuncs on structs of the kernel or null",
    license: "GPL",
}

#[cfg(kernel_has_KF_PERFMON)]
mod kfuncs {
    use bpf::{
        cgroup::Cgroup,
        prelude::*, //
    };
    use kernel::{
        prelude::*,
        task::Task, //
    };

    kernel_type! {
        /// A PID, of which the module reads nothing.
        struct Pid: pid {}
    }

    /// Returns the process id of @task, or -1 without a task.
    #[kfunc]
    fn bpf_null_tgid(task: Option<Trusted<'_, Task>>) -> i32 {
        task.map_or(-1, |task| task.tgid())
    }

    /// Returns the id of @cgroup, or 0 without one.
    #[kfunc]
    fn bpf_null_cgroup(cgroup: Option<RcuPtr<'_, Cgroup>>) -> u64 {
        cgroup.map_or(0, |cgroup| cgroup.id())
    }

    /// Returns 1 for a pointer to a struct of which the module reads nothing.
    #[kfunc]
    fn bpf_null_pid(pid: Option<Trusted<'_, Pid>>) -> bool {
        pid.is_some()
    }

    /// Returns the length of @data, or -1 without data.
    #[kfunc]
    fn bpf_null_dynptr(data: Option<Dynptr<'_>>) -> i64 {
        data.map_or(-1, |data| data.len().into())
    }

    kfunc_set! {
        static KFUNCS = {
            prog_types: [Syscall],
            kfuncs: [bpf_null_tgid, bpf_null_cgroup, bpf_null_pid, bpf_null_dynptr],
        };
    }

    pub(super) fn register(module: &'static ThisModule) -> Result {
        KFUNCS.register(module)
    }
}

#[cfg(not(kernel_has_KF_PERFMON))]
mod kfuncs {
    use kernel::prelude::*;

    pub(super) fn register(_module: &'static ThisModule) -> Result {
        Ok(())
    }
}

struct KernelNulls;

impl kernel::Module for KernelNulls {
    fn init(module: &'static ThisModule) -> Result<Self> {
        kfuncs::register(module)?;
        Ok(Self)
    }
}
