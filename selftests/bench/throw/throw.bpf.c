// SPDX-License-Identifier: GPL-2.0
/*
 * Programs that throw, and programs with assertions that hold. The clock is read at the end
 * of the program by a fexit program, and at the begin by the program that throws, just before,
 * or by a fentry program.
 */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_assert.h"

char _license[] SEC("license") = "GPL";

__u64 begin;
__u64 took;
volatile __u32 input = 5;

SEC("fentry/returns")
int BPF_PROG(start)
{
	begin = bpf_bench_clock();
	return 0;
}

SEC("fexit/returns")
int BPF_PROG(end)
{
	took = bpf_bench_clock() - begin;
	return 0;
}

/* Without a throw: the time from the clock to the fexit program. */
SEC("syscall")
int returns(void *ctx)
{
	begin = bpf_bench_clock();
	return 0;
}

static __noinline int thrower(void)
{
	begin = bpf_bench_clock();
	bpf_throw(0);
	return 0;
}

static __noinline int from3(void) { return thrower() + input; }
static __noinline int from4(void) { return from3() + input; }
static __noinline int from5(void) { return from4() + input; }
static __noinline int from6(void) { return from5() + input; }
static __noinline int from7(void) { return from6() + input; }
static __noinline int from8(void) { return from7() + input; }

__noinline int callback(__u64 cookie)
{
	return cookie;
}

#define CALLBACK __attribute__((btf_decl_tag("exception_callback:callback")))

SEC("syscall")
int throws_1(void *ctx)
{
	begin = bpf_bench_clock();
	bpf_throw(0);
	return 0;
}

SEC("syscall")
int throws_8(void *ctx)
{
	return from8();
}

SEC("syscall")
CALLBACK
int throws_1_callback(void *ctx)
{
	begin = bpf_bench_clock();
	bpf_throw(0);
	return 0;
}

SEC("syscall")
CALLBACK
int throws_8_callback(void *ctx)
{
	return from8();
}

/*
 * Functions that check their argument, and programs that call one of them 1, 8 and 64
 * times. "compare" returns an error. "flag" and "ask" are prototypes of two designs: a
 * throw sets a flag and returns, and after each call of a function that may throw, the
 * verifier adds a test of the flag, or a call of a function that tells.
 */
#define LIMIT 1000000

__u64 flag;

static __noinline int no_check(__u32 x)
{
	barrier_var(x);
	return (x & 1) + input;
}

static __noinline int compares(__u32 x)
{
	barrier_var(x);
	if (x >= LIMIT)
		return -1;
	return (x & 1) + input;
}

static __noinline int asserts(__u32 x)
{
	barrier_var(x);
	bpf_assert_lt(x, LIMIT);
	return (x & 1) + input;
}

static __noinline int sets_flag(__u32 x)
{
	barrier_var(x);
	if (x >= LIMIT) {
		flag = 1;
		return 0;
	}
	return (x & 1) + input;
}

#define NOTHING do { } while (0)
#define TEST_FLAG								\
	asm volatile goto("r1 = %[flag] ll; r1 = *(u64 *)(r1 + 0); if r1 != 0 goto %l[out]" \
			  :: [flag] "i"(&flag) : "r1" : out)
#define ASK									\
	do {									\
		if (bpf_bench_pending())					\
			goto out;						\
	} while (0)

#define CALL(function, after)							\
	do {									\
		sum += function(sum);						\
		after;								\
	} while (0)

#define CALL_8(f, a)								\
	do {									\
		CALL(f, a);							\
		CALL(f, a);							\
		CALL(f, a);							\
		CALL(f, a);							\
		CALL(f, a);							\
		CALL(f, a);							\
		CALL(f, a);							\
		CALL(f, a);							\
	} while (0)

#define CALL_64(f, a)								\
	do {									\
		CALL_8(f, a);							\
		CALL_8(f, a);							\
		CALL_8(f, a);							\
		CALL_8(f, a);							\
		CALL_8(f, a);							\
		CALL_8(f, a);							\
		CALL_8(f, a);							\
		CALL_8(f, a);							\
	} while (0)

volatile int result;

#define PROGRAM(name, reset, calls)						\
SEC("syscall")									\
int name(void *ctx)								\
{										\
	int sum = input;							\
										\
	reset;									\
	calls;									\
	result = sum;								\
	goto out;								\
out:										\
	return 0;								\
}

#define PROGRAMS(name, reset, function, after)					\
	PROGRAM(name##_1, reset, CALL(function, after))				\
	PROGRAM(name##_8, reset, CALL_8(function, after))			\
	PROGRAM(name##_64, reset, CALL_64(function, after))

PROGRAMS(calls_none, , no_check, NOTHING)
PROGRAMS(calls_compare, , compares, NOTHING)
PROGRAMS(calls_assertion, , asserts, NOTHING)
PROGRAMS(calls_flag, flag = 0, sets_flag, TEST_FLAG)
PROGRAMS(calls_ask, , compares, ASK)
