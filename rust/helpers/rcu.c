// SPDX-License-Identifier: GPL-2.0

#include <linux/rcupdate.h>

#include "helpers.h"

/* Not traceable, as those of the kernel crate, which saves an instruction in each call. */
notrace void rust_bpf_helper_rcu_read_lock(void)
{
	rcu_read_lock();
}

notrace void rust_bpf_helper_rcu_read_unlock(void)
{
	rcu_read_unlock();
}
