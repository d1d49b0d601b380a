// SPDX-License-Identifier: GPL-2.0

//! Declarations of C functions that the bindings of the kernel crate lack.
//!
//! C headers: `rust/throw/helpers.h`, [`include/linux/filter.h`](srctree/include/linux/filter.h)

use core::ffi::c_void;
use kernel::{
    bindings,
    ffi::{
        c_char,
        c_int,
        c_ulong, //
    },
};

/// C: `bool (*)(void *cookie, u64 ip, u64 sp, u64 bp)`.
pub(crate) type Visit = unsafe extern "C" fn(*mut c_void, u64, u64, u64) -> bool;

// Structs of the kernel point to structs that have no fields in the bindings.
#[allow(improper_ctypes)]
extern "C" {
    pub(crate) fn arch_bpf_stack_walk(visit: Visit, cookie: *mut c_void);
    pub(crate) fn bpf_prog_ksym_find(addr: c_ulong) -> *mut bindings::bpf_prog;
    pub(crate) fn bpf_stream_is_full(
        prog: *const bindings::bpf_prog,
        stream: bindings::bpf_stream_id,
    ) -> bool;
    pub(crate) fn bpf_stream_stage_push(
        stage: *mut bindings::bpf_stream_stage,
        text: *const c_char,
        len: c_int,
    ) -> c_int;
    pub(crate) fn bpf_throw_leave_frames(main: *mut bindings::bpf_prog_aux, trampolines: bool);

    pub(crate) fn rust_throw_helper_rcu_read_lock();
    pub(crate) fn rust_throw_helper_rcu_read_unlock();
    pub(crate) fn rust_throw_helper_is_trampoline(ip: u64) -> bool;
    pub(crate) fn rust_throw_helper_leaves(
        aux: *mut bindings::bpf_prog_aux,
        main: *mut bindings::bpf_prog_aux,
        sp: u64,
        bp: u64,
    );
    pub(crate) fn rust_throw_helper_returned();
}
