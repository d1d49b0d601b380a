// SPDX-License-Identifier: GPL-2.0
/*
 * Tables for selftests/modules/ops_test.rs, and programs that make the module
 * call the members.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "expect.h"

char _license[] SEC("license") = "GPL";

#define NOBODY (~0ULL)

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, int);
} notified SEC(".maps");

SEC("struct_ops/add")
u64 BPF_PROG(add, u32 a, u64 b)
{
	return a + b;
}

SEC("struct_ops/add")
u64 BPF_PROG(add_100, u32 a, u64 b)
{
	return a + b + 100;
}

SEC("struct_ops/key")
u64 BPF_PROG(key, struct bpf_ops_item *item)
{
	return item->key;
}

SEC("struct_ops/key_or")
u64 BPF_PROG(key_or, struct bpf_ops_item *item, u64 otherwise)
{
	/* Keeps clang from merging two loads into one that the verifier rejects. */
	barrier_var(otherwise);
	return item ? item->key : otherwise;
}

SEC("struct_ops/consume")
bool BPF_PROG(consume, struct bpf_ops_item *item)
{
	bpf_ops_item_release(item);
	return true;
}

/* Returns the same object for an even key, and another object for an odd key. */
SEC("struct_ops/exchange")
struct bpf_ops_item *BPF_PROG(exchange, struct bpf_ops_item *item)
{
	if (item->key & 1) {
		bpf_ops_item_release(item);
		return bpf_ops_item_new(1000);
	}
	return item;
}

SEC("struct_ops/check")
int BPF_PROG(check, int value)
{
	return value;
}

SEC("struct_ops/notify")
void BPF_PROG(notify, s8 value)
{
	int zero = 0, number = value;

	bpf_map_update_elem(&notified, &zero, &number, 0);
}

SEC("struct_ops/many")
u64 BPF_PROG(many, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
	return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f;
}

SEC(".struct_ops.link")
struct bpf_test_ops whole = {
	.id = 0,
	.add = (void *)add,
	.key = (void *)key,
	.key_or = (void *)key_or,
	.consume = (void *)consume,
	.exchange = (void *)exchange,
	.check = (void *)check,
	.notify = (void *)notify,
	.many = (void *)many,
};

/* A table for another slot, which leaves the other members at their defaults. */
SEC(".struct_ops.link")
struct bpf_test_ops few = {
	.id = 1,
	.add = (void *)add_100,
};

/* A table that replaces "whole". */
SEC(".struct_ops.link")
struct bpf_test_ops next = {
	.id = 0,
	.add = (void *)add_100,
};

/* A table that is attached without a link. */
SEC(".struct_ops")
struct bpf_test_ops by_map = {
	.id = 2,
	.add = (void *)add,
};

/* A second table without a link, for the same slot. */
SEC(".struct_ops")
struct bpf_test_ops by_map_too = {
	.id = 2,
	.add = (void *)add_100,
};

SEC(".struct_ops.link")
struct bpf_test_ops guest = {
	.id = 2,
	.add = (void *)add,
};

/* init_member() changes the id to the last slot. */
SEC(".struct_ops.link")
struct bpf_test_ops anywhere = {
	.id = -1,
	.add = (void *)add,
};

SEC("struct_ops/add")
u64 BPF_PROG(add_nothing, u32 a, u64 b)
{
	return 0;
}

/* reg() rejects a table whose "add" returns 0. */
SEC(".struct_ops")
struct bpf_test_ops refused_by_map = {
	.id = 2,
	.add = (void *)add_nothing,
};

SEC(".struct_ops.link")
struct bpf_test_ops refused_by_link = {
	.id = 2,
	.add = (void *)add_nothing,
};

/* Writes to the writable field of the argument and of another object. */
SEC("struct_ops/key")
u64 BPF_PROG(marks, struct bpf_ops_item *item)
{
	struct bpf_ops_item *mine = bpf_ops_item_new(1);

	item->mark = item->key;
	__sync_fetch_and_add(&item->mark, 1);
	if (mine) {
		mine->mark = 5;
		item->mark += mine->mark;
		bpf_ops_item_release(mine);
	}
	return 0;
}

SEC(".struct_ops.link")
struct bpf_test_ops marker = {
	.id = 3,
	.add = (void *)add,
	.key = (void *)marks,
};

SEC("struct_ops.s/work")
u32 BPF_PROG(work, u32 value)
{
	return value + 1;
}

/* Passes one object as two arguments; the kfunc releases the first. */
SEC("struct_ops.s/work")
u32 BPF_PROG(replaces, u32 value)
{
	struct bpf_ops_item *item = bpf_ops_item_new(4242);

	return item ? bpf_ops_item_replace(item, item) : 1;
}

#define INSTANCE 7

SEC(".struct_ops.link")
struct bpf_test_sleep_ops replacer = {
	.id = INSTANCE,
	.work = (void *)replaces,
};

SEC(".struct_ops.link")
struct bpf_test_sleep_ops sleep = {
	.id = INSTANCE,
	.work = (void *)work,
};

SEC(".struct_ops.link")
struct bpf_test_sleep_ops sleep_too = {
	.id = INSTANCE,
	.work = (void *)work,
};

SEC("syscall")
int call_all(void *ctx)
{
	int zero = 0, *number;

	EXPECT(bpf_ops_test_add(0, 0xffffffff, 1ULL << 40) == (1ULL << 40) + 0xffffffff);
	EXPECT(bpf_ops_test_key(0, 7) == 7);
	EXPECT(bpf_ops_test_key_or(0, 7, 3) == 7);
	EXPECT(bpf_ops_test_key_or(0, 0, 3) == 3);
	EXPECT(bpf_ops_test_consume(0, 7) == 1);
	EXPECT(bpf_ops_test_exchange(0, 8) == 8);
	EXPECT(bpf_ops_test_exchange(0, 9) == 1000);
	EXPECT(bpf_ops_test_check(0, 0) == 0);
	EXPECT(bpf_ops_test_check(0, 5) == 0);
	EXPECT(bpf_ops_test_check(0, -12) == 12);
	EXPECT(bpf_ops_test_check(0, -4095) == 4095);
	EXPECT(bpf_ops_test_check(0, -4096) == 22 /* EINVAL */);
	EXPECT(bpf_ops_test_check(0, -2147483648) == 22);
	EXPECT(bpf_ops_test_notify(0, -5) == 0);
	number = bpf_map_lookup_elem(&notified, &zero);
	EXPECT(number && *number == -5);
	EXPECT(bpf_ops_test_many(0) == 654321);
	return 0;
}

SEC("syscall")
int call_few(void *ctx)
{
	EXPECT(bpf_ops_test_add(1, 1, 2) == 103);
	EXPECT(bpf_ops_test_key(1, 7) == 1007);
	EXPECT(bpf_ops_test_key_or(1, 0, 3) == 1003);
	EXPECT(bpf_ops_test_consume(1, 7) == 0);
	EXPECT(bpf_ops_test_exchange(1, 9) == 9);
	EXPECT(bpf_ops_test_check(1, -12) == 0);
	EXPECT(bpf_ops_test_many(1) == 0);
	return 0;
}

__u32 slot;

SEC("syscall")
int call_add(void *ctx)
{
	u64 sum = bpf_ops_test_add(slot, 1, 2);

	return sum == NOBODY ? -1 : sum;
}

SEC("syscall")
int call_work(void *ctx)
{
	u64 ret = bpf_ops_test_work(INSTANCE, 41);

	return ret == NOBODY ? -1 : ret;
}

SEC("syscall")
int open_instance(void *ctx)
{
	return bpf_ops_test_open(INSTANCE);
}

SEC("syscall")
int close_instance(void *ctx)
{
	return bpf_ops_test_close(INSTANCE);
}

SEC("syscall")
int call_mark(void *ctx)
{
	return bpf_ops_test_mark(3, 77);
}

SEC("syscall")
int registered(void *ctx)
{
	return bpf_ops_test_registered();
}

SEC("syscall")
int updated(void *ctx)
{
	return bpf_ops_test_registered() >> 32;
}

SEC("syscall")
int alive(void *ctx)
{
	return bpf_ops_test_alive();
}
