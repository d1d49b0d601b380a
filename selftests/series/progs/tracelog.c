// SPDX-License-Identifier: GPL-2.0
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_assert.h"

char _license[] SEC("license") = "GPL";

char table[65];

static __noinline int element(__u32 len)
{
	bpf_assert_range(len, 1, 64);
	return table[len];
}

SEC("tc")
int check_packet(struct __sk_buff *skb)
{
	return element(skb->len);
}
