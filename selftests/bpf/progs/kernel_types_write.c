// SPDX-License-Identifier: GPL-2.0
/* A write that is not allowed: the kernel passes a struct of its own to a member of a table. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

SEC("struct_ops/seen")
__failure __msg("only read is supported")
u32 BPF_PROG(write_to_the_kernel, struct task_struct *task)
{
	task->pid = 1;
	return 0;
}

SEC(".struct_ops.link")
struct bpf_kt_ops writing_ops = { .seen = (void *)write_to_the_kernel };
