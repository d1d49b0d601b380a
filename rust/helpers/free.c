// SPDX-License-Identifier: GPL-2.0
/*
 * Objects are freed by RCU callbacks, whose code is that of the module which
 * made them. When such a module goes, whatever it did in its exit or failed
 * init, its code stays until the callbacks have ended, and those that they
 * themselves begin.
 *
 * Nothing that CPUs share is written when an object is freed: the callbacks of a
 * module are waited for by rcu_barrier(). Those that begin in a callback, because
 * an object held the last reference to another one, are counted for their type.
 * A module that has freed no object does not take part.
 */

#include <linux/atomic.h>
#include <linux/bpf.h>
#include <linux/irq_work.h>
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

/* So many bytes of objects may wait for RCU readers on a CPU. */
#define MAX_WAITING (16L << 20)

static DEFINE_PER_CPU(long, waiting);

/* Whether this CPU runs one of the callbacks. */
static DEFINE_PER_CPU(int, freeing);

/* Types of which an object was freed; modules' go with them. */
static LLIST_HEAD(users);
static DEFINE_MUTEX(users_mutex);

/*
 * What cannot be given to call_rcu() where its last reference went: in an NMI,
 * and with interrupts off, where a program may run in the middle of call_rcu().
 */
struct deferred {
	struct llist_head list;
	struct irq_work work;
};

static void free_deferred(struct irq_work *work)
{
	struct deferred *deferred = container_of(work, struct deferred, work);
	struct llist_node *node, *next;

	llist_for_each_safe(node, next, llist_del_all(&deferred->list)) {
		struct callback_head *head = (struct callback_head *)node;

		call_rcu(head, head->func);
	}
}

static DEFINE_PER_CPU(struct deferred, deferred) = {
	.work = IRQ_WORK_INIT_HARD(free_deferred),
};

/* A node of the list takes the place of callback_head's. */
static_assert(offsetof(struct callback_head, next) == 0 &&
	      sizeof(struct llist_node) == sizeof(struct callback_head *));

/* Whether the context is one in which call_rcu() and most locks must be left alone. */
static bool must_defer(void)
{
	return in_nmi() || irqs_disabled();
}

static void defer(struct callback_head *head, rcu_callback_t func)
{
	head->func = func;
	llist_add((struct llist_node *)head, this_cpu_ptr(&deferred.list));
	irq_work_queue(this_cpu_ptr(&deferred.work));
}

static noinline void free_object(struct rust_bpf_header *header)
{
	struct rust_bpf_reclaim *reclaim = header->reclaim;
	rcu_callback_t func = reclaim->free;

	if (!atomic_read(&reclaim->is_listed) && !atomic_xchg(&reclaim->is_listed, 1))
		llist_add(&reclaim->node, &users);
	if (this_cpu_read(freeing)) {
		atomic_inc(&reclaim->chained);
		func = reclaim->free_chained;
	}
	this_cpu_add(waiting, reclaim->size);

	if (must_defer())
		defer(&header->rcu, func);
	else
		call_rcu(&header->rcu, func);
}

/*
 * Returns the object, with a reference more, or NULL if it had none. Its header
 * is so many bytes behind its beginning. May be called in any context. Not traced,
 * as Rust code is not: both functions are a part of kfuncs that count.
 */
notrace void *rust_bpf_helper_object_get(void *object, size_t header)
{
	struct rust_bpf_header *counted = object + header;

	return refcount_inc_not_zero(&counted->refs) ? object : NULL;
}

/* The last reference frees the object. May be called in any context. */
notrace void rust_bpf_helper_object_put(struct rust_bpf_header *header)
{
	if (refcount_dec_and_test(&header->refs))
		free_object(header);
}

/* A reference that is given up later. */
struct reference {
	struct callback_head head;
	void (*put)(void *what);
	void *what;
};

static void put_reference(struct callback_head *head)
{
	struct reference *reference = container_of(head, struct reference, head);

	reference->put(reference->what);
	kfree_nolock(reference);
}

static void put_later(void *what, void (*put)(void *what))
{
	struct reference *reference = kmalloc_nolock(sizeof(*reference), 0, NUMA_NO_NODE);

	if (!reference) {
		pr_warn_once("rust_bpf: a reference is leaked: there is no memory to give it up later\n");
		return;
	}
	reference->put = put;
	reference->what = what;
	defer(&reference->head, put_reference);
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
 * The last reference takes the lock of all maps and one of a workqueue. A program
 * may run under them, but not where it can be preempted. May be called in any
 * context.
 */
void rust_bpf_helper_put_table(void *ops)
{
	if (preemptible())
		put_table(ops);
	else
		put_later(ops, put_table);
}

/* The last reference calls call_rcu(). May be called in any context. */
void rust_bpf_helper_put_task(void *task)
{
	if (!must_defer())
		put_task(task);
	else if (!refcount_dec_not_one(&((struct task_struct *)task)->usage))
		put_later(task, put_task);
}

/* Around the end of an object, in its callback. */
void rust_bpf_helper_free_begins(struct rust_bpf_reclaim *reclaim)
{
	this_cpu_sub(waiting, reclaim->size);
	this_cpu_inc(freeing);
}

void rust_bpf_helper_free_ends(struct rust_bpf_reclaim *reclaim, bool is_chained)
{
	this_cpu_dec(freeing);
	if (is_chained)
		atomic_dec(&reclaim->chained);
}

/* Whether more objects may be made, of which each may soon wait for RCU readers. */
bool rust_bpf_helper_may_make(void)
{
	long sum = 0;
	int cpu;

	if (likely(this_cpu_read(waiting) < MAX_WAITING))
		return true;
	/* Callbacks may run on other CPUs than those where they began. */
	for_each_possible_cpu(cpu)
		sum += READ_ONCE(per_cpu(waiting, cpu));
	return sum < MAX_WAITING;
}

/* Waits for all callbacks that have begun. */
static void wait_for_callbacks(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		irq_work_sync(per_cpu_ptr(&deferred.work, cpu));
	rcu_barrier();
}

/* Moves a module's types from the list of all to one of its own. */
static void take_types(struct module *module, struct llist_head *types)
{
	struct rust_bpf_reclaim *reclaim, *next;

	guard(mutex)(&users_mutex);
	llist_for_each_entry_safe(reclaim, next, llist_del_all(&users), node) {
		if (within_module((unsigned long)reclaim, module))
			llist_add(&reclaim->node, types);
		else
			llist_add(&reclaim->node, &users);
	}
}

static bool is_waiting(const struct llist_head *types)
{
	const struct rust_bpf_reclaim *reclaim;

	llist_for_each_entry(reclaim, types->first, node)
		if (atomic_read(&reclaim->chained) > 0)
			return true;
	return false;
}

/* No program calls the module any more, so that it frees nothing but in callbacks. */
static void wait_for_frees(struct module *module)
{
	LLIST_HEAD(types);

	take_types(module, &types);
	if (llist_empty(&types))
		return;
	do {
		wait_for_callbacks();
		/* Types of which an object was freed in a callback for the first time. */
		take_types(module, &types);
	} while (is_waiting(&types));
	/* The last callback may have counted and not returned. */
	rcu_barrier();
}

static int rust_bpf_module_event(struct notifier_block *nb, unsigned long event, void *module)
{
	switch (event) {
	case MODULE_STATE_GOING:
		rust_bpf_helper_init_ends();
		wait_for_frees(module);
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
	/* Before that of kernel/bpf/btf.c, which lets programs use a module's BTF. */
	.priority = 1,
};

static int __init rust_bpf_init(void)
{
	return register_module_notifier(&module_notifier);
}
module_init(rust_bpf_init);

static void __exit rust_bpf_exit(void)
{
	unregister_module_notifier(&module_notifier);
	wait_for_callbacks();
	/* Of objects of this module itself, in KUnit suites. */
	wait_for_frees(THIS_MODULE);
}
module_exit(rust_bpf_exit);
