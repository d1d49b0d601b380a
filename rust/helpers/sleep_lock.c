// SPDX-License-Identifier: GPL-2.0
/*
 * A lock for which a task waits asleep, but not for ever. A mutex has no such wait.
 */

#include <linux/semaphore.h>

#include "helpers.h"

void rust_bpf_helper_sleep_lock_init(struct semaphore *lock)
{
	sema_init(lock, 1);
}

/* Returns -ETIME if another task has held the lock for a second. */
int rust_bpf_helper_sleep_lock(struct semaphore *lock)
{
	return down_timeout(lock, HZ);
}

void rust_bpf_helper_sleep_unlock(struct semaphore *lock)
{
	up(lock);
}
