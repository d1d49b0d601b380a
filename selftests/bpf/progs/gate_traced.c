// SPDX-License-Identifier: GPL-2.0
/* Asks for a resource while the thread that leaves it holds a lock. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

#define EDEADLK	35

int pid;
s64 result;
u32 refused, others;

/* The last user of the resource calls this function under a lock. */
SEC("fentry/__wake_up")
int BPF_PROG(wakes)
{
	struct bpf_gate_traced *gate;

	if ((int)bpf_get_current_pid_tgid() != pid)
		return 0;
	gate = bpf_gate_traced_find();
	if (!gate)
		return 0;
	if (bpf_gate_traced_value(gate) == -EDEADLK)
		__sync_fetch_and_add(&refused, 1);
	else
		__sync_fetch_and_add(&others, 1);
	bpf_gate_traced_release(gate);
	return 0;
}

SEC("syscall")
int use(void *ctx)
{
	struct bpf_gate_traced *gate = bpf_gate_traced_find();

	if (!gate)
		return 1;
	result = bpf_gate_traced_value(gate);
	bpf_gate_traced_release(gate);
	return 0;
}
