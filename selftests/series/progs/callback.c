// SPDX-License-Identifier: GPL-2.0
/* Functions that kfuncs in Rust call later. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

struct elem {
	struct bpf_cbtest_later __kptr * later;
};

/* The owner of the callbacks, in which they are kept as well. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 4);
	__type(key, u32);
	__type(value, struct elem);
} owner SEC(".maps");

u32 runs, in_program, may_end, milliseconds;

/* Starts a callback and waits for its result. */
#define WAIT(start) ({							\
	struct bpf_cbtest_later *started = (start);			\
	s64 result = -1;						\
									\
	if (started) {							\
		result = bpf_cbtest_wait(started, 5000);		\
		bpf_cbtest_release(started);				\
	}								\
	result;								\
})

#define OWNER ((void *)&owner)

static int numbers(bool b, u8 u, s16 s, u32 n, s64 l)
{
	return b == 1 && u == 255 && s == -32768 && n == 0xffffffff &&
	       l == (s64)(1ULL << 63);
}

SEC("syscall")
int run_numbers(void *ctx)
{
	return WAIT(bpf_cbtest_numbers(OWNER, numbers));
}

static u32 twice(u32 n)
{
	runs++;
	return 2 * n;
}

SEC("syscall")
int run_later(void *ctx)
{
	return WAIT(bpf_cbtest_later(OWNER, twice, 21));
}

static void keep(struct bpf_cbtest_later *later)
{
	struct elem *elem;
	u32 key = 0;

	elem = bpf_map_lookup_elem(&owner, &key);
	if (elem)
		later = bpf_kptr_xchg(&elem->later, later);
	if (later)
		bpf_cbtest_release(later);
}

/* A callback may sleep that a program started which may not. */
static u32 nap(u32 n)
{
	bpf_cbtest_nap(1);
	return n;
}

SEC("tc")
int start_sleep(struct __sk_buff *skb)
{
	struct bpf_cbtest_later *later = bpf_cbtest_sleep(OWNER, nap, 7);

	if (!later)
		return 1;
	keep(later);
	return 0;
}

SEC("syscall")
int run_locked(void *ctx)
{
	return WAIT(bpf_cbtest_locked(OWNER, nap, 8));
}

/* Waits for what an element has. */
SEC("syscall")
int wait_elem(void *ctx)
{
	struct bpf_cbtest_later *later;
	struct elem *elem;
	u32 key = 0;

	elem = bpf_map_lookup_elem(&owner, &key);
	later = elem ? bpf_kptr_xchg(&elem->later, NULL) : NULL;
	return WAIT(later);
}

static u32 own(struct bpf_cbtest_value *value, struct bpf_cbtest_value *second)
{
	u32 sum = bpf_cbtest_value_get(value);

	bpf_cbtest_value_release(value);
	if (second) {
		sum += bpf_cbtest_value_get(second);
		bpf_cbtest_value_release(second);
	}
	return sum;
}

SEC("syscall")
int run_give(void *ctx)
{
	struct bpf_cbtest_value *value = bpf_cbtest_value_new(11);

	return value ? WAIT(bpf_cbtest_give(value, OWNER, own)) : -1;
}

SEC("syscall")
int run_give_null(void *ctx)
{
	struct bpf_cbtest_value *value = bpf_cbtest_value_new(10);

	return value ? WAIT(bpf_cbtest_give(value, OWNER, own)) : -1;
}

static u32 borrow(struct bpf_cbtest_value *value, struct bpf_cbtest_value *same)
{
	if (!same)
		return 0;
	return bpf_cbtest_value_get(value) + bpf_cbtest_value_get(same);
}

SEC("syscall")
int run_lend(void *ctx)
{
	struct bpf_cbtest_value *value = bpf_cbtest_value_new(12);

	return value ? WAIT(bpf_cbtest_lend(value, OWNER, borrow)) : -1;
}

/* Cancels a callback that waits behind a work. Its value is dropped at once. */
SEC("syscall")
int run_cancel(void *ctx)
{
	struct bpf_cbtest_later *block = bpf_cbtest_block(300), *later;
	struct bpf_cbtest_value *value;
	int result = -1;

	if (!block)
		return -2;
	value = bpf_cbtest_value_new(13);
	if (value) {
		later = bpf_cbtest_give(value, OWNER, own);
		if (later) {
			result = !bpf_cbtest_cancel(later) + 2 * bpf_cbtest_cancel(later);
			if (bpf_cbtest_wait(later, 5000) != -125 /* ECANCELED */)
				result += 4;
			bpf_cbtest_release(later);
		}
	}
	bpf_cbtest_release(block);
	return result;
}

/* Starts itself again, until nobody holds the map. */
static u32 again(u32 n)
{
	struct bpf_cbtest_later *later;

	runs++;
	later = bpf_cbtest_sleep(OWNER, again, n + 1);
	if (!later)
		return n;
	bpf_cbtest_release(later);
	return 0;
}

SEC("syscall")
int start_again(void *ctx)
{
	return again(0);
}

/* Fills the map with callbacks that wait behind a work: the program holds the map, the map
 * the callback, and the callback the program.
 */
SEC("syscall")
int start_cycle(void *ctx)
{
	struct bpf_cbtest_later *later;
	struct elem *elem;
	u32 key;

	later = bpf_cbtest_block(milliseconds);
	if (!later)
		return 1;
	bpf_cbtest_release(later);
	bpf_for(key, 0, 4) {
		u32 at = key;

		later = bpf_cbtest_later(OWNER, twice, key);
		if (!later)
			return 2;
		elem = bpf_map_lookup_elem(&owner, &at);
		if (elem)
			later = bpf_kptr_xchg(&elem->later, later);
		if (later)
			bpf_cbtest_release(later);
	}
	return 0;
}

static u32 slow(u32 n)
{
	in_program = 1;
	bpf_repeat(1 << 10) {
		bpf_repeat(1 << 20) {
			if (*(volatile u32 *)&may_end)
				break;
		}
	}
	runs++;
	return n;
}

SEC("syscall")
int start_slow(void *ctx)
{
	struct bpf_cbtest_later *later = bpf_cbtest_later(OWNER, slow, 1);

	if (!later)
		return 1;
	bpf_cbtest_release(later);
	return 0;
}

/* Fills 256 bytes of the stack, and sums them up. */
static __noinline u32 sum(u32 n)
{
	volatile u8 data[256];
	u32 result = 0;
	int i;

	bpf_for(i, 0, 256)
		data[i & 255] = n;
	bpf_for(i, 0, 256)
		result += data[i & 255];
	return result;
}

/*
 * Runs while the program runs again on this CPU. The program has a private stack, on which
 * this function, and those that it shares with the program, must not be.
 */
static u32 sum_asleep(u32 n)
{
	volatile u8 data[200];
	u32 result;
	int i;

	bpf_for(i, 0, 200)
		data[i % 200] = n;
	result = sum(n);
	bpf_cbtest_nap(50);
	bpf_for(i, 0, 200)
		if (data[i % 200] != (u8)n)
			return 0;
	return result;
}

/* More than 512 bytes: the verifier accepts it because the stack is private. */
SEC("raw_tp/sys_enter")
int start_private(void *ctx)
{
	struct bpf_cbtest_later *later;
	volatile u8 data[400];
	int i;

	bpf_for(i, 0, 400)
		data[i % 400] = 0xff;
	later = bpf_cbtest_sleep(OWNER, sum_asleep, 7);
	if (!later)
		return -1;
	keep(later);
	return sum(data[5]);
}

struct task_elem {
	struct bpf_task_work work;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct task_elem);
} tasks SEC(".maps");

/* Work of the task, which starts a callback of a kfunc. */
static int in_task(struct bpf_map *map, void *key, void *value)
{
	struct bpf_cbtest_later *later = bpf_cbtest_sleep(OWNER, nap, 9);

	if (later)
		keep(later);
	return 0;
}

SEC("syscall")
int start_in_task(void *ctx)
{
	struct task_elem *elem;
	u32 key = 0;

	elem = bpf_map_lookup_elem(&tasks, &key);
	if (!elem)
		return -1;
	return bpf_task_work_schedule_signal(bpf_get_current_task_btf(), &elem->work, &tasks,
					     in_task);
}

extern void bpf_local_irq_save(unsigned long *flags__irq_flag) __ksym __weak;
extern void bpf_local_irq_restore(unsigned long *flags__irq_flag) __ksym __weak;

/* Written by user space: the task, and the number of a system call. */
u32 task_pid;
long exit_group;

/* Has to be called by the task, which may sleep. */
static u32 by_task(u32 n)
{
	bpf_cbtest_nap(1);
	return (u32)bpf_get_current_pid_tgid() == task_pid ? n : 0;
}

SEC("syscall")
int start_by_task(void *ctx)
{
	struct bpf_cbtest_later *later;

	later = bpf_cbtest_in_task(bpf_get_current_task_btf(), OWNER, by_task, 5);
	if (!later)
		return 1;
	keep(later);
	return 0;
}

SEC("syscall")
int start_by_task_irqs_off(void *ctx)
{
	struct bpf_cbtest_later *later;
	unsigned long flags;

	bpf_local_irq_save(&flags);
	later = bpf_cbtest_in_task(bpf_get_current_task_btf(), OWNER, by_task, 6);
	bpf_local_irq_restore(&flags);
	if (!later)
		return 1;
	keep(later);
	return 0;
}

/* Many, for a task that may be stopped. Returns their number. */
SEC("syscall")
int start_by_other_task(void *ctx)
{
	struct bpf_cbtest_later *later;
	struct task_struct *task;
	int i, started = 0;

	task = bpf_task_from_pid(task_pid);
	if (!task)
		return -1;
	bpf_for(i, 0, 5000) {
		later = bpf_cbtest_in_task(task, OWNER, by_task, 7);
		if (!later)
			break;
		keep(later);
		started++;
	}
	bpf_task_release(task);
	return started;
}

/* Starts the next one: the task still returns to user mode, and to signals. */
u64 nexts;

static u32 by_task_again(u32 n)
{
	struct bpf_cbtest_later *later;

	nexts++;
	later = bpf_cbtest_in_task(bpf_get_current_task_btf(), OWNER, by_task_again, n);
	if (later)
		bpf_cbtest_release(later);
	bpf_cbtest_nap(n);
	return n;
}

u32 naps;

SEC("syscall")
int start_by_task_again(void *ctx)
{
	struct bpf_cbtest_later *later;
	struct task_struct *task;

	task = bpf_task_from_pid(task_pid);
	if (!task)
		return 1;
	later = bpf_cbtest_in_task(task, OWNER, by_task_again, naps);
	bpf_task_release(task);
	if (!later)
		return 2;
	bpf_cbtest_release(later);
	return 0;
}

u32 exit_started, exit_refused;

/* The task does not return to user mode. */
SEC("tp_btf/sys_enter")
int BPF_PROG(enter_exit, struct pt_regs *regs, long id)
{
	struct bpf_cbtest_later *later;

	if ((u32)bpf_get_current_pid_tgid() != task_pid || id != exit_group)
		return 0;
	later = bpf_cbtest_in_task(bpf_get_current_task_btf(), OWNER, by_task, 9);
	if (later) {
		exit_started++;
		keep(later);
	}
	return 0;
}

/* It exits. */
SEC("tp_btf/sched_process_exit")
int BPF_PROG(process_exit, struct task_struct *task)
{
	struct bpf_cbtest_later *later;

	if (task->pid != task_pid)
		return 0;
	later = bpf_cbtest_in_task(task, OWNER, by_task, 10);
	if (later)
		bpf_cbtest_release(later);
	else
		exit_refused++;
	return 0;
}

u32 new_started, new_refused;

/* A task to which a fork gives no works yet. */
SEC("tp_btf/task_newtask")
int BPF_PROG(new_task, struct task_struct *task, u64 clone_flags)
{
	struct bpf_cbtest_later *later = bpf_cbtest_in_task(task, OWNER, by_task, 8);

	if (later) {
		new_started++;
		bpf_cbtest_release(later);
	} else {
		new_refused++;
	}
	return 0;
}

struct soon_elem {
	struct bpf_cbtest_soon __kptr * soon;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct soon_elem);
} soon SEC(".maps");

/* Written by user space. */
u64 period;
u32 not_in_softirq;

/* Has the result of the call before. */
static u32 count_up(u32 n)
{
	if (!bpf_in_serving_softirq())
		not_in_softirq++;
	return n + 1;
}

SEC("tc")
int start_soon(struct __sk_buff *skb)
{
	struct bpf_cbtest_soon *started = bpf_cbtest_soon(OWNER, count_up, period);
	struct soon_elem *elem;
	u32 key = 0;

	if (!started)
		return 1;
	elem = bpf_map_lookup_elem(&soon, &key);
	if (elem)
		started = bpf_kptr_xchg(&elem->soon, started);
	if (started)
		bpf_cbtest_soon_release(started);
	return 0;
}

SEC("syscall")
int end_soon(void *ctx)
{
	struct bpf_cbtest_soon *started;
	struct soon_elem *elem;
	u32 key = 0;
	s64 result;

	elem = bpf_map_lookup_elem(&soon, &key);
	started = elem ? bpf_kptr_xchg(&elem->soon, NULL) : NULL;
	if (!started)
		return -1000;
	result = bpf_cbtest_soon_end(started);
	bpf_cbtest_soon_release(started);
	return result;
}

u64 started, refused, cancelled, called, wrong;

static u32 count(u32 n)
{
	if (n >= 100)
		__sync_fetch_and_add(&wrong, 1);
	__sync_fetch_and_add(&called, 1);
	return n;
}

static __noinline void end(struct bpf_cbtest_later *later)
{
	if (!later)
		return;
	if (bpf_cbtest_cancel(later))
		__sync_fetch_and_add(&cancelled, 1);
	bpf_cbtest_release(later);
}

/* Starts, cancels and releases callbacks, on several CPUs. */
SEC("syscall")
int storm(void *ctx)
{
	struct bpf_cbtest_later *later;
	struct elem *elem;
	u32 n, key;

	bpf_for(n, 0, 100) {
		later = bpf_cbtest_later(OWNER, count, n);
		if (!later) {
			__sync_fetch_and_add(&refused, 1);
			continue;
		}
		__sync_fetch_and_add(&started, 1);
		key = bpf_get_prandom_u32() & 3;
		elem = bpf_map_lookup_elem(&owner, &key);
		if (elem)
			later = bpf_kptr_xchg(&elem->later, later);
		if (!later)
			continue;
		if (bpf_get_prandom_u32() & 1)
			bpf_cbtest_release(later);
		else
			end(later);
	}
	return 0;
}

/* Ends what the map has. */
SEC("syscall")
int end_storm(void *ctx)
{
	struct bpf_cbtest_later *later;
	struct elem *elem;
	u32 n, key;

	bpf_for(n, 0, 4) {
		key = n;
		elem = bpf_map_lookup_elem(&owner, &key);
		later = elem ? bpf_kptr_xchg(&elem->later, NULL) : NULL;
		if (!later)
			continue;
		if (bpf_cbtest_cancel(later))
			__sync_fetch_and_add(&cancelled, 1);
		bpf_cbtest_release(later);
	}
	return 0;
}

SEC("syscall")
int error(void *ctx)
{
	return bpf_cbtest_error(OWNER, twice);
}

SEC("syscall")
int counts(void *ctx)
{
	return bpf_cbtest_values() + (bpf_cbtest_count() << 8);
}

char _license[] SEC("license") = "GPL";
