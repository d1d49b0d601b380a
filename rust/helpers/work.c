// SPDX-License-Identifier: GPL-2.0
/*
 * The workqueue for works that kfuncs start, the interrupt that wakes its threads, and
 * the wait for a work.
 */

#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/workqueue.h>

#include "helpers.h"

static struct workqueue_struct *queue;

/* The interrupts that have not ended. */
static atomic_t kicks;

void *rust_bpf_helper_work_queue(void)
{
	return queue;
}

static void kicked(struct irq_work *work)
{
	struct rust_bpf_kick *kick = container_of(work, struct rust_bpf_kick, work);

	kick->func(kick);
	atomic_dec(&kicks);
}

void rust_bpf_helper_kick_init(struct rust_bpf_kick *kick,
			       void (*func)(struct rust_bpf_kick *kick))
{
	/* A hard interrupt, in which RCU frees nothing, on all kernels. */
	kick->work = IRQ_WORK_INIT_HARD(kicked);
	kick->func = func;
}

/*
 * Calls @kick->func in an interrupt. Returns false if that is going to happen already.
 * May be called in any context.
 */
bool rust_bpf_helper_kick(struct rust_bpf_kick *kick)
{
	atomic_inc(&kicks);
	if (irq_work_queue(&kick->work))
		return true;
	atomic_dec(&kicks);
	return false;
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
	while (atomic_read(&kicks))
		msleep(20);
	/* The last interrupt may not have returned. */
	synchronize_rcu();
	destroy_workqueue(queue);
}
