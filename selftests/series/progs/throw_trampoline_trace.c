// SPDX-License-Identifier: GPL-2.0
/* The fexit program of throw_trampoline.c */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

SEC("fexit/traced")
int traced_exit(void *ctx)
{
	return 0;
}
