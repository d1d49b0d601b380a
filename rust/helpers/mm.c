// SPDX-License-Identifier: GPL-2.0
/*
 * Address spaces whose areas a program holds.
 */

#include <linux/delay.h>
#include <linux/irqflags.h>
#include <linux/mmap_lock.h>
#include <linux/rcupdate.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "helpers.h"

/* A reference to an address space, which can be put in any context. */
struct rust_bpf_mm {
	struct mm_struct *mm;
	struct rust_bpf_kick kick;
	struct rcu_head rcu;
};

/*
 * The address space of a task; NULL if it has none, or if its lock is held, or without memory.
 * This CPU may hold alloc_lock, so the function does not wait for it. Not with interrupts off.
 */
struct rust_bpf_mm *rust_bpf_helper_task_mm(struct task_struct *task)
{
	struct rust_bpf_mm *held;

	if (irqs_disabled())
		return NULL;
	held = kmalloc_nolock(sizeof(*held), 0, NUMA_NO_NODE);
	if (!held)
		return NULL;
	held->mm = NULL;
	if (spin_trylock(&task->alloc_lock)) {
		held->mm = task->flags & PF_KTHREAD ? NULL : task->mm;
		if (held->mm)
			mmget(held->mm);
		spin_unlock(&task->alloc_lock);
	}
	if (!held->mm) {
		kfree_nolock(held);
		return NULL;
	}
	return held;
}

static void put_mm(struct rust_bpf_kick *kick)
{
	struct rust_bpf_mm *held = container_of(kick, struct rust_bpf_mm, kick);

	mmput_async(held->mm);
	kfree_rcu(held, rcu);
}

/*
 * In any context. The last reference is put by a workqueue, whose locks this CPU may hold if
 * interrupts are off.
 */
void rust_bpf_helper_put_mm(struct rust_bpf_mm *held)
{
	rust_bpf_helper_kick_init(&held->kick, put_mm);
	if (irqs_disabled())
		rust_bpf_helper_kick(&held->kick);
	else
		put_mm(&held->kick);
}

/*
 * Finds the first area that ends behind an address, and returns it with mmap_lock held for
 * reading. Returns NULL, without the lock, if there is none, or if another task has held the lock
 * for 100 ms. The function does not wait longer, because the program may run in a task that holds
 * the lock for writing.
 */
struct vm_area_struct *rust_bpf_helper_lock_vma(struct rust_bpf_mm *held, unsigned long addr)
{
	struct mm_struct *mm = held->mm;
	struct vm_area_struct *vma;
	int tries = 100;

	while (!mmap_read_trylock(mm)) {
		if (!tries-- || fatal_signal_pending(current))
			return NULL;
		usleep_range(500, 1000);
	}
	vma = find_vma(mm, addr);
	if (!vma)
		mmap_read_unlock(mm);
	return vma;
}

void rust_bpf_helper_unlock_mm(struct rust_bpf_mm *held)
{
	mmap_read_unlock(held->mm);
}
