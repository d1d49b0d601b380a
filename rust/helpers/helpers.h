/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C functions that the bpf crate calls: wrappers of C macros and inline functions,
 * and code that is simpler in C. Functions that the kernel exports need no wrapper:
 * kernel::bindings declares them.
 */
#ifndef _RUST_BPF_HELPERS_H
#define _RUST_BPF_HELPERS_H

#include <linux/bpf.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/refcount_types.h>
#include <linux/types.h>
#include <asm/rqspinlock.h>

struct bpf_reg_state;
struct btf;
struct btf_member;
struct btf_type;
struct module;

/* The name and the function of a kfunc; rust/bpf/kfunc_set.rs has the same struct. */
struct rust_bpf_symbol {
	const char *name;
	const void *function;
};

/*
 * The data for freeing objects of a type. The first fields of struct Reclaim in
 * rust/bpf/header.rs.
 */
struct rust_bpf_reclaim {
	rcu_callback_t free;
	/* For an object whose last reference the callback of another object released. */
	rcu_callback_t free_chained;
	/* The size of an object in bytes. */
	size_t size;
	struct llist_node node;
	atomic_t is_listed;
	/* The number of free_chained callbacks that have not ended. */
	atomic_t chained;
};

/* The header of every object. The first fields of struct Header in rust/bpf/header.rs. */
struct rust_bpf_header {
	refcount_t refs;
	refcount_t weak;
	struct rust_bpf_reclaim *reclaim;
	struct callback_head rcu;
};

u32 rust_bpf_helper_arg_struct(const struct btf *btf, const struct btf_type *t, u32 member,
			       u32 arg);
bool rust_bpf_helper_calls_back_asleep(const struct bpf_prog *prog);
u64 rust_bpf_helper_cgroup_id(const void *cgrp);
int rust_bpf_helper_check_symbols(const struct rust_bpf_symbol *symbols, u32 count);
void rust_bpf_helper_free_begins(struct rust_bpf_reclaim *reclaim);
void rust_bpf_helper_free_ends(struct rust_bpf_reclaim *reclaim, bool is_chained);
bool rust_bpf_helper_in_init(const struct module *module);
void rust_bpf_helper_init_ends(void);
bool rust_bpf_helper_in_program(void);
bool rust_bpf_helper_is_of(const void *what, const struct module *module);
void rust_bpf_helper_init_lock(void);
void rust_bpf_helper_init_unlock(void);
bool rust_bpf_helper_is_valid_access(int off, int size, enum bpf_access_type type,
				     const struct bpf_prog *prog,
				     struct bpf_insn_access_aux *info);
u32 rust_bpf_helper_kfunc_id(const char *name, u32 params, u32 result_size);
void rust_bpf_helper_kfree_rcu(struct callback_head *head, void *memory);
void *rust_bpf_helper_kmalloc_nolock(size_t size);
bool rust_bpf_helper_member_begins(void);
void rust_bpf_helper_member_ends(void);
u32 rust_bpf_helper_member_offset(const struct btf_type *t, const struct btf_member *member);
bool rust_bpf_helper_may_make(void);
u32 rust_bpf_helper_netdev_flags(const void *dev);
int rust_bpf_helper_netdev_ifindex(const void *dev);
u32 rust_bpf_helper_netdev_mtu(const void *dev);
void *rust_bpf_helper_object_get(void *object, size_t header);
void rust_bpf_helper_object_put(struct rust_bpf_header *header);
void rust_bpf_helper_put_table(void *ops);
void rust_bpf_helper_put_task(void *task);
u32 rust_bpf_helper_reg_struct(const struct bpf_reg_state *reg, const struct btf **btf);
int rust_bpf_helper_res_spin_lock(rqspinlock_t *lock, unsigned long *flags);
void rust_bpf_helper_res_spin_unlock(rqspinlock_t *lock, unsigned long flags);
int rust_bpf_helper_skb_copy_bits(const void *skb, u32 offset, void *to, u32 len);
u32 rust_bpf_helper_skb_hash(const void *skb);
int rust_bpf_helper_skb_iif(const void *skb);
u32 rust_bpf_helper_skb_mark(const void *skb);
__be16 rust_bpf_helper_skb_protocol(const void *skb);
u16 rust_bpf_helper_sock_family(const void *sk);
bool rust_bpf_helper_sock_is_full(const void *sk);
u32 rust_bpf_helper_sock_mark(const void *sk);
u16 rust_bpf_helper_sock_protocol(const void *sk);
u8 rust_bpf_helper_sock_state(const void *sk);
bool rust_bpf_helper_task_inc_not_zero(void *task);
u32 rust_bpf_helper_throw_id(void);
int rust_bpf_helper_xdp_ifindex(const void *buff);
void *rust_bpf_helper_xdp_linear(const void *buff, u32 *len);
u32 rust_bpf_helper_xdp_queue(const void *buff);

/* Functions in pro_epilogue_kunit.c, for the KUnit tests. */
struct bpf_insn;

typedef void rust_bpf_kunit_encode_t(struct bpf_insn *out, int op, int dst, int src, s16 off,
				     s64 imm);

unsigned long rust_bpf_kunit_call_base(void);
int rust_bpf_kunit_run(const struct bpf_insn *insns, u32 len, const void *ctx, u32 *result);

#endif /* _RUST_BPF_HELPERS_H */
