// SPDX-License-Identifier: GPL-2.0
/*
 * Timers, whose expiry makes a thread, or a softirq, make the call of an object.
 *
 * A program may start a timer in any context: in an NMI, or while it has interrupted the
 * code of hrtimers. So a start only changes the state of the timer, a word, and an
 * interrupt (irq_work) sets the hrtimer to it. Nothing of that needs memory. The states:
 *
 * - 0: the timer is not armed;
 * - t > 0: it is armed, and expires at the time t of CLOCK_MONOTONIC, in nanoseconds;
 * - -t < 0: it has expired, and the thread or the softirq has not begun the call.
 *
 * Each change of the state is one atomic operation, so each start leads to one call, or is
 * replaced by another start, or is cancelled. The hrtimer may be set to an older state: if
 * it fires too early, it is set again; each later state sets it as well.
 *
 * An armed timer has no reference to its object. When the last reference is released, the
 * RCU callback that drops the value stops the hrtimer. An object can be leaked, so the
 * unload of the module of its type stops the hrtimers of such objects; their list is for
 * that.
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/preempt.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "helpers.h"

/* The timers with an hrtimer. No program takes the lock: interrupts are off in it. */
static LIST_HEAD(timers);
static DEFINE_RAW_SPINLOCK(timers_lock);

/* Makes the calls in softirqs: a workqueue without threads. */
static struct workqueue_struct *softirqs;

/* Makes the call, later. In an interrupt. */
static void queue_call(struct rust_bpf_timer *timer)
{
	struct rust_bpf_header *header = timer->header;
	struct rust_bpf_reclaim *reclaim = header->reclaim;
	struct workqueue_struct *queue;

	if (!rust_bpf_helper_work_begins(reclaim))
		return;
	queue = timer->in_softirq ? softirqs : rust_bpf_helper_work_queue();
	/* Without a reference, the RCU callback is going to stop the hrtimer. */
	if (refcount_inc_not_zero(&header->refs)) {
		if (queue_work(queue, &timer->work))
			return;
		/* The call that is queued sees the new state. */
		rust_bpf_helper_object_put(header);
	}
	rust_bpf_helper_work_ends(reclaim);
}

/* Sets the hrtimer to the state. The lock keeps an older state from being set last. */
static void set_hrtimer(struct rust_bpf_timer *timer)
{
	s64 state;

	guard(raw_spinlock_irqsave)(&timer->lock);
	if (timer->is_dropped)
		return;
	state = atomic64_read(&timer->state);
	WRITE_ONCE(timer->set, state);
	if (state > 0)
		hrtimer_start_range_ns(&timer->hrtimer, ns_to_ktime(state), timer->slack,
				       HRTIMER_MODE_ABS_HARD);
	else
		hrtimer_try_to_cancel(&timer->hrtimer);
}

static enum hrtimer_restart expired(struct hrtimer *hrtimer)
{
	struct rust_bpf_timer *timer = container_of(hrtimer, struct rust_bpf_timer, hrtimer);
	s64 state = atomic64_read(&timer->state);

	if (state > 0 && state <= ktime_get_ns()) {
		/* If the state changes meanwhile, what changes it sets the hrtimer. */
		if (atomic64_try_cmpxchg(&timer->state, &state, -state))
			queue_call(timer);
	} else if (state > 0 && state == READ_ONCE(timer->set)) {
		/* The hrtimer fired before its time. Otherwise, a start comes, as above. */
		set_hrtimer(timer);
	}
	return HRTIMER_NORESTART;
}

/*
 * Takes the right to make the call that is queued. A timer that repeats is armed again only
 * here, so that it makes no more interrupts than calls.
 */
static bool take_call(struct rust_bpf_timer *timer)
{
	s64 state = atomic64_read(&timer->state);
	u64 now = ktime_get_ns(), missed = 0;
	s64 next = 0;

	if (state >= 0)
		return false;
	if (timer->period) {
		missed = div64_u64(now + state, timer->period);
		next = min_t(u64, -state + (missed + 1) * timer->period, KTIME_MAX);
	}
	/* Otherwise, the timer was cancelled or started, and may have expired again. */
	if (!atomic64_try_cmpxchg(&timer->state, &state, next))
		return false;
	if (next) {
		atomic64_add(missed, &timer->missed);
		set_hrtimer(timer);
	}
	return true;
}

static void run(struct work_struct *work)
{
	struct rust_bpf_timer *timer = container_of(work, struct rust_bpf_timer, work);
	struct rust_bpf_header *header = timer->header;
	struct rust_bpf_reclaim *reclaim = header->reclaim;
	struct rust_bpf_gate_user user;

	/* In a softirq, nothing waits, so it needs no record of this task. */
	if (!timer->in_softirq)
		rust_bpf_helper_works_begin(&user);
	/* Who cancels before take_call() waits for no call; who does so after it sees this. */
	atomic_inc_return(&timer->begun);
	if (take_call(timer))
		timer->func(header);
	atomic_inc_return_release(&timer->ended);
	wake_up_all(&timer->idle);
	if (!timer->in_softirq)
		rust_bpf_helper_works_end(&user);
	rust_bpf_helper_object_put(header);
	rust_bpf_helper_work_ends(reclaim);
}

/* Sets the hrtimer after a start, which has counted a reference and a work. In an interrupt. */
static void kicked(struct rust_bpf_kick *kick)
{
	struct rust_bpf_timer *timer = container_of(kick, struct rust_bpf_timer, kick);
	struct rust_bpf_header *header = timer->header;
	struct rust_bpf_reclaim *reclaim = header->reclaim;

	scoped_guard(raw_spinlock, &timers_lock) {
		if (list_empty(&timer->node)) {
			/* Not in rust_bpf_helper_timer_init(), which may run in an NMI. */
			hrtimer_setup(&timer->hrtimer, expired, CLOCK_MONOTONIC,
				      HRTIMER_MODE_ABS_HARD);
			/* Two classes of locks for lockdep: in softirqs, and with softirqs on. */
			if (timer->in_softirq)
				INIT_WORK(&timer->work, run);
			else
				INIT_WORK(&timer->work, run);
			list_add(&timer->node, &timers);
		}
	}
	set_hrtimer(timer);
	rust_bpf_helper_object_put(header);
	rust_bpf_helper_work_ends(reclaim);
}

/*
 * @func makes the call of an object with this header, in a softirq or in a thread. @period and
 * @slack are nanoseconds; a @period of 0 is for a timer that does not repeat. May be called in
 * any context.
 */
void rust_bpf_helper_timer_init(struct rust_bpf_timer *timer,
				void (*func)(struct rust_bpf_header *header), bool in_softirq,
				u64 period, u64 slack)
{
	atomic64_set(&timer->state, 0);
	atomic64_set(&timer->missed, 0);
	atomic_set(&timer->begun, 0);
	atomic_set(&timer->ended, 0);
	timer->period = min_t(u64, period, KTIME_MAX);
	timer->slack = min_t(u64, slack, KTIME_MAX);
	timer->func = func;
	timer->in_softirq = in_softirq;
	timer->header = NULL;
	timer->is_dropped = false;
	timer->set = 0;
	raw_spin_lock_init(&timer->lock);
	INIT_LIST_HEAD(&timer->node);
	init_waitqueue_head(&timer->idle);
	rust_bpf_helper_kick_init(&timer->kick, kicked);
}

/* Returns whether the calls are in softirqs. May be called in any context. */
bool rust_bpf_helper_timer_in_softirq(const struct rust_bpf_timer *timer)
{
	return timer->in_softirq;
}

/* Returns the time of CLOCK_MONOTONIC in nanoseconds. May be called in any context. */
u64 rust_bpf_helper_timer_now(void)
{
	return ktime_get_mono_fast_ns();
}

/*
 * Arms the timer, which is in the object with @header, for the time @at in nanoseconds. The
 * caller has a reference to the object. Returns 1 if that replaces a call that has not
 * begun, otherwise 0; -ENODEV if the module of the type is unloaded, or -EAGAIN if this CPU
 * goes offline, where interrupts do not come any more. May be called in any context.
 */
int rust_bpf_helper_timer_start(struct rust_bpf_timer *timer, struct rust_bpf_header *header,
				u64 at)
{
	bool replaced;

	if (rust_bpf_is_offline())
		return -EAGAIN;
	/* Counts the interrupt. */
	if (!rust_bpf_helper_work_begins(header->reclaim))
		return -ENODEV;
	WRITE_ONCE(timer->header, header);
	replaced = atomic64_xchg(&timer->state, clamp_t(u64, at, 1, KTIME_MAX));
	refcount_inc(&header->refs);
	if (!rust_bpf_helper_kick_in_rounds(&timer->kick)) {
		/* The other interrupt sees the new state. */
		rust_bpf_helper_object_put(header);
		rust_bpf_helper_work_ends(header->reclaim);
	}
	return replaced;
}

/*
 * Returns whether there was a call that had not begun. The hrtimer stays, and finds nothing
 * to do. May be called in any context.
 */
bool rust_bpf_helper_timer_cancel(struct rust_bpf_timer *timer)
{
	return atomic64_xchg(&timer->state, 0);
}

/* Returns how many periods have passed without a call. May be called in any context. */
u64 rust_bpf_helper_timer_missed(const struct rust_bpf_timer *timer)
{
	return atomic64_read(&timer->missed);
}

/*
 * Waits for a call that has begun, as rust_bpf_helper_wait() does. May sleep.
 */
long rust_bpf_helper_timer_wait(struct rust_bpf_timer *timer, u32 milliseconds)
{
	unsigned long limit = msecs_to_jiffies(min_t(u32, milliseconds, INT_MAX));
	int begun = atomic_read(&timer->begun);
	long left;

	if (atomic_read_acquire(&timer->ended) - begun >= 0)
		return 0;
	if (!in_task() || rust_bpf_is_in_gate_or_works())
		return -EDEADLK;
	left = wait_event_interruptible_timeout(timer->idle,
						atomic_read_acquire(&timer->ended) - begun >= 0,
						limit);
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

/*
 * Stops the hrtimer, for ever. Any context, if the timer was not started. Otherwise, not in an
 * NMI, and not in a program: the object has no reference.
 */
void rust_bpf_helper_timer_drop(struct rust_bpf_timer *timer)
{
	/* Only starts put it into the list, and it is in the list until here. */
	if (list_empty(&timer->node))
		return;
	scoped_guard(raw_spinlock_irqsave, &timer->lock)
		timer->is_dropped = true;
	scoped_guard(raw_spinlock_irqsave, &timers_lock)
		list_del_init(&timer->node);
	/* Without the lock: programs that trace the expiry may run on another CPU now. */
	hrtimer_cancel(&timer->hrtimer);
}

static struct rust_bpf_timer *take_timer_of(const struct module *module)
{
	struct rust_bpf_timer *timer;

	guard(raw_spinlock_irqsave)(&timers_lock);
	list_for_each_entry(timer, &timers, node) {
		if (!within_module((unsigned long)timer->header->reclaim, module))
			continue;
		list_del_init(&timer->node);
		return timer;
	}
	return NULL;
}

/*
 * Stops the hrtimers of objects of @module that were leaked. Its programs, works and
 * callbacks have ended, so nothing starts a timer, and nothing drops one.
 */
void rust_bpf_timers_stop(const struct module *module)
{
	struct rust_bpf_timer *timer;

	while ((timer = take_timer_of(module)))
		hrtimer_cancel(&timer->hrtimer);
}

/* The init of the crate, in free.c, calls this function. */
int __init rust_bpf_timers_init(void)
{
	softirqs = alloc_workqueue("rust_bpf_softirq", WQ_BH | WQ_PERCPU, 0);
	return softirqs ? 0 : -ENOMEM;
}

/* All calls have ended. */
void rust_bpf_timers_exit(void)
{
	destroy_workqueue(softirqs);
}
