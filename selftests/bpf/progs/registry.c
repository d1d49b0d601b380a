// SPDX-License-Identifier: GPL-2.0
/*
 * References to objects of a Rust module (samples/registry): acquired, released,
 * kept in a map, looked up under RCU, returned by an iterator.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "expect.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

struct kept {
	struct bpf_counter __kptr *counter;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4);
	__type(key, int);
	__type(value, struct kept);
} map SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 70);
	__type(key, int);
	__type(value, struct kept);
} places SEC(".maps");

SEC("syscall")
__success __retval(0)
int open_and_release(void *ctx)
{
	struct bpf_counter *counter, *same;
	u64 key, value, again;

	counter = bpf_counter_open(1);
	if (!counter)
		return __LINE__;
	same = bpf_counter_open(1);
	if (!same) {
		bpf_counter_release(counter);
		return __LINE__;
	}
	key = counter->key;
	bpf_counter_add(counter, 40);
	bpf_counter_add(same, 2);
	value = bpf_counter_value(counter);
	bpf_counter_release(counter);
	again = bpf_counter_value(same);
	bpf_counter_release(same);
	EXPECT(key == 1 && value == 42 && again == 42);
	return 0;
}

/* After the release of the last reference, the key is free. */
SEC("syscall")
__success __retval(0)
int key_is_free_after_last_release(void *ctx)
{
	struct bpf_counter *counter, *found;
	bool is_there;
	u64 value;

	counter = bpf_counter_open(20);
	EXPECT(counter);
	bpf_counter_add(counter, 1);
	bpf_counter_release(counter);
	bpf_rcu_read_lock();
	found = bpf_counter_find(20);
	is_there = found;
	bpf_rcu_read_unlock();
	EXPECT(!is_there);

	counter = bpf_counter_open(20);
	EXPECT(counter);
	value = bpf_counter_value(counter);
	bpf_counter_release(counter);
	EXPECT(value == 0);
	return 0;
}

/* A reference keeps a removed counter; a new open of the key gets another one. */
SEC("syscall")
__success __retval(0)
int reference_keeps_removed_counter(void *ctx)
{
	struct bpf_counter *counter, *other;
	bool was_there, is_there;
	u64 value, value_of_other;

	counter = bpf_counter_open(2);
	EXPECT(counter);
	bpf_counter_add(counter, 7);
	was_there = bpf_counter_remove(counter);
	is_there = bpf_counter_remove(counter);
	other = bpf_counter_open(2);
	if (!other) {
		bpf_counter_release(counter);
		return __LINE__;
	}
	value = bpf_counter_value(counter);
	value_of_other = bpf_counter_value(other);
	bpf_counter_release(other);
	bpf_counter_release(counter);
	EXPECT(was_there && !is_there);
	EXPECT(value == 7 && value_of_other == 0);
	return 0;
}

/* The registry has 64 places. */
SEC("syscall")
__success __retval(64)
int registry_has_64_places(void *ctx)
{
	struct bpf_counter *counter;
	struct kept empty = {}, *kept;
	int key, opened = 0;

	bpf_for(key, 0, 70) {
		if (bpf_map_update_elem(&places, &key, &empty, 0))
			return -1;
		kept = bpf_map_lookup_elem(&places, &key);
		if (!kept)
			return -1;
		counter = bpf_counter_open(1000 + key);
		if (!counter)
			continue;
		opened++;
		counter = bpf_kptr_xchg(&kept->counter, counter);
		if (counter)
			bpf_counter_release(counter);
	}
	/* Release the references now: a map may release them long after an element. */
	bpf_for(key, 0, 70) {
		kept = bpf_map_lookup_elem(&places, &key);
		if (!kept)
			return -1;
		counter = bpf_kptr_xchg(&kept->counter, NULL);
		if (counter)
			bpf_counter_release(counter);
	}
	return opened;
}

SEC("syscall")
__success __retval(0)
int map_keeps_reference(void *ctx)
{
	struct bpf_counter *counter;
	struct kept empty = {}, *kept;
	int key = 0;
	u64 value;

	EXPECT(!bpf_map_update_elem(&map, &key, &empty, 0));
	kept = bpf_map_lookup_elem(&map, &key);
	EXPECT(kept);
	counter = bpf_counter_open(3);
	EXPECT(counter);
	bpf_counter_add(counter, 3);
	counter = bpf_kptr_xchg(&kept->counter, counter);
	if (counter) {
		bpf_counter_release(counter);
		return __LINE__;
	}

	counter = bpf_kptr_xchg(&kept->counter, NULL);
	EXPECT(counter);
	value = bpf_counter_value(counter);
	bpf_counter_release(counter);
	EXPECT(value == 3);
	return 0;
}

/* The verifier does not trust the pointer in the map: a program takes it out to use it. */
SEC("syscall")
__failure __msg("R1 must be a rcu pointer")
int pointer_in_map_is_not_trusted(void *ctx)
{
	struct bpf_counter *counter;
	struct kept *kept;
	int key = 0;

	kept = bpf_map_lookup_elem(&map, &key);
	if (!kept)
		return 0;
	bpf_rcu_read_lock();
	counter = kept->counter;
	if (counter)
		counter = bpf_counter_acquire(counter);
	bpf_rcu_read_unlock();
	if (counter)
		bpf_counter_release(counter);
	return 0;
}

static int keep(int key)
{
	struct kept empty = {}, *kept;
	struct bpf_counter *counter;

	EXPECT(!bpf_map_update_elem(&map, &key, &empty, 0));
	kept = bpf_map_lookup_elem(&map, &key);
	EXPECT(kept);
	counter = bpf_counter_open(key);
	EXPECT(counter);
	counter = bpf_kptr_xchg(&kept->counter, counter);
	if (counter)
		bpf_counter_release(counter);
	return 0;
}

/* A map releases its references when an element is deleted or the map is freed. */
SEC("syscall")
__success __retval(0)
int map_releases_references(void *ctx)
{
	int key = 11;

	EXPECT(!keep(11));
	EXPECT(!keep(12));
	EXPECT(!bpf_map_delete_elem(&map, &key));
	return 0;
}

SEC("syscall")
__success __retval(5)
int find_under_rcu(void *ctx)
{
	struct bpf_counter *counter, *found, *held;
	u64 value = 0;

	counter = bpf_counter_open(5);
	if (!counter)
		return -1;
	bpf_counter_add(counter, 5);

	bpf_rcu_read_lock();
	found = bpf_counter_find(5);
	if (found && found->key == 5) {
		held = bpf_counter_acquire(found);
		if (held) {
			value = bpf_counter_value(held);
			bpf_counter_release(held);
		}
	}
	if (bpf_counter_find(6))
		value = 0;
	bpf_rcu_read_unlock();
	bpf_counter_release(counter);
	return value;
}

SEC("syscall")
__success __retval(123)
int iterator_returns_all_counters(void *ctx)
{
	struct bpf_counter *counter, *held;
	u64 sum = 0;
	int key;

	bpf_for(key, 101, 104) {
		if (keep(key))
			return -1;
		counter = bpf_counter_open(key);
		if (!counter)
			return -1;
		bpf_counter_add(counter, key == 101 ? 100 : 10 * (key - 101));
		bpf_counter_release(counter);
	}

	bpf_rcu_read_lock();
	bpf_for_each(counter, counter, 0) {
		held = bpf_counter_acquire(counter);
		if (held) {
			sum += bpf_counter_value(held);
			bpf_counter_release(held);
		}
	}
	bpf_rcu_read_unlock();
	bpf_for(key, 101, 104)
		bpf_map_delete_elem(&map, &key);
	return sum - 7;
}

/* An iterator whose new() failed returns no item, and can be destroyed. */
SEC("syscall")
__success __retval(0)
int iterator_after_failed_new(void *ctx)
{
	struct bpf_iter_counter it;
	int found = 0;

	bpf_rcu_read_lock();
	bpf_iter_counter_new(&it, 1000);
	while (bpf_iter_counter_next(&it))
		found++;
	bpf_iter_counter_destroy(&it);
	bpf_rcu_read_unlock();
	return found;
}

SEC("syscall")
__success __retval(0)
int label_is_readable(void *ctx)
{
	struct bpf_counter *counter;
	const u8 *label;
	u64 found = 0;

	counter = bpf_counter_open(0xabc0);
	if (!counter)
		return -1;
	label = bpf_counter_label(counter, 16);
	if (label && label[0] == '0' && label[12] == 'a' && label[14] == 'c' && label[15] == '0')
		found = 1;
	if (bpf_counter_label(counter, 17))
		found = 2;
	bpf_counter_release(counter);
	EXPECT(found == 1);
	return 0;
}

SEC("syscall")
__failure __msg("invalid access to memory, mem_size=4 off=4 size=1")
int label_read_beyond_end(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(1);
	const u8 *label;
	int byte = 0;

	if (!counter)
		return 0;
	label = bpf_counter_label(counter, 4);
	if (label)
		byte = label[4];
	bpf_counter_release(counter);
	return byte;
}

SEC("syscall")
__failure __msg("invalid mem access 'scalar'")
int label_read_after_release(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(1);
	const u8 *label;

	if (!counter)
		return 0;
	label = bpf_counter_label(counter, 4);
	bpf_counter_release(counter);
	return label ? label[0] : 0;
}

SEC("syscall")
__failure __msg("cannot write into rdonly_mem")
int label_write(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(1);
	u8 *label;

	if (!counter)
		return 0;
	label = (u8 *)bpf_counter_label(counter, 4);
	if (label)
		label[0] = 1;
	bpf_counter_release(counter);
	return 0;
}

SEC("syscall")
__failure __msg("Unreleased reference")
int reference_not_released(void *ctx)
{
	return bpf_counter_open(1) ? 1 : 0;
}

SEC("syscall")
__failure __msg("Possibly NULL pointer passed to trusted R1")
int null_not_checked(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(1);

	bpf_counter_release(counter);
	return 0;
}

SEC("syscall")
__failure __msg("release kfunc bpf_counter_release expects referenced PTR_TO_BTF_ID passed to R1")
int released_twice(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(1);

	if (!counter)
		return 0;
	bpf_counter_release(counter);
	bpf_counter_release(counter);
	return 0;
}

SEC("syscall")
__failure __msg("invalid mem access 'scalar'")
int used_after_release(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(1);

	if (!counter)
		return 0;
	bpf_counter_release(counter);
	return counter->key;
}

SEC("syscall")
__failure __msg("only read is supported")
int field_write(void *ctx)
{
	struct bpf_counter *counter = bpf_counter_open(1);

	if (!counter)
		return 0;
	counter->key = 2;
	bpf_counter_release(counter);
	return 0;
}

/*
 * The verifier must not accept memory of scalars as an object of the module. The
 * second text is that of 7.2.
 */
SEC("syscall")
__failure __msg("R1 {{(is fp expected|pointer type)}} STRUCT bpf_counter")
int scalars_for_object(void *ctx)
{
	u64 counter[2] = {};

	bpf_counter_add((struct bpf_counter *)counter, 1);
	return 0;
}

SEC("syscall")
__failure __msg("kernel func bpf_counter_find requires RCU critical section protection")
int find_without_rcu(void *ctx)
{
	return bpf_counter_find(1) ? 1 : 0;
}

SEC("syscall")
__failure __msg("R1 must be a rcu pointer")
int acquire_after_rcu(void *ctx)
{
	struct bpf_counter *counter;

	bpf_rcu_read_lock();
	counter = bpf_counter_find(1);
	bpf_rcu_read_unlock();
	if (!counter)
		return 0;
	counter = bpf_counter_acquire(counter);
	if (counter)
		bpf_counter_release(counter);
	return 0;
}

SEC("syscall")
__failure __msg("R1 must be referenced or trusted")
int rcu_pointer_is_no_reference(void *ctx)
{
	struct bpf_counter *counter;

	bpf_rcu_read_lock();
	counter = bpf_counter_find(1);
	if (counter)
		bpf_counter_add(counter, 1);
	bpf_rcu_read_unlock();
	return 0;
}

SEC("syscall")
__failure __msg("release kfunc bpf_counter_release expects referenced PTR_TO_BTF_ID passed to R1")
int release_without_reference(void *ctx)
{
	struct bpf_counter *counter;

	bpf_rcu_read_lock();
	counter = bpf_counter_find(1);
	if (counter)
		bpf_counter_release(counter);
	bpf_rcu_read_unlock();
	return 0;
}

SEC("syscall")
__failure __msg("Unreleased reference")
int iterator_not_destroyed(void *ctx)
{
	struct bpf_iter_counter it;

	bpf_rcu_read_lock();
	bpf_iter_counter_new(&it, 0);
	bpf_iter_counter_next(&it);
	bpf_rcu_read_unlock();
	return 0;
}

SEC("syscall")
__failure __msg("expected an initialized iter_counter as R1")
int next_before_new(void *ctx)
{
	struct bpf_iter_counter it = {};

	bpf_rcu_read_lock();
	bpf_iter_counter_next(&it);
	bpf_rcu_read_unlock();
	return 0;
}

SEC("syscall")
__failure __msg("expected an initialized iter_counter as R1")
int next_after_destroy(void *ctx)
{
	struct bpf_iter_counter it;

	bpf_rcu_read_lock();
	bpf_iter_counter_new(&it, 0);
	bpf_iter_counter_destroy(&it);
	bpf_iter_counter_next(&it);
	bpf_rcu_read_unlock();
	return 0;
}

SEC("syscall")
__failure __msg("expected uninitialized iter_counter as R1")
int new_twice(void *ctx)
{
	struct bpf_iter_counter it;

	bpf_rcu_read_lock();
	bpf_iter_counter_new(&it, 0);
	bpf_iter_counter_new(&it, 0);
	bpf_iter_counter_destroy(&it);
	bpf_rcu_read_unlock();
	return 0;
}

SEC("syscall")
__failure __msg("requires RCU critical section protection")
int iterator_without_rcu(void *ctx)
{
	struct bpf_iter_counter it;

	bpf_iter_counter_new(&it, 0);
	bpf_iter_counter_destroy(&it);
	return 0;
}

SEC("syscall")
__success
int alive(void *ctx)
{
	return bpf_counters_alive();
}

struct work_elem {
	struct bpf_wq work;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct work_elem);
} works SEC(".maps");

__noinline int global_find(int key)
{
	return bpf_counter_find(key) ? 1 : 0;
}

static int work(void *map, int *key, void *value)
{
	return global_find(1) & 0;
}

/*
 * The callback runs without RCU, although the program does not. 7.3 rejects the call,
 * and in 7.2 the crate does.
 */
SEC("fentry/bpf_fentry_test1")
__failure __msg("bpf_counter_find {{(requires RCU critical section|is not allowed)}}")
int find_without_rcu_in_callback(void *ctx)
{
	struct work_elem *elem;
	int key = 0;

	global_find(1);
	elem = bpf_map_lookup_elem(&works, &key);
	if (!elem)
		return 0;
	bpf_wq_init(&elem->work, &works, 0);
	bpf_wq_set_callback(&elem->work, work, 0);
	return 0;
}

/* Without a callback that may sleep, the whole program is a critical section. */
SEC("fentry/bpf_fentry_test1")
__success
int find_in_global_function(void *ctx)
{
	return global_find(1) & 0;
}
