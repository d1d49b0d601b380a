// SPDX-License-Identifier: GPL-2.0

#include <linux/refcount.h>
#include <linux/sched.h>

#include "helpers.h"

bool rust_bpf_helper_task_inc_not_zero(void *task)
{
	return refcount_inc_not_zero(&((struct task_struct *)task)->usage);
}
