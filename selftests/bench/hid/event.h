/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Included before a program of samples/hid_io: reads the clock at the first instruction of
 * the program of an event, and on the way to the HID core. With INTERRUPTS_OFF, interrupts
 * are off in the program, as they can be where the driver of a device handles one.
 */
#ifndef _EVENT_H
#define _EVENT_H

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "times.h"

struct times times;

SEC("tp_btf/sched_waking")
int BPF_PROG(wake, struct task_struct *task)
{
	if (!times.wake && task->comm[0] == 'k' && task->comm[1] == 'w')
		times.wake = bpf_bench_clock();
	return 0;
}

SEC("tp_btf/workqueue_execute_start")
int BPF_PROG(work)
{
	if (!times.end)
		times.work = bpf_bench_clock();
	return 0;
}

SEC("fentry/__hid_hw_output_report")
int BPF_PROG(end)
{
	times.end = bpf_bench_clock();
	return 0;
}

#ifdef INTERRUPTS_OFF
#define RUN(call) do {							\
	unsigned long flags;						\
									\
	bpf_local_irq_save(&flags);					\
	(call);								\
	bpf_local_irq_restore(&flags);					\
} while (0)
#else
#define RUN(call) (call)
#endif

/* As in bpf_tracing.h, but with the clock. The arguments are numbers in the context. */
#pragma GCC diagnostic ignored "-Wint-conversion"
#undef BPF_PROG
#define BPF_PROG(name, args...)						\
name(unsigned long long *ctx);						\
static __always_inline int ____##name(unsigned long long *ctx, ##args);	\
int name(unsigned long long *ctx)					\
{									\
	times.event = bpf_bench_clock();				\
	times.wake = 0;							\
	times.end = 0;							\
	RUN(____##name(___bpf_ctx_cast(args)));				\
	return 0;							\
}									\
static __always_inline int ____##name(unsigned long long *ctx, ##args)

#endif /* _EVENT_H */
