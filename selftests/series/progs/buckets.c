// SPDX-License-Identifier: GPL-2.0
/* Programs that hold the locks of the sample buckets, and programs that break a rule. */
#include "vmlinux.h"
#include "bpf_experimental.h"
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

/* The test writes what the programs need. */
__u64 address;

static __u64 number;

static int sleep(void)
{
	return bpf_copy_from_user(&number, sizeof(number), (void *)address);
}

/* The program holds each bucket, and sleeps between them. */
SEC("syscall")
__success __retval(0)
int walk(void *ctx)
{
	struct bpf_bucket_locked *bucket;
	struct bpf_iter_bucket it;
	__u64 seen = 0, level;

	if (bpf_bucket_make(1, 10) || bpf_bucket_make(2, 20))
		return 1;
	bpf_iter_bucket_new(&it, 0);
	while ((bucket = bpf_iter_bucket_next(&it))) {
		level = bpf_bucket_level(bucket);
		seen += bpf_bucket_number(bucket) * 100 + level;
		bpf_bucket_take(bucket, level);
		bpf_iter_bucket_release(&it);
		sleep();
	}
	bpf_iter_bucket_destroy(&it);
	if (!bpf_bucket_remove(1) || !bpf_bucket_remove(2))
		return 2;
	return seen == 330 ? 0 : 3;
}

SEC("syscall")
__success __retval(0)
int lock(void *ctx)
{
	struct bpf_bucket_locked *bucket;
	__u64 level;
	bool taken;

	if (bpf_bucket_make(3, 10))
		return 1;
	bucket = bpf_bucket_lock(3);
	if (!bucket)
		return 2;
	taken = bpf_bucket_take(bucket, 4) && !bpf_bucket_take(bucket, 7);
	level = bpf_bucket_fill(bucket, 2);
	bpf_bucket_unlock(bucket);
	sleep();
	return bpf_bucket_remove(3) && taken && level == 8 ? 0 : 3;
}

SEC("syscall")
__success __retval(0)
int no_bucket(void *ctx)
{
	struct bpf_bucket_locked *bucket;

	bucket = bpf_bucket_lock(99);
	if (bucket) {
		bpf_bucket_unlock(bucket);
		return 1;
	}
	sleep();
	return 0;
}

/* A bucket that is removed lives until the program unlocks it. */
SEC("syscall")
__success __retval(0)
int removed(void *ctx)
{
	struct bpf_bucket_locked *bucket;
	__u64 level;

	if (bpf_bucket_make(4, 10))
		return 1;
	bucket = bpf_bucket_lock(4);
	if (!bucket)
		return 2;
	bpf_bucket_remove(4);
	level = bpf_bucket_level(bucket);
	bpf_bucket_unlock(bucket);
	return level == 10 ? 0 : 3;
}

SEC("syscall")
__success __retval(0)
int break_in_walk(void *ctx)
{
	struct bpf_bucket_locked *bucket;
	struct bpf_iter_bucket it;

	if (bpf_bucket_make(5, 10))
		return 1;
	bpf_iter_bucket_new(&it, 0);
	bucket = bpf_iter_bucket_next(&it);
	bpf_iter_bucket_destroy(&it);
	if (!bucket)
		return 2;
	/* The lock is free again. */
	bucket = bpf_bucket_lock(5);
	if (bucket)
		bpf_bucket_unlock(bucket);
	return bpf_bucket_remove(5) && bucket ? 0 : 3;
}

SEC("syscall")
__failure __msg("sleepable helper bpf_copy_from_user#{{[0-9]+}} in fault-free region")
int sleep_under_lock(void *ctx)
{
	struct bpf_bucket_locked *bucket;

	bucket = bpf_bucket_lock(1);
	if (!bucket)
		return 0;
	sleep();
	bpf_bucket_unlock(bucket);
	return 0;
}

SEC("syscall")
__failure __msg("Unreleased reference")
int not_unlocked(void *ctx)
{
	struct bpf_bucket_locked *bucket;

	bucket = bpf_bucket_lock(1);
	if (!bucket)
		return 0;
	return 0;
}

SEC("syscall")
__failure __msg("R1 is scalar expected STRUCT bpf_bucket_locked")
int used_behind_unlock(void *ctx)
{
	struct bpf_bucket_locked *bucket;

	bucket = bpf_bucket_lock(1);
	if (!bucket)
		return 0;
	bpf_bucket_unlock(bucket);
	return bpf_bucket_level(bucket);
}

/* So no two programs wait for each other. */
SEC("syscall")
__failure __msg("kernel func bpf_bucket_lock is sleepable within fault-free region")
int second_lock(void *ctx)
{
	struct bpf_bucket_locked *bucket;

	bucket = bpf_bucket_lock(1);
	if (!bucket)
		return 0;
	struct bpf_bucket_locked *other = bpf_bucket_lock(2);

	if (other)
		bpf_bucket_unlock(other);
	bpf_bucket_unlock(bucket);
	return 0;
}

SEC("syscall")
__failure __msg("bpf_bucket_unlock cannot release the element of an iterator")
int unlock_element(void *ctx)
{
	struct bpf_bucket_locked *bucket;
	struct bpf_iter_bucket it;

	bpf_iter_bucket_new(&it, 0);
	bucket = bpf_iter_bucket_next(&it);
	if (bucket)
		bpf_bucket_unlock(bucket);
	bpf_iter_bucket_destroy(&it);
	return 0;
}

SEC("syscall")
__failure __msg("sleepable helper bpf_copy_from_user#{{[0-9]+}} in fault-free region")
int sleep_in_walk(void *ctx)
{
	struct bpf_bucket_locked *bucket;
	struct bpf_iter_bucket it;

	bpf_iter_bucket_new(&it, 0);
	bucket = bpf_iter_bucket_next(&it);
	if (bucket)
		sleep();
	bpf_iter_bucket_destroy(&it);
	return 0;
}

SEC("syscall")
__failure __msg("R1 is scalar expected STRUCT bpf_bucket_locked")
int used_behind_release(void *ctx)
{
	struct bpf_bucket_locked *bucket;
	struct bpf_iter_bucket it;

	bpf_iter_bucket_new(&it, 0);
	bucket = bpf_iter_bucket_next(&it);
	if (bucket) {
		bpf_iter_bucket_release(&it);
		bpf_bucket_take(bucket, 1);
	}
	bpf_iter_bucket_destroy(&it);
	return 0;
}

SEC("syscall")
__failure __msg("bpf_iter_bucket_release: the iterator holds no element")
int released_twice(void *ctx)
{
	struct bpf_bucket_locked *bucket;
	struct bpf_iter_bucket it;

	bpf_iter_bucket_new(&it, 0);
	bucket = bpf_iter_bucket_next(&it);
	if (bucket) {
		bpf_iter_bucket_release(&it);
		bpf_iter_bucket_release(&it);
	}
	bpf_iter_bucket_destroy(&it);
	return 0;
}

SEC("raw_tp/sys_enter")
__failure __msg("program must be sleepable to call sleepable kfunc bpf_bucket_lock")
int may_not_sleep(void *ctx)
{
	struct bpf_bucket_locked *bucket;

	bucket = bpf_bucket_lock(1);
	if (!bucket)
		return 0;
	bpf_bucket_unlock(bucket);
	return 0;
}

SEC("syscall")
__failure __msg("bpf_throw would lead to reference leak")
int throw_under_lock(void *ctx)
{
	struct bpf_bucket_locked *bucket;

	bucket = bpf_bucket_lock(1);
	if (!bucket)
		return 0;
	if (number)
		bpf_throw(0);
	bpf_bucket_unlock(bucket);
	return 0;
}

SEC("syscall")
__failure __msg("bpf_throw would lead to reference leak")
int throw_in_walk(void *ctx)
{
	struct bpf_bucket_locked *bucket;
	struct bpf_iter_bucket it;

	bpf_iter_bucket_new(&it, 0);
	bucket = bpf_iter_bucket_next(&it);
	if (bucket && number)
		bpf_throw(0);
	bpf_iter_bucket_destroy(&it);
	return 0;
}
