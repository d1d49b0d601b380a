// SPDX-License-Identifier: GPL-2.0
/*
 * The ways from an event to a report, which the programs of samples/hid_io take: all
 * events are answered, also in a storm of two threads, and while the program, the device
 * or the module goes. Expects hid_io to be loaded, and leaves it loaded.
 */
#include <signal.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "hid_peer.h"
#include "../../../samples/hid_io/hid_io.h"
#include "hid_io.skel.h"
#include "hid_io_by_armed_wq.skel.h"
#include "hid_io_by_request.skel.h"
#include "hid_io_by_task_work.skel.h"
#include "hid_io_by_wq.skel.h"

enum way { WQ, ARMED_WQ, TASK_WORK, REQUEST };

static const char *const names[] = { "wq", "armed_wq", "task_work", "request" };

static enum way way;
static struct peer *peer;
static struct bpf_link *attached;
static struct hid_io_by_wq *wq;
static struct hid_io_by_armed_wq *armed_wq;
static struct hid_io_by_task_work *task_work;
static struct hid_io_by_request *request;
/* A thread for task work, which sleeps in system calls. */
static pthread_t server;
static volatile pid_t server_id;
static volatile bool stop;

/* The global variables of the programs. */
static unsigned long long *seen, *made, *failed;
static unsigned char *level, *colour;

/* Uses an object whose programs are open. */
#define USE(object)							\
	do {								\
		(object)->struct_ops.dial->hid_id = peer->id;		\
		(object)->bss->id = peer->id;				\
		is_ready = (object)->progs.is_ready;			\
		ops = (object)->maps.dial;				\
	} while (0)

/* Uses its variables, after the load. */
#define USE_LOADED(object)						\
	do {								\
		seen = (void *)&(object)->bss->seen;			\
		made = (void *)&(object)->bss->made;			\
		failed = (void *)&(object)->bss->failed;		\
		level = &(object)->bss->level;				\
		colour = &(object)->bss->colour;			\
	} while (0)

static void *serve(void *unused)
{
	server_id = syscall(SYS_gettid);
	while (!stop)
		usleep(100000);
	return NULL;
}

static bool set_up(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_program *is_ready;
	struct bpf_map *ops;
	int err, tries;

	switch (way) {
	case WQ:
		wq = hid_io_by_wq__open();
		if (!ASSERT_OK_PTR(wq, "open"))
			return false;
		USE(wq);
		err = hid_io_by_wq__load(wq);
		USE_LOADED(wq);
		break;
	case ARMED_WQ:
		armed_wq = hid_io_by_armed_wq__open();
		if (!ASSERT_OK_PTR(armed_wq, "open"))
			return false;
		USE(armed_wq);
		err = hid_io_by_armed_wq__load(armed_wq);
		USE_LOADED(armed_wq);
		break;
	case TASK_WORK:
		task_work = hid_io_by_task_work__open();
		if (!ASSERT_OK_PTR(task_work, "open"))
			return false;
		USE(task_work);
		task_work->bss->server = server_id;
		err = hid_io_by_task_work__load(task_work);
		USE_LOADED(task_work);
		break;
	default:
		request = hid_io_by_request__open();
		if (!ASSERT_OK_PTR(request, "open"))
			return false;
		USE(request);
		err = hid_io_by_request__load(request);
		USE_LOADED(request);
		break;
	}
	if (!ASSERT_OK(err, "load"))
		return false;
	/* Sysfs shows a driver before the driver's probe has ended. */
	for (tries = 0; tries < 200; tries++) {
		err = bpf_prog_test_run_opts(bpf_program__fd(is_ready), &opts);
		if (err || opts.retval)
			break;
		usleep(10000);
	}
	if (!ASSERT_OK(err, "run") || !ASSERT_EQ(opts.retval, 1, "is ready"))
		return false;
	if (way == ARMED_WQ) {
		err = bpf_prog_test_run_opts(bpf_program__fd(armed_wq->progs.set_up), &opts);
		if (!ASSERT_OK(err, "run") || !ASSERT_OK((int)opts.retval, "set up"))
			return false;
	}
	attached = bpf_map__attach_struct_ops(ops);
	return ASSERT_OK_PTR(attached, "attach");
}

static void tear_down(void)
{
	bpf_link__destroy(attached);
	attached = NULL;
	hid_io_by_wq__destroy(wq);
	hid_io_by_armed_wq__destroy(armed_wq);
	hid_io_by_task_work__destroy(task_work);
	hid_io_by_request__destroy(request);
	wq = NULL;
	armed_wq = NULL;
	task_work = NULL;
	request = NULL;
}

static bool begin(void)
{
	stop = false;
	server_id = 0;
	peer = peer_plug(true);
	if (!ASSERT_OK_PTR(peer, "plug"))
		return false;
	if (!ASSERT_OK(pthread_create(&server, NULL, serve, NULL), "server"))
		return false;
	while (!server_id)
		usleep(1000);
	return set_up();
}

static void end(void)
{
	tear_down();
	stop = true;
	pthread_join(server, NULL);
	peer_unplug(peer);
}

static int turn(int steps, int pressed)
{
	unsigned char report[DIAL_REPORT] = { DIAL_TURNED, steps, pressed };

	return uhid_input(peer->fd, report, sizeof(report));
}

/* The module's counts for the device, after all requests have ended. */
static struct bpf_hid_counts count(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct hid_io *skel = hid_io__open();
	struct bpf_hid_counts counts = {};
	int tries;

	if (!ASSERT_OK_PTR(skel, "open"))
		return counts;
	bpf_map__set_autocreate(skel->maps.hook, false);
	if (ASSERT_OK(hid_io__load(skel), "load")) {
		skel->bss->id = peer->id;
		for (tries = 0; tries < 1000; tries++) {
			bpf_prog_test_run_opts(bpf_program__fd(skel->progs.count), &opts);
			memcpy(&counts, &skel->bss->counts, sizeof(counts));
			if (!counts.pending)
				break;
			usleep(10000);
		}
	}
	hid_io__destroy(skel);
	return counts;
}

/* The number of requests that are not freed. */
static int alive(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct hid_io *skel = hid_io__open();
	int left = -1, tries;

	if (!ASSERT_OK_PTR(skel, "open"))
		return -1;
	bpf_map__set_autocreate(skel->maps.hook, false);
	if (ASSERT_OK(hid_io__load(skel), "load"))
		for (tries = 0; tries < 100 && left; tries++) {
			kern_sync_rcu();
			bpf_prog_test_run_opts(bpf_program__fd(skel->progs.alive), &opts);
			left = skel->bss->result;
			usleep(10000);
		}
	hid_io__destroy(skel);
	return left;
}

/* Waits for the lamps of the last event. */
static bool lamps_are(int level, int colour)
{
	int tries;

	for (tries = 0; tries < 500; tries++) {
		if (peer->outputs && peer->last[1] == level && peer->last[2] == colour)
			return true;
		usleep(10000);
	}
	fprintf(stderr, "lamps %d %d, want %d %d\n", peer->last[1], peer->last[2], level, colour);
	return false;
}

/* One event after the other: each is answered by a report of its own. */
static void each(void)
{
	int i;

	if (!begin())
		goto out;
	for (i = 1; i <= 5; i++) {
		ASSERT_OK(turn(1, i & 1), "turn");
		ASSERT_TRUE(lamps_are(i, (i + 1) / 2 % DIAL_COLOURS), "lamps");
		ASSERT_EQ(peer->outputs, i, "reports");
	}
	/* The lamps end at the last one. */
	ASSERT_OK(turn(100, 0), "turn");
	ASSERT_TRUE(lamps_are(DIAL_MAX, 0), "lamps");
	ASSERT_EQ(*seen, 6, "events");
	/* The program counts a report after the device has it. */
	for (i = 0; way != REQUEST && i < 100 && *made < 6; i++)
		usleep(10000);
	if (way != REQUEST)
		ASSERT_EQ(*made, 6, "made");
	ASSERT_EQ(*failed, 0, "failed");
out:
	end();
}

#define EVENTS 400

/* Whether the storm goes on until it is joined. */
static volatile bool is_endless;

static void *storm(void *arg)
{
	long i, sent = 0;

	for (i = 0; is_endless || i < EVENTS; i++)
		sent += !turn(i & 1 ? 1 : -1, !(i % 7));
	return (void *)sent;
}

/* Starts a storm of two threads. */
static void start_storm(pthread_t *threads, bool endless)
{
	int i;

	is_endless = endless;
	for (i = 0; i < 2; i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, storm, NULL), "thread");
}

static long join_storm(pthread_t *threads)
{
	long sent = 0;
	void *result;
	int i;

	is_endless = false;
	for (i = 0; i < 2; i++) {
		pthread_join(threads[i], &result);
		sent += (long)result;
	}
	return sent;
}

/*
 * A storm of events. The lamps show the last state. Each event that the program saw was
 * answered or failed or, by a request, refused, and the counts add up.
 */
static void in_storm(void)
{
	struct bpf_hid_counts counts;
	pthread_t threads[2];

	if (!begin())
		goto out;
	start_storm(threads, false);
	ASSERT_EQ(join_storm(threads), 2 * EVENTS, "sent");
	ASSERT_EQ(*seen, 2 * EVENTS, "seen");
	if (way != REQUEST) {
		/* uhid drops reports that this test does not read fast enough. */
		usleep(100000);
		ASSERT_OK(turn(1, 1), "turn");
		ASSERT_TRUE(lamps_are(*level, *colour), "lamps");
		ASSERT_GT(*made, 0, "made");
		ASSERT_LE(*made, 2 * EVENTS, "made");
		ASSERT_EQ(*failed, 0, "failed");
		goto out;
	}
	counts = count();
	ASSERT_EQ(counts.answered + counts.failed + request->bss->refused, 2 * EVENTS,
		  "answered, failed and refused");
	ASSERT_EQ(counts.refused, request->bss->refused, "refused");
	ASSERT_EQ(counts.failed, 0, "failed");
out:
	end();
}

/* The device is slower than the events: memory is bounded, nobody waits, and all count. */
static void slow_device(void)
{
	struct bpf_hid_counts counts;
	struct timespec from, to;
	pthread_t threads[2];

	if (!begin())
		goto out;
	request->data->op = HID_IO_SET;
	peer->mode = PEER_LATE;
	peer->delay_ms = 20;
	clock_gettime(CLOCK_MONOTONIC, &from);
	start_storm(threads, false);
	ASSERT_EQ(join_storm(threads), 2 * EVENTS, "sent");
	clock_gettime(CLOCK_MONOTONIC, &to);
	/* The answers to all would take 16 seconds. */
	ASSERT_LE(to.tv_sec - from.tv_sec, 10, "seconds");
	ASSERT_EQ(*seen, 2 * EVENTS, "seen");
	counts = count();
	ASSERT_GT(counts.refused, 0, "refused");
	ASSERT_EQ(counts.answered + counts.failed + counts.refused, 2 * EVENTS,
		  "answered, failed and refused");
	ASSERT_EQ(counts.answered, peer->sets, "the device got those that were answered");
out:
	end();
}

/* The program goes in a storm. */
static void program_goes(void)
{
	pthread_t threads[2];

	if (!begin())
		goto out;
	start_storm(threads, true);
	usleep(50000);
	tear_down();
	usleep(50000);
	join_storm(threads);
	ASSERT_EQ(alive(), 0, "requests that are not freed");
out:
	end();
}

/* The device goes in a storm. */
static void device_goes(void)
{
	pthread_t threads[2];

	if (!begin())
		goto out;
	start_storm(threads, true);
	usleep(50000);
	peer_vanish(peer);
	ASSERT_ERR(turn(1, 0), "turn");
	/* The program's work may come after that; it finds no device. */
	usleep(100000);
	join_storm(threads);
	tear_down();
	ASSERT_EQ(alive(), 0, "requests that are not freed");
out:
	end();
}

/* The driver is unbound and bound in a storm. */
static void driver_goes(void)
{
	pthread_t threads[2];
	int i;

	if (!begin())
		goto out;
	start_storm(threads, true);
	for (i = 0; i < 5; i++) {
		ASSERT_OK(peer_bind(peer, false), "unbind");
		usleep(10000);
		ASSERT_OK(peer_bind(peer, true), "bind");
	}
	join_storm(threads);
	tear_down();
	ASSERT_EQ(alive(), 0, "requests that are not freed");
out:
	end();
}

/* The module goes, right after the program has gone in a storm. */
static void module_goes(void)
{
	pthread_t threads[2];

	if (!begin())
		goto out;
	start_storm(threads, true);
	usleep(50000);
	tear_down();
	if (ASSERT_OK(unload_module("hid_io", false), "unload"))
		ASSERT_OK(load_module("hid_io.ko", false), "load");
	join_storm(threads);
	/* Nobody has left the device open: then a request would not open it. */
	usleep(100000);
	peer->opens = 0;
	peer->closes = 0;
	if (ASSERT_TRUE(set_up(), "set up")) {
		peer->outputs = 0;
		ASSERT_OK(turn(1, 1), "turn");
		ASSERT_TRUE(lamps_are(*level, *colour), "lamps");
		usleep(100000);
		ASSERT_EQ(peer->opens, 1, "opens");
		ASSERT_EQ(peer->closes, 1, "closes");
	}
out:
	end();
}

void serial_test_hid_io_ways(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {
		{ "each", each },
		{ "storm", in_storm },
		{ "program_goes", program_goes },
		{ "device_goes", device_goes },
		{ "driver_goes", driver_goes },
		{ "module_goes", module_goes },
	};
	char name[64];
	int i;

	for (way = WQ; way <= REQUEST; way++)
		for (i = 0; i < ARRAY_SIZE(tests); i++) {
			snprintf(name, sizeof(name), "%s_%s", names[way], tests[i].name);
			if (test__start_subtest(name))
				tests[i].run();
		}
	way = REQUEST;
	if (test__start_subtest("request_slow_device"))
		slow_device();
}
