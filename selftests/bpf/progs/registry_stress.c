// SPDX-License-Identifier: GPL-2.0
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

#define KEYS 8

struct kept {
	struct bpf_counter __kptr *counter;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 2);
	__type(key, int);
	__type(value, struct kept);
} map SEC(".maps");

/*
 * Puts a reference into the map, releases the one that was there before, and
 * removes a counter from the registry now and then.
 */
SEC("syscall")
int keep_and_take(void *ctx)
{
	u32 random = bpf_get_prandom_u32();
	struct bpf_counter *counter;
	struct kept *kept;
	int key = random & 1;

	counter = bpf_counter_open(random % KEYS);
	if (!counter)
		return 0;
	bpf_counter_add(counter, 1);
	if (random & 2)
		bpf_counter_remove(counter);
	kept = bpf_map_lookup_elem(&map, &key);
	if (kept)
		counter = bpf_kptr_xchg(&kept->counter, counter);
	if (counter) {
		bpf_counter_value(counter);
		bpf_counter_release(counter);
	}
	return 0;
}

SEC("syscall")
int find_and_walk(void *ctx)
{
	struct bpf_counter *counter, *held;

	bpf_rcu_read_lock();
	counter = bpf_counter_find(bpf_get_prandom_u32() % KEYS);
	if (counter) {
		held = bpf_counter_acquire(counter);
		if (held)
			bpf_counter_release(held);
	}
	bpf_for_each(counter, counter, 0) {
		held = bpf_counter_acquire(counter);
		if (held) {
			bpf_counter_add(held, 1);
			bpf_counter_release(held);
		}
	}
	bpf_rcu_read_unlock();
	return 0;
}

SEC("syscall")
int empty(void *ctx)
{
	int key;

	bpf_for(key, 0, 2)
		bpf_map_delete_elem(&map, &key);
	return 0;
}

SEC("syscall")
int alive(void *ctx)
{
	return bpf_counters_alive();
}
