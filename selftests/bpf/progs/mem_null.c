// SPDX-License-Identifier: GPL-2.0
/* Runs without a context: the verifier treats ctx as memory, but ctx is null. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

SEC("syscall")
int itself(void *ctx)
{
	return bpf_kfunc_test_mem_is_some(ctx, 0);
}

SEC("syscall")
int copied(void *ctx)
{
	return bpf_kfunc_test_sum(ctx, 0);
}

SEC("syscall")
int written_back(void *ctx)
{
	return bpf_kfunc_test_reverse(ctx, 0);
}
