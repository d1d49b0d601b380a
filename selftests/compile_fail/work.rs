// SPDX-License-Identifier: GPL-2.0

//! Works that end outside of the thread that runs them, and types that are no works.

use bpf::{
    prelude::*,
    work, //
};
use kernel::prelude::*;

#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "compile_fail_work")]
struct Job {
    #[pin]
    status: work::Status,
}

/// A program could call this while it holds a lock that the end of a work takes.
#[kfunc]
fn bpf_job_finish(job: &Object<Job>) -> Result<u32> {
    job.status.finish(&work::Running(()), || Ok(0)) //~ tuple struct constructor `Running` is private
}

#[derive(BtfType)]
#[btf(object, name = "compile_fail_no_work")]
struct NoWork {
    id: u32,
}

fn queue_of_others() -> Result<work::Queue<NoWork>> {
    work::Queue::new(1) //~ the trait bound `NoWork: bpf::work::Work` is not satisfied /or/ the trait bound `NoWork: Work` is not satisfied
}
