// SPDX-License-Identifier: GPL-2.0
/* Programs to which selftests/modules/ops_test.rs adds prologues and epilogues. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "expect.h"

char _license[] SEC("license") = "GPL";

#define PLAIN 0
#define BEFORE 1
#define AFTER 2
#define BOTH 3
#define KFUNCS 4
#define QUIET 6

SEC("struct_ops/plain")
u32 BPF_PROG(plain, struct bpf_ops_item *item, u32 value)
{
	return value;
}

SEC("struct_ops/before")
u32 BPF_PROG(before, struct bpf_ops_item *item, u32 value)
{
	return value + item->key;
}

static __noinline u32 triple(u32 value)
{
	if (value > 500)
		return 1500;
	return value * 3;
}

/* Has several exits, one of them in a loop, and a subprogram with its own exits. */
SEC("struct_ops/after")
u32 BPF_PROG(after, struct bpf_ops_item *item, u32 value)
{
	int i;

	if (value == 1)
		return 100000;
	if (value == 2)
		return 1;
	bpf_for(i, 0, 10) {
		if (i == value)
			return 200000 + i;
	}
	return triple(value);
}

SEC("struct_ops.s/both")
u32 BPF_PROG(both, struct bpf_ops_item *item, u32 value)
{
	return triple(value);
}

u32 quiet_ran;

SEC("struct_ops/quiet")
void BPF_PROG(quiet, u32 value)
{
	if (value == 3)
		return;
	quiet_ran++;
}

SEC("struct_ops/kfuncs")
u64 BPF_PROG(kfuncs, u32 value)
{
	return value;
}

SEC(".struct_ops.link")
struct bpf_test_around_ops around = {
	.plain = (void *)plain,
	.before = (void *)before,
	.after = (void *)after,
	.both = (void *)both,
	.quiet = (void *)quiet,
	.kfuncs = (void *)kfuncs,
};

/* Jumps to its first instruction; the jump must not go to the prologue. */
SEC("struct_ops/before")
__naked u32 to_start(void)
{
	asm volatile ("if r1 == 0 goto 1f;"
		      "r1 = 0;"
		      "goto -3;"
		      "1: r0 = 9;"
		      "exit;"
		      ::: "r0", "r1");
}

SEC(".struct_ops.link")
struct bpf_test_around_ops start = {
	.plain = (void *)plain,
	.before = (void *)to_start,
};

SEC("syscall")
int call_start(void *ctx)
{
	EXPECT(bpf_ops_test_counts() != ~0ULL);
	EXPECT(bpf_ops_test_around(BEFORE, 5, 7) == 9);
	EXPECT(bpf_ops_test_counts() == 1ULL << 32);
	return 0;
}

/* The number of possible CPUs. */
u32 cpus;

SEC("syscall")
int call(void *ctx)
{
	u64 clock;

	EXPECT(bpf_ops_test_counts() != ~0ULL);

	EXPECT(bpf_ops_test_around(PLAIN, 5, 7) == 7);
	EXPECT(bpf_ops_test_counts() == 0);

	/* The prologue lets the program run, or returns the key in its place. */
	EXPECT(bpf_ops_test_around(BEFORE, 5, 7) == 12);
	EXPECT(bpf_ops_test_around(BEFORE, 5, 1000) == 1005);
	EXPECT(bpf_ops_test_around(BEFORE, 5, 1001) == 5);
	EXPECT(bpf_ops_test_counts() == 3ULL << 32);

	/* All exits go to the epilogue, which limits the result to the key. */
	EXPECT(bpf_ops_test_around(AFTER, 50, 1) == 50);
	EXPECT(bpf_ops_test_around(AFTER, 50, 2) == 1);
	EXPECT(bpf_ops_test_around(AFTER, 50, 5) == 50);
	EXPECT(bpf_ops_test_around(AFTER, 50, 12) == 36);
	EXPECT(bpf_ops_test_around(AFTER, 50, 20) == 50);
	EXPECT(bpf_ops_test_around(AFTER, 50, 600) == 50);
	EXPECT(bpf_ops_test_counts() == 6);

	EXPECT(bpf_ops_test_around(BOTH, 50, 10) == 30);
	EXPECT(bpf_ops_test_around(BOTH, 50, 100) == 50);
	/* The exit of the prologue does not go to the epilogue. */
	EXPECT(bpf_ops_test_around(BOTH, 70, 2000) == 70);
	EXPECT(bpf_ops_test_counts() == (3ULL << 32) + 2);

	/* A member without a result: the epilogue adds the argument to its counter. */
	EXPECT(bpf_ops_test_around(QUIET, 1, 3) == 0);
	EXPECT(bpf_ops_test_around(QUIET, 1, 40) == 0);
	EXPECT(bpf_ops_test_counts() == (2ULL << 32) + 43);
	EXPECT(quiet_ran == 1);

	/* The prologue reads the kernel's clock; the epilogue adds the number of CPUs. */
	EXPECT(bpf_ops_test_clock() == 0);
	EXPECT(bpf_ops_test_around(KFUNCS, 1, 10) == 10 + cpus);
	clock = bpf_ops_test_clock();
	EXPECT(clock > 1000000);
	EXPECT(bpf_ops_test_around(KFUNCS, 1, 0) == cpus);
	EXPECT(bpf_ops_test_clock() != clock);
	return 0;
}

/* The module makes an invalid prologue or epilogue, chosen by the program's name. */
#define BROKEN(name)								\
SEC("?struct_ops/broken")							\
u32 BPF_PROG(name, struct bpf_ops_item *item)					\
{										\
	bpf_ops_item_release(item);						\
	return 0;								\
}										\
SEC("?.struct_ops.link")							\
struct bpf_test_around_ops table_##name = {					\
	.broken = (void *)name,							\
}

BROKEN(stranger);
BROKEN(no_argument);
BROKEN(no_object);
BROKEN(leaves_ref);
BROKEN(after_release);
BROKEN(nothing_wrong);

SEC("?struct_ops/lengthy")
u32 BPF_PROG(too_long, u32 value)
{
	return value;
}

SEC("?.struct_ops.link")
struct bpf_test_around_ops table_too_long = {
	.lengthy = (void *)too_long,
};

/* bpf_throw() would skip the epilogue. */
SEC("?struct_ops/after")
u32 BPF_PROG(throws, struct bpf_ops_item *item, u32 value)
{
	if (value == 77)
		bpf_throw(1000000);
	return value;
}

SEC("?.struct_ops.link")
struct bpf_test_around_ops table_throws = {
	.after = (void *)throws,
};

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, u32);
} progs SEC(".maps");

/* A tail call could run a program of another table, with other argument types. */
SEC("?struct_ops/plain")
u32 BPF_PROG(tail_call, struct bpf_ops_item *item, u32 value)
{
	bpf_tail_call(ctx, &progs, 0);
	return value;
}

SEC("?.struct_ops.link")
struct bpf_test_around_ops table_tail_call = {
	.plain = (void *)tail_call,
};

/* The epilogue reads the arguments, so the program must not change them. */
SEC("?struct_ops/after")
u32 BPF_PROG(writes_ctx, struct bpf_ops_item *item, u32 value)
{
	ctx[1] = 0;
	return value;
}

SEC("?.struct_ops.link")
struct bpf_test_around_ops table_writes_ctx = {
	.after = (void *)writes_ctx,
};
