// SPDX-License-Identifier: GPL-2.0
/*
 * Members whose numbers are attach types of other programs (selftests/modules/ops_many.rs). Without
 * its patch, libbpf loads no program of the members 59 to 61; struct_ops_checks.c does.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define MEMBER(number)							\
	SEC("struct_ops")						\
	int BPF_PROG(m##number, u32 value)				\
	{								\
		return value + (number);					\
	}

MEMBER(23)
MEMBER(25)
MEMBER(27)
MEMBER(43)
MEMBER(58)
MEMBER(63)

SEC(".struct_ops.link")
struct bpf_many_ops many = {
	.m23 = (void *)m23,
	.m25 = (void *)m25,
	.m27 = (void *)m27,
	.m43 = (void *)m43,
	.m58 = (void *)m58,
	.m63 = (void *)m63,
};

/* Written by user space: the member that is called. */
u32 number;

SEC("syscall")
int call(void *ctx)
{
	return bpf_many_call(number, 1000);
}

char _license[] SEC("license") = "GPL";
