// SPDX-License-Identifier: GPL-2.0
/*
 * Works that a task does before it returns to user mode.
 *
 * A task can be stopped, or wait in the kernel, for any time, and a module cannot take back a
 * task work. So the task has a task work of the crate, which has the work of the module until
 * it runs, or until the module is unloaded. The crate stays loaded as long as there is one.
 *
 * A program may start a work in any context, so an interrupt (irq_work) gives it to the task.
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

/* The largest number of works that have not ended. */
#define MAX_TASK_WORKS 4096

struct rust_bpf_task_work {
	struct callback_head head;
	struct rust_bpf_kick kick;
	struct list_head node;
	struct task_struct *task;
	/* NULL if the work begins, or if its module is unloaded. */
	struct rust_bpf_header *header;
	void (*func)(struct rust_bpf_header *header);
};

/* The works that tasks have. The lock protects the list and the headers. */
static LIST_HEAD(task_works);
static DEFINE_RAW_SPINLOCK(task_works_lock);

static atomic_t count;

static struct rust_bpf_header *take_header(struct rust_bpf_task_work *work)
{
	struct rust_bpf_header *header;

	guard(raw_spinlock_irqsave)(&task_works_lock);
	header = work->header;
	work->header = NULL;
	return header;
}

/* Releases what a work holds: the reference to its object, and its count. */
static void end_work(struct rust_bpf_header *header)
{
	struct rust_bpf_reclaim *reclaim = header->reclaim;

	rust_bpf_helper_object_put(header);
	rust_bpf_helper_work_ends(reclaim);
}

static void free_memory(struct callback_head *head)
{
	struct rust_bpf_task_work *work = container_of(head, struct rust_bpf_task_work, head);

	put_task_struct(work->task);
	kfree(work);
	atomic_dec(&count);
}

static void free_task_work(struct rust_bpf_task_work *work)
{
	struct rust_bpf_header *header = take_header(work);

	if (header)
		end_work(header);
	scoped_guard(raw_spinlock_irqsave, &task_works_lock)
		list_del(&work->node);
	/* The interrupt may not have returned, which uses the memory behind kicked(). */
	call_rcu(&work->head, free_memory);
	/* rust_bpf_task_works_exit() waits for the end of this function. */
	module_put(THIS_MODULE);
}

/* The task is going to return to user mode, or exits. */
static void run(struct callback_head *head)
{
	struct rust_bpf_task_work *work = container_of(head, struct rust_bpf_task_work, head);
	struct rust_bpf_header *header = take_header(work);
	struct rust_bpf_gate_user user;

	if (header) {
		/* A task that exits has no memory, no files and no namespaces any more. */
		if (!(current->flags & PF_EXITING)) {
			rust_bpf_helper_works_begin(&user);
			work->func(header);
			rust_bpf_helper_works_end(&user);
		}
		end_work(header);
	}
	free_task_work(work);
}

static void kicked(struct rust_bpf_kick *kick)
{
	struct rust_bpf_task_work *work = container_of(kick, struct rust_bpf_task_work, kick);

	scoped_guard(raw_spinlock_irqsave, &task_works_lock)
		list_add(&work->node, &task_works);
	init_task_work(&work->head, run);
	/* The task may have exited. */
	if (task_work_add(work->task, &work->head, TWA_RESUME))
		free_task_work(work);
}

/*
 * Allocates a task work for @task, and takes over a reference to the task. Returns 0;
 * -EINVAL, if the task has no user mode, or not yet; -EAGAIN, if there are too many works, or
 * if this CPU goes offline; -ENOMEM; or -ENODEV, if the crate is unloaded. May be called in
 * any context.
 */
int rust_bpf_helper_task_work_new(void *task, struct rust_bpf_task_work **new)
{
	struct rust_bpf_task_work *work;
	struct task_struct *p = task;
	int err = -EAGAIN;

	if (p->flags & (PF_KTHREAD | PF_USER_WORKER))
		return -EINVAL;
	/* A fork drops the works of the new task. */
	if (READ_ONCE(p->__state) == TASK_NEW)
		return -EINVAL;
	if (rust_bpf_is_offline())
		return -EAGAIN;
	if (!try_module_get(THIS_MODULE))
		return -ENODEV;
	if (atomic_inc_return(&count) > MAX_TASK_WORKS)
		goto err;
	err = -ENOMEM;
	work = kmalloc_nolock(sizeof(*work), __GFP_ZERO, NUMA_NO_NODE);
	if (!work)
		goto err;
	work->task = p;
	*new = work;
	return 0;
err:
	atomic_dec(&count);
	module_put(THIS_MODULE);
	return err;
}

/* Frees a task work that was not started. May be called in any context. */
void rust_bpf_helper_task_work_free(struct rust_bpf_task_work *work)
{
	rust_bpf_helper_put_task(work->task);
	kfree_nolock(work);
	atomic_dec(&count);
	module_put(THIS_MODULE);
}

/*
 * Makes the task call @func with @header before it returns to user mode. If it exits before,
 * nobody calls @func. Takes over the task work, a reference to the object and a count of
 * rust_bpf_helper_work_begins(). May be called in any context.
 */
void rust_bpf_helper_task_work_start(struct rust_bpf_task_work *work,
				     struct rust_bpf_header *header,
				     void (*func)(struct rust_bpf_header *header))
{
	work->header = header;
	work->func = func;
	rust_bpf_helper_kick_init(&work->kick, kicked);
	rust_bpf_helper_kick_in_rounds(&work->kick);
}

/* Takes the works of @module from the tasks, which is unloaded. */
void rust_bpf_task_works_stop(const struct module *module)
{
	struct rust_bpf_task_work *work;

	guard(raw_spinlock_irqsave)(&task_works_lock);
	list_for_each_entry(work, &task_works, node) {
		if (!work->header || !within_module((unsigned long)work->header->reclaim, module))
			continue;
		end_work(work->header);
		work->header = NULL;
	}
}

/* There are no works. The last one may not have returned to the task. */
void rust_bpf_task_works_exit(void)
{
	synchronize_rcu_tasks();
}
