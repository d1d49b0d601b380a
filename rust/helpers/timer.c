// SPDX-License-Identifier: GPL-2.0
/*
 * Timers, whose expiry makes a thread run the work of an object.
 *
 * A program may start a timer in any context: in an NMI, or while it has interrupted the
 * code of hrtimers. So a start only changes the state of the timer, a word, and an
 * interrupt (irq_work) sets the hrtimer to it. Nothing of that needs memory. The states:
 *
 * - 0: the timer is not armed;
 * - t > 0: it is armed, and expires at the time t of CLOCK_MONOTONIC, in nanoseconds;
 * - -t < 0: it has expired, and the thread has not begun the call.
 *
 * Each change of the state is one atomic operation, so each start leads to one call, or is
 * replaced by another start, or is cancelled. The hrtimer may be set to an older state: if
 * it fires too early, it is set again; each later state sets it as well.
 *
 * A program can start a timer at an event that a start causes: it traces hrtimer_start(). The
 * interrupts would follow each other without an end. So a CPU has a limit on them, and starts
 * beyond it are late: an hrtimer of the CPU handles them.
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
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/limits.h>
#include <linux/list.h>
#include <linux/llist.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/module.h>
#include <linux/percpu.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "helpers.h"

/* In that time, in nanoseconds, a CPU handles that many starts. */
#define PERIOD (4 * NSEC_PER_MSEC)
#define MAX_STARTS 50

static struct starts {
	/* The start of the period, and the number of starts that were handled since. */
	u64 since;
	u32 count;
	/* The timers whose starts are late. If the count is MAX_STARTS, the hrtimer is set. */
	struct llist_head late;
	struct hrtimer hrtimer;
} __percpu *starts;

/* The timers with an hrtimer. No program takes the lock: interrupts are off in it. */
static LIST_HEAD(timers);
static DEFINE_RAW_SPINLOCK(timers_lock);

/* Makes the thread run. In an interrupt. */
static void wake_thread(struct rust_bpf_timer *timer)
{
	struct rust_bpf_header *header = timer->header;
	struct rust_bpf_reclaim *reclaim = header->reclaim;

	if (!rust_bpf_helper_work_begins(reclaim))
		return;
	/* Without a reference, the RCU callback is going to stop the hrtimer. */
	if (refcount_inc_not_zero(&header->refs)) {
		if (queue_work(rust_bpf_helper_work_queue(), &timer->work))
			return;
		/* The thread that is going to run sees the new state. */
		rust_bpf_helper_object_put(header);
	}
	rust_bpf_helper_work_ends(reclaim);
}

/* Sets the hrtimer to the state. The lock keeps an older state from being set last. */
static void set_hrtimer(struct rust_bpf_timer *timer)
{
	s64 state;

	guard(raw_spinlock_irqsave)(&timer->lock);
	state = atomic64_read(&timer->state);
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

	if (state > ktime_get_ns())
		set_hrtimer(timer);
	/* If the state changes meanwhile, what changes it sets the hrtimer. */
	else if (state > 0 && atomic64_try_cmpxchg(&timer->state, &state, -state))
		wake_thread(timer);
	return HRTIMER_NORESTART;
}

/*
 * Takes the right to make the call for which the thread was woken. A timer that repeats is
 * armed again only here, so that it makes no interrupts that the thread cannot keep up with.
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

	rust_bpf_helper_works_begin(&user);
	/* Who cancels before take_call() waits for no call; who does so after it sees this. */
	atomic_inc_return(&timer->begun);
	if (take_call(timer))
		timer->func(header);
	atomic_inc_return_release(&timer->ended);
	wake_up_all(&timer->idle);
	rust_bpf_helper_works_end(&user);
	rust_bpf_helper_object_put(header);
	rust_bpf_helper_work_ends(reclaim);
}

/* Sets the hrtimer after a start, which has counted a reference and a work. In an interrupt. */
static void handle_start(struct rust_bpf_timer *timer)
{
	struct rust_bpf_header *header = timer->header;
	struct rust_bpf_reclaim *reclaim = header->reclaim;

	scoped_guard(raw_spinlock, &timers_lock) {
		if (list_empty(&timer->node)) {
			/* Not in rust_bpf_helper_timer_init(), which may run in an NMI. */
			hrtimer_setup(&timer->hrtimer, expired, CLOCK_MONOTONIC,
				      HRTIMER_MODE_ABS_HARD);
			INIT_WORK(&timer->work, run);
			list_add(&timer->node, &timers);
		}
	}
	set_hrtimer(timer);
	rust_bpf_helper_object_put(header);
	rust_bpf_helper_work_ends(reclaim);
}

/* The interrupt after a start. */
static void kicked(struct rust_bpf_kick *kick)
{
	struct starts *here = this_cpu_ptr(starts);
	u64 now = ktime_get_ns();

	if (here->count < MAX_STARTS && now - here->since >= PERIOD) {
		here->since = now;
		here->count = 0;
	}
	/* From MAX_STARTS on, another interrupt is rare: from a start that began before. */
	if (here->count < MAX_STARTS && ++here->count == MAX_STARTS)
		hrtimer_start(&here->hrtimer, ns_to_ktime(here->since + PERIOD),
			      HRTIMER_MODE_ABS_PINNED_HARD);
	handle_start(container_of(kick, struct rust_bpf_timer, kick));
}

/* Handles the starts that are late, and begins a new period. */
static enum hrtimer_restart handle_late(struct hrtimer *hrtimer)
{
	struct starts *here = container_of(hrtimer, struct starts, hrtimer);
	struct rust_bpf_timer *timer;
	struct llist_node *node, *next;
	u32 count = 0;

	here->since = ktime_get_ns();
	/* Before the list is taken: an NMI that sees MAX_STARTS adds its start to the list. */
	WRITE_ONCE(here->count, 0);
	barrier();
	llist_for_each_safe(node, next, llist_del_all(&here->late)) {
		if (count++ < MAX_STARTS) {
			timer = llist_entry(node, struct rust_bpf_timer, late);
			/* Before the state is read: who sees true here has changed it before. */
			xchg(&timer->is_late, false);
			handle_start(timer);
		} else {
			llist_add(node, &here->late);
		}
	}
	if (count < MAX_STARTS)
		return HRTIMER_NORESTART;
	WRITE_ONCE(here->count, MAX_STARTS);
	hrtimer_set_expires(hrtimer, ns_to_ktime(here->since + PERIOD));
	return HRTIMER_RESTART;
}

/*
 * Makes an interrupt handle a start, at once or later. Returns false if an interrupt that has
 * not come yet is going to handle it.
 */
static bool kick_timer(struct rust_bpf_timer *timer)
{
	struct starts *here;

	/* The hrtimer of this CPU cannot come between the look at the count and the list. */
	guard(irqsave)();
	here = this_cpu_ptr(starts);
	if (READ_ONCE(here->count) < MAX_STARTS)
		return rust_bpf_helper_kick(&timer->kick);
	if (xchg(&timer->is_late, true))
		return false;
	llist_add(&timer->late, &here->late);
	return true;
}

/*
 * @func does the work of an object with this header. @period and @slack are nanoseconds; a
 * @period of 0 is for a timer that does not repeat. May be called in any context.
 */
void rust_bpf_helper_timer_init(struct rust_bpf_timer *timer,
				void (*func)(struct rust_bpf_header *header), u64 period,
				u64 slack)
{
	atomic64_set(&timer->state, 0);
	atomic64_set(&timer->missed, 0);
	atomic_set(&timer->begun, 0);
	atomic_set(&timer->ended, 0);
	timer->period = min_t(u64, period, KTIME_MAX);
	timer->slack = min_t(u64, slack, KTIME_MAX);
	timer->func = func;
	timer->header = NULL;
	timer->is_late = false;
	raw_spin_lock_init(&timer->lock);
	INIT_LIST_HEAD(&timer->node);
	init_waitqueue_head(&timer->idle);
	rust_bpf_helper_kick_init(&timer->kick, kicked);
}

/* Returns the time of CLOCK_MONOTONIC in nanoseconds. May be called in any context. */
u64 rust_bpf_helper_timer_now(void)
{
	return ktime_get_mono_fast_ns();
}

/*
 * Arms the timer, which is in the object with @header, for the time @at in nanoseconds. The
 * caller has a reference to the object. Returns 1 if that replaces a call that has not
 * begun, otherwise 0, or -ENODEV if the module of the type is unloaded. May be called in
 * any context.
 */
int rust_bpf_helper_timer_start(struct rust_bpf_timer *timer, struct rust_bpf_header *header,
				u64 at)
{
	bool replaced;

	/* Counts the interrupt. */
	if (!rust_bpf_helper_work_begins(header->reclaim))
		return -ENODEV;
	WRITE_ONCE(timer->header, header);
	replaced = atomic64_xchg(&timer->state, clamp_t(u64, at, 1, KTIME_MAX));
	refcount_inc(&header->refs);
	if (!kick_timer(timer)) {
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
	if (rust_bpf_is_in_gate_or_works())
		return -EDEADLK;
	left = wait_event_interruptible_timeout(timer->idle,
						atomic_read_acquire(&timer->ended) - begun >= 0,
						limit);
	if (left < 0)
		return -EINTR;
	return left ? 0 : -ETIMEDOUT;
}

/*
 * Stops the hrtimer, for ever. The object has no reference, so no interrupt, and no thread,
 * is going to use the timer. Not in an NMI.
 */
void rust_bpf_helper_timer_drop(struct rust_bpf_timer *timer)
{
	guard(raw_spinlock_irqsave)(&timers_lock);
	if (list_empty(&timer->node))
		return;
	list_del(&timer->node);
	/* expired() does not take timers_lock, and does not run on this CPU. */
	hrtimer_cancel(&timer->hrtimer);
}

/*
 * Stops the hrtimers of objects of @module that were leaked. Its programs, works and
 * callbacks have ended, so nothing starts a timer.
 */
void rust_bpf_timers_stop(const struct module *module)
{
	struct rust_bpf_timer *timer, *next;

	guard(raw_spinlock_irqsave)(&timers_lock);
	list_for_each_entry_safe(timer, next, &timers, node) {
		if (!within_module((unsigned long)timer->header->reclaim, module))
			continue;
		list_del_init(&timer->node);
		hrtimer_cancel(&timer->hrtimer);
	}
}

/* The init of the crate, in free.c, calls this function. */
int __init rust_bpf_timers_init(void)
{
	struct starts *here;
	int cpu;

	starts = alloc_percpu(struct starts);
	if (!starts)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		here = per_cpu_ptr(starts, cpu);
		init_llist_head(&here->late);
		hrtimer_setup(&here->hrtimer, handle_late, CLOCK_MONOTONIC,
			      HRTIMER_MODE_ABS_PINNED_HARD);
	}
	return 0;
}

/* All starts were handled. */
void rust_bpf_timers_exit(void)
{
	int cpu;

	for_each_possible_cpu(cpu)
		hrtimer_cancel(&per_cpu_ptr(starts, cpu)->hrtimer);
	free_percpu(starts);
}
