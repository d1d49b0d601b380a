// SPDX-License-Identifier: GPL-2.0
/*
 * Functions that the kernel calls at a time, or later: each reads the clock with its first
 * instructions. A watchdog of samples/watchdog beside bpf_timer, bpf_wq, and a bpf_timer that
 * starts a bpf_wq, which is the same in C.
 */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define CLOCK_MONOTONIC 1

struct elem {
	struct bpf_timer timer;
	struct bpf_wq wq;
	struct bpf_watchdog __kptr * watchdog;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct elem);
} owner SEC(".maps");

/* The time for which a timer was set, in nanoseconds. */
__u64 at;
/*
 * The clock in the interrupt of the timer, or before the start; where the scheduler begins to
 * wake a thread of a workqueue; where the thread begins the work; and in the callback.
 */
__u64 begin, wake, work, end;

/* The first timer interrupt from that time on. */
SEC("fentry/hrtimer_interrupt")
int BPF_PROG(expiry)
{
	if (!begin && bpf_ktime_get_ns() >= at)
		begin = bpf_bench_clock();
	return 0;
}

SEC("tp_btf/sched_waking")
int BPF_PROG(waking, struct task_struct *task)
{
	if (begin && !wake && task->comm[0] == 'k' && task->comm[1] == 'w')
		wake = bpf_bench_clock();
	return 0;
}

SEC("tp_btf/workqueue_execute_start")
int BPF_PROG(executing)
{
	if (!end)
		work = bpf_bench_clock();
	return 0;
}

static int ends(void *map, int *key, void *value)
{
	end = bpf_bench_clock();
	return 0;
}

static int starts_wq(void *map, int *key, void *value)
{
	bpf_wq_start(&((struct elem *)value)->wq, 0);
	return 0;
}

static int watchdog_ends(struct bpf_watchdog *watchdog, __u64 number)
{
	end = bpf_bench_clock();
	return 0;
}

static struct elem *get(void)
{
	__u32 key = 0;

	begin = 0;
	wake = 0;
	work = 0;
	end = 0;
	at = bpf_ktime_get_ns() + 3000000;
	return bpf_map_lookup_elem(&owner, &key);
}

SEC("syscall")
int set_up(void *ctx)
{
	struct bpf_watchdog *watchdog;
	struct elem *elem = get();

	if (!elem || bpf_timer_init(&elem->timer, &owner, CLOCK_MONOTONIC) ||
	    bpf_wq_init(&elem->wq, &owner, 0) || bpf_wq_set_callback(&elem->wq, ends, 0))
		return 1;
	watchdog = bpf_watchdog_create((void *)&owner, watchdog_ends, 1, 0, 0);
	if (!watchdog)
		return 1;
	watchdog = bpf_kptr_xchg(&elem->watchdog, watchdog);
	if (watchdog)
		bpf_watchdog_release(watchdog);
	return 0;
}

SEC("syscall")
int timer(void *ctx)
{
	struct elem *elem = get();

	return !elem || bpf_timer_set_callback(&elem->timer, ends) ||
	       bpf_timer_start(&elem->timer, at, BPF_F_TIMER_ABS);
}

SEC("syscall")
int timer_wq(void *ctx)
{
	struct elem *elem = get();

	return !elem || bpf_timer_set_callback(&elem->timer, starts_wq) ||
	       bpf_timer_start(&elem->timer, at, BPF_F_TIMER_ABS);
}

SEC("syscall")
int wq(void *ctx)
{
	struct elem *elem = get();

	if (!elem)
		return 1;
	begin = bpf_bench_clock();
	return bpf_wq_start(&elem->wq, 0);
}

SEC("syscall")
int watchdog(void *ctx)
{
	struct bpf_watchdog *watchdog;
	int ret = 1;

	get();
	bpf_rcu_read_lock();
	watchdog = bpf_watchdog_find(1);
	if (watchdog)
		ret = bpf_watchdog_start_at(watchdog, at);
	bpf_rcu_read_unlock();
	return ret;
}

char LICENSE[] SEC("license") = "GPL";
