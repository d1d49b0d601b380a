// SPDX-License-Identifier: GPL-2.0
/* A tracer that calls the function that it traces, so that the next tracer runs inside of it. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

u32 runs;

SEC("fentry/bpf_trace_test_traced")
int BPF_PROG(again, u32 value, const void *data, u32 size)
{
	/* The largest stack of a program. */
	char stack[480] = {};

	bpf_probe_read_kernel(stack, sizeof(stack), data);
	/* Once: otherwise, the number of calls is the factorial of the number of tracers. */
	if (!runs++)
		bpf_trace_test_traced(value, stack, sizeof(stack));
	return 0;
}

SEC("syscall")
int call(void *ctx)
{
	char data[3] = {};

	return bpf_trace_test_traced(1, data, sizeof(data)) != 4;
}
