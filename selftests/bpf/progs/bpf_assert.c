// SPDX-License-Identifier: GPL-2.0
/*
 * The assertions of include/bpf_assert.h. Each program reads an array with an index that
 * only an assertion limits, so the verifier accepts the program only if it learns from
 * the assertion.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_assert.h"

char _license[] SEC("license") = "GPL";

struct {
	__u64 u64;
	__s64 s64;
	__u32 u32;
	__s32 s32;
	__u16 u16;
	__s8 s8;
} in;

/* The programs return a byte of this array, or 0 after an exception. */
const volatile char ones[65] = { [0 ... 64] = 1 };

/* A macro, because a line is part of what the user reads. */
#define CHECK(name, type, assertion)					\
	SEC("syscall")							\
	int name(void *ctx)						\
	{								\
		__##type x = *(volatile __##type *)&in.type;		\
									\
		assertion;						\
		return ones[x];						\
	}

CHECK(range_u64, u64, bpf_assert_range(x, 1, 64))
CHECK(range_s64, s64, bpf_assert_range(x, 0, 64))
CHECK(range_u32, u32, bpf_assert_range(x, 1, 64))
CHECK(range_s32, s32, bpf_assert_range(x, 0, 64))
CHECK(range_u16, u16, bpf_assert_range(x, 1, 64))
CHECK(range_s8, s8, bpf_assert_range(x, 0, 64))
CHECK(eq_u32, u32, bpf_assert_eq(x, 64))
CHECK(le_u64, u64, bpf_assert_le(x, 64))
CHECK(lt_u32, u32, bpf_assert_lt(x, 65))
CHECK(cond_u32, u32, bpf_assert(x < 65))

/* These learn nothing that an index needs. */
#define COMPARE(name, type, assertion)					\
	SEC("syscall")							\
	int name(void *ctx)						\
	{								\
		__##type x = *(volatile __##type *)&in.type;		\
									\
		assertion;						\
		return 1;						\
	}

COMPARE(ne_s64, s64, bpf_assert_ne(x, -1))
COMPARE(gt_s32, s32, bpf_assert_gt(x, -5))
COMPARE(ge_s64, s64, bpf_assert_ge(x, -5))
COMPARE(gt_u64_large, u64, bpf_assert_gt(x, 1ULL << 40))
COMPARE(le_u32_large, u32, bpf_assert_le(x, 0xfffffff0))
/* The common type is unsigned. */
COMPARE(lt_mixed, s32, bpf_assert_lt(x, 5U))

SEC("syscall")
int lt_variable(void *ctx)
{
	__u32 x = *(volatile __u32 *)&in.u32;
	__u64 limit = *(volatile __u64 *)&in.u64;

	bpf_assert_lt(x, limit);
	return 1;
}

/* Names of the macros' own variables */
SEC("syscall")
int own_names(void *ctx)
{
	__u32 x = *(volatile __u32 *)&in.u32;
	__u32 __x = 3, __y = 3, __lo = 1, __hi = 3;

	barrier_var(__x);
	barrier_var(__y);
	bpf_assert_le(x, __x);
	bpf_assert_le(x, __y);
	bpf_assert_range(x, __lo, __hi);
	bpf_assert_range(x, __lo, __x);
	return 1;
}

static __noinline int element(__u32 len)
{
	bpf_assert_range(len, 1, 64);
	return ones[len];
}

SEC("syscall")
int in_subprog(void *ctx)
{
	return element(*(volatile __u32 *)&in.u32);
}
