// SPDX-License-Identifier: GPL-2.0
/* Programs that hold locks of each kind, and programs that break a rule. */
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

SEC("syscall")
__success __retval(0)
int spot(void *ctx)
{
	struct bpf_lktest_spot_locked *spot;
	long errno;

	if (bpf_lktest_spot_make(1))
		return 1;
	spot = bpf_lktest_spot_lock(1);
	if (!spot)
		return 2;
	bpf_lktest_spot_add(spot, 3);
	bpf_lktest_spot_add(spot, 4);
	/* Rust code that wants the lock gets an error, and no deadlock. */
	errno = bpf_lktest_spot_read(1);
	if (bpf_lktest_spot_unlock(spot) != 7)
		return 3;
	sleep();
	if (errno != -35 || bpf_lktest_spot_read(1) != 7)
		return 4;
	return bpf_lktest_spot_remove(1) ? 0 : 5;
}

/* A module that forgets the argument does not keep the lock. */
SEC("syscall")
__success __retval(0)
int forgotten(void *ctx)
{
	struct bpf_lktest_spot_locked *spot;
	long value;

	if (bpf_lktest_spot_make(2))
		return 1;
	spot = bpf_lktest_spot_lock(2);
	if (!spot)
		return 2;
	bpf_lktest_spot_forget(spot);
	sleep();
	value = bpf_lktest_spot_read(2);
	return bpf_lktest_spot_remove(2) && !value ? 0 : 3;
}

/* The second lock of the same object is an error, and no deadlock. */
SEC("syscall")
__success __retval(0)
int held_twice(void *ctx)
{
	struct bpf_lktest_spot_locked *spot, *again;

	if (bpf_lktest_spot_make(3))
		return 1;
	spot = bpf_lktest_spot_lock(3);
	if (!spot)
		return 2;
	again = bpf_lktest_spot_lock(3);
	if (again)
		bpf_lktest_spot_unlock(again);
	bpf_lktest_spot_unlock(spot);
	return bpf_lktest_spot_remove(3) && !again ? 0 : 3;
}

SEC("syscall")
__success __retval(0)
int two(void *ctx)
{
	struct bpf_lktest_spot_locked *spot, *other;
	bool equal = false;

	if (bpf_lktest_spot_make(4) || bpf_lktest_spot_make(5))
		return 1;
	spot = bpf_lktest_spot_lock(4);
	if (!spot)
		return 2;
	other = bpf_lktest_spot_lock(5);
	if (other) {
		equal = bpf_lktest_spot_equals(spot, other);
		bpf_lktest_spot_unlock(other);
	}
	bpf_lktest_spot_unlock(spot);
	return bpf_lktest_spot_remove(4) && bpf_lktest_spot_remove(5) && equal ? 0 : 3;
}

SEC("syscall")
__success __retval(0)
int spots(void *ctx)
{
	struct bpf_lktest_spot_locked *spot;
	struct bpf_iter_lktest_spots it;

	if (bpf_lktest_spot_make(6) || bpf_lktest_spot_make(7))
		return 1;
	spot = bpf_lktest_spot_lock(6);
	if (!spot)
		return 2;
	bpf_lktest_spot_add(spot, 1);
	bpf_lktest_spot_unlock(spot);
	bpf_iter_lktest_spots_new(&it);
	while ((spot = bpf_iter_lktest_spots_next(&it))) {
		if (bpf_lktest_spot_add(spot, 1) == 2) {
			bpf_iter_lktest_spots_release(&it);
			sleep();
		}
	}
	bpf_iter_lktest_spots_destroy(&it);
	if (bpf_lktest_spot_read(6) != 2 || bpf_lktest_spot_read(7) != 1)
		return 3;
	return bpf_lktest_spot_remove(6) && bpf_lktest_spot_remove(7) ? 0 : 4;
}

SEC("syscall")
__success __retval(0)
int two_types(void *ctx)
{
	struct bpf_lktest_reader_locked *reader;
	struct bpf_lktest_spot_locked *spot;
	__u64 number = 0;

	if (bpf_lktest_spot_make(0))
		return 1;
	reader = bpf_lktest_reader_lock();
	if (!reader)
		return 2;
	spot = bpf_lktest_spot_lock(0);
	if (spot) {
		bpf_lktest_spot_add(spot, 21);
		number = bpf_lktest_spot_double(spot, reader);
		bpf_lktest_spot_unlock(spot);
	}
	bpf_lktest_reader_unlock(reader);
	return bpf_lktest_spot_remove(0) && number == 42 ? 0 : 3;
}

SEC("syscall")
__success __retval(0)
int reader(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf(), *parent;
	struct bpf_lktest_reader_locked *reader;
	__u32 called;

	reader = bpf_lktest_reader_lock();
	if (!reader)
		return 1;
	called = bpf_lktest_under_rcu();
	parent = bpf_task_acquire(task->real_parent);
	bpf_lktest_reader_unlock(reader);
	sleep();
	if (parent)
		bpf_task_release(parent);
	return called ? 0 : 2;
}

/* The last reference to an address space is put elsewhere if interrupts are off. */
SEC("syscall")
__success __retval(0)
int walk_without_interrupts(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	unsigned long irqs;
	bool ended;
	int i;

	bpf_for(i, 0, 100) {
		if (bpf_lktest_walk_begin(task))
			return 1;
		bpf_local_irq_save(&irqs);
		ended = bpf_lktest_walk_end();
		bpf_local_irq_restore(&irqs);
		if (!ended)
			return 2;
	}
	/* No walk begins there. */
	bpf_local_irq_save(&irqs);
	ended = bpf_lktest_walk_begin(task) == -3;
	bpf_local_irq_restore(&irqs);
	return ended ? 0 : 3;
}

SEC("syscall")
__failure __msg("sleepable helper bpf_copy_from_user#{{[0-9]+}} in non-preemptible region")
int spot_sleeps(void *ctx)
{
	struct bpf_lktest_spot_locked *spot;

	spot = bpf_lktest_spot_lock(1);
	if (!spot)
		return 1;
	sleep();
	bpf_lktest_spot_unlock(spot);
	return 0;
}

SEC("syscall")
__failure __msg("is in the non-preemptible region of reference id={{[0-9]+}}. Release it first.")
int spot_order(void *ctx)
{
	struct bpf_lktest_spot_locked *spot;

	spot = bpf_lktest_spot_lock(1);
	if (!spot)
		return 1;
	struct bpf_lktest_spot_locked *other = bpf_lktest_spot_lock(2);

	bpf_lktest_spot_unlock(spot);
	if (other)
		bpf_lktest_spot_unlock(other);
	return 0;
}

/* The program cannot turn preemption on under the lock. */
SEC("syscall")
__failure __msg("unmatched attempt to enable preemption")
int spot_preempt_enable(void *ctx)
{
	struct bpf_lktest_spot_locked *spot;

	spot = bpf_lktest_spot_lock(1);
	if (!spot)
		return 1;
	bpf_preempt_enable();
	bpf_preempt_disable();
	bpf_lktest_spot_unlock(spot);
	return 0;
}

SEC("syscall")
__failure __msg("unmatched rcu read unlock")
int reader_unlock(void *ctx)
{
	struct bpf_lktest_reader_locked *reader;

	reader = bpf_lktest_reader_lock();
	if (!reader)
		return 0;
	bpf_rcu_read_unlock();
	bpf_lktest_reader_unlock(reader);
	return 0;
}

SEC("syscall")
__failure __msg("requires RCU critical section protection")
int behind_reader(void *ctx)
{
	struct bpf_lktest_reader_locked *reader;

	reader = bpf_lktest_reader_lock();
	if (reader)
		bpf_lktest_reader_unlock(reader);
	return bpf_lktest_under_rcu();
}
