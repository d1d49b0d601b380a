// SPDX-License-Identifier: GPL-2.0

//! The exceptions of BPF programs: `bpf_throw()`.
//!
//! A program that throws ends at once, from any depth of calls between its functions. The kfunc
//! here walks over the stack to the frame of the main program, and jumps to the exception callback of
//! the program, which returns in place of the main program. The verifier knows the kfunc by its name:
//! nothing behind a call of it is verified, so it never returns.
//!
//! With `CONFIG_RUST_BPF_THROW`, this crate is part of the kernel, and the kernel's own
//! `bpf_throw()` in C is left out. A program cannot tell the difference.
//!
//! # Contexts
//!
//! The kfunc runs in every context, up to NMI, and does not sleep. It keeps no state between two
//! throws, and none per task or per CPU: all inputs of the unwinding are the arguments, the stack
//! on which the kfunc runs, and the data of programs on this stack, which do not change while a
//! program runs. So a throw cannot meet the state of another, whether an interrupt throws on top of
//! it, or a kfunc runs a program that throws, or a program moves to another CPU between two throws.
//!
//! # What this crate does not do
//!
//! - It releases nothing. The verifier rejects a program that throws while it holds a reference, a
//!   lock, or a critical section.
//! - It unwinds no frame of the kernel: the verifier rejects throws in callbacks.
//! - It is for architectures whose JIT supports exceptions: x86-64 with the ORC unwinder, arm64.

use bpf::prelude::*;
use kernel::prelude::*;

const __LOG_PREFIX: &[u8] = b"bpf_throw\0";

mod helpers;
mod unwind;

use unwind::{
    Boundary,
    Stack, //
};

/// Ends the program. Its exception callback returns in place of it, or, without a callback, the
/// program returns @cookie.
#[kfunc]
fn bpf_throw(cookie: u64) {
    Boundary::leave(&Stack, cookie, core::ptr::null());
}

/// The kernel's own set, `common_btf_ids` in `kernel/bpf/helpers.c`, names the kfunc.
pub const KFUNCS: [(); 1] = [bpf_throw::NO_KFUNC_SET_NAMES_THIS_KFUNC];
