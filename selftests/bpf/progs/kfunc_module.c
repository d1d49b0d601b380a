// SPDX-License-Identifier: GPL-2.0
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>

char _license[] SEC("license") = "GPL";

SEC("syscall")
int call_u8(void *ctx)
{
	return bpf_kfunc_test_u8(42);
}
