// SPDX-License-Identifier: GPL-2.0
/*
 * From the event to the report by a work queue that is set up before: a program that user
 * space runs finds the device, keeps it in a map, and sets the callback. The event only
 * starts the queue. So all that can fail, fails where user space sees the error.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "dial.h"

char LICENSE[] SEC("license") = "GPL";

struct later {
	struct bpf_wq wq;
	struct bpf_hid __kptr *hid;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct later);
} laters SEC(".maps");

static int set_lamps(void *map, int *key, void *value)
{
	struct later *later = value;
	struct bpf_hid *hid;

	hid = bpf_kptr_xchg(&later->hid, NULL);
	if (!hid)
		return 0;
	show(hid);
	hid = bpf_kptr_xchg(&later->hid, hid);
	if (hid)
		bpf_hid_release(hid);
	return 0;
}

/* User space runs this program once. Returns an error number. */
SEC("syscall")
int set_up(void *ctx)
{
	struct later *later;
	struct bpf_hid *hid;
	int key = 0;

	later = bpf_map_lookup_elem(&laters, &key);
	if (!later)
		return -2;
	hid = bpf_hid_find(id);
	if (!hid)
		return -19;
	hid = bpf_kptr_xchg(&later->hid, hid);
	if (hid)
		bpf_hid_release(hid);
	return bpf_wq_init(&later->wq, &laters, 0) ?:
	       bpf_wq_set_callback(&later->wq, set_lamps, 0);
}

SEC("struct_ops/hid_device_event")
int BPF_PROG(event, struct hid_bpf_ctx *hctx, enum hid_report_type type, u64 source)
{
	struct later *later;
	int key = 0;

	later = bpf_map_lookup_elem(&laters, &key);
	if (later && turn(hctx, source))
		bpf_wq_start(&later->wq, 0);
	return 0;
}

SEC(".struct_ops.link")
struct hid_bpf_ops dial = {
	.hid_device_event = (void *)event,
};
