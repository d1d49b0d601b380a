// SPDX-License-Identifier: GPL-2.0
/*
 * An exception passes a trampoline that is detached while the exception callback sleeps. What
 * is held on both sides of it must be released (samples/registry).
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

__u32 value = 1;
int sleeps;
int go;

static __noinline int throw_if(__u32 cond)
{
	if (cond)
		bpf_throw_reason(43, "held on both sides", 0, 0, 0);
	return 0;
}

/* A fexit program is attached here. */
__noinline int traced(__u32 cond)
{
	struct bpf_counter *counter = bpf_counter_open(2);

	if (!counter)
		return 0;
	throw_if(cond);
	bpf_counter_release(counter);
	return cond;
}

__noinline int sleep_in_callback(__u64 cookie, const struct bpf_throw_record *record)
{
	int i;

	bpf_for(i, 0, 50) {
		if (*(volatile int *)&go)
			break;
		sleeps++;
		bpf_ops_test_sleep();
	}
	return cookie;
}

SEC("syscall")
__release_on_throw
__exception_cb(sleep_in_callback)
int throw_through_trampoline(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(1);

	if (!counter)
		return 0;
	traced(value);
	bpf_counter_release(counter);
	return 1;
}

SEC("syscall")
int alive(void *ctx)
{
	return bpf_counters_alive();
}
