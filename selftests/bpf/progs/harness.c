// SPDX-License-Identifier: GPL-2.0
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

SEC("syscall")
__success __retval(1)
int acquire_release(void *ctx)
{
	struct bpf_cpumask *mask;
	int ret;

	mask = bpf_cpumask_create();
	if (!mask)
		return -1;

	bpf_cpumask_set_cpu(0, mask);
	ret = bpf_cpumask_test_cpu(0, (const struct cpumask *)mask);
	bpf_cpumask_release(mask);

	return ret;
}

SEC("syscall")
__failure __msg("Unreleased reference")
int acquire_leak(void *ctx)
{
	struct bpf_cpumask *mask;

	mask = bpf_cpumask_create();

	return mask ? 1 : 0;
}
