// SPDX-License-Identifier: GPL-2.0
/* Programs that selftests/modules/ops_test.rs puts prologues and epilogues around. */
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

/* Several exits, a loop with one in it, and a subprogram with its own. */
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

/* Jumps to its first instruction, which the prologue is not. */
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

/* How many CPUs there may be. */
u32 cpus;

SEC("syscall")
int call(void *ctx)
{
	u64 clock;

	EXPECT(bpf_ops_test_counts() != ~0ULL);

	EXPECT(bpf_ops_test_around(PLAIN, 5, 7) == 7);
	EXPECT(bpf_ops_test_counts() == 0);

	/* The prologue lets it run, or returns the key in its place. */
	EXPECT(bpf_ops_test_around(BEFORE, 5, 7) == 12);
	EXPECT(bpf_ops_test_around(BEFORE, 5, 1000) == 1005);
	EXPECT(bpf_ops_test_around(BEFORE, 5, 1001) == 5);
	EXPECT(bpf_ops_test_counts() == 3ULL << 32);

	/* All exits come to the epilogue, which bounds the result by the key. */
	EXPECT(bpf_ops_test_around(AFTER, 50, 1) == 50);
	EXPECT(bpf_ops_test_around(AFTER, 50, 2) == 1);
	EXPECT(bpf_ops_test_around(AFTER, 50, 5) == 50);
	EXPECT(bpf_ops_test_around(AFTER, 50, 12) == 36);
	EXPECT(bpf_ops_test_around(AFTER, 50, 20) == 50);
	EXPECT(bpf_ops_test_around(AFTER, 50, 600) == 50);
	EXPECT(bpf_ops_test_counts() == 6);

	EXPECT(bpf_ops_test_around(BOTH, 50, 10) == 30);
	EXPECT(bpf_ops_test_around(BOTH, 50, 100) == 50);
	/* The exit of the prologue does not come to the epilogue. */
	EXPECT(bpf_ops_test_around(BOTH, 70, 2000) == 70);
	EXPECT(bpf_ops_test_counts() == (3ULL << 32) + 2);

	/* Of a member without a result, with what it counts in the epilogue. */
	EXPECT(bpf_ops_test_around(QUIET, 1, 3) == 0);
	EXPECT(bpf_ops_test_around(QUIET, 1, 40) == 0);
	EXPECT(bpf_ops_test_counts() == (2ULL << 32) + 43);
	EXPECT(quiet_ran == 1);

	/* The kernel's clock before it; after it, the number of CPUs is added. */
	EXPECT(bpf_ops_test_clock() == 0);
	EXPECT(bpf_ops_test_around(KFUNCS, 1, 10) == 10 + cpus);
	clock = bpf_ops_test_clock();
	EXPECT(clock > 1000000);
	EXPECT(bpf_ops_test_around(KFUNCS, 1, 0) == cpus);
	EXPECT(bpf_ops_test_clock() != clock);
	return 0;
}

/* What is around these cannot be made; the module looks at their names. */
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

/* The epilogue would be left out. */
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

/* A program of another table may take the arguments for something else. */
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

/* The epilogue looks at the arguments; a program cannot change them. */
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
