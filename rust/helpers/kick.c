// SPDX-License-Identifier: GPL-2.0
/*
 * Interrupts (irq_work) that do what a program started in a context where it cannot be done.
 *
 * A program can start something at an event that the start causes: it traces hrtimer_start(),
 * the exit of an interrupt, or has a breakpoint there, which is an NMI for x86. Interrupts that
 * follow each other would leave no time for anything else. In such a program, interrupts are
 * off. So a CPU handles kicks with interrupts off in rounds, with a pause between them, and no
 * kick causes a round. The pause is the period of the tick, and a round is short, because
 * each of its kicks can lead to other interrupts, in which such programs run. Each round
 * begins with objects that were released there (free.c).
 *
 * Queues of works need no rounds: a queue that its thread has not taken is not kicked again.
 */

#include <linux/atomic.h>
#include <linux/cleanup.h>
#include <linux/cpu.h>
#include <linux/cpuhotplug.h>
#include <linux/delay.h>
#include <linux/errno.h>
#include <linux/hrtimer.h>
#include <linux/init.h>
#include <linux/irq_work.h>
#include <linux/irqflags.h>
#include <linux/jiffies.h>
#include <linux/llist.h>
#include <linux/percpu.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>
#include <linux/smp.h>

#include "helpers.h"

/* The largest number of kicks in a round. */
#define ROUND 8

/* The interrupts that have not ended. */
static atomic_t kicks;

/* The kicks with interrupts off on a CPU. */
static struct rounds {
	int cpu;
	/* Those that no round has seen, the last one first. */
	struct llist_head late;
	/* A round is to come. Whoever has set it has the following fields. */
	bool is_busy;
	/* Those that were too many for a round. */
	struct llist_node *rest;
	/* The first round, and the next ones. */
	struct irq_work work;
	struct hrtimer hrtimer;
} __percpu *rounds;

static enum cpuhp_state dead_state;

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
	kick->is_late = false;
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

/* Returns whether this CPU goes offline, where interrupts do not come any more. */
bool rust_bpf_is_offline(void)
{
	return cpu_is_offline(raw_smp_processor_id());
}

static void pause(struct rounds *here)
{
	hrtimer_start(&here->hrtimer, ns_to_ktime(TICK_NSEC), HRTIMER_MODE_REL_PINNED_HARD);
}

static bool is_idle(const struct rounds *here)
{
	return !here->rest && llist_empty(&here->late) && !rust_bpf_has_deferred(here->cpu);
}

/* A round: handles kicks in their order. In an interrupt. */
static void handle_round(struct rounds *here)
{
	struct rust_bpf_kick *kick;
	struct llist_node *node;
	int i;

	rust_bpf_free_deferred(here->cpu);
	/* Kicks that come meanwhile are for the next round. */
	if (!here->rest)
		here->rest = llist_reverse_order(llist_del_all(&here->late));
	for (i = 0; i < ROUND && here->rest; i++) {
		node = here->rest;
		here->rest = node->next;
		kick = llist_entry(node, struct rust_bpf_kick, late);
		/* Before the call: who sees true here has changed what it looks at before. */
		xchg(&kick->is_late, false);
		kick->func(kick);
		atomic_dec(&kicks);
	}
	pause(here);
}

static void first_round(struct irq_work *work)
{
	handle_round(container_of(work, struct rounds, work));
}

/* After a pause. On another CPU, if the CPU of the kicks is offline. */
static enum hrtimer_restart next_round(struct hrtimer *hrtimer)
{
	struct rounds *here = container_of(hrtimer, struct rounds, hrtimer);

	if (is_idle(here)) {
		xchg(&here->is_busy, false);
		/* Whoever adds something now sees false, or is seen here. */
		if (is_idle(here) || xchg(&here->is_busy, true))
			return HRTIMER_NORESTART;
	}
	handle_round(here);
	return HRTIMER_NORESTART;
}

/*
 * Does as rust_bpf_helper_kick(), but in rounds, where a kick can cause this one, and where
 * hrtimers can be started: not on a CPU that goes offline. May be called in any context.
 */
bool rust_bpf_helper_kick_in_rounds(struct rust_bpf_kick *kick)
{
	if ((!in_nmi() && !irqs_disabled()) || rust_bpf_is_offline())
		return rust_bpf_helper_kick(kick);
	if (xchg(&kick->is_late, true))
		return false;
	atomic_inc(&kicks);
	llist_add(&kick->late, this_cpu_ptr(&rounds->late));
	rust_bpf_request_round();
	return true;
}

/*
 * Makes this CPU handle a round, with what was added to its lists before. Preemption must be
 * off. Interrupts must come on this CPU: it must not go offline. Any context, NMI included.
 */
void rust_bpf_request_round(void)
{
	struct rounds *here = this_cpu_ptr(rounds);

	if (!xchg(&here->is_busy, true))
		irq_work_queue(&here->work);
}

/*
 * Kicks after a pause, and not at once. In a thread that no program runs in. The kick must not
 * be pending.
 */
void rust_bpf_kick_after_pause(struct rust_bpf_kick *kick)
{
	struct rounds *here;

	atomic_inc(&kicks);
	xchg(&kick->is_late, true);
	guard(irqsave)();
	here = this_cpu_ptr(rounds);
	llist_add(&kick->late, &here->late);
	if (!xchg(&here->is_busy, true))
		pause(here);
}

/* A CPU is offline. Its last programs may have added something, when no interrupt came. */
static int cpu_is_dead(unsigned int cpu)
{
	struct rounds *there = per_cpu_ptr(rounds, cpu);

	if (!is_idle(there) && !xchg(&there->is_busy, true))
		pause(there);
	return 0;
}

/* The init of the crate, in free.c, calls this function. */
int __init rust_bpf_kicks_init(void)
{
	struct rounds *here;
	int cpu, err;

	rounds = alloc_percpu(struct rounds);
	if (!rounds)
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		here = per_cpu_ptr(rounds, cpu);
		here->cpu = cpu;
		init_llist_head(&here->late);
		here->is_busy = false;
		here->rest = NULL;
		here->work = IRQ_WORK_INIT_HARD(first_round);
		hrtimer_setup(&here->hrtimer, next_round, CLOCK_MONOTONIC,
			      HRTIMER_MODE_REL_PINNED_HARD);
	}
	err = cpuhp_setup_state_nocalls(CPUHP_BP_PREPARE_DYN, "rust_bpf:dead", NULL, cpu_is_dead);
	if (err < 0) {
		free_percpu(rounds);
		return err;
	}
	dead_state = err;
	return 0;
}

/* Waits for all kicks. Nothing kicks any more. */
void rust_bpf_kicks_wait(void)
{
	while (atomic_read(&kicks))
		msleep(20);
	/* The last interrupt may not have returned. */
	synchronize_rcu();
}

/* Nothing kicks any more, nor defers the release of objects. */
void rust_bpf_kicks_exit(void)
{
	struct rounds *here;
	int cpu;

	cpuhp_remove_state_nocalls(dead_state);
	for_each_possible_cpu(cpu) {
		here = per_cpu_ptr(rounds, cpu);
		irq_work_sync(&here->work);
		hrtimer_cancel(&here->hrtimer);
	}
	free_percpu(rounds);
}
