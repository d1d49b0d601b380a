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
    prelude::*, //
};

/// A walk over the stack, from the throw to the frame of the main program.
#[derive(Zeroable)]
pub(crate) struct Walk<'a> {
    aux: *mut bindings::bpf_prog_aux,
    main: *mut bindings::bpf_prog_aux,
    sp: u64,
    bp: u64,
    /// Whether there are trampolines on the way.
    trampolines: bool,
    /// The chain that the walk fills, if somebody wants it.
    pub(crate) chain: Option<&'a mut Chain>,
}

/// Walks over the stack.
#[inline(always)]
pub(crate) fn run(walk: &mut Walk<'_>) {
    // The kernel looks for programs in a tree that RCU protects. The programs and trampolines on this
    // stack need no protection.
    //
    // SAFETY: `visit` gets a pointer to `walk`, which nothing else uses during the call. The critical
    // section ends behind the walk.
    unsafe {
        helpers::rust_throw_helper_rcu_read_lock();
        helpers::arch_bpf_stack_walk(visit, ptr::from_mut(walk).cast());
        helpers::rust_throw_helper_rcu_read_unlock();
    }
}

/// Visits a frame of the stack. Returns whether the walk goes on.
unsafe extern "C" fn visit(walk: *mut c_void, ip: u64, sp: u64, bp: u64) -> bool {
    // SAFETY: `run` passes a pointer to a `Walk`.
    let walk = unsafe { &mut *walk.cast::<Walk<'_>>() };
    // SAFETY: `run` holds the RCU read lock.
    let prog = unsafe { helpers::bpf_prog_ksym_find(ip as usize) };
    if prog.is_null() {
        // A frame of the kfunc, of a helper that called the program back and holds nothing, or of a
        // trampoline.
        // SAFETY: `run` holds the RCU read lock.
        walk.trampolines |=
            !walk.main.is_null() && unsafe { helpers::rust_throw_helper_is_trampoline(ip) };
        return true;
    }
    // SAFETY: A program with a frame on this stack is not freed, and its `aux` does not change.
    let aux = unsafe { (*prog).aux };
    // SAFETY: `aux` is valid while the program is on the stack, and these fields do not change.
    let (main, index) = unsafe { ((*aux).main_prog_aux, (*aux).func_idx) };
    if !walk.main.is_null() && walk.main != main {
        return false;
    }
    walk.main = main;
    if let Some(chain) = &mut walk.chain {
        chain.add(prog, ip);
    }
    if index != 0 {
        return true;
    }
    (walk.aux, walk.sp, walk.bp) = (aux, sp, bp);
    false
}

/// Leaves the program for the caller of its main program. Returns only if the kernel is broken, after
/// a warning.
#[inline(always)]
pub(crate) fn leave(cookie: u64, record: *const bindings::bpf_throw_record) {
    let mut found: Walk<'_> = pin_init::zeroed();
    run(&mut found);
    // SAFETY: `aux` is null or the data of a program with a frame on this stack. If it is null, the
    // helper ends the task. All stack below `sp` is that of frames that do not run again.
    unsafe { helpers::rust_throw_helper_leaves(found.aux, found.main, found.sp, found.bp) };
    // SAFETY: The program is not freed, and the field does not change.
    let report = unsafe { (*found.aux).bpf_exception_report };
    // SAFETY: The verifier checked the callback for every cookie, and for a record that is null or
    // valid during the call. It runs in the context of the program.
    let cookie = report.map_or(cookie, |report| unsafe {
        report(cookie, record as u64, 0, 0, 0)
    });
    // SAFETY: The frames of the program are on the stack, and no function of it runs again. What the
    // verifier noted of the calls on the way is what these frames hold. The trampolines took
    // references to themselves, and would put them when a function returns, which it never does.
    unsafe { helpers::bpf_throw_leave_frames(found.main, found.trampolines) };
    // SAFETY: `sp` and `bp` are those of the main program, which the JIT compiled as the boundary of
    // an exception, so the callback finds the registers of the caller of the main program there. No
    // frame that it skips holds anything: the verifier rejects a throw while the program holds what
    // was not released above, and nothing here needs to be dropped. The last function only warns.
    unsafe {
        let sp = found
            .sp
            .wrapping_add((*found.aux).stack_arg_sp_adjust.into());
        (*found.aux)
            .bpf_exception_cb
            .map(|end| end(cookie, sp, found.bp, 0, 0));
        helpers::rust_throw_helper_returned();
    }
}
