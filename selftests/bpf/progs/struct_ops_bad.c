// SPDX-License-Identifier: GPL-2.0
/* Tables and programs for ops_test.ko that the verifier or the module rejects. */
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

/* A table without its mandatory member. */
SEC("?.struct_ops.link")
struct bpf_test_ops no_mandatory_member = {
	.id = 3,
};

/* A table with an id that validate() rejects. */
SEC("?.struct_ops.link")
struct bpf_test_ops validate_fails = {
	.id = 99,
	.add = (void *)add,
};

/* A table with an id that init_member() rejects. */
SEC("?.struct_ops.link")
struct bpf_test_ops init_member_fails = {
	.id = 98,
	.add = (void *)add,
};

/* A table with an id without a slot. */
SEC("?.struct_ops.link")
struct bpf_test_ops no_slot = {
	.id = 4,
	.add = (void *)add,
};

/* A sleepable program for a member that is not sleepable. */
SEC("?struct_ops.s/add")
u64 BPF_PROG(sleeps, u32 a, u64 b)
{
	return a + b;
}

SEC("?.struct_ops.link")
struct bpf_test_ops sleepable_program = {
	.id = 3,
	.add = (void *)sleeps,
};

SEC("?struct_ops/key_or")
u64 BPF_PROG(null_not_tested, struct bpf_ops_item *item, u64 otherwise)
{
	return item->key;
}

SEC("?.struct_ops.link")
struct bpf_test_ops null_not_checked = {
	.id = 3,
	.key_or = (void *)null_not_tested,
};

SEC("?struct_ops/consume")
bool BPF_PROG(not_released, struct bpf_ops_item *item)
{
	return true;
}

SEC("?.struct_ops.link")
struct bpf_test_ops reference_not_released = {
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
struct bpf_test_ops invalid_result = {
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
struct bpf_test_ops writes_key = {
	.id = 3,
	.key = (void *)writes,
};

/* A program may write only to the field "mark", and only to the whole field. */
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

/* Programs of a table without such an argument must not write to the object. */
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
	/* The member has only one argument. */
	return ctx[1];
}

SEC("?.struct_ops.link")
struct bpf_test_ops reads_argument_2 = {
	.id = 3,
	.key = (void *)past_the_end,
};

/* Reads behind an object by a pointer, a nullable pointer and a reference. */
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
