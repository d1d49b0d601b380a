// SPDX-License-Identifier: GPL-2.0
/*
 * Passes the file name of every execve() to kfuncs in Rust and sends their
 * results to the loader. vmlinux.h has the prototypes, from the BTF of the module.
 */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include "exec_names.h"

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, char[PATH_SIZE]);
} paths SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 256 * 1024);
} events SEC(".maps");

const volatile __u64 key;

SEC("tp/syscalls/sys_enter_execve")
int exec_name(struct trace_event_raw_sys_enter *ctx)
{
	struct exec_event *event;
	int zero = 0, len;
	char *path;

	path = bpf_map_lookup_elem(&paths, &zero);
	if (!path)
		return 0;
	event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	if (!event)
		return 0;
	event->pid = bpf_get_current_pid_tgid() >> 32;
	event->hash = 0;
	event->path[0] = 0;

	len = bpf_probe_read_user_str(path, PATH_SIZE, (void *)ctx->args[0]);
	event->path_len = len;
	event->name_len = len;
	if (len < 0 || len > PATH_SIZE)
		goto out;
	bpf_probe_read_kernel_str(event->path, sizeof(event->path), path);
	event->name_len = bpf_exec_name_base(path, len, event->name, sizeof(event->name));
	if (event->name_len >= 0 && event->name_len <= NAME_SIZE)
		event->hash = bpf_exec_name_hash(event->name, event->name_len, key);
out:
	bpf_ringbuf_submit(event, 0);
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
