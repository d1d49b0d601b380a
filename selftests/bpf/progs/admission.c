// SPDX-License-Identifier: GPL-2.0
/* Policies for samples/admission. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

u32 seen_left;
u32 asked;

SEC("struct_ops/admit")
u32 BPF_PROG(half, struct bpf_admission_request *request)
{
	seen_left = request->left;
	return request->bytes / 2;
}

/* Grants more bytes than the budget has. */
SEC("struct_ops/admit")
u32 BPF_PROG(greedy, struct bpf_admission_request *request)
{
	__sync_fetch_and_add(&asked, 1);
	return 0xffffffff;
}

SEC("struct_ops/admit")
u32 BPF_PROG(closed, struct bpf_admission_request *request)
{
	return 0;
}

SEC(".struct_ops.link")
struct bpf_admission_ops half_ops = { .admit = (void *)half };

SEC(".struct_ops.link")
struct bpf_admission_ops greedy_ops = { .admit = (void *)greedy };

SEC(".struct_ops.link")
struct bpf_admission_ops also_greedy_ops = { .admit = (void *)greedy };

SEC(".struct_ops.link")
struct bpf_admission_ops closed_ops = { .admit = (void *)closed };
