// SPDX-License-Identifier: GPL-2.0
/*
 * No program can read behind an object, with any kind of pointer to the object:
 * the object's reference count and kernel pointers are behind it, and further on
 * there may be no memory. The verifier must reject each program at a load that
 * has no protection against faults. struct_ops_bad.c tests objects that are
 * arguments of struct_ops programs.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

/* The largest offset of a pointer to an object that the verifier allows. */
#define FAR 0x1ffffff0

#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif

#define READ(ptr, off) (*(volatile u64 *)((void *)(ptr) + (off)))

struct kept {
	struct bpf_counter __kptr *counter;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct kept);
} map SEC(".maps");

SEC("syscall")
__success __retval(7)
int read_inside(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(7);
	u64 key;

	if (!counter)
		return 0;
	key = READ(counter, offsetof(struct bpf_counter, key));
	bpf_counter_release(counter);
	return key;
}

#define REFERENCE(name, off, message)					\
SEC("syscall")								\
__failure __msg(message)						\
int name(void *ctx)							\
{									\
	struct bpf_counter *counter = bpf_counter_open(7);		\
	u64 value;							\
									\
	if (!counter)							\
		return 0;						\
	value = READ(counter, off);					\
	bpf_counter_release(counter);					\
	return value;							\
}

REFERENCE(reference_end, sizeof(struct bpf_counter),
	  "access beyond struct bpf_counter at off 32 size 8")
REFERENCE(reference_across, sizeof(struct bpf_counter) - 4,
	  "access beyond struct bpf_counter at off 28 size 8")
REFERENCE(reference_far, FAR,
	  "access beyond struct bpf_counter at off 536870896 size 8")
/* The compiler puts a field at offset 0 that is not in BTF. */
REFERENCE(reference_hidden, 0, "struct bpf_counter doesn't have field at offset 0")
REFERENCE(reference_before, -8, "R{{[0-9]}} is ptr_bpf_counter invalid negative access: off=-8")

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 32 size 8")
int rcu_pointer_end(void *ctx)
{
	struct bpf_counter *counter;
	u64 value = 0;

	bpf_rcu_read_lock();
	counter = bpf_counter_find(7);
	if (counter)
		value = READ(counter, sizeof(*counter));
	bpf_rcu_read_unlock();
	return value;
}

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 536870896 size 8")
int rcu_pointer_far_after_unlock(void *ctx)
{
	struct bpf_counter *counter;

	bpf_rcu_read_lock();
	counter = bpf_counter_find(7);
	bpf_rcu_read_unlock();
	return counter ? READ(counter, FAR) : 0;
}

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 32 size 8")
int iterator_item_end(void *ctx)
{
	struct bpf_counter *counter;
	u64 value = 0;

	bpf_rcu_read_lock();
	bpf_for_each(counter, counter, 0)
		value += READ(counter, sizeof(*counter));
	bpf_rcu_read_unlock();
	return value;
}

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 32 size 8")
int map_pointer_end_under_rcu(void *ctx)
{
	struct bpf_counter *counter;
	struct kept *kept;
	u64 value = 0;
	int key = 0;

	kept = bpf_map_lookup_elem(&map, &key);
	if (!kept)
		return 0;
	bpf_rcu_read_lock();
	counter = kept->counter;
	if (counter)
		value = READ(counter, sizeof(*counter));
	bpf_rcu_read_unlock();
	return value;
}

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 536870896 size 8")
int map_pointer_far(void *ctx)
{
	struct bpf_counter *counter;
	struct kept *kept;
	int key = 0;

	kept = bpf_map_lookup_elem(&map, &key);
	if (!kept)
		return 0;
	counter = kept->counter;
	return counter ? READ(counter, FAR) : 0;
}

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 32 size 8")
int reference_from_map_end(void *ctx)
{
	struct bpf_counter *counter;
	struct kept *kept;
	u64 value = 0;
	int key = 0;

	kept = bpf_map_lookup_elem(&map, &key);
	if (!kept)
		return 0;
	counter = bpf_kptr_xchg(&kept->counter, NULL);
	if (counter) {
		value = READ(counter, sizeof(*counter));
		bpf_counter_release(counter);
	}
	return value;
}

/* A pointer that is not to the start of an object is not a pointer to an object. */
SEC("syscall")
__failure __msg("R1 must have zero offset")
int argument_with_offset(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(7);

	if (!counter)
		return 0;
	bpf_counter_release((void *)counter + 8);
	return 0;
}

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 64 size 1")
int argument_behind_object(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(7);

	if (!counter)
		return 0;
	bpf_counter_add((void *)counter + 64, 1);
	bpf_counter_release(counter);
	return 0;
}
