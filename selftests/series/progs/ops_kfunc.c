// SPDX-License-Identifier: GPL-2.0
/* Members whose prologues and epilogues call kfuncs of their module, or helpers. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

/* How often the programs ran. */
u32 runs;

/* Written by user space. */
u32 value;

SEC("struct_ops")
int BPF_PROG(kfuncs, struct bpf_opkf_item *item, u32 n)
{
	runs++;
	return n + 1;
}

SEC("struct_ops")
int BPF_PROG(admits, struct bpf_opkf_item *item, u32 n)
{
	runs++;
	return n + 1;
}

SEC("struct_ops")
int BPF_PROG(helpers, struct bpf_opkf_item *item, u32 n)
{
	runs++;
	return n + 1;
}

/* The program calls a kfunc of the module itself. */
SEC("struct_ops")
int BPF_PROG(both, struct bpf_opkf_item *item, u32 n)
{
	runs++;
	return bpf_opkf_double(n) + 1;
}

SEC(".struct_ops.link")
struct bpf_opkf_ops ops = {
	.kfuncs = (void *)kfuncs,
	.admits = (void *)admits,
	.helpers = (void *)helpers,
};

SEC(".struct_ops.link")
struct bpf_opkf_ops calls = {
	.kfuncs = (void *)both,
};

SEC("syscall")
int call_kfuncs(void *ctx)
{
	return bpf_opkf_call_kfuncs(value);
}

SEC("syscall")
int call_admits(void *ctx)
{
	return bpf_opkf_call_admits(value);
}

SEC("syscall")
int call_helpers(void *ctx)
{
	return bpf_opkf_call_helpers(value);
}
