// SPDX-License-Identifier: GPL-2.0
/* Programs that must not use the kfuncs of samples/hid_io in this way. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "../../../samples/hid_io/hid_io.h"

char _license[] SEC("license") = "GPL";

SEC("fentry/dispatch_hid_bpf_device_event")
__failure __msg("program must be sleepable to call sleepable kfunc bpf_hid_get_report")
int BPF_PROG(tracer_sleeps, struct hid_device *hdev)
{
	struct bpf_hid *hid = bpf_hid_find(hdev->id);
	u8 data[2] = {};

	if (!hid)
		return 0;
	bpf_hid_get_report(hid, 0, data, sizeof(data));
	bpf_hid_release(hid);
	return 0;
}

SEC("fentry/dispatch_hid_bpf_device_event")
__failure __msg("program must be sleepable to call sleepable kfunc bpf_hid_request_wait")
int BPF_PROG(tracer_waits, struct hid_device *hdev)
{
	struct bpf_hid *hid = bpf_hid_find(hdev->id);
	struct bpf_hid_start start = {};
	struct bpf_hid_request *request;

	if (!hid)
		return 0;
	request = bpf_hid_start(hid, &start);
	bpf_hid_release(hid);
	if (!request)
		return 0;
	bpf_hid_request_wait(request, 1);
	bpf_hid_request_release(request);
	return 0;
}

SEC("syscall")
__failure __msg("{{(in RCU|within rcu_read_lock)}}")
int sleeps_under_rcu(void *ctx)
{
	struct bpf_hid *hid = bpf_hid_find(1);
	u8 data[2] = {};

	if (!hid)
		return 0;
	bpf_rcu_read_lock();
	bpf_hid_set_report(hid, 2, data, sizeof(data));
	bpf_rcu_read_unlock();
	bpf_hid_release(hid);
	return 0;
}

SEC("syscall")
__failure __msg("Possibly NULL pointer passed to trusted")
int no_null_test(void *ctx)
{
	bpf_hid_release(bpf_hid_find(1));
	return 0;
}

SEC("syscall")
__failure __msg("Unreleased reference")
int device_is_kept(void *ctx)
{
	return !bpf_hid_find(1);
}

SEC("syscall")
__failure __msg("Unreleased reference")
int request_is_kept(void *ctx)
{
	struct bpf_hid_start start = {};
	struct bpf_hid *hid = bpf_hid_find(1);

	if (!hid)
		return 0;
	bpf_hid_start(hid, &start);
	bpf_hid_release(hid);
	return 0;
}

/* A request is not a device. */
SEC("syscall")
__failure __msg("kernel function bpf_hid_count R1 expected pointer to STRUCT bpf_hid but")
int request_for_device(void *ctx)
{
	struct bpf_hid_start start = {};
	struct bpf_hid_request *request;
	struct bpf_hid_counts counts;
	struct bpf_hid *hid = bpf_hid_find(1);

	if (!hid)
		return 0;
	request = bpf_hid_start(hid, &start);
	bpf_hid_release(hid);
	if (!request)
		return 0;
	bpf_hid_count((void *)request, &counts);
	bpf_hid_request_release(request);
	return 0;
}

SEC("syscall")
__failure __msg("invalid read from stack")
int start_is_not_initialized(void *ctx)
{
	struct bpf_hid *hid = bpf_hid_find(1);
	struct bpf_hid_request *request;
	u64 start[2] = {};

	if (!hid)
		return 0;
	request = bpf_hid_start(hid, (void *)start);
	if (request)
		bpf_hid_request_release(request);
	bpf_hid_release(hid);
	return 0;
}
