// SPDX-License-Identifier: GPL-2.0

//! The way out of a program: the walk over the stack, and the jump.
//!
//! C header: [`include/linux/filter.h`](srctree/include/linux/filter.h)

use crate::helpers;
use core::{
    ffi::c_void,
    ptr, //
};
use kernel::{
    bindings,
    sync::rcu, //
};

/// The stack of a throw. What has a frame on it lives while the kfunc runs, for which this value is
/// borrowed.
pub(crate) struct Stack;

/// A frame between a throw and the caller of the main program.
pub(crate) enum Frame<'a> {
    /// A function of the program, and the address to which its callee would return.
    Program(&'a bindings::bpf_prog, u64),
    /// The trampoline of a function, which would run programs when the function returns.
    Trampoline(*mut bindings::bpf_tramp_image),
}

/// The frame of the main program, to which an exception unwinds the stack.
pub(crate) struct Boundary {
    aux: *mut bindings::bpf_prog_aux,
    sp: u64,
    bp: u64,
    frames: u32,
}

/// What the walk over the stack takes along.
struct Walk<'a, F> {
    found: Boundary,
    each: F,
    _stack: &'a Stack,
}

impl Boundary {
    /// Walks over the stack to the main program, and calls `each` for each frame, the innermost
    /// first.
    #[inline(always)]
    pub(crate) fn find<'a>(stack: &'a Stack, each: impl FnMut(Frame<'a>)) -> Self {
        let mut walk = Walk {
            found: Self {
                aux: ptr::null_mut(),
                sp: 0,
                bp: 0,
                frames: 0,
            },
            each,
            _stack: stack,
        };
        walk.run();
        walk.found
    }

    /// The auxiliary data of the main program, if it was found.
    pub(crate) fn aux(&self) -> Option<&bindings::bpf_prog_aux> {
        // SAFETY: The main program has a frame on this stack, so it is not freed, and its data does
        // not change.
        unsafe { self.aux.as_ref() }
    }

    /// Leaves the program for the caller of its main program. Returns only if there is no way out,
    /// after a warning.
    #[inline(always)]
    pub(crate) fn leave(stack: &Stack, mut cookie: u64, record: *const bindings::bpf_throw_record) {
        let found = Self::find(stack, |frame| {
            if let Frame::Trampoline(image) = frame {
                // SAFETY: The trampoline took this reference to itself before it called the function
                // that throws, and would put it when the function returns, which it never does.
                unsafe { bindings::__bpf_tramp_exit(image) };
            }
        });
        // SAFETY: `aux` is null or the data of a program with a frame on this stack.
        unsafe { helpers::rust_throw_helper_leaves(found.aux, found.bp, found.frames) };
        let Some(aux) = found.aux() else { return };
        if let Some(report) = aux.bpf_exception_report {
            // SAFETY: The verifier checked the callback for every cookie, and for a record that is
            // null or valid during the call. It runs in the context of the program.
            cookie = unsafe { report(cookie, record as u64, 0, 0, 0) };
        }
        // SAFETY: Some architectures have no stack pointer here. All stack below the main program is
        // that of frames that do not run again.
        let below = if found.sp != 0 { found.sp } else { found.bp };
        unsafe { helpers::rust_throw_helper_unpoison(below) };
        if let Some(callback) = aux.bpf_exception_cb {
            let sp = found.sp.wrapping_add(aux.stack_arg_sp_adjust.into());
            // SAFETY: `sp` and `bp` are those of the main program, which the JIT compiled as the
            // boundary of an exception, so the callback finds the registers of the caller of the
            // main program there. No frame that it skips holds anything: the verifier rejects a
            // throw while the program does, the trampolines were left above, and nothing in this
            // function needs to be dropped.
            unsafe { callback(cookie, sp, found.bp, 0, 0) };
        }
        // SAFETY: The function only warns.
        unsafe { helpers::rust_throw_helper_returned() };
    }
}

impl<'a, F: FnMut(Frame<'a>)> Walk<'a, F> {
    #[inline(always)]
    fn run(&mut self) {
        // The kernel looks for programs in a tree that RCU protects. The programs and trampolines on
        // this stack need no protection.
        let _guard = rcu::read_lock();
        // SAFETY: `visit` gets a pointer to `self`, which nothing else uses during the call.
        unsafe { helpers::arch_bpf_stack_walk(Self::visit, ptr::from_mut(self).cast()) };
    }

    /// Visits a frame. Returns whether the walk goes on.
    unsafe extern "C" fn visit(this: *mut c_void, ip: u64, sp: u64, bp: u64) -> bool {
        // SAFETY: `run` passes a pointer to a `Walk`, for the time of the walk.
        let this = unsafe { &mut *this.cast::<Self>() };
        // SAFETY: `run` holds the RCU read lock.
        let prog = unsafe { helpers::bpf_prog_ksym_find(ip as usize) };
        // SAFETY: A program with a frame on this stack is not freed. Its `aux` is valid as long.
        let Some((prog, aux)) = (unsafe { prog.as_ref().map(|prog| (prog, &*prog.aux)) }) else {
            if this.found.frames == 0 {
                // A frame of the kernel: the kfunc, or what it called.
                return true;
            }
            // SAFETY: `run` holds the RCU read lock.
            let image = unsafe { helpers::bpf_tramp_image_ksym_find(ip as usize) };
            if image.is_null() {
                return false;
            }
            (this.each)(Frame::Trampoline(image));
            return true;
        };
        (this.each)(Frame::Program(prog, ip));
        this.found.frames = this.found.frames.wrapping_add(1);
        if aux.func_idx != 0 {
            return true;
        }
        this.found.aux = prog.aux;
        this.found.sp = sp;
        this.found.bp = bp;
        false
    }
}
