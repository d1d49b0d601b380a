// SPDX-License-Identifier: GPL-2.0
/* The program of an event must not sleep. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

SEC("struct_ops/hid_device_event")
int BPF_PROG(event, struct hid_bpf_ctx *hctx)
{
	struct bpf_hid *hid = bpf_hid_find(hctx->hid->id);
	u8 data[2] = {};

	if (!hid)
		return 0;
	bpf_hid_output_report(hid, data, sizeof(data));
	bpf_hid_release(hid);
	return 0;
}

SEC(".struct_ops.link")
struct hid_bpf_ops ops = {
	.hid_device_event = (void *)event,
};
