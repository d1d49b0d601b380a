// SPDX-License-Identifier: GPL-2.0
/*
 * Functions with private stacks: per CPU, and not on the stack that an exception unwinds.
 * The kernel gives one to each function of a raw_tp program that uses 64 bytes or more.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

#define WORDS 24

int wrong;

static __always_inline void fill(volatile __u64 *words, __u64 first)
{
	int i;

	for (i = 0; i < WORDS; i++)
		words[i] = first + i;
}

static __noinline int inner(__u64 x)
{
	volatile __u64 words[WORDS];

	fill(words, x);
	bpf_throw_reason(words[5], "private", words[0], words[10], words[WORDS - 1]);
	return 0;
}

static __noinline int outer(__u64 x)
{
	volatile __u64 words[WORDS];

	fill(words, x);
	return inner(words[7]) + words[3];
}

__noinline int check(__u64 cookie, const struct bpf_throw_record *record)
{
	volatile __u64 words[WORDS];

	fill(words, cookie);
	if (!record || record->values[0] != cookie - 5 || record->values[1] != cookie + 5 ||
	    record->values[2] != cookie - 5 + WORDS - 1 || record->nr_frames != 3)
		wrong++;
	return words[1];
}

SEC("raw_tp")
__exception_cb(check)
int with_callback(void *ctx)
{
	volatile __u64 words[WORDS];

	fill(words, 100);
	return outer(words[0]) + words[1];
}

SEC("raw_tp")
int without_callback(void *ctx)
{
	volatile __u64 words[WORDS];

	fill(words, 100);
	return outer(words[0]) + words[1];
}
