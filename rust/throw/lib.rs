// SPDX-License-Identifier: GPL-2.0

//! The exceptions of BPF programs: `bpf_throw()` and `bpf_throw_reason()`.
//!
//! A program that throws ends at once, from any depth of calls between its functions. The kfuncs
//! here walk over the stack to the frame of the main program, and jump to the exception callback of
//! the program, which returns in place of the main program. The verifier knows both kfuncs by their
//! names: nothing behind a call of them is verified, so they never return.
//!
//! With `CONFIG_RUST_BPF_THROW`, this crate is part of the kernel, and the kernel's own
//! `bpf_throw()` in C is left out. A program cannot tell the difference. `bpf_throw_reason()` has no
//! counterpart in C. It [records](record) what happened and [tells](report) it the program, and the
//! user who reads the program's stream of errors.
//!
//! # Contexts
//!
//! Both kfuncs run in every context, up to NMI, and do not sleep. They keep no state between two
//! throws, and none per task or per CPU: all inputs of the unwinding are the arguments, the stack
//! on which the kfunc runs, and the data of programs on this stack, which do not change while a
//! program runs. So a throw cannot meet the state of another, whether an interrupt throws on top of
//! it, or a kfunc runs a program that throws, or a program moves to another CPU between two throws.
//!
//! # What this crate does not do
//!
//! - It does not know what a program holds. The verifier notes it, if the program asks for that, and
//!   the kernel's `bpf_throw_leave_frames()` releases it. Other programs are rejected if they throw
//!   while they hold a reference, and all if they hold a lock or are in a critical section.
//! - It unwinds no frame of the kernel that holds something. The verifier rejects throws in
//!   callbacks, except those of `bpf_loop()`, and of `bpf_for_each_map_elem()` for arrays.
//! - It is for architectures whose JIT supports exceptions: x86-64 with the ORC unwinder, arm64.

use bpf::prelude::*;
use kernel::prelude::*;

const __LOG_PREFIX: &[u8] = b"bpf_throw\0";

mod chain;
mod helpers;
mod record;
mod report;
mod unwind;

use chain::Chain;

/// Ends the program. Its exception callback returns in place of it, or, without a callback, the
/// program returns @cookie.
#[kfunc]
fn bpf_throw(cookie: u64) {
    unwind::leave(cookie, core::ptr::null());
}

/// Ends the program as `bpf_throw()` does, and says why.
///
/// The exception callback can take a record of the exception, if it has a second argument. The
/// stream BPF_STDERR of the program gets @reason, the values @a, @b and @c, and the place.
#[kfunc]
fn bpf_throw_reason(cookie: u64, reason: &CStr, a: u64, b: u64, c: u64) {
    let chain = Chain::take();
    let record = record::take(cookie, reason, [a, b, c], &chain);
    report::write(&record, reason, &chain);
    unwind::leave(cookie, &record);
}

/// The kfuncs of this crate. The kernel's own set, `common_btf_ids` in `kernel/bpf/helpers.c`, names
/// them.
pub const KFUNCS: [(); 2] = [
    bpf_throw::NO_KFUNC_SET_NAMES_THIS_KFUNC,
    bpf_throw_reason::NO_KFUNC_SET_NAMES_THIS_KFUNC,
];
