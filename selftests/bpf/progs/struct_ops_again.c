// SPDX-License-Identifier: GPL-2.0
/* A program of a table that calls the same table recursively. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

u64 calls;

SEC("struct_ops/add")
u64 BPF_PROG(add, u32 a, u64 b)
{
	__sync_fetch_and_add(&calls, 1);
	return bpf_ops_add_again(a, b) + 1;
}

SEC(".struct_ops.link")
struct bpf_test_ops again = {
	.id = 0,
	.add = (void *)add,
};

SEC("syscall")
int call_add(void *ctx)
{
	return bpf_ops_test_add(0, 0, 0);
}
