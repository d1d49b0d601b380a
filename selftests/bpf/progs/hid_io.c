// SPDX-License-Identifier: GPL-2.0
/*
 * The kfuncs of samples/hid_io. prog_tests/hid_io.c sets the arguments, runs a program,
 * and reads its result.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"
#include "../../../samples/hid_io/hid_io.h"

char _license[] SEC("license") = "GPL";

#define SLOTS 64

struct kept {
	struct bpf_hid __kptr *hid;
	struct bpf_hid_request __kptr *request;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, int);
	__type(value, struct kept);
} kept SEC(".maps");

/* A ring buffer with room for 50 records of struct hid_io_record. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ring SEC(".maps");

/* Arguments */
u32 id, type, slot, milliseconds;
struct bpf_hid_start start;
bool with_ring;
u8 report[80];
u32 len;

/* Results */
s64 result;
struct {
	u32 vendor, product;
	u16 bus;
	int hidraw;
	char name[128];
} found;
struct bpf_hid_counts counts;

#define ENODEV		19
#define ENOENT		2

/* Runs an expression with the device in hid. */
#define WITH_DEVICE(expression)				\
	struct bpf_hid *hid = bpf_hid_find(id);		\
							\
	if (!hid) {					\
		result = -ENODEV;			\
		return 0;				\
	}						\
	result = (expression);				\
	bpf_hid_release(hid)

static u32 size(void)
{
	u32 n = len;

	return n > sizeof(report) ? sizeof(report) : n;
}

SEC("syscall")
int find(void *ctx)
{
	WITH_DEVICE(hid->id);
	return 0;
}

SEC("syscall")
int find_hidraw(void *ctx)
{
	struct bpf_hid *hid = bpf_hid_find_hidraw(id);

	result = -ENODEV;
	if (!hid)
		return 0;
	result = hid->id;
	found.vendor = hid->vendor;
	found.product = hid->product;
	found.bus = hid->bus;
	found.hidraw = hid->hidraw;
	bpf_probe_read_kernel(found.name, sizeof(found.name), hid->name);
	bpf_hid_release(hid);
	return 0;
}

/* Counts the devices, and finds the one with id among them. */
SEC("syscall")
int walk(void *ctx)
{
	int all = 0, same = 0;
	struct bpf_hid *hid;
	const u32 *number;

	bpf_for_each(hid, number) {
		hid = bpf_hid_find(*number);
		if (!hid)
			continue;
		all++;
		same += hid->id == id;
		bpf_hid_release(hid);
	}
	result = all * 100 + same;
	return 0;
}

SEC("syscall")
int get_report(void *ctx)
{
	WITH_DEVICE(bpf_hid_get_report(hid, type, report, size()));
	return 0;
}

SEC("syscall")
int set_report(void *ctx)
{
	WITH_DEVICE(bpf_hid_set_report(hid, type, report, size()));
	return 0;
}

SEC("syscall")
int output_report(void *ctx)
{
	WITH_DEVICE(bpf_hid_output_report(hid, report, size()));
	return 0;
}

SEC("syscall")
int input_report(void *ctx)
{
	WITH_DEVICE(bpf_hid_input_report(hid, report, size()));
	return 0;
}

SEC("syscall")
int report_len(void *ctx)
{
	WITH_DEVICE(bpf_hid_report_len(hid, type, report[0]));
	return 0;
}

SEC("syscall")
int count(void *ctx)
{
	WITH_DEVICE((bpf_hid_count(hid, &counts), 0));
	return 0;
}

SEC("syscall")
int alive(void *ctx)
{
	result = bpf_hid_requests_alive();
	return 0;
}

/* Keeps the device in a slot. */
SEC("syscall")
int keep(void *ctx)
{
	int key = slot;
	struct kept *value = bpf_map_lookup_elem(&kept, &key);
	struct bpf_hid *hid;

	result = -ENOENT;
	if (!value)
		return 0;
	hid = bpf_hid_find(id);
	result = hid ? 0 : -ENODEV;
	hid = bpf_kptr_xchg(&value->hid, hid);
	if (hid)
		bpf_hid_release(hid);
	return 0;
}

/* Makes a request to the device in a slot. */
SEC("syscall")
int get_report_kept(void *ctx)
{
	int key = slot;
	struct kept *value = bpf_map_lookup_elem(&kept, &key);
	struct bpf_hid *hid;

	result = -ENOENT;
	if (!value)
		return 0;
	hid = bpf_kptr_xchg(&value->hid, NULL);
	if (!hid)
		return 0;
	result = bpf_hid_get_report(hid, type, report, size());
	hid = bpf_kptr_xchg(&value->hid, hid);
	if (hid)
		bpf_hid_release(hid);
	return 0;
}

/* Starts a request, and keeps it in a slot. */
static void start_request(struct bpf_hid *hid, struct kept *value)
{
	struct bpf_hid_request *request;
	struct bpf_hid_start args;

	__builtin_memcpy(&args, &start, sizeof(args));
	if (with_ring)
		request = bpf_hid_start_ring(hid, &args, &ring);
	else
		request = bpf_hid_start(hid, &args);
	result = request ? 0 : -ENOENT;
	request = bpf_kptr_xchg(&value->request, request);
	if (request)
		bpf_hid_request_release(request);
}

SEC("syscall")
int start_kept(void *ctx)
{
	int key = slot;
	struct kept *value = bpf_map_lookup_elem(&kept, &key);
	struct bpf_hid *hid;

	if (!value)
		return 0;
	hid = bpf_hid_find(id);
	result = -ENODEV;
	if (!hid)
		return 0;
	start_request(hid, value);
	bpf_hid_release(hid);
	return 0;
}

/* Starts a request to the device in a slot, which may be gone. */
SEC("syscall")
int start_with_kept(void *ctx)
{
	int key = slot;
	struct kept *value = bpf_map_lookup_elem(&kept, &key);
	struct bpf_hid *hid;

	if (!value)
		return 0;
	hid = bpf_kptr_xchg(&value->hid, NULL);
	result = -ENODEV;
	if (!hid)
		return 0;
	start_request(hid, value);
	hid = bpf_kptr_xchg(&value->hid, hid);
	if (hid)
		bpf_hid_release(hid);
	return 0;
}

/* A kfunc accepts any map, but only a ring buffer starts a request. */
SEC("syscall")
int start_array(void *ctx)
{
	struct bpf_hid_request *request;
	struct bpf_hid_start args;
	struct bpf_hid *hid;

	hid = bpf_hid_find(id);
	result = -ENODEV;
	if (!hid)
		return 0;
	__builtin_memcpy(&args, &start, sizeof(args));
	request = bpf_hid_start_ring(hid, &args, &kept);
	result = request ? 0 : -ENOENT;
	if (request)
		bpf_hid_request_release(request);
	bpf_hid_release(hid);
	return 0;
}

/* Runs an expression with the request of a slot. */
#define WITH_REQUEST(expression)					\
	int key = slot;							\
	struct kept *value = bpf_map_lookup_elem(&kept, &key);		\
	struct bpf_hid_request *request;				\
									\
	result = -ENOENT;						\
	if (!value)							\
		return 0;						\
	request = bpf_kptr_xchg(&value->request, NULL);			\
	if (!request)							\
		return 0;						\
	result = (expression);						\
	request = bpf_kptr_xchg(&value->request, request);		\
	if (request)							\
		bpf_hid_request_release(request)

SEC("syscall")
int poll(void *ctx)
{
	WITH_REQUEST(bpf_hid_request_poll(request));
	return 0;
}

SEC("syscall")
int wait(void *ctx)
{
	WITH_REQUEST(bpf_hid_request_wait(request, milliseconds));
	return 0;
}

SEC("syscall")
int cancel(void *ctx)
{
	WITH_REQUEST(bpf_hid_request_cancel(request));
	return 0;
}

SEC("syscall")
int answer(void *ctx)
{
	WITH_REQUEST(bpf_hid_request_report(request, report, size()));
	return 0;
}

/* Releases the request of a slot. */
SEC("syscall")
int forget(void *ctx)
{
	int key = slot;
	struct kept *value = bpf_map_lookup_elem(&kept, &key);
	struct bpf_hid_request *request;

	if (!value)
		return 0;
	request = bpf_kptr_xchg(&value->request, NULL);
	if (request)
		bpf_hid_request_release(request);
	return 0;
}

/* The same event, as a tracing program sees it. The program can start a request, too. */
u32 traced, traced_started;
bool trace_starts;

SEC("?fentry/dispatch_hid_bpf_device_event")
int BPF_PROG(trace_event, struct hid_device *hdev)
{
	struct bpf_hid *hid = bpf_hid_find(hdev->id);

	if (!hid)
		return 0;
	if (hid->id == id) {
		__sync_fetch_and_add(&traced, 1);
		if (trace_starts) {
			struct bpf_hid_request *request;
			struct bpf_hid_start args;

			__builtin_memcpy(&args, &start, sizeof(args));
			request = bpf_hid_start(hid, &args);
			if (request) {
				__sync_fetch_and_add(&traced_started, 1);
				bpf_hid_request_release(request);
			}
		}
	}
	bpf_hid_release(hid);
	return 0;
}

/*
 * The program sees each request (the HID core runs it in the thread of the request), and
 * makes another one. Without a limit, this would never end.
 */
s64 inner;
u32 hooks;

SEC("?struct_ops.s/hid_hw_request")
int BPF_PROG(hook_request, struct hid_bpf_ctx *hctx, unsigned char reportnum,
	     enum hid_report_type rtype, enum hid_class_request reqtype, u64 source)
{
	struct bpf_hid *hid;
	u8 data[9] = { 3 };

	__sync_fetch_and_add(&hooks, 1);
	hid = bpf_hid_find(hctx->hid->id);
	if (!hid)
		return 0;
	inner = bpf_hid_get_report(hid, 2, data, sizeof(data));
	bpf_hid_release(hid);
	return 0;
}

/* The program starts another request, and waits for it: both would wait for each other. */
SEC("?struct_ops.s/hid_hw_request")
int BPF_PROG(hook_wait_for_request, struct hid_bpf_ctx *hctx, unsigned char reportnum,
	     enum hid_report_type rtype, enum hid_class_request reqtype, u64 source)
{
	struct bpf_hid_request *request;
	struct bpf_hid_start args;
	struct bpf_hid *hid;

	/* The other request comes here, too. */
	if (__sync_fetch_and_add(&hooks, 1))
		return 0;
	hid = bpf_hid_find(hctx->hid->id);
	if (!hid)
		return 0;
	__builtin_memcpy(&args, &start, sizeof(args));
	request = bpf_hid_start(hid, &args);
	if (request) {
		inner = bpf_hid_request_wait(request, ~0);
		bpf_hid_request_release(request);
	}
	bpf_hid_release(hid);
	return 0;
}

SEC("?.struct_ops.link")
struct hid_bpf_ops hook_wait = {
	.hid_hw_request = (void *)hook_wait_for_request,
};

SEC("?.struct_ops.link")
struct hid_bpf_ops hook = {
	.hid_hw_request = (void *)hook_request,
};
