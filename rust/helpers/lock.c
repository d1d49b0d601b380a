// SPDX-License-Identifier: GPL-2.0

#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <asm/rqspinlock.h>

#include "helpers.h"

int rust_bpf_helper_res_spin_lock(rqspinlock_t *lock, unsigned long *flags)
{
	return raw_res_spin_lock_irqsave(lock, *flags);
}

void rust_bpf_helper_res_spin_unlock(rqspinlock_t *lock, unsigned long flags)
{
	raw_res_spin_unlock_irqrestore(lock, flags);
}

/* For a program, which runs with interrupts on. */
int rust_bpf_helper_res_spin_enter(rqspinlock_t *lock)
{
	return raw_res_spin_lock(lock);
}

void rust_bpf_helper_res_spin_leave(rqspinlock_t *lock)
{
	raw_res_spin_unlock(lock);
}
