// SPDX-License-Identifier: GPL-2.0
/* vmlinux.h has the types of the kernel and the kfuncs of the module. */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

int result;

SEC("syscall")
int count(void *ctx)
{
	char data[4] = { 1, 0, 2, 0 };

	result = bpf_zeroes_count(data, sizeof(data));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
