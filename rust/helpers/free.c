// SPDX-License-Identifier: GPL-2.0
/*
 * RCU callbacks free objects. A callback runs code of the module that created
 * the object, and so does the work that work.c runs on objects. The module
 * notifier in this file delays the unload of a module, after its exit or its
 * failed init, until all its callbacks and works have ended, including those that
 * its callbacks and works start.
 *
 * To count callbacks, CPUs would have to share a counter. The notifier calls
 * rcu_barrier() instead. Only chained callbacks are counted: a callback starts
 * another callback if its object holds the last reference to another object, and
 * the type of that object counts them. The notifier does not wait for a module
 * that has freed no object.
 */

#include <linux/atomic.h>
#include <linux/bpf.h>
#include <linux/delay.h>
#include <linux/llist.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/sched/task.h>
#include <linux/slab.h>

#include "helpers.h"

/* The limit on objects that wait for a grace period, in bytes for each CPU. */
#define MAX_WAITING (16L << 20)

/* Bytes of objects released on this CPU, minus bytes that it has freed. */
static DEFINE_PER_CPU(long, waiting);

/* Not 0 while this CPU runs a callback that frees an object. */
static DEFINE_PER_CPU(int, freeing);

/*
 * The types of which an object was freed. The notifier removes the types of a
 * module before the module is unloaded.
 */
static LLIST_HEAD(users);
static DEFINE_MUTEX(users_mutex);

/*
 * Callbacks that the release of a reference could not pass to call_rcu(): in an
 * NMI, or with interrupts off, where a program may run in the middle of
 * call_rcu(). A round of the CPU (kick.c) does that, because a program can run when
 * it ends, and release the next object.
 */
struct deferred {
	struct llist_head list;
	/* Taken from the list. */
	struct llist_node *rest;
	/* The number of times that all that was taken was passed on; it may wrap. */
	u32 done;
};

static DEFINE_PER_CPU(struct deferred, deferred);

/* The largest number of callbacks that a round passes on: a millisecond or less. */
#define MAX_DEFERRED 512

/* Whether something was deferred on a CPU. */
bool rust_bpf_has_deferred(int cpu)
{
	const struct deferred *there = per_cpu_ptr(&deferred, cpu);

	return there->rest || !llist_empty(&there->list);
}

/* Passes on what was deferred on a CPU. In a round of this CPU. */
void rust_bpf_free_deferred(int cpu)
{
	struct deferred *there = per_cpu_ptr(&deferred, cpu);
	struct callback_head *head;
	int i;

	if (!there->rest)
		there->rest = llist_del_all(&there->list);
	if (!there->rest)
		return;
	for (i = 0; i < MAX_DEFERRED && there->rest; i++) {
		head = (struct callback_head *)there->rest;
		WRITE_ONCE(there->rest, there->rest->next);
		call_rcu(head, head->func);
	}
	if (!there->rest)
		WRITE_ONCE(there->done, there->done + 1);
}

/* The node of the list overlays the field next of struct callback_head. */
static_assert(offsetof(struct callback_head, next) == 0 &&
	      sizeof(struct llist_node) == sizeof(struct callback_head *));

/* Returns whether the current context must not call call_rcu() or take most locks. */
static bool must_defer(void)
{
	return in_nmi() || irqs_disabled();
}

bool rust_bpf_helper_must_defer(void)
{
	return must_defer();
}

static void defer(struct callback_head *head, rcu_callback_t func)
{
	head->func = func;
	llist_add((struct llist_node *)head, this_cpu_ptr(&deferred.list));
	/* Otherwise, another CPU does it when this one is dead. */
	if (!rust_bpf_is_offline())
		rust_bpf_request_round();
}

/* Calls @func after a grace period. May be called in any context. */
void rust_bpf_call_rcu(struct callback_head *head, rcu_callback_t func)
{
	if (must_defer())
		defer(head, func);
	else
		call_rcu(head, func);
}

/* Makes the notifier wait for the callbacks and works of a type. */
static void list_type(struct rust_bpf_reclaim *reclaim)
{
	if (!atomic_read(&reclaim->is_listed) && !atomic_xchg(&reclaim->is_listed, 1))
		llist_add(&reclaim->node, &users);
}

static noinline void free_object(struct rust_bpf_header *header)
{
	struct rust_bpf_reclaim *reclaim = header->reclaim;
	rcu_callback_t func = reclaim->free;

	list_type(reclaim);
	if (this_cpu_read(freeing)) {
		atomic_inc(&reclaim->chained);
		func = reclaim->free_chained;
	}
	this_cpu_add(waiting, reclaim->size);
	rust_bpf_call_rcu(&header->rcu, func);
}

/*
 * Adds a reference to an object whose header is @header bytes behind its start.
 * Returns the object, or NULL if it has no reference. May be called in any
 * context. This function and the next one are parts of kfuncs. They are notrace
 * because Rust code is not traced either.
 */
notrace void *rust_bpf_helper_object_get(void *object, size_t header)
{
	struct rust_bpf_header *counted = object + header;

	return refcount_inc_not_zero(&counted->refs) ? object : NULL;
}

/*
 * Releases a reference to an object; the release of the last reference frees the
 * object. May be called in any context.
 */
notrace void rust_bpf_helper_object_put(struct rust_bpf_header *header)
{
	if (refcount_dec_and_test(&header->refs))
		free_object(header);
}

static void free_memory(struct callback_head *head)
{
	struct rust_bpf_header *header = container_of(head, struct rust_bpf_header, rcu);

	this_cpu_sub(waiting, (size_t)header->reclaim);
	kfree((void *)header - refcount_read(&header->weak));
}

/*
 * Frees the memory of an object without a value, of @size bytes, after a grace period. The
 * module with the type of the object may be unloaded when the period ends, so the fields
 * reclaim and weak, which nobody uses any more, keep the size and the place of the header in
 * the memory. Not kfree_nolock() nor kfree_rcu_nolock(), which can raise an interrupt for
 * each call, where a program can create the next object, and so on. May be called in any
 * context.
 */
void rust_bpf_helper_free_memory(struct rust_bpf_header *header, void *memory, size_t size)
{
	header->reclaim = (void *)size;
	refcount_set(&header->weak, (void *)header - memory);
	this_cpu_add(waiting, size);
	rust_bpf_call_rcu(&header->rcu, free_memory);
}

/* A reference that an irq_work releases later. */
struct reference {
	struct callback_head head;
	void (*put)(void *what);
	void *what;
};

static void put_reference(struct callback_head *head)
{
	struct reference *reference = container_of(head, struct reference, head);

	reference->put(reference->what);
	kfree(reference);
}

static void put_later(void *what, void (*put)(void *what))
{
	struct reference *reference = kmalloc_nolock(sizeof(*reference), 0, NUMA_NO_NODE);

	if (!reference) {
		pr_warn_once("rust_bpf: no memory to defer the release of a reference; the reference is leaked\n");
		return;
	}
	reference->put = put;
	reference->what = what;
	defer(&reference->head, put_reference);
}

static void put_map(void *map)
{
	bpf_map_put(map);
}

static void put_table(void *ops)
{
	bpf_struct_ops_put(ops);
}

static void put_task(void *task)
{
	put_task_struct(task);
}

/*
 * Releases a reference to a struct_ops table. The release of the last reference
 * takes map_idr_lock and a lock of a workqueue. A program may run while this CPU
 * holds one of these locks, but then the context is not preemptible. May be
 * called in any context.
 */
void rust_bpf_helper_put_table(void *ops)
{
	if (preemptible())
		put_table(ops);
	else
		put_later(ops, put_table);
}

/*
 * Releases a reference to a map, with the same rule. The holder of map_idr_lock has
 * softirqs off, so an RCU callback can release it. May be called in any context.
 */
void rust_bpf_helper_put_map(struct bpf_map *map)
{
	if (preemptible() || (in_serving_softirq() && !must_defer()))
		put_map(map);
	else if (!atomic64_add_unless(&map->refcnt, -1, 1))
		put_later(map, put_map);
}

/*
 * Releases a reference to a task. The release of the last reference calls
 * call_rcu(). May be called in any context.
 */
void rust_bpf_helper_put_task(void *task)
{
	if (!must_defer())
		put_task(task);
	else if (!refcount_dec_not_one(&((struct task_struct *)task)->usage))
		put_later(task, put_task);
}

/*
 * Counts a work on an object of a type. The module of the type stays loaded until
 * rust_bpf_helper_work_ends() is called. Returns false, and counts nothing, if the
 * module is unloaded. May be called in any context.
 */
bool rust_bpf_helper_work_begins(struct rust_bpf_reclaim *reclaim)
{
	list_type(reclaim);
	atomic_inc(&reclaim->begun);
	atomic_inc(&reclaim->works);
	/* Pairs with the barrier in take_types(): that sees the count, or this is_closed. */
	smp_mb__after_atomic();
	if (likely(!atomic_read(&reclaim->is_closed)))
		return true;
	atomic_dec(&reclaim->works);
	return false;
}

/* After this call, the caller must not run code of the type's module. */
void rust_bpf_helper_work_ends(struct rust_bpf_reclaim *reclaim)
{
	atomic_dec_return_release(&reclaim->works);
}

/* The callback of an object calls this function before it drops the value. */
void rust_bpf_helper_free_begins(struct rust_bpf_reclaim *reclaim)
{
	this_cpu_sub(waiting, reclaim->size);
	this_cpu_inc(freeing);
}

/* The callback of an object calls this function at its end. */
void rust_bpf_helper_free_ends(struct rust_bpf_reclaim *reclaim, bool is_chained)
{
	this_cpu_dec(freeing);
	if (is_chained)
		atomic_dec(&reclaim->chained);
}

/*
 * Returns whether an object may be created: false if both the count of this CPU
 * and the sum of all CPUs have reached MAX_WAITING.
 */
bool rust_bpf_helper_may_make(void)
{
	long here = this_cpu_read(waiting), sum = 0;
	int cpu;

	/*
	 * A callback may run on another CPU than the release of its object, so that
	 * the count of a CPU that runs the callbacks of others falls without bound.
	 */
	if (likely(here < MAX_WAITING && here > -MAX_WAITING))
		return true;
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(waiting, cpu));
	return sum < MAX_WAITING;
}

/* Waits until the callbacks that were deferred on a CPU before the call are queued. */
static void wait_for_deferred(int cpu)
{
	const struct deferred *there = per_cpu_ptr(&deferred, cpu);
	u32 done = READ_ONCE(there->done);

	/* What was taken before the call is done, and then what was in the list. */
	while (rust_bpf_has_deferred(cpu) && READ_ONCE(there->done) - done < 2)
		msleep(20);
}

/* Waits for all callbacks that were queued before the call. */
static void wait_for_callbacks(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		wait_for_deferred(cpu);
	/* An interrupt may have taken a list, and may not have queued the callbacks yet. */
	synchronize_rcu();
	rcu_barrier();
}

/*
 * Moves the types of @module from the list of all types to @types, and closes them:
 * no work begins any more. Returns whether there were any.
 */
static bool take_types(struct module *module, struct llist_head *types)
{
	struct rust_bpf_reclaim *reclaim, *next;
	bool found = false;

	guard(mutex)(&users_mutex);
	llist_for_each_entry_safe(reclaim, next, llist_del_all(&users), node) {
		if (!within_module((unsigned long)reclaim, module)) {
			llist_add(&reclaim->node, &users);
			continue;
		}
		atomic_set(&reclaim->is_closed, 1);
		llist_add(&reclaim->node, types);
		found = true;
	}
	/* Pairs with the barrier in rust_bpf_helper_work_begins(). */
	smp_mb();
	return found;
}

/* Returns whether a chained callback, or a work, of one of the types has not ended. */
static bool is_waiting(const struct llist_head *types)
{
	const struct rust_bpf_reclaim *reclaim;

	llist_for_each_entry(reclaim, types->first, node)
		if (atomic_read(&reclaim->chained) > 0 || atomic_read_acquire(&reclaim->works) > 0)
			return true;
	return false;
}

/* Returns the sum of the works that were ever begun. */
static u32 works_begun(const struct llist_head *types)
{
	const struct rust_bpf_reclaim *reclaim;
	u32 sum = 0;

	llist_for_each_entry(reclaim, types->first, node)
		sum += atomic_read(&reclaim->begun);
	return sum;
}

/*
 * Waits for all callbacks and works of @module. Programs cannot call the module any
 * more, so only its callbacks and works free objects and start works.
 */
static void wait_for_frees(struct module *module)
{
	bool was_waiting, found;
	LLIST_HEAD(types);
	u32 begun;

	if (!take_types(module, &types))
		return;
	do {
		/*
		 * The callback of a work's object is not chained. If a work begins or
		 * ends meanwhile, its callback may come after the barrier, and may start
		 * others: the loop goes on until nothing has happened in one round.
		 */
		rust_bpf_task_works_stop(module);
		was_waiting = is_waiting(&types);
		if (was_waiting)
			msleep(20);
		begun = works_begun(&types);
		wait_for_callbacks();
		/* A callback may have freed the first object of another type. */
		found = take_types(module, &types);
	} while (found || was_waiting || is_waiting(&types) || works_begun(&types) != begun);
	/* The last callback has decremented its count but may not have returned. */
	rcu_barrier();
}

static int rust_bpf_module_event(struct notifier_block *nb, unsigned long event, void *module)
{
	switch (event) {
	case MODULE_STATE_GOING:
		rust_bpf_helper_init_ends();
		wait_for_frees(module);
		rust_bpf_timers_stop(module);
		return NOTIFY_OK;
	case MODULE_STATE_LIVE:
		rust_bpf_helper_init_ends();
		return NOTIFY_OK;
	default:
		return NOTIFY_DONE;
	}
}

static struct notifier_block module_notifier = {
	.notifier_call = rust_bpf_module_event,
	/* Runs before the notifier of kernel/bpf/btf.c, which makes a module's BTF usable. */
	.priority = 1,
};

static int __init rust_bpf_init(void)
{
	int err;

	rust_bpf_revoke_init();
	err = rust_bpf_kicks_init();
	if (err)
		return err;
	err = rust_bpf_work_init();
	if (err)
		goto exit_kicks;
	err = rust_bpf_timers_init();
	if (err)
		goto exit_work;
	err = register_module_notifier(&module_notifier);
	if (!err)
		return 0;
	rust_bpf_timers_exit();
exit_work:
	rust_bpf_work_exit();
exit_kicks:
	rust_bpf_kicks_exit();
	return err;
}
module_init(rust_bpf_init);

static void __exit rust_bpf_exit(void)
{
	unregister_module_notifier(&module_notifier);
	rust_bpf_task_works_exit();
	wait_for_callbacks();
	/* The KUnit suites of this module create objects. */
	wait_for_frees(THIS_MODULE);
	rust_bpf_timers_stop(THIS_MODULE);
	/* Queues are objects of this module, which the last work may have released. */
	rust_bpf_kicks_wait();
	wait_for_callbacks();
	rust_bpf_kicks_exit();
	rust_bpf_work_exit();
	rust_bpf_timers_exit();
	wait_for_callbacks();
}
module_exit(rust_bpf_exit);
