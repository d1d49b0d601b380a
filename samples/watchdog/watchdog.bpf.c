// SPDX-License-Identifier: GPL-2.0
/*
 * Watches a task that computes. An interrupt of its CPU sees that the task runs, and starts
 * the watchdog. When it expires, a thread reads from the memory of the task how far it is,
 * which may sleep: the memory may be on a disk.
 */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>

#include "watchdog.h"

#define LOOK_AFTER (100 * 1000 * 1000ULL)

struct elem {
	struct bpf_watchdog __kptr * watchdog;
};

/* Keeps the watchdog, and is the owner of the callback. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct elem);
} owner SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} reports SEC(".maps");

/* The loader writes these: the task, and the address of its struct progress. */
int pid;
__u64 address;

/* Interrupts that saw the task, and looks at its memory. */
__u64 interrupts, looks;

/* A look is to come. */
static bool pending;
/* What the last look saw, and when the task was there for the first time. */
static __u64 steps, since;

/* Called by a thread, which may sleep. */
static int look(struct bpf_watchdog *watchdog, __u64 number)
{
	struct progress progress = {};
	struct task_struct *task;
	struct report *report;
	int err;

	looks++;
	task = bpf_task_from_pid(number);
	if (!task)
		return 0;
	err = bpf_copy_from_user_task(&progress, sizeof(progress), (void *)address, task, 0);
	bpf_task_release(task);
	if (err)
		return err;

	if (progress.steps != steps) {
		steps = progress.steps;
		since = bpf_ktime_get_ns();
		/* The next interrupt starts the watchdog again. */
		pending = false;
		return 0;
	}
	report = bpf_ringbuf_reserve(&reports, sizeof(*report), 0);
	if (report) {
		report->time = bpf_ktime_get_ns() - since;
		report->progress = progress;
		bpf_ringbuf_submit(report, 0);
	}
	return bpf_watchdog_start(watchdog, LOOK_AFTER);
}

SEC("syscall")
int create(void *ctx)
{
	struct bpf_watchdog *watchdog;
	struct elem *elem;
	__u32 key = 0;

	watchdog = bpf_watchdog_create((void *)&owner, look, pid, 0, 0);
	if (!watchdog)
		return 1;
	elem = bpf_map_lookup_elem(&owner, &key);
	if (elem)
		watchdog = bpf_kptr_xchg(&elem->watchdog, watchdog);
	if (watchdog)
		bpf_watchdog_release(watchdog);
	return 0;
}

/* In a hard interrupt, on the CPU on which the task runs. */
SEC("perf_event")
int tick(void *ctx)
{
	struct bpf_watchdog *watchdog;

	interrupts++;
	if (pending)
		return 0;
	watchdog = bpf_watchdog_find(pid);
	if (watchdog)
		pending = bpf_watchdog_start(watchdog, LOOK_AFTER) >= 0;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
