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
        c_ulong, //
    },
};

extern "C" {
    // cgroup.c
    pub(crate) fn rust_bpf_helper_cgroup_id(cgroup: *const c_void) -> u64;

    // compat.c
    pub(crate) fn rust_bpf_helper_calls_back_asleep(prog: *const c_void) -> bool;

    // free.c
    pub(crate) fn rust_bpf_helper_free_begins(reclaim: *const Reclaim);
    pub(crate) fn rust_bpf_helper_free_ends(reclaim: *const Reclaim, is_chained: bool);
    pub(crate) fn rust_bpf_helper_may_make() -> bool;
    pub(crate) fn rust_bpf_helper_object_get(object: *mut c_void, header: usize) -> *mut c_void;
    pub(crate) fn rust_bpf_helper_object_put(header: *const Header);
    pub(crate) fn rust_bpf_helper_put_table(ops: *mut c_void);
    pub(crate) fn rust_bpf_helper_put_task(task: *mut c_void);

    // init.c
    pub(crate) fn rust_bpf_helper_in_init(module: *const c_void) -> bool;
    pub(crate) fn rust_bpf_helper_init_lock();
    pub(crate) fn rust_bpf_helper_init_unlock();
    pub(crate) fn rust_bpf_helper_is_of(what: *const c_void, module: *const c_void) -> bool;

    // lock.c
    pub(crate) fn rust_bpf_helper_res_spin_lock(
        lock: *mut bindings::rqspinlock_t,
        flags: *mut c_ulong,
    ) -> c_int;
    pub(crate) fn rust_bpf_helper_res_spin_unlock(
        lock: *mut bindings::rqspinlock_t,
        flags: c_ulong,
    );

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

    // slab.c
    pub(crate) fn rust_bpf_helper_kfree_rcu(
        head: *mut bindings::callback_head,
        memory: *mut c_void,
    );
    pub(crate) fn rust_bpf_helper_kmalloc_nolock(size: usize) -> *mut c_void;

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
    pub(crate) fn rust_bpf_helper_throw_id() -> u32;

    // symbol.c
    pub(crate) fn rust_bpf_helper_check_symbols(entries: *const Entry, count: u32) -> c_int;

    // task.c
    pub(crate) fn rust_bpf_helper_task_inc_not_zero(task: *mut c_void) -> bool;
}
