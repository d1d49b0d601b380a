// SPDX-License-Identifier: GPL-2.0

//! Declarations of the C functions in `rust/helpers`.
//!
//! The comments in the C files describe each function and the contexts in which code may call it.
//! This module does not declare functions that the kernel exports: they are in `kernel::bindings`.
//!
//! C header: `rust/helpers/helpers.h`

use crate::{
    header::{
        Header,
        Reclaim, //
    },
    kfunc_set::Entry, //
};
use core::ffi::c_void;
use kernel::{
    bindings,
    ffi::{
        c_int,
        c_long,
        c_ulong, //
    },
};

extern "C" {
    // cgroup.c
    pub(crate) fn rust_bpf_helper_cgroup_id(cgroup: *const c_void) -> u64;

    // callback.c
    pub(crate) fn rust_bpf_helper_callback_arm(
        owner: *mut c_void,
        function: *mut c_void,
        armed: *mut *mut c_void,
    ) -> c_int;
    pub(crate) fn rust_bpf_helper_callback_cancel(callback: *mut c_void) -> bool;
    pub(crate) fn rust_bpf_helper_callback_free(callback: *mut c_void);
    pub(crate) fn rust_bpf_helper_callback_get(callback: *mut c_void, sleepable: bool) -> c_int;
    pub(crate) fn rust_bpf_helper_callback_run(
        callback: *mut c_void,
        sleepable: bool,
        args: *const u64,
    ) -> u64;
    pub(crate) fn rust_bpf_helper_callback_take(callback: *mut c_void, sleepable: bool) -> c_int;

    // compat.c
    pub(crate) fn rust_bpf_helper_calls_back_asleep(prog: *const c_void) -> bool;

    // free.c
    pub(crate) fn rust_bpf_helper_free_begins(reclaim: *const Reclaim);
    pub(crate) fn rust_bpf_helper_free_ends(reclaim: *const Reclaim, is_chained: bool);
    pub(crate) fn rust_bpf_helper_free_memory(
        header: *mut Header,
        memory: *mut c_void,
        size: usize,
    );
    pub(crate) fn rust_bpf_helper_may_make() -> bool;
    pub(crate) fn rust_bpf_helper_object_get(object: *mut c_void, header: usize) -> *mut c_void;
    pub(crate) fn rust_bpf_helper_object_put(header: *const Header);
    pub(crate) fn rust_bpf_helper_put_table(ops: *mut c_void);
    pub(crate) fn rust_bpf_helper_put_task(task: *mut c_void);

    pub(crate) fn rust_bpf_helper_must_defer() -> bool;
    pub(crate) fn rust_bpf_helper_put_map(map: *mut c_void);
    pub(crate) fn rust_bpf_helper_work_begins(reclaim: *const Reclaim) -> bool;
    pub(crate) fn rust_bpf_helper_work_ends(reclaim: *const Reclaim);

    // init.c
    pub(crate) fn rust_bpf_helper_in_init(module: *const c_void) -> bool;
    pub(crate) fn rust_bpf_helper_init_lock();
    pub(crate) fn rust_bpf_helper_init_unlock();
    pub(crate) fn rust_bpf_helper_is_of(what: *const c_void, module: *const c_void) -> bool;

    // kick.c
    pub(crate) fn rust_bpf_helper_kick(kick: *mut c_void) -> bool;
    pub(crate) fn rust_bpf_helper_kick_init(
        kick: *mut c_void,
        func: unsafe extern "C" fn(*mut c_void),
    );

    // lock.c
    pub(crate) fn rust_bpf_helper_res_spin_lock(
        lock: *mut bindings::rqspinlock_t,
        flags: *mut c_ulong,
    ) -> c_int;
    pub(crate) fn rust_bpf_helper_res_spin_unlock(
        lock: *mut bindings::rqspinlock_t,
        flags: c_ulong,
    );
    pub(crate) fn rust_bpf_helper_res_spin_enter(lock: *mut bindings::rqspinlock_t) -> c_int;
    pub(crate) fn rust_bpf_helper_res_spin_leave(lock: *mut bindings::rqspinlock_t);

    // mm.c
    pub(crate) fn rust_bpf_helper_task_mm(task: *mut c_void) -> *mut c_void;
    pub(crate) fn rust_bpf_helper_put_mm(mm: *mut c_void);
    pub(crate) fn rust_bpf_helper_lock_vma(mm: *mut c_void, addr: c_ulong) -> *mut c_void;
    pub(crate) fn rust_bpf_helper_unlock_mm(mm: *mut c_void);

    // net.c
    pub(crate) fn rust_bpf_helper_netdev_flags(dev: *const c_void) -> u32;
    pub(crate) fn rust_bpf_helper_netdev_ifindex(dev: *const c_void) -> c_int;
    pub(crate) fn rust_bpf_helper_netdev_mtu(dev: *const c_void) -> u32;
    pub(crate) fn rust_bpf_helper_skb_copy_bits(
        skb: *const c_void,
        offset: u32,
        to: *mut c_void,
        len: u32,
    ) -> c_int;
    pub(crate) fn rust_bpf_helper_skb_hash(skb: *const c_void) -> u32;
    pub(crate) fn rust_bpf_helper_skb_iif(skb: *const c_void) -> c_int;
    pub(crate) fn rust_bpf_helper_skb_mark(skb: *const c_void) -> u32;
    pub(crate) fn rust_bpf_helper_skb_protocol(skb: *const c_void) -> u16;
    pub(crate) fn rust_bpf_helper_sock_family(sk: *const c_void) -> u16;
    pub(crate) fn rust_bpf_helper_sock_is_full(sk: *const c_void) -> bool;
    pub(crate) fn rust_bpf_helper_sock_mark(sk: *const c_void) -> u32;
    pub(crate) fn rust_bpf_helper_sock_protocol(sk: *const c_void) -> u16;
    pub(crate) fn rust_bpf_helper_sock_state(sk: *const c_void) -> u8;
    pub(crate) fn rust_bpf_helper_xdp_ifindex(xdp: *const c_void) -> c_int;
    pub(crate) fn rust_bpf_helper_xdp_linear(xdp: *const c_void, len: *mut u32) -> *mut c_void;
    pub(crate) fn rust_bpf_helper_xdp_queue(xdp: *const c_void) -> u32;

    // rcu.c
    pub(crate) fn rust_bpf_helper_rcu_read_lock();
    pub(crate) fn rust_bpf_helper_rcu_read_unlock();

    // revoke.c
    pub(crate) fn rust_bpf_helper_gate_close(gate: *mut Gate, must_wait: bool) -> c_int;
    pub(crate) fn rust_bpf_helper_gate_enter(gate: *mut Gate, user: *mut GateUser) -> c_int;
    pub(crate) fn rust_bpf_helper_gate_gone(gate: *mut Gate);
    pub(crate) fn rust_bpf_helper_gate_init(gate: *mut Gate);
    pub(crate) fn rust_bpf_helper_gate_is_closed(gate: *const Gate) -> bool;
    pub(crate) fn rust_bpf_helper_gate_leave(gate: *mut Gate, user: *mut GateUser);
    pub(crate) fn rust_bpf_helper_works_begin(user: *mut GateUser);
    pub(crate) fn rust_bpf_helper_works_end(user: *mut GateUser);

    // ring_buf.c
    pub(crate) fn rust_bpf_helper_get_map(map: *mut c_void) -> bool;
    pub(crate) fn rust_bpf_helper_is_ring_buf(map: *const c_void, aux: *const c_void) -> bool;
    pub(crate) fn rust_bpf_helper_ring_buf_push(
        map: *mut c_void,
        data: *const c_void,
        size: u32,
    ) -> c_int;

    // slab.c
    pub(crate) fn rust_bpf_helper_kmalloc_nolock(size: usize) -> *mut c_void;

    // sleep_lock.c
    pub(crate) fn rust_bpf_helper_sleep_lock_init(lock: *mut bindings::semaphore);
    pub(crate) fn rust_bpf_helper_sleep_lock(lock: *mut bindings::semaphore) -> c_int;
    pub(crate) fn rust_bpf_helper_sleep_unlock(lock: *mut bindings::semaphore);

    // stack.c
    #[cfg(not(target_arch = "x86_64"))]
    pub(crate) fn rust_bpf_helper_in_program() -> bool;
    pub(crate) fn rust_bpf_helper_member_begins() -> bool;
    pub(crate) fn rust_bpf_helper_member_ends();

    // struct_ops.c
    pub(crate) fn rust_bpf_helper_arg_struct(
        btf: *const bindings::btf,
        t: *const bindings::btf_type,
        member: u32,
        arg: u32,
    ) -> u32;
    pub(crate) fn rust_bpf_helper_is_valid_access(
        off: c_int,
        size: c_int,
        access: bindings::bpf_access_type,
        prog: *const c_void,
        info: *mut c_void,
    ) -> bool;
    pub(crate) fn rust_bpf_helper_member_offset(
        t: *const bindings::btf_type,
        member: *const bindings::btf_member,
    ) -> u32;
    pub(crate) fn rust_bpf_helper_reg_struct(
        reg: *const bindings::bpf_reg_state,
        btf: *mut *const bindings::btf,
    ) -> u32;
    pub(crate) fn rust_bpf_helper_throws(id: i32) -> bool;

    // symbol.c
    pub(crate) fn rust_bpf_helper_check_symbols(entries: *const Entry, count: u32) -> c_int;

    // task.c
    pub(crate) fn rust_bpf_helper_task_inc_not_zero(task: *mut c_void) -> bool;

    // task_work.c
    pub(crate) fn rust_bpf_helper_task_work_free(work: *mut c_void, reclaim: *const Reclaim);
    pub(crate) fn rust_bpf_helper_task_work_new(
        task: *mut c_void,
        reclaim: *const Reclaim,
        new: &mut *mut c_void,
    ) -> c_int;
    pub(crate) fn rust_bpf_helper_task_work_start(
        work: *mut c_void,
        header: *const Header,
        run: unsafe extern "C" fn(*mut Header),
        skip: unsafe extern "C" fn(*mut Header),
    );

    // timer.c
    pub(crate) fn rust_bpf_helper_timer_cancel(timer: *mut c_void) -> bool;
    pub(crate) fn rust_bpf_helper_timer_drop(timer: *mut c_void);
    pub(crate) fn rust_bpf_helper_timer_init(
        timer: *mut c_void,
        func: unsafe extern "C" fn(*mut Header),
        in_softirq: bool,
        period: u64,
        slack: u64,
    );
    pub(crate) fn rust_bpf_helper_timer_in_softirq(timer: *const c_void) -> bool;
    pub(crate) fn rust_bpf_helper_timer_missed(timer: *const c_void) -> u64;
    pub(crate) fn rust_bpf_helper_timer_now() -> u64;
    pub(crate) fn rust_bpf_helper_timer_start(
        timer: *mut c_void,
        header: *const Header,
        at: u64,
    ) -> c_int;
    pub(crate) fn rust_bpf_helper_timer_wait(timer: *mut c_void, milliseconds: u32) -> c_long;

    // work.c
    pub(crate) fn rust_bpf_helper_wait(
        done: *mut bindings::completion,
        milliseconds: u32,
    ) -> c_long;
    pub(crate) fn rust_bpf_helper_work_queue() -> *mut c_void;
}

/// C: `struct rust_bpf_gate` in `rust/helpers/helpers.h`.
#[repr(C)]
pub(crate) struct Gate {
    lock: bindings::spinlock_t,
    is_closed: bool,
    is_gone: bool,
    closer: *mut c_void,
    users: u32,
    idle: bindings::wait_queue_head,
}

/// C: `struct rust_bpf_gate_user` in `rust/helpers/helpers.h`.
#[repr(C)]
pub(crate) struct GateUser {
    node: bindings::list_head,
    task: *mut c_void,
    gate: *mut c_void,
}

/// C: `struct rust_bpf_kick` in `rust/helpers/helpers.h`.
#[repr(C)]
pub(crate) struct Kick {
    work: bindings::irq_work,
    func: unsafe extern "C" fn(*mut c_void),
    late: bindings::llist_node,
    is_late: bool,
}

/// C: `struct rust_bpf_timer` in `rust/helpers/helpers.h`.
#[repr(C)]
pub(crate) struct Timer {
    state: bindings::atomic64_t,
    period: u64,
    slack: u64,
    missed: bindings::atomic64_t,
    begun: bindings::atomic_t,
    ended: bindings::atomic_t,
    func: unsafe extern "C" fn(*mut Header),
    in_softirq: bool,
    header: *mut Header,
    lock: bindings::raw_spinlock_t,
    is_dropped: bool,
    set: i64,
    node: bindings::list_head,
    idle: bindings::wait_queue_head,
    kick: Kick,
    hrtimer: bindings::hrtimer,
    work: bindings::work_struct,
}
