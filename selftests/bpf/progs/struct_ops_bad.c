// SPDX-License-Identifier: GPL-2.0
/* Tables and programs for ops_test.ko that are refused. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

SEC("?struct_ops/add")
u64 BPF_PROG(add, u32 a, u64 b)
{
	return a + b;
}

/* Without its mandatory member. */
SEC("?.struct_ops.link")
struct bpf_test_ops nothing = {
	.id = 3,
};

/* With an id that validate() refuses. */
SEC("?.struct_ops.link")
struct bpf_test_ops refused = {
	.id = 99,
	.add = (void *)add,
};

/* With one that init_member() refuses. */
SEC("?.struct_ops.link")
struct bpf_test_ops forbidden = {
	.id = 98,
	.add = (void *)add,
};

/* With an id that there is no slot for. */
SEC("?.struct_ops.link")
struct bpf_test_ops no_slot = {
	.id = 4,
	.add = (void *)add,
};

/* A program that may sleep, for a member that must not. */
SEC("?struct_ops.s/add")
u64 BPF_PROG(sleeps, u32 a, u64 b)
{
	return a + b;
}

SEC("?.struct_ops.link")
struct bpf_test_ops sleeper = {
	.id = 3,
	.add = (void *)sleeps,
};

SEC("?struct_ops/key_or")
u64 BPF_PROG(null_not_tested, struct bpf_ops_item *item, u64 otherwise)
{
	return item->key;
}

SEC("?.struct_ops.link")
struct bpf_test_ops nullable = {
	.id = 3,
	.key_or = (void *)null_not_tested,
};

SEC("?struct_ops/consume")
bool BPF_PROG(not_released, struct bpf_ops_item *item)
{
	return true;
}

SEC("?.struct_ops.link")
struct bpf_test_ops leak = {
	.id = 3,
	.consume = (void *)not_released,
};

SEC("?struct_ops/exchange")
struct bpf_ops_item *BPF_PROG(made_up, struct bpf_ops_item *item)
{
	bpf_ops_item_release(item);
	return (void *)0x1000;
}

SEC("?.struct_ops.link")
struct bpf_test_ops forged = {
	.id = 3,
	.exchange = (void *)made_up,
};

SEC("?struct_ops/key")
u64 BPF_PROG(writes, struct bpf_ops_item *item)
{
	item->key = 1;
	return 0;
}

SEC("?.struct_ops.link")
struct bpf_test_ops writer = {
	.id = 3,
	.key = (void *)writes,
};

/* What may be written is "mark", all of it. */
#define WRITER(name, write)							\
SEC("?struct_ops/key")								\
u64 BPF_PROG(name, struct bpf_ops_item *item)					\
{										\
	write;									\
	return 0;								\
}										\
SEC("?.struct_ops.link")							\
struct bpf_test_ops table_##name = {						\
	.id = 3,								\
	.key = (void *)name,							\
}

WRITER(writes_count, item->count = 1);
WRITER(writes_half, *(u16 *)&item->mark = 1);
WRITER(writes_more, *(u64 *)&item->mark = 1);
WRITER(writes_behind, *(&item->count + 1) = 1);

/* Nor by programs of a table that does not get such an object. */
SEC("?struct_ops.s/work")
u32 BPF_PROG(writes_elsewhere, u32 value)
{
	struct bpf_ops_item *item = bpf_ops_item_new(value);

	if (item) {
		item->mark = 1;
		bpf_ops_item_release(item);
	}
	return 0;
}

SEC("?.struct_ops.link")
struct bpf_test_sleep_ops table_writes_elsewhere = {
	.work = (void *)writes_elsewhere,
};

SEC("?struct_ops/key")
u64 BPF_PROG(past_the_end, struct bpf_ops_item *item)
{
	/* There is one argument. */
	return ctx[1];
}

SEC("?.struct_ops.link")
struct bpf_test_ops reader = {
	.id = 3,
	.key = (void *)past_the_end,
};

/* Behind an object: with the pointer that may not be null, that may, and with a reference. */
#define READER(name, member, params, value)					\
SEC("?struct_ops/" #member)							\
u64 BPF_PROG(name, params)							\
{										\
	return value;								\
}										\
SEC("?.struct_ops.link")							\
struct bpf_test_ops table_##name = {						\
	.id = 3,								\
	.member = (void *)name,							\
}

#define BEHIND(item) (*(volatile u64 *)((void *)(item) + 0x1ffffff0))

READER(reads_behind, key, struct bpf_ops_item *item, *((volatile u64 *)(item + 1)));
READER(reads_far, key, struct bpf_ops_item *item, BEHIND(item));
READER(reads_nullable, key_or, struct bpf_ops_item *item, item ? BEHIND(item) : 0);
READER(reads_reference, consume, struct bpf_ops_item *item, BEHIND(item));
