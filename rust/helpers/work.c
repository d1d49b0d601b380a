// SPDX-License-Identifier: GPL-2.0
/*
 * The workqueue for works that kfuncs start, and the wait for a work.
 */

#include <linux/completion.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/workqueue.h>

#include "helpers.h"

static struct workqueue_struct *queue;

void *rust_bpf_helper_work_queue(void)
{
	return queue;
}

/*
 * Waits for @done for at most that many milliseconds. Returns 0, -ETIMEDOUT, or
 * -EINTR if the thread gets a signal. Returns -EDEADLK if @done may wait for this
 * thread, and in an interrupt. May sleep.
 */
long rust_bpf_helper_wait(struct completion *done, u32 milliseconds)
{
	unsigned long limit = msecs_to_jiffies(min_t(u32, milliseconds, INT_MAX));
	long left;

	if (!in_task() || rust_bpf_is_in_gate_or_works())
		return -EDEADLK;
	left = wait_for_completion_interruptible_timeout(done, limit);
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

/* The init of the crate, in free.c, calls this function. */
int __init rust_bpf_work_init(void)
{
	/* A work may wait for a device for a long time; others must not wait for it. */
	queue = alloc_workqueue("rust_bpf", WQ_UNBOUND, 0);
	return queue ? 0 : -ENOMEM;
}

/* All works have ended. */
void rust_bpf_work_exit(void)
{
	destroy_workqueue(queue);
}
