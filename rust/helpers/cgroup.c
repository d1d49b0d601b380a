// SPDX-License-Identifier: GPL-2.0

#include <linux/cgroup.h>

#include "helpers.h"

u64 rust_bpf_helper_cgroup_id(const void *cgrp)
{
#ifdef CONFIG_CGROUPS
	return cgroup_id(cgrp);
#else
	return 0;
#endif
}
