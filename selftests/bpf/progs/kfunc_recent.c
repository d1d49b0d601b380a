// SPDX-License-Identifier: GPL-2.0
/* Kfuncs that 7.2 does not support. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "expect.h"
#include "bpf_experimental.h"
#include <bpf_arena_common.h>

char _license[] SEC("license") = "GPL";

/* The module has these kfuncs only in kernels that support them. */
s64 bpf_kfunc_recent_arena(u8 __arena *bytes, u32 len) __weak __ksym;
s64 bpf_kfunc_recent_arena_nullable(u8 __arena *byte) __weak __ksym;
u32 bpf_kfunc_recent_perfmon(void) __weak __ksym;
u32 bpf_kfunc_recent_spinlock_safe(void) __weak __ksym;
struct kfunc_recent_thing *bpf_kfunc_recent_new(u64 number) __weak __ksym;
void bpf_kfunc_recent_release(struct kfunc_recent_thing *thing) __weak __ksym;
u64 bpf_kfunc_recent_or_null(struct kfunc_recent_thing *thing__nullable) __weak __ksym;
u64 bpf_kfunc_recent_two_maps(void *first__map, void *second__map) __weak __ksym;

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 100);
} arena SEC(".maps");

/* Takes the first page: an arena pointer to its start could look like NULL. */
u8 __arena first_page[16];

SEC("syscall")
__success __retval(0)
int arena_pages_are_read_and_written(void *ctx)
{
	u8 __arena *page;

	page = bpf_arena_alloc_pages(&arena, NULL, 1, NUMA_NO_NODE, 0);
	EXPECT(page);
	page[0] = 1;
	page[1] = 2;
	EXPECT(bpf_kfunc_recent_arena(page, 2) == 3);
	EXPECT(page[0] == 7 && page[1] == 7 && page[2] == 0);
	EXPECT(bpf_kfunc_recent_arena_nullable(page) == 7);
	EXPECT(bpf_kfunc_recent_arena_nullable(NULL) == -2 /* ENOENT */);
	EXPECT(bpf_kfunc_recent_arena(page, 32 * 1024 + 1) == -7 /* E2BIG */);
	bpf_arena_free_pages(&arena, page, 1);
	return 0;
}

/* A kfunc may access arena memory that has no pages: there is no fault. */
SEC("syscall")
__success __retval(0)
int missing_pages_do_not_fault(void *ctx)
{
	u8 __arena *page;

	page = bpf_arena_alloc_pages(&arena, NULL, 1, NUMA_NO_NODE, 0);
	EXPECT(page);
	EXPECT(bpf_kfunc_recent_arena(page + 20 * 4096, 32 * 1024) >= 0);
	EXPECT(bpf_kfunc_recent_arena(page + 1000 * 4096, 1) >= 0);
	bpf_arena_free_pages(&arena, page, 1);
	return 0;
}

struct locked {
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct locked);
} locks SEC(".maps");

SEC("syscall")
__success __retval(3)
int under_spinlock(void *ctx)
{
	struct locked *locked;
	int key = 0, value;

	locked = bpf_map_lookup_elem(&locks, &key);
	if (!locked)
		return -1;
	bpf_spin_lock(&locked->lock);
	value = bpf_kfunc_recent_spinlock_safe();
	bpf_spin_unlock(&locked->lock);
	return value;
}

SEC("syscall")
__success __retval(5)
int with_perfmon(void *ctx)
{
	return bpf_kfunc_recent_perfmon();
}

SEC("syscall")
__failure __msg("R1 arena pointer requires a program with an associated arena")
int arena_without_arena(void *ctx)
{
	return bpf_kfunc_recent_arena((u8 __attribute__((address_space(1))) *)8, 1);
}

SEC("syscall")
__success __retval(0)
int object_or_null(void *ctx)
{
	struct kfunc_recent_thing *thing;
	u64 number;

	thing = bpf_kfunc_recent_new(7);
	EXPECT(thing);
	number = bpf_kfunc_recent_or_null(thing);
	bpf_kfunc_recent_release(thing);
	EXPECT(number == 7);
	EXPECT(bpf_kfunc_recent_or_null(NULL) == 0);
	return 0;
}

/*
 * A pointer that may be null must not be a number on any path, also if the verifier
 * has seen the rest of the path with null.
 */
SEC("syscall")
__failure __msg("R1 is scalar expected STRUCT kfunc_recent_thing")
__flag(BPF_F_TEST_STATE_FREQ)
__naked int number_after_null(void)
{
	asm volatile ("call %[bpf_get_prandom_u32];	\
		      if r0 == 5 goto 1f;		\
		      r7 = 0;				\
		      goto 2f;				\
		      1: r7 = 0x1234;			\
		      2: r1 = r7;			\
		      call %[bpf_kfunc_recent_or_null];	\
		      r0 = 0;				\
		      exit;"
		      :
		      : __imm(bpf_get_prandom_u32), __imm(bpf_kfunc_recent_or_null)
		      : __clobber_all);
}

/* The second map has no field that the verifier knows. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, int);
} numbers SEC(".maps");

SEC("syscall")
__success __retval(3)
int two_maps(void *ctx)
{
	return bpf_kfunc_recent_two_maps(&locks, &numbers);
}

SEC("syscall")
__failure __msg("invalid access to memory, mem_size=0 off=0 size=1")
int lent_memory_of_size_0(void *ctx)
{
	struct bpf_counter *counter;
	const u8 *label;
	int ret = 0;

	counter = bpf_counter_open(1);
	if (!counter)
		return -1;
	label = bpf_counter_label(counter, 0);
	if (label)
		ret = *label;
	bpf_counter_release(counter);
	return ret;
}
