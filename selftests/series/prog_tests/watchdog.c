// SPDX-License-Identifier: GPL-2.0
/* Timers whose callbacks sleep. Expects watchdog.ko and callback_test.ko to be loaded. */
#include <linux/hw_breakpoint.h>
#include <linux/perf_event.h>
#include <pthread.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "watchdog.skel.h"

#define STORM_SECONDS 10
#define MS 1000000ULL

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "run"))
		return -1000;
	return opts.retval;
}

static struct watchdog *open_and_load(void)
{
	struct watchdog *skel = watchdog__open();

	if (!ASSERT_OK_PTR(skel, "open"))
		return NULL;
#ifndef __x86_64__
	/* Only x86 has these tracepoints. */
	bpf_program__set_autoload(skel->progs.storm_nmi, false);
	bpf_program__set_autoload(skel->progs.loop_irq_work, false);
	bpf_program__set_autoload(skel->progs.loop_task_work, false);
	bpf_program__set_autoload(skel->progs.loop_create, false);
	bpf_program__set_autoload(skel->progs.loop_queue, false);
#endif
	if (ASSERT_OK(watchdog__load(skel), "load"))
		return skel;
	watchdog__destroy(skel);
	return NULL;
}

/* Waits until a watchdog has called that often. */
static bool waits_for(struct watchdog *skel, int number, u64 calls)
{
	int i;

	for (i = 0; i < 5000 && *(volatile u64 *)&skel->bss->calls[number] < calls; i++)
		usleep(1000);
	return ASSERT_EQ(skel->bss->calls[number], calls, "calls");
}

/* Waits until no watchdog is left. */
static void none_left(struct watchdog *skel)
{
	int i, left = -1;

	for (i = 0; i < 1000 && left; i++) {
		left = run(skel->progs.left);
		usleep(10 * 1000);
	}
	ASSERT_EQ(left, 0, "watchdogs");
}

static __u32 prog_id(struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	ASSERT_OK(bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len), "info");
	return info.id;
}

static bool prog_exists(__u32 id)
{
	int fd = bpf_prog_get_fd_by_id(id);

	if (fd < 0)
		return false;
	close(fd);
	return true;
}

static void is_freed(__u32 id)
{
	int i;

	for (i = 0; i < 1000 && prog_exists(id); i++)
		usleep(10 * 1000);
	ASSERT_FALSE(prog_exists(id), "program");
}

static void test_once(struct watchdog *skel)
{
	struct bpf_program *starts[] = { skel->progs.start_count, skel->progs.start_at };
	u64 ms[] = { 50, 0 };
	int i, n = 0;

	ASSERT_OK(run(skel->progs.create), "create");
	for (i = 0; i < 4; i++) {
		skel->bss->in_ms = ms[i / 2];
		ASSERT_EQ(run(starts[i % 2]), 0, "start");
		if (!waits_for(skel, 0, ++n))
			return;
		ASSERT_GE(skel->bss->called_at[0], skel->bss->started_at + ms[i / 2] * MS, "time");
	}
	/* A start replaces another one, and a cancel ends it. */
	ASSERT_EQ(run(skel->progs.start_hour), 0, "start");
	ASSERT_EQ(run(skel->progs.start_hour), 1, "replace");
	ASSERT_EQ(run(skel->progs.start_at), 1, "replace");
	waits_for(skel, 0, ++n);
	ASSERT_EQ(run(skel->progs.start_hour), 0, "start");
	ASSERT_EQ(run(skel->progs.cancel), 1, "cancel");
	ASSERT_EQ(run(skel->progs.cancel), 0, "cancelled");

	ASSERT_EQ(run(skel->progs.start_again), 0, "start again");
	waits_for(skel, 1, 10);
	usleep(20 * 1000);
	waits_for(skel, 1, 10);
	/* The number is taken. */
	ASSERT_EQ(run(skel->progs.create), 1, "create");
}

static void test_period(struct watchdog *skel)
{
	u64 calls, missed, ms = 200;

	skel->bss->period = 5 * MS;
	ASSERT_OK(run(skel->progs.create), "create");
	skel->bss->in_ms = 5;
	ASSERT_EQ(run(skel->progs.start_count), 0, "start");
	usleep(ms * 1000);
	ASSERT_EQ(run(skel->progs.cancel), 1, "cancel");
	usleep(10 * 1000);
	calls = skel->bss->calls[0];
	missed = run(skel->progs.missed);
	ms = (skel->bss->called_at[0] - skel->bss->started_at) / MS;
	ASSERT_GE(calls, 10, "calls");
	ASSERT_GE((calls + missed) * 5 + 5, ms, "at least");
	ASSERT_LE((calls + missed) * 5, ms, "at most");
	usleep(20 * 1000);
	ASSERT_EQ(skel->bss->calls[0], calls, "ended");
	printf("period of 5 ms: %lu calls, %lu missed, in %lu ms\n", calls, missed, ms);
}

static void test_wait(struct watchdog *skel)
{
	int i;

	ASSERT_OK(run(skel->progs.create), "create");
	skel->bss->in_ms = 0;
	ASSERT_EQ(run(skel->progs.wait_slow), 0, "nothing runs");
	ASSERT_EQ(run(skel->progs.start_slow), 0, "start");
	for (i = 0; i < 5000 && !*(volatile __u32 *)&skel->bss->napping; i++)
		usleep(1000);
	ASSERT_EQ(run(skel->progs.wait_slow), -ETIMEDOUT, "no time");
	skel->bss->in_ms = 5000;
	ASSERT_EQ(run(skel->progs.wait_slow), 0, "wait");
	ASSERT_EQ(skel->bss->calls[2], 1, "calls");
	ASSERT_EQ(skel->bss->waited, -EDEADLK, "a call waits for itself");
}

/* The release of the last reference ends the watchdog. */
static void test_release(struct watchdog *skel)
{
	skel->bss->period = MS;
	ASSERT_OK(run(skel->progs.create), "create");
	skel->bss->in_ms = 100;
	ASSERT_EQ(run(skel->progs.start_count), 0, "start");
	ASSERT_OK(run(skel->progs.release), "release");
	usleep(150 * 1000);
	ASSERT_EQ(skel->bss->calls[0], 0, "calls");
	ASSERT_EQ(run(skel->progs.left), 2, "left");
}

enum state { ARMED, AGAIN, RUNNING, STATES };
enum order { DESCRIPTORS, PIN, MAP_LAST, LINK, ENTRY, MODULE, ORDERS };

static const char *const states[] = { "armed", "again", "running" };
static const char *const orders[] = {
	"descriptors", "pin", "map_last", "link", "entry", "module"
};

/* Brings watchdogs to a state: one is armed, calls again and again, or calls now. */
static void bring_to(struct watchdog *skel, enum state state)
{
	int i;

	skel->bss->period = state == AGAIN ? MS : 0;
	ASSERT_OK(run(skel->progs.create), "create");
	skel->bss->in_ms = 0;
	ASSERT_EQ(run(state == AGAIN ? skel->progs.start_count : skel->progs.start_hour), 0,
		  "start");
	if (state != RUNNING)
		return;
	ASSERT_EQ(run(skel->progs.start_slow), 0, "start");
	for (i = 0; i < 5000 && !*(volatile u32 *)&skel->bss->napping; i++)
		usleep(1000);
	ASSERT_EQ(skel->bss->napping, 1, "runs");
}

/*
 * User space deletes the elements that have the watchdogs. The kernel releases what they held
 * when it takes the memory back, at the latest with the map.
 */
static void delete_entries(struct watchdog *skel)
{
	u32 key;

	ASSERT_OK(run(skel->progs.move), "move");
	for (key = 0; key < 3; key++)
		ASSERT_OK(bpf_map_delete_elem(bpf_map__fd(skel->maps.entries), &key), "delete");
}

/* A program that runs creates watchdogs. A pinned link holds it, and its maps. */
static u32 pin_link(struct watchdog *skel, const char *pin)
{
	struct bpf_link *link;
	int i;

	skel->bss->stormy = true;
	link = bpf_program__attach(skel->progs.storm_softirq);
	if (ASSERT_OK_PTR(link, "attach"))
		ASSERT_OK(bpf_link__pin(link, pin), "pin");
	bpf_link__destroy(link);
	/* An idle CPU has few softirqs. */
	for (i = 0; i < 5000 && !*(volatile u64 *)&skel->bss->made; i++)
		usleep(1000);
	ASSERT_GT(skel->bss->made, 0, "made");
	return prog_id(skel->progs.storm_softirq);
}

/* Everything goes, in an order, while watchdogs are in a state. */
static void close_in_order(struct watchdog *counter, enum state state, enum order order)
{
	struct watchdog *skel = open_and_load();
	const char *pin = "/sys/fs/bpf/watchdog";
	int map = -1;
	u32 id;

	if (!skel)
		return;
	unlink(pin);
	id = prog_id(skel->progs.create);
	bring_to(skel, state);
	if (order == PIN)
		ASSERT_OK(bpf_obj_pin(bpf_map__fd(skel->maps.owner), pin), "pin");
	else if (order == MAP_LAST)
		map = dup(bpf_map__fd(skel->maps.owner));
	else if (order == LINK)
		id = pin_link(skel, pin);
	else if (order == ENTRY)
		delete_entries(skel);
	watchdog__destroy(skel);
	if (order == LINK || order == PIN || order == MAP_LAST) {
		kern_sync_rcu();
		usleep(50 * 1000);
		ASSERT_TRUE(prog_exists(id), "is held");
		/* With a link, its program goes on, but has no owner, and makes no watchdog. */
		ASSERT_EQ(run(counter->progs.left), 3, "left");
	}
	if (order == LINK || order == PIN)
		ASSERT_OK(unlink(pin), "unpin");
	else if (order == MAP_LAST)
		close(map);
	is_freed(id);
	none_left(counter);
}

/* The module goes as soon as nothing holds it. */
static void unload_in_state(enum state state)
{
	struct watchdog *skel = open_and_load();
	int map, i, err = -1;

	if (!skel)
		return;
	bring_to(skel, state);
	map = dup(bpf_map__fd(skel->maps.owner));
	watchdog__destroy(skel);
	kern_sync_rcu();
	ASSERT_ERR(delete_module("watchdog", O_NONBLOCK), "held by the map");
	close(map);
	for (i = 0; i < 1000 && err; i++) {
		err = delete_module("watchdog", O_NONBLOCK);
		usleep(10 * 1000);
	}
	ASSERT_OK(err, "unload");
	ASSERT_OK(load_module("/tests/watchdog.ko", false), "load");
}

static void test_orders(struct watchdog *counter, enum order from, enum order to)
{
	char name[64];
	int i, order;

	for (order = from; order < to; order++) {
		for (i = 0; i < STATES; i++) {
			snprintf(name, sizeof(name), "close_%s_%s", orders[order], states[i]);
			if (!test__start_subtest(name))
				continue;
			if (order == MODULE)
				unload_in_state(i);
			else
				close_in_order(counter, i, order);
		}
	}
}

static bool stop;

static void *run_storm(void *arg)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int fd = *(int *)arg;

	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED) && !bpf_prog_test_run_opts(fd, &opts))
		;
	return NULL;
}

/* Sends NMIs to the other CPUs, which only send_nmi.ko for x86 does. */
static void send_nmis(void)
{
#ifdef __x86_64__
	int fd = open("/sys/module/send_nmi/parameters/others", O_WRONLY);

	if (!ASSERT_GE(fd, 0, "open send_nmi"))
		return;
	ASSERT_GT(dprintf(fd, "%d", 20), 0, "send NMIs");
	close(fd);
#endif
}

static bool is_enough(volatile struct watchdog__bss *data)
{
#ifdef __x86_64__
	if (data->started[3] <= 100)
		return false;
#endif
	return data->called > 1000;
}

/*
 * Watchdogs are created, started, cancelled and released in all contexts on all CPUs. Each
 * start leads to one call, or is replaced, or cancelled.
 */
static void test_storm(struct watchdog *skel)
{
	int i, fd = bpf_program__fd(skel->progs.storm_task);
	struct watchdog__bss *data = skel->bss;
	pthread_t threads[2];
	u64 started = 0;
	time_t end;

	skel->links.storm_softirq = bpf_program__attach(skel->progs.storm_softirq);
	skel->links.storm_interrupt = bpf_program__attach(skel->progs.storm_interrupt);
	skel->links.storm_hrtimer = bpf_program__attach(skel->progs.storm_hrtimer);
	ASSERT_OK_PTR(skel->links.storm_softirq, "softirq");
	ASSERT_OK_PTR(skel->links.storm_interrupt, "interrupt");
	ASSERT_OK_PTR(skel->links.storm_hrtimer, "hrtimer");
#ifdef __x86_64__
	skel->links.storm_nmi = bpf_program__attach(skel->progs.storm_nmi);
	ASSERT_OK_PTR(skel->links.storm_nmi, "nmi");
	ASSERT_OK(load_module("/tests/send_nmi.ko", false), "load send_nmi");
#endif
	ASSERT_OK(run(skel->progs.create_storm), "create");
	data->stormy = true;
	stop = false;
	for (i = 0; i < 2; i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, run_storm, &fd), "thread");
	/* A machine that is slow needs longer for enough of everything. */
	for (end = time(NULL) + STORM_SECONDS;
	     time(NULL) < end || (time(NULL) < end + 5 * STORM_SECONDS && !is_enough(data));
	     usleep(10000))
		send_nmis();
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	data->stormy = false;
	watchdog__detach(skel);
	kern_sync_rcu();
#ifdef __x86_64__
	ASSERT_OK(unload_module("send_nmi", false), "unload send_nmi");
	ASSERT_GT(data->started[3], 100, "NMI");
#endif
	ASSERT_OK(run(skel->progs.end_storm), "end");
	none_left(skel);
	for (i = 0; i < ARRAY_SIZE(data->started); i++)
		started += data->started[i];
	ASSERT_EQ(data->failed, 0, "failed starts");
	ASSERT_EQ(data->called + data->replaced + data->cancelled, started, "called once");
	ASSERT_GT(data->called, 1000, "called");
	ASSERT_GT(data->made, 100, "made");
	printf("storm: %lu in tasks, %lu softirqs, %lu interrupts, %lu NMIs, %lu hrtimer_start\n",
	       data->started[0], data->started[1], data->started[2], data->started[3],
	       data->started[4]);
	printf("storm: %lu called, %lu replaced, %lu cancelled; %lu dropped, %lu refused\n",
	       data->called, data->replaced, data->cancelled, data->made, data->refused);
}

/* How far a thread gets in 0.3 seconds. */
static u64 progress(void)
{
	struct timespec now;
	u64 end, steps = 0;

	clock_gettime(CLOCK_MONOTONIC, &now);
	end = now.tv_sec * 1000ULL + now.tv_nsec / MS + 300;
	do {
		steps++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec * 1000ULL + now.tv_nsec / MS < end);
	return steps;
}

/*
 * Starts watchdogs at events that a start causes, with and without much to do before. The
 * CPU must go on.
 */
static void test_loop(struct watchdog *skel, const char *name, struct bpf_link *link)
{
	static const u64 times[] = { 0, 2000, 3600000 * MS };
	u64 before, least = ~0ULL, now;
	int i;

	if (!ASSERT_OK_PTR(link, "attach"))
		return;
	skel->bss->loop_time = 3600000 * MS;
	before = progress();
	for (i = 0; i < 5000 && !*(volatile u64 *)&skel->bss->loops; i++) {
		run(skel->progs.start_hour);
		usleep(1000);
	}
	for (i = 0; i < 6; i++) {
		skel->bss->loop_time = times[i / 2];
		/* About 0.1 ms. */
		skel->bss->burn = i % 2 ? 20000 : 0;
		ASSERT_GE(run(skel->progs.start_hour), 0, "start");
		now = progress();
		least = least < now ? least : now;
	}
	ASSERT_GT(skel->bss->loops, 0, "loops");
	ASSERT_GT(least * 10, before, "progress");
	bpf_link__destroy(link);
	printf("%s: %lu starts, progress %lu, with loops %lu\n", name, skel->bss->loops, before,
	       least);
}

#ifdef __x86_64__
static struct bpf_link *attach_breakpoint(struct bpf_program *prog)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_BREAKPOINT,
		.size = sizeof(attr),
		.bp_type = HW_BREAKPOINT_X,
		.bp_len = sizeof(long),
		.sample_period = 1,
	};
	int fd;

	attr.bp_addr = ksym_get_addr("hrtimer_start_range_ns");
	fd = syscall(SYS_perf_event_open, &attr, -1, 0, -1, 0);
	if (!ASSERT_GE(fd, 0, "breakpoint"))
		return NULL;
	return bpf_program__attach_perf_event(prog, fd);
}
#endif

/* Many starts with interrupts off are late, and none is forgotten. */
static void test_many(struct watchdog *skel)
{
	int i, n;

	ASSERT_OK(run(skel->progs.create_many), "create");
	for (n = 60; n <= 180; n += 60) {
		ASSERT_EQ(run(skel->progs.start_many), 60, "start");
		for (i = 0; i < 5000 && *(volatile u64 *)&skel->bss->called < n; i++)
			usleep(1000);
		ASSERT_EQ(skel->bss->called, n, "called");
	}
}

/* Each test has watchdogs of its own. */
static void with_skel(struct watchdog *counter, void (*test)(struct watchdog *))
{
	struct watchdog *skel = open_and_load();

	if (!skel)
		return;
	test(skel);
	watchdog__destroy(skel);
	none_left(counter);
}

static void test_loops(struct watchdog *counter)
{
	static const char *const names[] = {
		"loop_hrtimer", "loop_expire", "loop_setup", "loop_irq_exit", "loop_many",
#ifdef __x86_64__
		"loop_irq_work", "loop_breakpoint", "loop_task_work", "loop_create",
		"loop_queue",
#endif
	};
	struct bpf_program *prog;
	struct bpf_link *link;
	struct watchdog *skel;
	int i;

	if (!ASSERT_OK(load_kallsyms(), "kallsyms"))
		return;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		if (!test__start_subtest(names[i]))
			continue;
		skel = open_and_load();
		if (!skel)
			return;
		ASSERT_OK(run(skel->progs.create), "create");
		ASSERT_OK(run(skel->progs.create_many), "create many");
		skel->bss->task_pid = getpid();
		prog = bpf_object__find_program_by_name(skel->obj, names[i]);
#ifdef __x86_64__
		if (prog == skel->progs.loop_breakpoint)
			link = attach_breakpoint(prog);
		else
#endif
			link = bpf_program__attach(prog);
		test_loop(skel, names[i], link);
		/* A program at the expiry starts the timer again, which has expired already. */
		if (prog == skel->progs.loop_expire)
			ASSERT_GT(skel->bss->calls[0], 0, "calls");
		watchdog__destroy(skel);
		none_left(counter);
	}
}

void serial_test_watchdog(void)
{
	struct watchdog *counter = open_and_load();

	if (!counter)
		return;
	if (test__start_subtest("once"))
		with_skel(counter, test_once);
	if (test__start_subtest("period"))
		with_skel(counter, test_period);
	if (test__start_subtest("wait"))
		with_skel(counter, test_wait);
	if (test__start_subtest("release"))
		with_skel(counter, test_release);
	test_orders(counter, DESCRIPTORS, MODULE);
	if (test__start_subtest("storm"))
		with_skel(counter, test_storm);
	if (test__start_subtest("many"))
		with_skel(counter, test_many);
	test_loops(counter);
	watchdog__destroy(counter);
	test_orders(NULL, MODULE, ORDERS);
}
