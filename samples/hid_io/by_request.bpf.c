// SPDX-License-Identifier: GPL-2.0
/*
 * From the event to the report by a request that the module makes later: the event starts
 * it, one for each event, and a ring buffer gets the results.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "dial.h"
#include "hid_io.h"

char LICENSE[] SEC("license") = "GPL";

/* Records of struct hid_io_record. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} results SEC(".maps");

/* Events for which no request was started. */
unsigned long long refused;
/* What to do with the report for the lamps: HID_IO_SET waits for the dial. */
unsigned char op = HID_IO_OUTPUT;

SEC("struct_ops/hid_device_event")
int BPF_PROG(event, struct hid_bpf_ctx *hctx, enum hid_report_type type, u64 source)
{
	struct bpf_hid_start start = {};
	struct bpf_hid_request *request;
	struct bpf_hid *hid;

	if (!turn(hctx, source))
		return 0;
	hid = bpf_hid_find(id);
	if (!hid)
		return 0;
	start.cookie = seen;
	start.op = op;
	start.report_type = HID_OUTPUT_REPORT;
	start.len = DIAL_REPORT;
	start.report[0] = DIAL_LAMPS;
	start.report[1] = level;
	start.report[2] = colour;
	request = bpf_hid_start_ring(hid, &start, &results);
	if (request)
		/* The request goes on. A program that waits for it keeps it in a map. */
		bpf_hid_request_release(request);
	else
		__sync_fetch_and_add(&refused, 1);
	bpf_hid_release(hid);
	return 0;
}

SEC(".struct_ops.link")
struct hid_bpf_ops dial = {
	.hid_device_event = (void *)event,
};
