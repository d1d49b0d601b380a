// SPDX-License-Identifier: GPL-2.0
/* A null that is not checked: the kernel passes a struct of its own to a member of a table. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

SEC("struct_ops/seen")
__failure __msg("Possibly NULL pointer passed to trusted R1")
u32 BPF_PROG(null_not_checked, struct task_struct *task, struct task_struct *other)
{
	return bpf_kt_pid(other);
}

SEC(".struct_ops.link")
struct bpf_kt_ops unchecked_ops = { .seen = (void *)null_not_checked };
