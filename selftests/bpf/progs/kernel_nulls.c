// SPDX-License-Identifier: GPL-2.0
/* Pointers to structs of the kernel, and null, as arguments of kfuncs. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "expect.h"

char _license[] SEC("license") = "GPL";

/* The module has these kfuncs only in kernels that support them. */
s32 bpf_null_tgid(const struct task_struct *task__nullable) __weak __ksym;
u64 bpf_null_cgroup(const struct cgroup *cgroup__nullable) __weak __ksym;
bool bpf_null_pid(const struct pid *pid__nullable) __weak __ksym;
s64 bpf_null_dynptr(const struct bpf_dynptr *data__nullable) __weak __ksym;

SEC("syscall")
__success __retval(0)
int task_or_null(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	int tgid = bpf_get_current_pid_tgid() >> 32;

	EXPECT(bpf_null_tgid(task) == tgid);
	EXPECT(bpf_null_tgid(NULL) == -1);
	EXPECT(bpf_null_pid(NULL) == 0);
	return 0;
}

SEC("syscall")
__success __retval(0)
int cgroup_or_null(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 id = bpf_get_current_cgroup_id(), found;

	bpf_rcu_read_lock();
	found = bpf_null_cgroup(task->cgroups->dfl_cgrp);
	bpf_rcu_read_unlock();
	EXPECT(found == id);
	EXPECT(bpf_null_cgroup(NULL) == 0);
	return 0;
}

char buffer[8];

SEC("syscall")
__success __retval(0)
int dynptr_or_null(void *ctx)
{
	struct bpf_dynptr data;

	if (bpf_dynptr_from_mem(buffer, sizeof(buffer), 0, &data))
		return -1;
	EXPECT(bpf_null_dynptr(&data) == 8);
	EXPECT(bpf_null_dynptr(NULL) == -1);
	return 0;
}

SEC("syscall")
__failure __msg("R1 expected pointer to stack or const struct bpf_dynptr")
int dynptr_of_a_context(void *ctx)
{
	return bpf_null_dynptr(ctx);
}

SEC("syscall")
__failure __msg("R1 is scalar expected STRUCT task_struct")
int number_for_null(void *ctx)
{
	return bpf_null_tgid((void *)4096);
}
