// SPDX-License-Identifier: GPL-2.0
/* Drops the last reference to a table or a task in an NMI or under a lock. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include <bpf/bpf_core_read.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

struct bpf_last_ops {
	u32 (*member)(void);
};

bool bpf_last_hold_table(void) __ksym;
bool bpf_last_hold_task(struct task_struct *task) __ksym;
bool bpf_last_drop_table(void) __ksym;
bool bpf_last_drop_task(void) __ksym;

enum where { NOWHERE, NMI, LOCK };

/* The context in which to drop the reference, and the task's PID. */
int where, pid;
/* Whether to drop the reference to the task, or else that to the table. */
bool task;
/* The address of __put_task_struct_rcu_cb(), the RCU callback that frees a task. */
u64 put_task_cb;
u32 dropped;

/* The number of the CPU that is dropping the reference, plus one. */
u32 inside;
/* Calls of the kernel's function for the last reference, during the drop and later. */
u32 during, after;

SEC("struct_ops/member")
u32 BPF_PROG(member)
{
	return 0;
}

SEC(".struct_ops.link")
struct bpf_last_ops table = {
	.member = (void *)member,
};

SEC("syscall")
int hold_table(void *ctx)
{
	return bpf_last_hold_table();
}

SEC("syscall")
int hold_task(void *ctx)
{
	struct task_struct *p = bpf_task_from_pid(pid);
	bool held;

	if (!p)
		return 0;
	held = bpf_last_hold_task(p);
	bpf_task_release(p);
	return held;
}

static int drop(enum where here)
{
	if (where != here || !__sync_bool_compare_and_swap(&where, here, NOWHERE))
		return 0;
	inside = bpf_get_smp_processor_id() + 1;
	dropped += task ? bpf_last_drop_task() : bpf_last_drop_table();
	inside = 0;
	return 0;
}

SEC("tp_btf/nmi_handler")
int BPF_PROG(nmi)
{
	return drop(NMI);
}

/* Runs with interrupts off and a scheduler lock held, which a wakeup also takes. */
SEC("tp_btf/sched_switch")
int BPF_PROG(lock)
{
	return drop(LOCK);
}

static int put(void)
{
	if (inside == bpf_get_smp_processor_id() + 1)
		__sync_fetch_and_add(&during, 1);
	else
		__sync_fetch_and_add(&after, 1);
	return 0;
}

SEC("fentry/bpf_struct_ops_put")
int BPF_PROG(put_table, const void *kdata)
{
	return task ? 0 : put();
}

/* The kernel frees a task with call_rcu() after its last reference. */
SEC("fentry/call_rcu")
int BPF_PROG(put_task, struct callback_head *head, u64 func)
{
	struct task_struct *p;

	if (!task || func != put_task_cb)
		return 0;
	p = bpf_core_cast(container_of(head, struct task_struct, rcu), struct task_struct);
	return p->pid == pid ? put() : 0;
}
