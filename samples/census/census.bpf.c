// SPDX-License-Identifier: GPL-2.0
/* Passes every packet, every opened file and every task that ends to census.ko. */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

/* The counts for the loader, which does not know the types of the module. */
__u64 ipv4, ipv6, others, bytes, files, files_to_write, tasks, tasks_short;

SEC("cgroup_skb/egress")
int packet_leaves(struct __sk_buff *ctx)
{
	bpf_census_packet((void *)ctx);
	return 1;
}

SEC("lsm/file_open")
int BPF_PROG(file_opens, struct file *file)
{
	bpf_census_file(file);
	return 0;
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(task_ends, struct task_struct *task)
{
	bpf_census_task(task, bpf_ktime_get_ns());
	return 0;
}

SEC("syscall")
int read_census(void *ctx)
{
	struct bpf_census census = {};

	bpf_census_read(&census);
	ipv4 = census.packets[0];
	ipv6 = census.packets[1];
	others = census.packets[2];
	bytes = census.bytes;
	files = census.files;
	files_to_write = census.files_to_write;
	tasks = census.tasks;
	tasks_short = census.tasks_short;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
