// SPDX-License-Identifier: GPL-2.0
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_assert.h"

char _license[] SEC("license") = "GPL";

__u32 input;
const volatile char bytes[65];

SEC("syscall")
__failure __msg("unbounded memory access")
int no_assertion(void *ctx)
{
	__u32 x = *(volatile __u32 *)&input;

	return bytes[x];
}

SEC("syscall")
__failure __msg("invalid access to map value")
int limit_is_too_large(void *ctx)
{
	__u32 x = *(volatile __u32 *)&input;

	bpf_assert_range(x, 1, 65);
	return bytes[x];
}

SEC("syscall")
__failure __msg("R{{[0-9]}} min value is negative")
int no_lower_limit(void *ctx)
{
	__s64 x = *(volatile __u32 *)&input - 5LL;

	bpf_assert_le(x, 64);
	return bytes[x];
}

SEC("syscall")
__failure __msg("bpf_throw would lead to reference leak")
int with_reference(void *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);

	if (!task)
		return 0;
	bpf_assert_eq(*(volatile __u32 *)&input, 0);
	bpf_task_release(task);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8);
	__type(key, __u32);
	__type(value, __u32);
} hash SEC(".maps");

static long at_element(struct bpf_map *map, __u32 *key, __u32 *value, void *ctx)
{
	bpf_assert_lt(*value, 5);
	return 0;
}

SEC("syscall")
__failure __msg("bpf_throw kfunc (insn {{[0-9]+}}) cannot be called from callback subprog")
int in_callback(void *ctx)
{
	bpf_for_each_map_elem(&hash, at_element, NULL, 0);
	return 0;
}
