// SPDX-License-Identifier: GPL-2.0
/*
 * From the event to the report by a work queue of BPF: the event starts bpf_wq, whose
 * callback may sleep. If the dial is turned again before the callback runs, one callback
 * sets the lamps for both events.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "dial.h"

char LICENSE[] SEC("license") = "GPL";

struct later {
	struct bpf_wq wq;
	bool is_set;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct later);
} laters SEC(".maps");

/* Runs in a thread of the kernel. */
static int set_lamps(void *map, int *key, void *value)
{
	struct bpf_hid *hid = bpf_hid_find(id);

	if (!hid)
		return 0;
	show(hid);
	bpf_hid_release(hid);
	return 0;
}

/* Runs in the context of the event. */
SEC("struct_ops/hid_device_event")
int BPF_PROG(event, struct hid_bpf_ctx *hctx, enum hid_report_type type, u64 source)
{
	struct later *later;
	int key = 0;

	if (!turn(hctx, source))
		return 0;
	later = bpf_map_lookup_elem(&laters, &key);
	if (!later)
		return 0;
	if (!later->is_set) {
		if (bpf_wq_init(&later->wq, &laters, 0) ||
		    bpf_wq_set_callback(&later->wq, set_lamps, 0))
			return 0;
		later->is_set = true;
	}
	bpf_wq_start(&later->wq, 0);
	return 0;
}

SEC(".struct_ops.link")
struct hid_bpf_ops dial = {
	.hid_device_event = (void *)event,
};
