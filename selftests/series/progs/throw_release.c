// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions release what a program holds of a Rust module: references to objects, and
 * iterators (samples/registry).
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_assert.h"

#define __release_on_throw __attribute__((btf_decl_tag("release_on_throw")))

char _license[] SEC("license") = "GPL";

__u64 throw_at = 1;
__u32 runs;

static __noinline int throw_if(__u64 value)
{
	if (value >= throw_at)
		bpf_throw(43);
	return 0;
}

static __noinline int hold_and_throw(__u64 key)
{
	struct bpf_counter *counter = bpf_counter_open(key);

	if (!counter)
		return 0;
	bpf_counter_add(counter, 1);
	throw_if(bpf_counter_value(counter));
	bpf_counter_release(counter);
	return 1;
}

/* References in two frames, to two counters or twice to one */
SEC("syscall") __release_on_throw
int counters(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(1);
	int ret;

	if (!counter)
		return 0;
	ret = hold_and_throw(1 + (runs++ & 1));
	bpf_counter_release(counter);
	return ret;
}

/* An iterator. Programs of this type cannot release references by an exception. */
SEC("raw_tp") __release_on_throw
int iterator(void *ctx)
{
	struct bpf_iter_counter it;

	if (!bpf_iter_counter_new(&it, 0)) {
		while (bpf_iter_counter_next(&it))
			;
		throw_if(1);
	}
	bpf_iter_counter_destroy(&it);
	return 1;
}

__u32 released;

SEC("fentry/bpf_task_release_dtor")
int trace_release(void *ctx)
{
	released++;
	return 0;
}

/* As in Documentation/exceptions.rst */
SEC("tc") __release_on_throw
int task(struct __sk_buff *skb)
{
	struct task_struct *task = bpf_task_from_pid(1);

	if (!task)
		return 2;
	bpf_assert_range(skb->len, 1, 8);
	bpf_task_release(task);
	return 1;
}

SEC("syscall")
int alive(void *ctx)
{
	return bpf_counters_alive();
}
