// SPDX-License-Identifier: GPL-2.0
/* A set with kfuncs that take callbacks, on kernels with and without the patches. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} owner SEC(".maps");

/* The other kfuncs of the set */
SEC("syscall")
int others(void *ctx)
{
	struct bpf_cbtest_value *value = bpf_cbtest_value_new(7);
	u32 number = 0;

	if (value) {
		number = bpf_cbtest_value_get(value);
		bpf_cbtest_value_release(value);
	}
	return number;
}

static u32 callback(u32 number)
{
	return number;
}

SEC("?syscall")
int takes_callback(void *ctx)
{
	return bpf_cbtest_error((void *)&owner, callback);
}

/* The kernel without the patches does not verify what this function does. */
static u32 wild(u32 number)
{
	return *(u32 *)(u64)number;
}

SEC("?syscall")
int takes_wild_callback(void *ctx)
{
	return bpf_cbtest_error((void *)&owner, wild);
}

char _license[] SEC("license") = "GPL";
