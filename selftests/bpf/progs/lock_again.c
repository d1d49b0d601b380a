// SPDX-License-Identifier: GPL-2.0
/* A program that runs while a kfunc holds its lock calls the same kfunc. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

int pid;
u32 nested;
s64 nested_result;

SEC("fentry/_kmalloc_nolock_noprof")
int BPF_PROG(under_lock)
{
	s64 result;

	if (bpf_get_current_pid_tgid() >> 32 != pid)
		return 0;
	result = bpf_kfunc_types_locked();
	nested++;
	/* The kernel also calls the traced function while the lock is free. */
	if (result < 0)
		nested_result = result;
	return 0;
}

SEC("syscall")
int outer(void *ctx)
{
	s64 result;

	nested = 0;
	result = bpf_kfunc_types_locked();
	return result < 0 ? result : 0;
}
