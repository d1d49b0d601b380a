// SPDX-License-Identifier: GPL-2.0
/*
 * The calls by which the program of an event starts a request, each with interrupts off.
 */
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "../../../samples/hid_io/dial.h"
#include "../../../samples/hid_io/hid_io.h"

char LICENSE[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} results SEC(".maps");

/* The time of the calls, in units of the clock. */
__u64 took;
struct bpf_hid_counts counts;

/* The least that can be measured. */
SEC("syscall")
int nothing(void *ctx)
{
	unsigned long flags;
	__u64 begin;

	bpf_local_irq_save(&flags);
	begin = bpf_bench_clock();
	took = bpf_bench_clock() - begin;
	bpf_local_irq_restore(&flags);
	return 0;
}

SEC("syscall")
int find(void *ctx)
{
	unsigned long flags;
	struct bpf_hid *hid;
	__u64 begin;

	bpf_local_irq_save(&flags);
	begin = bpf_bench_clock();
	hid = bpf_hid_find(id);
	if (hid)
		bpf_hid_release(hid);
	took = bpf_bench_clock() - begin;
	bpf_local_irq_restore(&flags);
	return !hid;
}

static bool start_request(struct bpf_hid *hid, struct bpf_hid_start *start)
{
	struct bpf_hid_request *request = bpf_hid_start_ring(hid, start, &results);

	if (request)
		bpf_hid_request_release(request);
	return request;
}

/* The second of two requests: the first one has woken the thread. */
SEC("syscall")
int start(void *ctx)
{
	struct bpf_hid_start start = {
		.op = HID_IO_OUTPUT,
		.len = DIAL_REPORT,
		.report = { DIAL_LAMPS },
	};
	struct bpf_hid *hid = bpf_hid_find(id);
	unsigned long flags;
	bool started;
	__u64 begin;

	if (!hid)
		return 1;
	bpf_local_irq_save(&flags);
	started = start_request(hid, &start);
	begin = bpf_bench_clock();
	started &= start_request(hid, &start);
	took = bpf_bench_clock() - begin;
	bpf_local_irq_restore(&flags);
	bpf_hid_release(hid);
	return !started;
}

/* What the module has counted for the device. */
SEC("syscall")
int count(void *ctx)
{
	struct bpf_hid *hid = bpf_hid_find(id);

	if (!hid)
		return 1;
	bpf_hid_count(hid, &counts);
	bpf_hid_release(hid);
	return 0;
}
