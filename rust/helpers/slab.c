// SPDX-License-Identifier: GPL-2.0

#include <linux/rcupdate.h>
#include <linux/slab.h>

#include "helpers.h"

#ifdef kfree_rcu_nolock
/* Frees memory from kmalloc_nolock() after a grace period. Any context. */
void rust_bpf_helper_kfree_rcu(struct callback_head *head, void *memory)
{
	static_assert(sizeof(struct kvfree_rcu_head) <= sizeof(*head));

	/* The first one can raise an interrupt for each call. */
	if (rust_bpf_helper_must_defer())
		kfree_call_rcu_nolock((struct kvfree_rcu_head *)head, memory);
	else
		kvfree_call_rcu((struct kvfree_rcu_head *)head, memory);
}
#endif

void *rust_bpf_helper_kmalloc_nolock(size_t size)
{
	return kmalloc_nolock(size, 0, NUMA_NO_NODE);
}
