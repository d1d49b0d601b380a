// SPDX-License-Identifier: GPL-2.0
/* Timers of samples/watchdog, started in all contexts. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

#define MS (1000 * 1000ULL)
#define HOUR (3600 * 1000 * MS)
/* The watchdogs of the map; others have larger numbers. */
#define COUNT 8

struct elem {
	struct bpf_watchdog __kptr * watchdog;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, COUNT);
	__type(key, u32);
	__type(value, struct elem);
} owner SEC(".maps");

#define OWNER ((void *)&owner)

/* How often each watchdog has called, and when it did last. */
u64 calls[COUNT], called_at[COUNT];
/* Written by user space. */
u64 period, in_ms;
u32 napping;

/* Puts a watchdog into the map, or releases it. */
static void keep(struct bpf_watchdog *watchdog, u32 key)
{
	struct elem *elem = bpf_map_lookup_elem(&owner, &key);

	if (elem)
		watchdog = bpf_kptr_xchg(&elem->watchdog, watchdog);
	if (watchdog)
		bpf_watchdog_release(watchdog);
}

static struct bpf_watchdog *take(u32 key)
{
	struct elem *elem = bpf_map_lookup_elem(&owner, &key);

	return elem ? bpf_kptr_xchg(&elem->watchdog, NULL) : NULL;
}

/* Starts a watchdog of the map, from any program. */
static s64 start(u64 number, u64 time)
{
	struct bpf_watchdog *watchdog;
	s64 ret = -1000;

	bpf_rcu_read_lock();
	watchdog = bpf_watchdog_find(number);
	if (watchdog)
		ret = bpf_watchdog_start(watchdog, time);
	bpf_rcu_read_unlock();
	return ret;
}

static int count(struct bpf_watchdog *watchdog, u64 number)
{
	if (number >= COUNT)
		return -1;
	called_at[number] = bpf_ktime_get_ns();
	__sync_fetch_and_add(&calls[number], 1);
	return 0;
}

static int again(struct bpf_watchdog *watchdog, u64 number)
{
	count(watchdog, number);
	if (number < COUNT && calls[number] < 10)
		bpf_watchdog_start(watchdog, MS);
	return 0;
}

s64 waited;

static int slow(struct bpf_watchdog *watchdog, u64 number)
{
	napping = 1;
	bpf_cbtest_nap(300);
	waited = bpf_watchdog_cancel_and_wait(watchdog, 1000);
	napping = 0;
	return count(watchdog, number);
}

/* Creates three watchdogs, which count, start themselves again and sleep. */
SEC("syscall")
int create(void *ctx)
{
	struct bpf_watchdog *watchdog;

	watchdog = bpf_watchdog_create(OWNER, count, 0, period, 0);
	if (!watchdog)
		return 1;
	keep(watchdog, 0);
	watchdog = bpf_watchdog_create(OWNER, again, 1, 0, MS);
	if (!watchdog)
		return 2;
	keep(watchdog, 1);
	watchdog = bpf_watchdog_create(OWNER, slow, 2, 0, 0);
	if (!watchdog)
		return 3;
	keep(watchdog, 2);
	return 0;
}

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, COUNT);
	__type(key, u32);
	__type(value, struct elem);
} entries SEC(".maps");

/* Moves the watchdogs to a map whose elements user space can delete. */
SEC("syscall")
int move(void *ctx)
{
	struct bpf_watchdog *watchdog;
	struct elem *elem, none = {};
	u32 i, key;

	bpf_for(i, 0, 3) {
		key = i;
		watchdog = take(key);
		if (!watchdog)
			return 1;
		bpf_map_update_elem(&entries, &key, &none, BPF_NOEXIST);
		elem = bpf_map_lookup_elem(&entries, &key);
		if (elem)
			watchdog = bpf_kptr_xchg(&elem->watchdog, watchdog);
		if (watchdog)
			bpf_watchdog_release(watchdog);
	}
	return 0;
}

u64 started_at;

SEC("syscall")
int start_count(void *ctx)
{
	started_at = bpf_ktime_get_ns();
	return start(0, in_ms * MS);
}

SEC("syscall")
int start_at(void *ctx)
{
	struct bpf_watchdog *watchdog;
	s64 ret = -1000;

	started_at = bpf_ktime_get_ns();
	bpf_rcu_read_lock();
	watchdog = bpf_watchdog_find(0);
	if (watchdog)
		ret = bpf_watchdog_start_at(watchdog, started_at + in_ms * MS);
	bpf_rcu_read_unlock();
	return ret;
}

SEC("syscall")
int start_again(void *ctx)
{
	return start(1, 0);
}

SEC("syscall")
int start_slow(void *ctx)
{
	return start(2, 0);
}

SEC("syscall")
int start_hour(void *ctx)
{
	return start(0, HOUR);
}

static __noinline s64 cancel_one(u64 number)
{
	struct bpf_watchdog *watchdog;
	s64 ret = -1000;

	bpf_rcu_read_lock();
	watchdog = bpf_watchdog_find(number);
	if (watchdog)
		ret = bpf_watchdog_cancel(watchdog);
	bpf_rcu_read_unlock();
	return ret;
}

SEC("syscall")
int cancel(void *ctx)
{
	return cancel_one(0);
}

/* Waits for the watchdog that sleeps, for @in_ms. */
SEC("syscall")
int wait_slow(void *ctx)
{
	struct bpf_watchdog *watchdog = take(2);
	s64 ret;

	if (!watchdog)
		return -1000;
	ret = bpf_watchdog_cancel_and_wait(watchdog, in_ms);
	keep(watchdog, 2);
	return ret;
}

SEC("syscall")
int release(void *ctx)
{
	struct bpf_watchdog *watchdog = take(0);

	if (watchdog)
		bpf_watchdog_release(watchdog);
	return 0;
}

SEC("syscall")
int missed(void *ctx)
{
	struct bpf_watchdog *watchdog;
	s64 ret = -1000;

	bpf_rcu_read_lock();
	watchdog = bpf_watchdog_find(0);
	if (watchdog)
		ret = bpf_watchdog_missed(watchdog);
	bpf_rcu_read_unlock();
	return ret;
}

/* The number of watchdogs of all programs. */
SEC("syscall")
int left(void *ctx)
{
	int number, sum = 0;

	bpf_for(number, 0, 128) {
		bpf_rcu_read_lock();
		if (bpf_watchdog_find(number))
			sum++;
		bpf_rcu_read_unlock();
	}
	return sum;
}

enum { TASK, SOFTIRQ, INTERRUPT, NMI, HRTIMER, CONTEXTS };

u64 started[CONTEXTS], replaced, cancelled, called, failed, made, refused;
bool stormy;

static int storm_called(struct bpf_watchdog *watchdog, u64 number)
{
	__sync_fetch_and_add(&called, 1);
	if (number & 1)
		bpf_cbtest_nap(1);
	return 0;
}

SEC("syscall")
int create_storm(void *ctx)
{
	struct bpf_watchdog *watchdog;
	int number;

	bpf_for(number, 0, COUNT) {
		watchdog = bpf_watchdog_create(OWNER, storm_called, number, 0, number * MS);
		if (!watchdog)
			return 1;
		keep(watchdog, number);
	}
	return 0;
}

/* Starts or cancels a watchdog. */
static __noinline int storm_one(u32 context)
{
	u32 random = bpf_get_prandom_u32();
	s64 ret;

	/* Most calls need some time to begin. */
	if (!stormy || context >= CONTEXTS || random & 0xe00)
		return 0;
	if (random & 0x100) {
		if (cancel_one(random % COUNT) == 1)
			__sync_fetch_and_add(&cancelled, 1);
		return 0;
	}
	ret = start(random % COUNT, random >> 12);
	if (ret < 0) {
		__sync_fetch_and_add(&failed, 1);
		return 0;
	}
	__sync_fetch_and_add(&started[context], 1);
	if (ret)
		__sync_fetch_and_add(&replaced, 1);
	return 0;
}

/* Creates a watchdog, starts and drops it. */
static __noinline int storm_new(u32 random)
{
	struct bpf_watchdog *watchdog;

	if (!stormy || random & 3)
		return 0;
	watchdog = bpf_watchdog_create(OWNER, count, COUNT + random % 64, random & 0x8000, 0);
	if (!watchdog) {
		__sync_fetch_and_add(&refused, 1);
		return 0;
	}
	__sync_fetch_and_add(&made, 1);
	bpf_watchdog_start(watchdog, random >> 12);
	bpf_watchdog_release(watchdog);
	return 0;
}

SEC("syscall")
int storm_task(void *ctx)
{
	int i;

	bpf_for(i, 0, 100) {
		storm_one(TASK);
		storm_new(bpf_get_prandom_u32());
	}
	return 0;
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(storm_softirq, unsigned int nr)
{
	storm_one(SOFTIRQ);
	return storm_new(bpf_get_prandom_u32());
}

SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(storm_interrupt, struct hrtimer *timer, ktime_t *now)
{
	storm_one(INTERRUPT);
	return storm_new(bpf_get_prandom_u32());
}

SEC("tp_btf/nmi_handler")
int BPF_PROG(storm_nmi, void *handler, s64 delta, int handled)
{
	storm_one(NMI);
	return storm_new(bpf_get_prandom_u32());
}

/* Holds the lock of the hrtimers of this CPU. */
SEC("tp_btf/hrtimer_start")
int BPF_PROG(storm_hrtimer, struct hrtimer *timer)
{
	return bpf_get_prandom_u32() & 7 ? 0 : storm_one(HRTIMER);
}

SEC("syscall")
int end_storm(void *ctx)
{
	struct bpf_watchdog *watchdog;
	int number;
	s64 ret;

	bpf_for(number, 0, COUNT) {
		watchdog = take(number);
		if (!watchdog)
			return 1;
		ret = bpf_watchdog_cancel_and_wait(watchdog, 10000);
		bpf_watchdog_release(watchdog);
		if (ret < 0)
			return ret;
		cancelled += ret;
	}
	return 0;
}

#define MANY 60

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, MANY);
	__type(key, u32);
	__type(value, struct elem);
} many SEC(".maps");

SEC("syscall")
int create_many(void *ctx)
{
	struct bpf_watchdog *watchdog;
	struct elem *elem;
	u32 i, key;

	bpf_for(i, 0, MANY) {
		watchdog = bpf_watchdog_create(OWNER, storm_called, 1000 + 2 * i, 0, 0);
		if (!watchdog)
			return 1;
		key = i;
		elem = bpf_map_lookup_elem(&many, &key);
		if (elem)
			watchdog = bpf_kptr_xchg(&elem->watchdog, watchdog);
		if (watchdog)
			bpf_watchdog_release(watchdog);
	}
	return 0;
}

extern void bpf_local_irq_save(unsigned long *flags__irq_flag) __ksym __weak;
extern void bpf_local_irq_restore(unsigned long *flags__irq_flag) __ksym __weak;

/* Interrupts are off: one start is handled at once, and the others in rounds. */
SEC("syscall")
int start_many(void *ctx)
{
	unsigned long flags;
	u32 i, sum = 0;

	bpf_local_irq_save(&flags);
	bpf_for(i, 0, MANY)
		sum += start(1000 + 2 * i, 0) == 0;
	bpf_local_irq_restore(&flags);
	return sum;
}

u64 loops;
/* What a program does before a start, and the time of the start. */
u32 burn;
u64 loop_time;

static int nothing(u64 index, void *ctx)
{
	return 0;
}

static __always_inline void begin_loop(void)
{
	__sync_fetch_and_add(&loops, 1);
	bpf_loop(burn, nothing, NULL, 0);
}

static __noinline int loop_one(u64 number)
{
	begin_loop();
	return start(number, loop_time);
}

/* A breakpoint at a function that a start calls. For x86, that is an NMI. */
SEC("perf_event")
int loop_breakpoint(void *ctx)
{
	loop_one(loops & 1);
	return 0;
}

/* All watchdogs in turn. */
SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(loop_many, struct hrtimer *timer, ktime_t *now)
{
	return loop_one(1000 + 2 * (loops % MANY));
}

/* A start sets an hrtimer, which starts again, and so on. */
SEC("tp_btf/hrtimer_start")
int BPF_PROG(loop_hrtimer, struct hrtimer *timer)
{
	return loop_one(0);
}

SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(loop_expire, struct hrtimer *timer, ktime_t *now)
{
	return loop_one(0);
}

SEC("tp_btf/irq_work_entry")
int BPF_PROG(loop_irq_work, int vector)
{
	/* Of two watchdogs, one is not in the interrupt now. */
	return loop_one(loops & 1);
}

/* Written by user space. */
u32 task_pid;

static u32 by_task(u32 n)
{
	return n;
}

/* The last tracepoint of the interrupt that gives a work to a task. */
SEC("tp_btf/irq_work_exit")
int BPF_PROG(loop_task_work, int vector)
{
	struct bpf_cbtest_later *later;
	struct task_struct *task;

	begin_loop();
	task = bpf_task_from_pid(task_pid);
	if (!task)
		return 0;
	later = bpf_cbtest_in_task(task, OWNER, by_task, 0);
	if (later)
		bpf_cbtest_release(later);
	bpf_task_release(task);
	return 0;
}

/* Objects and callbacks are freed after an interrupt. */
SEC("tp_btf/irq_work_exit")
int BPF_PROG(loop_create, int vector)
{
	struct bpf_watchdog *watchdog;

	begin_loop();
	watchdog = bpf_watchdog_create(OWNER, storm_called, COUNT, 0, 0);
	if (watchdog)
		bpf_watchdog_release(watchdog);
	return 0;
}

/* The thread of another CPU can take a queue at once. */
SEC("tp_btf/irq_work_exit")
int BPF_PROG(loop_queue, int vector)
{
	struct bpf_cbtest_later *later;

	begin_loop();
	later = bpf_cbtest_later(OWNER, by_task, 0);
	if (later)
		bpf_cbtest_release(later);
	return 0;
}

SEC("fentry/tick_nohz_irq_exit")
int BPF_PROG(loop_irq_exit)
{
	loop_one(loops & 1);
	return 0;
}

/* In the middle of the code that a start runs first. */
SEC("tp_btf/hrtimer_setup")
int BPF_PROG(loop_setup, struct hrtimer *timer)
{
	bpf_cbtest_fail_timer();
	return loop_one(0);
}

char _license[] SEC("license") = "GPL";
