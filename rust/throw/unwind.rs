// SPDX-License-Identifier: GPL-2.0

//! The way out of a program: the walk over the stack, and the jump.
//!
//! C header: [`include/linux/filter.h`](srctree/include/linux/filter.h)

use crate::{
    chain::Chain,
    helpers, //
};
use core::{
    ffi::c_void,
    ptr, //
};
use kernel::{
    bindings,
    sync::rcu, //
};

/// A walk over the stack, from the throw to the frame of the main program.
pub(crate) struct Walk<'a> {
    aux: *mut bindings::bpf_prog_aux,
    main: *mut bindings::bpf_prog_aux,
    sp: u64,
    bp: u64,
    frames: u32,
    chain: Option<&'a mut Chain>,
}

/// Walks over the stack. Without a `chain` that takes the calls, the walk leaves the trampolines.
#[inline(always)]
pub(crate) fn walk(chain: Option<&mut Chain>) -> Walk<'_> {
    let mut walk = Walk {
        aux: ptr::null_mut(),
        main: ptr::null_mut(),
        sp: 0,
        bp: 0,
        frames: 0,
        chain,
    };
    // The kernel looks for programs in a tree that RCU protects. The programs and trampolines on this
    // stack need no protection.
    let _guard = rcu::read_lock();
    // SAFETY: `visit` gets a pointer to `walk`, which nothing else uses during the call.
    unsafe { helpers::arch_bpf_stack_walk(visit, ptr::from_mut(&mut walk).cast()) };
    walk
}

/// Visits a frame of the stack. Returns whether the walk goes on.
unsafe extern "C" fn visit(walk: *mut c_void, ip: u64, sp: u64, bp: u64) -> bool {
    // SAFETY: `walk` passes a pointer to a `Walk`.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    // SAFETY: `walk` holds the RCU read lock.
    let prog = unsafe { helpers::bpf_prog_ksym_find(ip as usize) };
    if prog.is_null() {
        // SAFETY: `walk` holds the RCU read lock.
        let image = unsafe { helpers::bpf_tramp_image_ksym_find(ip as usize) };
        if !image.is_null() && walk.frames != 0 && walk.chain.is_none() {
            // SAFETY: The trampoline took this reference to itself before it called the function that
            // throws, and would put it when the function returns, which it never does.
            unsafe { bindings::__bpf_tramp_exit(image) };
        }
        // Other frames of the kernel are those of the kfunc, and of helpers that called the program
        // back and hold nothing.
        return true;
    }
    // SAFETY: A program with a frame on this stack is not freed, its `aux` lives as long, and these
    // fields do not change.
    let (aux, main, index) = unsafe {
        let aux = (*prog).aux;
        (aux, (*aux).main_prog_aux, (*aux).func_idx)
    };
    if walk.frames != 0 && walk.main != main {
        return false;
    }
    walk.main = main;
    if let Some(chain) = &mut walk.chain {
        chain.add(prog, ip);
    }
    walk.frames = walk.frames.wrapping_add(1);
    if index != 0 {
        return true;
    }
    (walk.aux, walk.sp, walk.bp) = (aux, sp, bp);
    false
}

/// Leaves the program for the caller of its main program. Returns only if the kernel is broken, after
/// a warning.
#[inline(always)]
pub(crate) fn leave(mut cookie: u64, record: *const bindings::bpf_throw_record) {
    let found = walk(None);
    // SAFETY: `aux` is null or the data of a program with a frame on this stack. If it is null, the
    // function does not return.
    unsafe { helpers::rust_throw_helper_leaves(found.aux, found.bp, found.frames) };
    // SAFETY: The data of the program is not freed, and these fields do not change.
    let (report, callback, adjust) = unsafe {
        let aux = found.aux;
        (
            (*aux).bpf_exception_report,
            (*aux).bpf_exception_cb,
            (*aux).stack_arg_sp_adjust,
        )
    };
    if let Some(report) = report {
        // SAFETY: The verifier checked the callback for every cookie, and for a record that is null
        // or valid during the call. It runs in the context of the program.
        cookie = unsafe { report(cookie, record as u64, 0, 0, 0) };
    }
    // SAFETY: Some architectures have no stack pointer here. All stack below the main program is that
    // of frames that do not run again.
    unsafe { helpers::rust_throw_helper_unpoison(if found.sp != 0 { found.sp } else { found.bp }) };
    if let Some(callback) = callback {
        let sp = found.sp.wrapping_add(adjust.into());
        // SAFETY: `sp` and `bp` are those of the main program, which the JIT compiled as the boundary
        // of an exception, so the callback finds the registers of the caller of the main program
        // there. No frame that it skips holds anything: the verifier rejects a throw while the
        // program does, the walk left the trampolines, and nothing here needs to be dropped.
        unsafe { callback(cookie, sp, found.bp, 0, 0) };
    }
    // SAFETY: The function only warns.
    unsafe { helpers::rust_throw_helper_returned() };
}
