/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C functions that the bpf crate calls: wrappers of C macros and inline functions,
 * and code that is simpler in C. Functions that the kernel exports need no wrapper:
 * kernel::bindings declares them.
 */
#ifndef _RUST_BPF_HELPERS_H
#define _RUST_BPF_HELPERS_H

#include <linux/bpf.h>
#include <linux/hrtimer_types.h>
#include <linux/irq_work_types.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/rcupdate.h>
#include <linux/refcount_types.h>
#include <linux/spinlock_types.h>
#include <linux/types.h>
#include <linux/wait.h>
#include <linux/workqueue_types.h>
#include <asm/rqspinlock.h>

struct bpf_callback;
struct bpf_reg_state;
struct completion;
struct btf;
struct btf_member;
struct btf_type;
struct module;
struct rust_bpf_mm;
struct rust_bpf_task_work;
struct semaphore;
struct task_struct;
struct vm_area_struct;

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
	/* The number of works on objects of the type that have not ended. */
	atomic_t works;
	/* The number of works that were ever begun; it may wrap. */
	atomic_t begun;
	/* The number of these works that tasks have. */
	atomic_t task_works;
	/* Not 0 if the module of the type is unloaded: no work begins. */
	atomic_t is_closed;
};

/* The header of every object. The first fields of struct Header in rust/bpf/header.rs. */
struct rust_bpf_header {
	refcount_t refs;
	refcount_t weak;
	struct rust_bpf_reclaim *reclaim;
	struct callback_head rcu;
};

/* Counts the users of a resource who may sleep; see revoke.c. */
struct rust_bpf_gate {
	/* Protects the other fields. */
	spinlock_t lock;
	bool is_closed;
	/* The resource is dropped. */
	bool is_gone;
	/* The thread that drops the resource. */
	struct task_struct *closer;
	u32 users;
	wait_queue_head_t idle;
};

/* A user of such a resource, or a thread that runs works: on the stack of the thread. */
struct rust_bpf_gate_user {
	struct list_head node;
	struct task_struct *task;
	/* NULL for works. */
	struct rust_bpf_gate *gate;
};

/* Calls a function in an interrupt; see kick.c. */
struct rust_bpf_kick {
	struct irq_work work;
	void (*func)(struct rust_bpf_kick *kick);
	/* In the list of the kicks that a CPU handles in rounds. */
	struct llist_node late;
	bool is_late;
};

/* A timer in an object; see timer.c. */
struct rust_bpf_timer {
	atomic64_t state;
	u64 period;
	u64 slack;
	/* The number of periods without a call. */
	atomic64_t missed;
	/* The number of times that the thread has begun and ended; they may wrap. */
	atomic_t begun;
	atomic_t ended;
	/* Makes the call of an object: in a softirq, or in a thread. */
	void (*func)(struct rust_bpf_header *header);
	bool in_softirq;
	/* NULL before the first start. */
	struct rust_bpf_header *header;
	/* Held while the hrtimer is set. Protects is_dropped. */
	raw_spinlock_t lock;
	bool is_dropped;
	/* The state to which the hrtimer was set. */
	s64 set;
	/* In the list of the timers that are set up, or empty. */
	struct list_head node;
	wait_queue_head_t idle;
	struct rust_bpf_kick kick;
	struct hrtimer hrtimer;
	struct work_struct work;
};

u32 rust_bpf_helper_arg_struct(const struct btf *btf, const struct btf_type *t, u32 member,
			       u32 arg);
int rust_bpf_helper_callback_arm(struct bpf_map *owner, void *function,
				 struct bpf_callback **armed);
bool rust_bpf_helper_callback_cancel(struct bpf_callback *cb);
void rust_bpf_helper_callback_free(struct bpf_callback *cb);
int rust_bpf_helper_callback_get(struct bpf_callback *cb, bool sleepable);
u64 rust_bpf_helper_callback_run(struct bpf_callback *cb, bool sleepable, const u64 *args);
int rust_bpf_helper_callback_take(struct bpf_callback *cb, bool sleepable);
bool rust_bpf_helper_calls_back_asleep(const struct bpf_prog *prog);
u64 rust_bpf_helper_cgroup_id(const void *cgrp);
int rust_bpf_helper_check_symbols(const struct rust_bpf_symbol *symbols, u32 count);
void rust_bpf_helper_free_begins(struct rust_bpf_reclaim *reclaim);
void rust_bpf_helper_free_ends(struct rust_bpf_reclaim *reclaim, bool is_chained);
void rust_bpf_helper_free_memory(struct rust_bpf_header *header, void *memory, size_t size);
int rust_bpf_helper_gate_close(struct rust_bpf_gate *gate, bool must_wait);
int rust_bpf_helper_gate_enter(struct rust_bpf_gate *gate, struct rust_bpf_gate_user *user);
void rust_bpf_helper_gate_gone(struct rust_bpf_gate *gate);
void rust_bpf_helper_gate_init(struct rust_bpf_gate *gate);
bool rust_bpf_helper_gate_is_closed(const struct rust_bpf_gate *gate);
void rust_bpf_helper_gate_leave(struct rust_bpf_gate *gate, struct rust_bpf_gate_user *user);
bool rust_bpf_helper_get_map(struct bpf_map *map);
bool rust_bpf_helper_in_init(const struct module *module);
void rust_bpf_helper_init_ends(void);
bool rust_bpf_helper_in_program(void);
bool rust_bpf_helper_is_ring_buf(const struct bpf_map *map, const struct bpf_prog_aux *aux);
bool rust_bpf_helper_is_of(const void *what, const struct module *module);
void rust_bpf_helper_init_lock(void);
void rust_bpf_helper_init_unlock(void);
bool rust_bpf_helper_is_valid_access(int off, int size, enum bpf_access_type type,
				     const struct bpf_prog *prog,
				     struct bpf_insn_access_aux *info);
u32 rust_bpf_helper_kfunc_id(const char *name, u32 params, u32 result_size);
bool rust_bpf_helper_kick(struct rust_bpf_kick *kick);
bool rust_bpf_helper_kick_in_rounds(struct rust_bpf_kick *kick);
void rust_bpf_helper_kick_init(struct rust_bpf_kick *kick,
			       void (*func)(struct rust_bpf_kick *kick));
void *rust_bpf_helper_kmalloc_nolock(size_t size);
bool rust_bpf_helper_member_begins(void);
void rust_bpf_helper_member_ends(void);
u32 rust_bpf_helper_member_offset(const struct btf_type *t, const struct btf_member *member);
bool rust_bpf_helper_may_make(void);
bool rust_bpf_helper_must_defer(void);
u32 rust_bpf_helper_netdev_flags(const void *dev);
int rust_bpf_helper_netdev_ifindex(const void *dev);
u32 rust_bpf_helper_netdev_mtu(const void *dev);
void *rust_bpf_helper_object_get(void *object, size_t header);
void rust_bpf_helper_object_put(struct rust_bpf_header *header);
void rust_bpf_helper_put_map(struct bpf_map *map);
void rust_bpf_helper_put_table(void *ops);
void rust_bpf_helper_put_task(void *task);
void rust_bpf_helper_rcu_read_lock(void);
void rust_bpf_helper_rcu_read_unlock(void);
u32 rust_bpf_helper_reg_struct(const struct bpf_reg_state *reg, const struct btf **btf);
int rust_bpf_helper_res_spin_lock(rqspinlock_t *lock, unsigned long *flags);
void rust_bpf_helper_res_spin_unlock(rqspinlock_t *lock, unsigned long flags);
int rust_bpf_helper_res_spin_enter(rqspinlock_t *lock);
void rust_bpf_helper_res_spin_leave(rqspinlock_t *lock);
struct rust_bpf_mm *rust_bpf_helper_task_mm(struct task_struct *task);
void rust_bpf_helper_put_mm(struct rust_bpf_mm *held);
struct vm_area_struct *rust_bpf_helper_lock_vma(struct rust_bpf_mm *held, unsigned long addr);
void rust_bpf_helper_unlock_mm(struct rust_bpf_mm *held);
void rust_bpf_helper_sleep_lock_init(struct semaphore *lock);
int rust_bpf_helper_sleep_lock(struct semaphore *lock);
void rust_bpf_helper_sleep_unlock(struct semaphore *lock);
int rust_bpf_helper_ring_buf_push(struct bpf_map *map, const void *data, u32 size);
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
void rust_bpf_helper_task_work_free(struct rust_bpf_task_work *work,
				    struct rust_bpf_reclaim *reclaim);
int rust_bpf_helper_task_work_new(void *task, struct rust_bpf_reclaim *reclaim,
				  struct rust_bpf_task_work **new);
void rust_bpf_helper_task_work_start(struct rust_bpf_task_work *work,
				     struct rust_bpf_header *header,
				     void (*run)(struct rust_bpf_header *header),
				     void (*skip)(struct rust_bpf_header *header));
bool rust_bpf_helper_throws(s32 id);
bool rust_bpf_helper_timer_cancel(struct rust_bpf_timer *timer);
void rust_bpf_helper_timer_drop(struct rust_bpf_timer *timer);
void rust_bpf_helper_timer_init(struct rust_bpf_timer *timer,
				void (*func)(struct rust_bpf_header *header), bool in_softirq,
				u64 period, u64 slack);
bool rust_bpf_helper_timer_in_softirq(const struct rust_bpf_timer *timer);
u64 rust_bpf_helper_timer_missed(const struct rust_bpf_timer *timer);
u64 rust_bpf_helper_timer_now(void);
int rust_bpf_helper_timer_start(struct rust_bpf_timer *timer, struct rust_bpf_header *header,
				u64 at);
long rust_bpf_helper_timer_wait(struct rust_bpf_timer *timer, u32 milliseconds);
long rust_bpf_helper_wait(struct completion *done, u32 milliseconds);
bool rust_bpf_helper_work_begins(struct rust_bpf_reclaim *reclaim);
void rust_bpf_helper_work_ends(struct rust_bpf_reclaim *reclaim);
void *rust_bpf_helper_work_queue(void);
void rust_bpf_helper_works_begin(struct rust_bpf_gate_user *user);
void rust_bpf_helper_works_end(struct rust_bpf_gate_user *user);
int rust_bpf_helper_xdp_ifindex(const void *buff);
void *rust_bpf_helper_xdp_linear(const void *buff, u32 *len);
u32 rust_bpf_helper_xdp_queue(const void *buff);

void rust_bpf_call_rcu(struct callback_head *head, rcu_callback_t func);
void rust_bpf_free_deferred(int cpu);
bool rust_bpf_has_deferred(int cpu);
bool rust_bpf_is_in_gate_or_works(void);
bool rust_bpf_is_offline(void);
void rust_bpf_kick_after_pause(struct rust_bpf_kick *kick);
void rust_bpf_kicks_exit(void);
int rust_bpf_kicks_init(void);
void rust_bpf_kicks_wait(void);
void rust_bpf_request_round(void);
void rust_bpf_revoke_init(void);
void rust_bpf_task_works_exit(void);
void rust_bpf_task_works_stop(const struct module *module);
void rust_bpf_timers_exit(void);
int rust_bpf_timers_init(void);
void rust_bpf_timers_stop(const struct module *module);
int rust_bpf_work_init(void);
void rust_bpf_work_exit(void);

/* Functions in pro_epilogue_kunit.c, for the KUnit tests. */
struct bpf_insn;

typedef void rust_bpf_kunit_encode_t(struct bpf_insn *out, int op, int dst, int src, s16 off,
				     s64 imm);

unsigned long rust_bpf_kunit_call_base(void);
int rust_bpf_kunit_run(const struct bpf_insn *insns, u32 len, const void *ctx, u32 *result);

#endif /* _RUST_BPF_HELPERS_H */
