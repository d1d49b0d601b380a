// SPDX-License-Identifier: GPL-2.0
/* Counts the allocations that the crate makes when a module is loaded. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

int pid;
u32 events, allocations, elsewhere;
bool in_crate;

static bool is_test(void)
{
	return bpf_get_current_pid_tgid() >> 32 == pid;
}

SEC("fentry/rust_bpf_module_event")
int BPF_PROG(enter)
{
	if (is_test()) {
		in_crate = true;
		events++;
	}
	return 0;
}

SEC("fexit/rust_bpf_module_event")
int BPF_PROG(leave)
{
	if (is_test())
		in_crate = false;
	return 0;
}

static int count(void)
{
	if (!is_test())
		return 0;
	if (in_crate)
		allocations++;
	else
		elsewhere++;
	return 0;
}

SEC("tp_btf/kmalloc")
int BPF_PROG(kmalloc)
{
	return count();
}

SEC("tp_btf/kmem_cache_alloc")
int BPF_PROG(kmem_cache_alloc)
{
	return count();
}
