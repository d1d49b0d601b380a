// SPDX-License-Identifier: GPL-2.0
/*
 * Works that a task does before it returns to user mode.
 *
 * A task can be stopped, or wait in the kernel, for any time, and a module cannot take back a
 * task work. So the task has a task work of the crate, which has the work of the module until
 * it runs, or until the module is unloaded. The crate stays loaded as long as there is one.
 *
 * A program may start a work in any context, so an interrupt (irq_work) gives it to the task.
 *
 * A task does all works that it gets while it does works before it returns to user mode or
 * looks at signals. A work that starts the next one would keep it there for ever. So a work
 * for a task that does one waits until that has ended, and then for a tick, in which the task
 * gets to user mode.
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/task_work.h>

#include "helpers.h"

/* The largest number of works of a type that tasks have. */
#define MAX_TASK_WORKS 4096

struct rust_bpf_task_work {
	struct callback_head head;
	struct rust_bpf_kick kick;
	struct list_head node;
	/* Works for the task that wait until this one has ended, or that it takes along. */
	struct list_head later;
	struct task_struct *task;
	/* NULL if the work begins, or if its module is unloaded. */
	struct rust_bpf_header *header;
	void (*run)(struct rust_bpf_header *header);
	void (*skip)(struct rust_bpf_header *header);
};

/*
 * The works that tasks have, and those that tasks do. The lock protects all lists, and the
 * headers. No program takes it: interrupts are off in it.
 */
static LIST_HEAD(task_works);
static LIST_HEAD(running);
static DEFINE_RAW_SPINLOCK(task_works_lock);

/* Releases what a work holds: the reference to its object, and its counts. */
static void end_work(struct rust_bpf_header *header)
{
	struct rust_bpf_reclaim *reclaim = header->reclaim;

	atomic_dec(&reclaim->task_works);
	rust_bpf_helper_object_put(header);
	rust_bpf_helper_work_ends(reclaim);
}

static void free_memory(struct callback_head *head)
{
	struct rust_bpf_task_work *work = container_of(head, struct rust_bpf_task_work, head);

	put_task_struct(work->task);
	kfree(work);
}

/* Frees a work that is in no list. */
static void free_task_work(struct rust_bpf_task_work *work)
{
	/* The interrupt may not have returned, which uses the memory behind kicked(). */
	rust_bpf_call_rcu(&work->head, free_memory);
	/* rust_bpf_task_works_exit() waits for the end of this function. */
	module_put(THIS_MODULE);
}

/* The works that waited for the end of @work get to their task after a pause, all at once. */
static void kick_later(struct rust_bpf_task_work *work)
{
	struct rust_bpf_task_work *first;

	first = list_first_entry_or_null(&work->later, struct rust_bpf_task_work, node);
	if (!first)
		return;
	list_del(&first->node);
	list_splice(&work->later, &first->later);
	rust_bpf_kick_after_pause(&first->kick);
}

/* The task is going to return to user mode, or exits. */
static void run(struct callback_head *head)
{
	struct rust_bpf_task_work *work = container_of(head, struct rust_bpf_task_work, head);
	struct rust_bpf_header *header;
	struct rust_bpf_gate_user user;

	scoped_guard(raw_spinlock_irqsave, &task_works_lock) {
		header = work->header;
		work->header = NULL;
		list_move(&work->node, &running);
	}
	if (header) {
		/* A task that exits has no memory, no files and no namespaces any more. */
		if (current->flags & PF_EXITING) {
			work->skip(header);
		} else {
			rust_bpf_helper_works_begin(&user);
			work->run(header);
			rust_bpf_helper_works_end(&user);
		}
		end_work(header);
	}
	scoped_guard(raw_spinlock_irqsave, &task_works_lock)
		list_del(&work->node);
	kick_later(work);
	free_task_work(work);
}

/* The task has exited. In an interrupt. */
static void skip(struct rust_bpf_task_work *work)
{
	struct rust_bpf_header *header;

	scoped_guard(raw_spinlock_irqsave, &task_works_lock) {
		header = work->header;
		work->header = NULL;
		list_del(&work->node);
	}
	if (header) {
		work->skip(header);
		end_work(header);
	}
	free_task_work(work);
}

static void give_to_task(struct rust_bpf_task_work *work)
{
	scoped_guard(raw_spinlock_irqsave, &task_works_lock)
		list_move(&work->node, &task_works);
	init_task_work(&work->head, run);
	if (task_work_add(work->task, &work->head, TWA_RESUME))
		skip(work);
}

static void kicked(struct rust_bpf_kick *kick)
{
	struct rust_bpf_task_work *work = container_of(kick, struct rust_bpf_task_work, kick);
	struct rust_bpf_task_work *other;
	LIST_HEAD(works);

	list_splice_init(&work->later, &works);
	list_add(&work->node, &works);
	scoped_guard(raw_spinlock_irqsave, &task_works_lock) {
		list_for_each_entry(other, &running, node) {
			if (other->task != work->task)
				continue;
			list_splice_tail(&works, &other->later);
			return;
		}
	}
	list_for_each_entry_safe(work, other, &works, node)
		give_to_task(work);
}

static int count_work(struct task_struct *task, struct rust_bpf_reclaim *reclaim)
{
	if (task->flags & (PF_KTHREAD | PF_USER_WORKER))
		return -EINVAL;
	/* A fork drops the works of the new task. */
	if (READ_ONCE(task->__state) == TASK_NEW)
		return -EINVAL;
	if (task->flags & PF_EXITING)
		return -ESRCH;
	if (rust_bpf_is_offline())
		return -EAGAIN;
	if (atomic_inc_return(&reclaim->task_works) <= MAX_TASK_WORKS)
		return 0;
	atomic_dec(&reclaim->task_works);
	return -EAGAIN;
}

/*
 * Allocates a task work for @task, and takes over a reference to the task. Returns 0;
 * -EINVAL, if the task has no user mode, or not yet; -ESRCH, if it exits; -EAGAIN, if tasks
 * have too many works of this type, or if this CPU goes offline; -ENOMEM; or -ENODEV, if the
 * crate is unloaded. May be called in any context.
 */
int rust_bpf_helper_task_work_new(void *task, struct rust_bpf_reclaim *reclaim,
				  struct rust_bpf_task_work **new)
{
	struct rust_bpf_task_work *work;
	int err = count_work(task, reclaim);

	if (err)
		return err;
	err = -ENODEV;
	if (!try_module_get(THIS_MODULE))
		goto dec;
	err = -ENOMEM;
	work = kmalloc_nolock(sizeof(*work), __GFP_ZERO, NUMA_NO_NODE);
	if (!work)
		goto put;
	work->task = task;
	INIT_LIST_HEAD(&work->later);
	*new = work;
	return 0;
put:
	module_put(THIS_MODULE);
dec:
	atomic_dec(&reclaim->task_works);
	return err;
}

/* Frees a task work that was not started. May be called in any context. */
void rust_bpf_helper_task_work_free(struct rust_bpf_task_work *work,
				    struct rust_bpf_reclaim *reclaim)
{
	atomic_dec(&reclaim->task_works);
	free_task_work(work);
}

/*
 * Makes the task call @run with @header before it returns to user mode. If it exits before,
 * @skip is called instead, by the task or in an interrupt. If the module is unloaded before,
 * nothing is called. Takes over the task work, a reference to the object and a count of
 * rust_bpf_helper_work_begins(). May be called in any context.
 */
void rust_bpf_helper_task_work_start(struct rust_bpf_task_work *work,
				     struct rust_bpf_header *header,
				     void (*run)(struct rust_bpf_header *header),
				     void (*skip)(struct rust_bpf_header *header))
{
	work->header = header;
	work->run = run;
	work->skip = skip;
	rust_bpf_helper_kick_init(&work->kick, kicked);
	rust_bpf_helper_kick_in_rounds(&work->kick);
}

static void take_works(const struct list_head *works, const struct module *module)
{
	struct rust_bpf_task_work *work;

	list_for_each_entry(work, works, node) {
		if (!work->header || !within_module((unsigned long)work->header->reclaim, module))
			continue;
		end_work(work->header);
		work->header = NULL;
	}
}

/* Takes the works of @module, which is unloaded, from the tasks. */
void rust_bpf_task_works_stop(const struct module *module)
{
	struct rust_bpf_task_work *work;

	guard(raw_spinlock_irqsave)(&task_works_lock);
	take_works(&task_works, module);
	list_for_each_entry(work, &running, node)
		take_works(&work->later, module);
}

/* There are no works. The last one may not have returned to the task. */
void rust_bpf_task_works_exit(void)
{
	synchronize_rcu_tasks();
}
