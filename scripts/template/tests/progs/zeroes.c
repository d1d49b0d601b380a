// SPDX-License-Identifier: GPL-2.0
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

SEC("syscall")
__success __retval(2)
int count_bytes(void *ctx)
{
	char data[4] = { 1, 0, 2, 0 };

	return bpf_zeroes_count(data, sizeof(data));
}

SEC("syscall")
__failure __msg("R1 and R2 memory, len pair leads to invalid memory access")
int beyond_the_stack(void *ctx)
{
	char data[4] = { 1, 0, 2, 0 };

	return bpf_zeroes_count(data, sizeof(data) + 1);
}
