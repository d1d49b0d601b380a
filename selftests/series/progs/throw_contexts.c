// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that throw in all contexts, on top of each other. The exception callback of each
 * checks that the record is that of its own throw.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

enum context { TASK, SOFTIRQ, IRQ, NMI, FENTRY, MEMBER, ASLEEP, LOOP, CONTEXTS };

__u64 thrown[CONTEXTS];
__u64 seen[CONTEXTS];
__u64 wrong[CONTEXTS];

/* Numbers the throws of all contexts, so each has other values. */
__u64 last;

#define EXCEPTION(CONTEXT, text, result)						\
static __noinline int fail_##CONTEXT(__u64 cookie)					\
{											\
	bpf_throw_reason(cookie, text, CONTEXT, cookie, ~cookie);			\
	return 0;									\
}											\
											\
static __noinline int throw_##CONTEXT(void)						\
{											\
	__u64 number = __sync_fetch_and_add(&last, 1);					\
											\
	__sync_fetch_and_add(&thrown[CONTEXT], 1);					\
	return fail_##CONTEXT(number << 8 | CONTEXT) + 1;				\
}											\
											\
__noinline int check_##CONTEXT(__u64 cookie, const struct bpf_throw_record *record)	\
{											\
	if (!record || record->cookie != cookie || (cookie & 255) != CONTEXT ||		\
	    record->values[0] != CONTEXT || record->values[1] != cookie ||		\
	    record->values[2] != ~cookie || record->nr_frames < 3 ||			\
	    record->reason[0] != text[0] || record->func[5] != #CONTEXT[0] ||		\
	    record->reason[sizeof(text) - 1])						\
		__sync_fetch_and_add(&wrong[CONTEXT], 1);				\
	__sync_fetch_and_add(&seen[CONTEXT], 1);					\
	return result;									\
}

EXCEPTION(TASK, "task", 1)
EXCEPTION(SOFTIRQ, "softirq", 1)
EXCEPTION(IRQ, "interrupt", 1)
EXCEPTION(NMI, "nmi", 1)
EXCEPTION(FENTRY, "fentry", 0)
EXCEPTION(MEMBER, "member", 1)
EXCEPTION(ASLEEP, "asleep", 1)
EXCEPTION(LOOP, "loop", 1)

SEC("syscall")
__exception_cb(check_TASK)
int task(void *ctx)
{
	return throw_TASK();
}

SEC("tp_btf/softirq_entry")
__exception_cb(check_SOFTIRQ)
int BPF_PROG(softirq)
{
	return throw_SOFTIRQ();
}

SEC("tp_btf/hrtimer_expire_entry")
__exception_cb(check_IRQ)
int BPF_PROG(irq)
{
	return throw_IRQ();
}

SEC("tp_btf/nmi_handler")
__exception_cb(check_NMI)
int BPF_PROG(nmi)
{
	return throw_NMI();
}

/* Runs in the kfunc that "asleep" calls. */
SEC("fentry/bpf_task_release")
__exception_cb(check_FENTRY)
int BPF_PROG(inner)
{
	return throw_FENTRY();
}

/* Runs in the kfunc bpf_ops_test_add(). */
SEC("struct_ops/add")
__exception_cb(check_MEMBER)
u64 BPF_PROG(add, u32 a, u64 b)
{
	return throw_MEMBER();
}

SEC(".struct_ops.link")
struct bpf_test_ops ops = {
	.id = 3,
	.add = (void *)add,
};

__u64 address;

/*
 * Calls kfuncs that run programs that throw, sleeps and may move to another CPU, and then
 * throws itself.
 */
SEC("syscall")
__exception_cb(check_ASLEEP)
int asleep(void *ctx)
{
	struct task_struct *task = bpf_task_from_pid(1);
	char byte;

	if (!task)
		return 2;
	bpf_task_release(task);
	bpf_ops_test_add(3, 1, 2);
	bpf_copy_from_user(&byte, 1, (void *)address);
	return throw_ASLEEP();
}

__u64 no_flags;

static int in_loop(__u32 i, void *ctx)
{
	if (i == 3)
		throw_LOOP();
	return 0;
}

/* bpf_loop() is on the stack, because the verifier does not know the flags. */
SEC("syscall")
__exception_cb(check_LOOP)
int loop(void *ctx)
{
	bpf_loop(8, in_loop, NULL, no_flags);
	return 2;
}
