// SPDX-License-Identifier: GPL-2.0
/*
 * Members whose prologues and epilogues call two kfuncs of their own module, or two helpers
 * that do the same (selftests/modules/ops_kfunc.rs), and programs that count the calls.
 */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char LICENSE[] SEC("license") = "GPL";

/* The time of a call, in units of the clock. */
__u64 took;

SEC("struct_ops")
int BPF_PROG(kfuncs, struct bpf_opkf_item *item, u32 value)
{
	return value;
}

SEC("struct_ops")
int BPF_PROG(helpers, struct bpf_opkf_item *item, u32 value)
{
	return value;
}

SEC(".struct_ops.link")
struct bpf_opkf_ops ops = {
	.kfuncs = (void *)kfuncs,
	.helpers = (void *)helpers,
};

/* The prologue lets 20 pass, and the epilogue doubles it. */
#define COUNT(name, call)						\
SEC("syscall")								\
int name(void *ctx)							\
{									\
	__u64 begin = bpf_bench_clock();				\
	int result = (call);						\
									\
	took = bpf_bench_clock() - begin;				\
	return result;							\
}

COUNT(call_kfuncs, bpf_opkf_call_kfuncs(20))
COUNT(call_helpers, bpf_opkf_call_helpers(20))
