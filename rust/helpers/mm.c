// SPDX-License-Identifier: GPL-2.0
/*
 * Address spaces whose areas a program holds.
 */

#include <linux/delay.h>
#include <linux/mmap_lock.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>

#include "helpers.h"

/*
 * The address space of a task, with a reference; NULL if it has none, or if its lock is held.
 * This CPU may hold alloc_lock, so the function does not wait for it. Not with interrupts off:
 * the last reference is put by a workqueue.
 */
struct mm_struct *rust_bpf_helper_task_mm(struct task_struct *task)
{
	struct mm_struct *mm;

	if (irqs_disabled() || !spin_trylock(&task->alloc_lock))
		return NULL;
	mm = task->flags & PF_KTHREAD ? NULL : task->mm;
	if (mm)
		mmget(mm);
	spin_unlock(&task->alloc_lock);
	return mm;
}

void rust_bpf_helper_put_mm(struct mm_struct *mm)
{
	mmput_async(mm);
}

/*
 * Finds the first area that ends behind an address, and returns it with mmap_lock held for
 * reading. Returns NULL, without the lock, if there is none, or if another task has held the lock
 * for 100 ms. The function does not wait longer, because the program may run in a task that holds
 * the lock for writing.
 */
struct vm_area_struct *rust_bpf_helper_lock_vma(struct mm_struct *mm, unsigned long addr)
{
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

void rust_bpf_helper_unlock_mm(struct mm_struct *mm)
{
	mmap_read_unlock(mm);
}
