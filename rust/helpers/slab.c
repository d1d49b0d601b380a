// SPDX-License-Identifier: GPL-2.0

#include <linux/slab.h>

#include "helpers.h"

void *rust_bpf_helper_kmalloc_nolock(size_t size)
{
	return kmalloc_nolock(size, 0, NUMA_NO_NODE);
}
