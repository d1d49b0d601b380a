// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that use registers of samples/slow_regs while the device is unbound. The
 * test runs each of them itself.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <errno.h>
#include "bpf_misc.h"
#include "expect.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

struct kept {
	struct bpf_slow_regs __kptr *regs;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct kept);
} map SEC(".maps");

/* Written by the test: the value that a register gets. */
u32 value;
/* The number of programs that have got a reference. */
u32 held;
/* Results of accesses, in their order. */
s64 results[2];
/* Counts of all runs of use(). */
u64 values, errors, absent;

SEC("syscall")
int keep(void *ctx)
{
	struct bpf_slow_regs *regs;
	struct kept *kept;
	int key = 0;

	kept = bpf_map_lookup_elem(&map, &key);
	EXPECT(kept);
	regs = bpf_slow_regs_find(0);
	EXPECT(regs);
	regs = bpf_kptr_xchg(&kept->regs, regs);
	if (regs) {
		bpf_slow_regs_release(regs);
		return __LINE__;
	}
	return 0;
}

/* The device of the kept reference is unbound. */
SEC("syscall")
int use_kept(void *ctx)
{
	s64 read, write, update, bad_index;
	struct bpf_slow_regs *regs;
	struct kept *kept;
	int key = 0;

	kept = bpf_map_lookup_elem(&map, &key);
	EXPECT(kept);
	regs = bpf_kptr_xchg(&kept->regs, NULL);
	EXPECT(regs);
	read = bpf_slow_regs_read(regs, 1);
	write = bpf_slow_regs_write(regs, 1, 1);
	update = bpf_slow_regs_update(regs, 1, 1, 1);
	bad_index = bpf_slow_regs_read(regs, 1000);
	bpf_slow_regs_release(regs);
	EXPECT(read == -ENODEV && write == -ENODEV);
	EXPECT(update == -ENODEV && bad_index == -ENODEV);
	return 0;
}

SEC("syscall")
int is_absent(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);

	if (!regs)
		return 1;
	bpf_slow_regs_release(regs);
	return 0;
}

/* Reads until the device is unbound, for at least ten seconds. Returns the last result. */
SEC("syscall")
int read_until_error(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);
	s64 result = 0;
	int i;

	EXPECT(regs);
	__sync_fetch_and_add(&held, 1);
	bpf_for(i, 0, 10000) {
		result = bpf_slow_regs_read(regs, 1);
		if (result < 0)
			break;
	}
	bpf_slow_regs_release(regs);
	return result;
}

/* Sets the time of an access to @value milliseconds. */
SEC("syscall")
int set_time(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);
	int err;

	EXPECT(regs);
	err = bpf_slow_regs_write(regs, 0, value);
	bpf_slow_regs_release(regs);
	return err;
}

/* The device is unbound in the middle of the first access. */
SEC("syscall")
int access_twice(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);

	EXPECT(regs);
	__sync_fetch_and_add(&held, 1);
	results[0] = bpf_slow_regs_read(regs, 0);
	results[1] = bpf_slow_regs_read(regs, 0);
	bpf_slow_regs_release(regs);
	return 0;
}

SEC("syscall")
int access_once(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);
	s64 result;

	EXPECT(regs);
	__sync_fetch_and_add(&held, 1);
	result = bpf_slow_regs_read(regs, 0);
	bpf_slow_regs_release(regs);
	return result;
}

static int count(s64 result)
{
	if (result >= 0) {
		__sync_fetch_and_add(&values, 1);
		return 0;
	}
	EXPECT(result == -ENODEV);
	__sync_fetch_and_add(&errors, 1);
	return 0;
}

/* Returns 0 if each result is a value or ENODEV. */
SEC("syscall")
int use(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);
	s64 read, write, update;

	if (!regs) {
		__sync_fetch_and_add(&absent, 1);
		return 0;
	}
	read = bpf_slow_regs_read(regs, 2);
	write = bpf_slow_regs_write(regs, 2, 1);
	update = bpf_slow_regs_update(regs, 2, ~0U, 1);
	bpf_slow_regs_release(regs);
	/* The registers begin with 1. */
	EXPECT(read < 0 || read == 1);
	EXPECT(update < 0 || update == 1);
	EXPECT(!count(read));
	EXPECT(!count(write));
	EXPECT(!count(update));
	return 0;
}
