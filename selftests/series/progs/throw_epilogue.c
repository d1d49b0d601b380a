// SPDX-License-Identifier: GPL-2.0
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

/* ops_test adds an epilogue to this member, which the exception would skip. */
SEC("struct_ops/after")
u32 BPF_PROG(throws, struct bpf_ops_item *item, u32 value)
{
	if (value == 77)
		bpf_throw_reason(1000000, "value is 77", value, 0, 0);
	return value;
}

SEC(".struct_ops.link")
struct bpf_test_around_ops table = {
	.after = (void *)throws,
};
