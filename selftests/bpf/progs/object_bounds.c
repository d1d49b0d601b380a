// SPDX-License-Identifier: GPL-2.0
/*
 * No program reads behind an object, whatever kind of pointer it has to it: the
 * reference count and pointers of the kernel are there, and, further on, no
 * memory at all. Each program is refused at a load that the verifier would not
 * protect from faults. For what programs of tables get, see struct_ops_bad.c.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

/* As much as an offset of a pointer to an object can be. */
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
int inside(void *ctx)
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
/* The compiler puts a field there that is not in BTF. */
REFERENCE(reference_hidden, 0, "struct bpf_counter doesn't have field at offset 0")
REFERENCE(reference_before, -8, "R{{[0-9]}} is ptr_bpf_counter invalid negative access: off=-8")

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 32 size 8")
int under_rcu(void *ctx)
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
int after_rcu(void *ctx)
{
	struct bpf_counter *counter;

	bpf_rcu_read_lock();
	counter = bpf_counter_find(7);
	bpf_rcu_read_unlock();
	return counter ? READ(counter, FAR) : 0;
}

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 32 size 8")
int item_of_iterator(void *ctx)
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
int in_map_under_rcu(void *ctx)
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
int in_map(void *ctx)
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
int out_of_map(void *ctx)
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

/* A pointer that is not at the start of an object is none to an object. */
SEC("syscall")
__failure __msg("R1 must have zero offset")
int passed_with_offset(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(7);

	if (!counter)
		return 0;
	bpf_counter_release((void *)counter + 8);
	return 0;
}

SEC("syscall")
__failure __msg("access beyond struct bpf_counter at off 64 size 1")
int passed_from_behind(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(7);

	if (!counter)
		return 0;
	bpf_counter_add((void *)counter + 64, 1);
	bpf_counter_release(counter);
	return 0;
}
