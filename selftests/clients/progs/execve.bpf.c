// SPDX-License-Identifier: GPL-2.0
/* A tracing program: calls kfuncs with the path of the last executed file. */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "exec_name.h"

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct exec_name);
} last SEC(".maps");

SEC("tp/syscalls/sys_enter_execve")
int execve(struct trace_event_raw_sys_enter *ctx)
{
	struct exec_name *exec;
	__u32 zero = 0;

	exec = bpf_map_lookup_elem(&last, &zero);
	if (!exec)
		return 0;
	bpf_probe_read_user_str(exec->path, sizeof(exec->path), (void *)ctx->args[0]);
	exec_name_parse(exec);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
