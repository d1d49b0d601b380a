// SPDX-License-Identifier: GPL-2.0
/*
 * hid: prints one line for each path: its name and its instructions, separated by a tab,
 * without those of the scheduler. The machine must count instructions (scripts/harness/vm
 * --icount).
 *
 * hid --scheduler: prints the same with the scheduler.
 *
 * hid --storm: sends events in two threads, and prints the number of events in a second
 * for which the device gets a report.
 */

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../../../samples/hid_io/dial.h"
#include "../../../samples/hid_io/hid_io.h"
#include "../../../samples/hid_io/uhid.h"
#include "times.h"
#include "by_armed_wq.skel.h"
#include "by_irq_work.skel.h"
#include "by_request.skel.h"
#include "by_task_work.skel.h"
#include "by_wq.skel.h"
#include "calls.skel.h"

#define VENDOR	0x1d6b
#define PRODUCT	0xd1a1

/*
 * Many runs in a row can take some instructions more, until the allocator is in another
 * state. A round loads the programs anew, which changes that.
 */
#define ROUNDS	10
#define RUNS	30

/* The device of the sample. */
static const unsigned char descriptor[] = {
	0x06, 0x00, 0xff, 0x09, 0x01, 0xa1, 0x01,
	0x85, DIAL_TURNED,
	0x09, 0x02, 0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x02, 0x81, 0x02,
	0x85, DIAL_LAMPS,
	0x09, 0x03, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x02, 0x91, 0x02,
	0xc0,
};

static int dial, hidraw, id;
static struct calls_bpf *calls;
/* Those of the way that is loaded. */
static volatile struct times *times;

static void die(const char *what, const char *name)
{
	fprintf(stderr, "hid: %s: %s\n", name, what);
	exit(1);
}

/* Each skeleton has types of its own, but the same names in them. */
#define LOAD(name, before)						\
static struct bpf_object *load_##name(void)				\
{									\
	struct by_##name##_bpf *skel = by_##name##_bpf__open();		\
									\
	if (!skel)							\
		die("cannot open the programs", #name);			\
	skel->bss->id = id;						\
	skel->struct_ops.dial->hid_id = id;				\
	before;								\
	if (by_##name##_bpf__load(skel))				\
		die("the kernel rejected the programs", #name);		\
	times = &skel->bss->times;					\
	return skel->obj;						\
}

LOAD(request, )
LOAD(irq_work, )
LOAD(wq, )
LOAD(armed_wq, )
/* This thread makes the reports. */
LOAD(task_work, skel->bss->server = getpid())

/* The minimum of several runs: any additional time is a disturbance. */
struct least {
	long long took;
	/* The number of runs that took it. */
	int runs;
};

static struct least least_nothing, least_find, least_start;

static struct way {
	const char *name;
	struct bpf_object *(*load)(void);
	/* Whether a thread of a workqueue makes the report. */
	bool has_thread;
	struct least whole, to_wake, from_work;
} ways[] = {
	{ "request", load_request, true },
	{ "request, irqs off", load_irq_work, true },
	{ "wq", load_wq, true },
	{ "armed_wq", load_armed_wq, true },
	{ "task_work", load_task_work },
};

static long long run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err;

	err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
	if (err || opts.retval) {
		fprintf(stderr, "hid: %s: error %d, result %d\n", bpf_program__name(prog), err,
			(int)opts.retval);
		exit(1);
	}
	return calls->bss->took;
}

/* Runs a program of a way, if it has one with this name. */
static int run_of(struct bpf_object *object, const char *name)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_program *prog;

	prog = bpf_object__find_program_by_name(object, name);
	if (!prog)
		return 0;
	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		die(strerror(errno), name);
	return opts.retval;
}

static struct bpf_link *attach(struct bpf_object *object, const char *name)
{
	struct bpf_program *prog = bpf_object__find_program_by_name(object, name);
	struct bpf_link *link = prog ? bpf_program__attach(prog) : NULL;

	if (!link)
		die("no link to the program", name);
	return link;
}

static struct bpf_link *attach_event(struct bpf_object *object)
{
	struct bpf_link *link;

	if (run_of(object, "set_up"))
		die("failed", "set_up");
	link = bpf_map__attach_struct_ops(bpf_object__find_map_by_name(object, "dial"));
	if (!link)
		die(strerror(errno), "dial");
	return link;
}

static int turn(int steps)
{
	unsigned char report[DIAL_REPORT] = { DIAL_TURNED, steps };

	return uhid_input(dial, report, sizeof(report));
}

/* Waits until the device gets a report. */
static void wait_for_report(void)
{
	struct uhid_event event;
	ssize_t size;

	do {
		size = read(dial, &event, sizeof(event));
		if (size < 0 && errno != EINTR)
			die(strerror(errno), "/dev/uhid");
	} while (size < 0 || event.type != UHID_OUTPUT);
}

/* Empties the queue of events in hidraw. */
static void forget_events(void)
{
	unsigned char report[16];

	while (read(hidraw, report, sizeof(report)) > 0)
		;
}

static void take_least(struct least *least, long long took)
{
	if (!least->runs || took < least->took) {
		least->took = took;
		least->runs = 0;
	}
	least->runs += took == least->took;
}

static void print_least(const char *name, const char *part, const struct least *least)
{
	printf("%s%s\t%lld\n", name, part, least->took);
	fprintf(stderr, "%s%s: %d of %d runs\n", name, part, least->runs,
		ROUNDS * RUNS);
}

static void call(struct bpf_program *prog, int reports, struct least *least)
{
	int i, j;

	for (i = 0; i < RUNS; i++) {
		take_least(least, run(prog));
		for (j = 0; j < reports; j++)
			wait_for_report();
		forget_events();
	}
}

static void measure_calls(void)
{
	call(calls->progs.nothing, 0, &least_nothing);
	call(calls->progs.find, 0, &least_find);
	call(calls->progs.start, 2, &least_start);
}

static void print_calls(void)
{
	least_find.took -= least_nothing.took;
	least_start.took -= least_nothing.took;
	print_least("find + release", "", &least_find);
	print_least("start + release", "", &least_start);
}

/* Without the scheduler, a way with a thread has two parts. */
static bool has_parts(const struct way *way, bool with_scheduler)
{
	return way->has_thread && !with_scheduler;
}

static void measure(struct way *way, bool with_scheduler)
{
	struct bpf_object *object = way->load();
	struct bpf_link *links[4] = {};
	int i;

	links[0] = attach_event(object);
	links[1] = attach(object, "end");
	if (has_parts(way, with_scheduler)) {
		links[2] = attach(object, "wake");
		links[3] = attach(object, "work");
	}
	for (i = 0; i < RUNS; i++) {
		if (turn(i & 1 ? 1 : -1))
			die("cannot send an event", way->name);
		wait_for_report();
		take_least(&way->whole, times->end - times->event);
		take_least(&way->from_work, times->end - times->work);
		/* A thread that is still awake is not woken. */
		if (times->wake)
			take_least(&way->to_wake, times->wake - times->event);
		forget_events();
	}
	for (i = 0; i < 4; i++)
		bpf_link__destroy(links[i]);
	bpf_object__close(object);
}

static void print_way(const struct way *way, bool with_scheduler)
{
	const struct least *to_wake = &way->to_wake, *from_work = &way->from_work;
	struct least parts;

	if (!has_parts(way, with_scheduler)) {
		print_least(way->name, "", &way->whole);
		return;
	}
	if (!to_wake->runs)
		die("no event woke a thread", way->name);
	parts.took = to_wake->took + from_work->took;
	parts.runs = to_wake->runs < from_work->runs ? to_wake->runs : from_work->runs;
	print_least(way->name, "", &parts);
	print_least(way->name, ": event to wake", to_wake);
	print_least(way->name, ": work to core", from_work);
}

/*
 * A storm of two threads for some seconds. They wait while the device has to get as many
 * reports as a half of the queue in uhid, so that none is lost.
 */
#define WINDOW	16
#define SECONDS	5

static volatile bool stop;
static long sent, received;

static void *send_events(void *unused)
{
	long number;

	while (!stop) {
		number = __atomic_add_fetch(&sent, 1, __ATOMIC_SEQ_CST);
		while (number - __atomic_load_n(&received, __ATOMIC_SEQ_CST) > WINDOW)
			sched_yield();
		if (turn(number & 1 ? 1 : -1))
			die("cannot send an event", "storm");
	}
	return NULL;
}

static void *receive_reports(void *unused)
{
	for (;;) {
		wait_for_report();
		__atomic_add_fetch(&received, 1, __ATOMIC_SEQ_CST);
	}
	return NULL;
}

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec + time.tv_nsec / 1e9;
}

static void *drain(void *arg)
{
	for (;;)
		ring_buffer__poll(arg, 10);
	return NULL;
}

static int ignore(void *unused, void *data, size_t size)
{
	return 0;
}

static void storm(void)
{
	struct bpf_object *object = load_request();
	struct bpf_hid_counts *counts = (void *)&calls->bss->counts;
	struct bpf_link *event = attach_event(object);
	pthread_t senders[2], receiver, drainer;
	struct ring_buffer *ring;
	double begin;
	int i;

	ring = ring_buffer__new(bpf_object__find_map_fd_by_name(object, "results"), ignore, NULL,
				NULL);
	if (!ring || pthread_create(&drainer, NULL, drain, ring) ||
	    pthread_create(&receiver, NULL, receive_reports, NULL))
		die("no memory", "storm");
	begin = now();
	for (i = 0; i < 2; i++)
		if (pthread_create(&senders[i], NULL, send_events, NULL))
			die("no memory", "storm");
	sleep(SECONDS);
	stop = true;
	for (i = 0; i < 2; i++)
		pthread_join(senders[i], NULL);
	do {
		sched_yield();
		run(calls->progs.count);
	} while (counts->pending || __atomic_load_n(&received, __ATOMIC_SEQ_CST) < sent);
	printf("events per second\t%.0f\n", received / (now() - begin));
	if ((long)counts->answered != sent || counts->failed || counts->refused || counts->lost) {
		fprintf(stderr, "hid: %ld events: %llu answered, %llu failed, %llu refused, ",
			sent, counts->answered, counts->failed, counts->refused);
		fprintf(stderr, "%llu records lost\n", counts->lost);
		exit(1);
	}
	bpf_link__destroy(event);
}

int main(int argc, char **argv)
{
	bool is_storm = argc == 2 && !strcmp(argv[1], "--storm");
	bool with_scheduler = argc == 2 && !strcmp(argv[1], "--scheduler");
	const size_t nr_ways = sizeof(ways) / sizeof(*ways);
	size_t i;
	int round;

	if (argc > 1 && !is_storm && !with_scheduler) {
		fprintf(stderr, "usage: %s [--scheduler | --storm]\n", argv[0]);
		return 2;
	}
	dial = uhid_create("Dial", VENDOR, PRODUCT, descriptor, sizeof(descriptor));
	if (dial < 0)
		die(strerror(-dial), "/dev/uhid");
	id = uhid_wait(VENDOR, PRODUCT);
	if (id < 0)
		die("no driver", "dial");
	calls = calls_bpf__open();
	if (!calls)
		return 1;
	calls->bss->id = id;
	if (calls_bpf__load(calls))
		die("are hid_io.ko and bench_clock.ko loaded?", "load");
	/* The driver's probe may go on after its name is in sysfs. */
	for (i = 0; i < 200 && run_of(calls->obj, "is_ready") != 1; i++)
		usleep(10000);
	/* A device that is in use is open. */
	hidraw = open("/dev/hidraw0", O_RDWR | O_NONBLOCK);
	if (hidraw < 0)
		die(strerror(errno), "/dev/hidraw0");
	if (is_storm) {
		storm();
		return 0;
	}
	for (round = 0; round < ROUNDS; round++) {
		if (!with_scheduler)
			measure_calls();
		for (i = 0; i < nr_ways; i++)
			if (ways[i].has_thread || !with_scheduler)
				measure(&ways[i], with_scheduler);
	}
	if (!with_scheduler)
		print_calls();
	for (i = 0; i < nr_ways; i++)
		if (ways[i].has_thread || !with_scheduler)
			print_way(&ways[i], with_scheduler);
	return 0;
}
