// SPDX-License-Identifier: GPL-2.0
/*
 * Programs for bpf_prog_test_run(): each passes its context to kfuncs, and writes
 * their results to the context.
 */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "exec_name.h"

SEC("syscall")
int exec_name(struct exec_name *ctx)
{
	exec_name_parse(ctx);
	return 0;
}

SEC("syscall")
int scalars(__s64 ctx[9])
{
	ctx[0] = bpf_kfunc_test_u8(ctx[0]);
	ctx[1] = bpf_kfunc_test_u16(ctx[1]);
	ctx[2] = bpf_kfunc_test_u32(ctx[2]);
	ctx[3] = bpf_kfunc_test_u64(ctx[3]);
	ctx[4] = bpf_kfunc_test_s8(ctx[4]);
	ctx[5] = bpf_kfunc_test_s16(ctx[5]);
	ctx[6] = bpf_kfunc_test_s32(ctx[6]);
	ctx[7] = bpf_kfunc_test_s64(ctx[7]);
	ctx[8] = bpf_kfunc_test_bool(ctx[8]);
	return 0;
}

/* Calls functions to which bpftrace attaches. */
SEC("syscall")
int traced(__s64 ctx[2])
{
	char data[3] = {};

	ctx[0] = bpf_trace_test_args(1, -2, 3, -4, true);
	ctx[1] = bpf_trace_test_traced(100, data, sizeof(data));
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
