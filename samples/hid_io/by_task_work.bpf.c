// SPDX-License-Identifier: GPL-2.0
/*
 * From the event to the report by task work: the callback runs in a thread of user space,
 * before the thread returns from a system call or an interrupt. The time until then is
 * the thread's. The report counts for the thread: for its CPU time, and for who may
 * interrupt it.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "dial.h"

char LICENSE[] SEC("license") = "GPL";

struct later {
	struct bpf_task_work work;
};

/*
 * A callback that runs cannot be scheduled again, and may have read the lamps already. So
 * there are two: while one of them runs, the other one waits or can be scheduled.
 */
#define CALLBACKS 2

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, CALLBACKS);
	__type(key, int);
	__type(value, struct later);
} laters SEC(".maps");

/* The thread of user space that makes the reports. */
int server;
/* Events for which no callback was scheduled, because one was waiting already. */
unsigned long long joined;

static int set_lamps(struct bpf_map *map, void *key, void *value)
{
	struct bpf_hid *hid = bpf_hid_find(id);

	if (!hid)
		return 0;
	show(hid);
	bpf_hid_release(hid);
	return 0;
}

SEC("struct_ops/hid_device_event")
int BPF_PROG(event, struct hid_bpf_ctx *hctx, enum hid_report_type type, u64 source)
{
	struct task_struct *task;
	struct later *later;
	bool is_scheduled = false;
	int key, i;

	if (!turn(hctx, source))
		return 0;
	task = bpf_task_from_pid(server);
	if (!task)
		return 0;
	for (i = 0; i < CALLBACKS && !is_scheduled; i++) {
		key = i;
		later = bpf_map_lookup_elem(&laters, &key);
		is_scheduled = later && !bpf_task_work_schedule_signal(task, &later->work, &laters,
								       set_lamps);
	}
	if (!is_scheduled)
		__sync_fetch_and_add(&joined, 1);
	bpf_task_release(task);
	return 0;
}

SEC(".struct_ops.link")
struct hid_bpf_ops dial = {
	.hid_device_event = (void *)event,
};
