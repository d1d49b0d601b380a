// SPDX-License-Identifier: GPL-2.0

//! An iterator over the areas of the memory of a process.
//!
//! The program holds each area under `mmap_lock`, so that it does not change: it takes from it what
//! it needs, releases it, and reads the memory, which may fault. The kernel's own iterator
//! `task_vma` returns a copy of each area instead.

use bpf::{
    mm::{
        LockVma,
        VmaWalk, //
    },
    prelude::*, //
};
use kernel::{
    prelude::*,
    task::Task, //
};

module! {
    type: ElfMaps,
    name: "elf_maps",
    description: "An iterator over the areas of a process for BPF programs",
    license: "GPL",
}

/// The areas of a process.
struct Areas(VmaWalk);

#[kfunc_iterator(areas, sleepable, release)]
impl Areas {
    /// Begins with the area of @task at @address, or the first one behind it. Returns -ESRCH if the
    /// task has no memory of its own, or if that is being changed.
    fn new(task: Trusted<'_, Task>, address: u64) -> Result<Self> {
        let address = address.try_into()?;
        VmaWalk::new(&task, address).map(Self).ok_or(ESRCH)
    }

    fn next(&mut self) -> Option<LockVma<'_>> {
        Some(self.0.lock_next())
    }
}

kfunc_set! {
    /// For programs that may sleep.
    static AREAS = {
        prog_types: [Tracing, Lsm, Syscall],
        kfuncs: [
            bpf_iter_areas_new,
            bpf_iter_areas_next,
            bpf_iter_areas_release,
            bpf_iter_areas_destroy,
        ],
    };
}

struct ElfMaps;

impl kernel::Module for ElfMaps {
    fn init(module: &'static ThisModule) -> Result<Self> {
        AREAS.register(module)?;
        Ok(Self)
    }
}
