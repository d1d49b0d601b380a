// SPDX-License-Identifier: GPL-2.0
/*
 * Requests to HID devices: samples/hid_io. The devices are made with uhid, and a thread
 * of this test plays them. Expects hid_io to be loaded.
 */
#include <test_progs.h>
#include "hid_peer.h"
#include "../../../samples/hid_io/hid_io.h"
#include "hid_io.skel.h"
#include "hid_io_bad.skel.h"
#include "hid_io_event_sleeps.skel.h"

#define INPUT	0
#define OUTPUT	1
#define FEATURE	2

/* Each one ends the test. */
#define NEED(condition, what) do { if (!ASSERT_TRUE(condition, what)) goto out; } while (0)

static struct hid_io *skel;

static long run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) || opts.retval)
		return -1000;
	return skel->bss->result;
}

/* Runs a program with a report, whose bytes after the first are 1, 2, 3 ... */
static long request(struct bpf_program *prog, int type, int id, int len)
{
	int i;

	skel->bss->type = type;
	skel->bss->len = len;
	for (i = 0; i < (int)sizeof(skel->bss->report); i++)
		skel->bss->report[i] = i;
	skel->bss->report[0] = id;
	return run(prog);
}

static long get(int type, int id, int len)
{
	return request(skel->progs.get_report, type, id, len);
}

static long set(int type, int id, int len)
{
	return request(skel->progs.set_report, type, id, len);
}

/*
 * Waits until the module offers the device: sysfs shows a driver before the driver's
 * probe has ended.
 */
static void wait_for(struct peer *peer)
{
	int tries;

	skel->bss->id = peer->id;
	for (tries = 0; tries < 200 && run(skel->progs.find) != peer->id; tries++)
		usleep(10000);
}

/* The test's device, with the programs for it. */
static struct peer *begin(bool is_numbered)
{
	struct peer *peer;

	skel = hid_io__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return NULL;
	bpf_map__set_autoattach(skel->maps.hook, false);
	bpf_map__set_autocreate(skel->maps.hook, false);
	peer = peer_plug(is_numbered);
	if (!ASSERT_OK_PTR(peer, "plug") || !ASSERT_OK(hid_io__load(skel), "load")) {
		peer_unplug(peer);
		hid_io__destroy(skel);
		return NULL;
	}
	wait_for(peer);
	return peer;
}

static void end(struct peer *peer)
{
	peer_unplug(peer);
	hid_io__destroy(skel);
}

static void find_devices(void)
{
	struct peer *other = NULL, *peer = begin(true);
	char path[64];
	int minor;

	if (!peer)
		return;
	ASSERT_EQ(run(skel->progs.find), peer->id, "find");
	ASSERT_EQ(run(skel->progs.walk), 101, "walk");
	other = peer_plug(false);
	NEED(other, "plug another");
	wait_for(other);
	skel->bss->id = peer->id;
	ASSERT_EQ(run(skel->progs.walk), 201, "walk over two");
	peer_unplug(other);
	ASSERT_EQ(run(skel->progs.walk), 101, "walk after the other");

	for (minor = 0; minor < 64; minor++) {
		snprintf(path, sizeof(path), "/sys/class/hidraw/hidraw%d", minor);
		if (!access(path, F_OK))
			break;
	}
	skel->bss->id = minor;
	ASSERT_EQ(run(skel->progs.find_hidraw), peer->id, "hidraw");
	ASSERT_EQ(skel->bss->found.vendor, peer->vendor, "vendor");
	ASSERT_EQ(skel->bss->found.product, peer->product, "product");
	ASSERT_EQ(skel->bss->found.bus, 6, "bus");
	ASSERT_EQ(skel->bss->found.hidraw, minor, "number");
	ASSERT_STREQ((char *)skel->bss->found.name, "peer", "name");
	skel->bss->id = 63;
	ASSERT_EQ(run(skel->progs.find_hidraw), -ENODEV, "no hidraw");

	skel->bss->id = peer->id;
	peer_vanish(peer);
	ASSERT_EQ(run(skel->progs.find), -ENODEV, "find no more");
	ASSERT_EQ(run(skel->progs.walk), 0, "walk over none");
out:
	end(peer);
}

static void numbered(void)
{
	struct peer *peer = begin(true);
	int i, same = 0;

	if (!peer)
		return;
	/* The device has these reports. */
	ASSERT_EQ(request(skel->progs.report_len, INPUT, 1, 1), 3, "len of input");
	ASSERT_EQ(request(skel->progs.report_len, OUTPUT, 2, 1), 3, "len of output");
	ASSERT_EQ(request(skel->progs.report_len, FEATURE, 4, 1), 65, "len of feature");
	ASSERT_EQ(get(FEATURE, 3, 9), 9, "get");
	for (i = 1; i < 9; i++)
		same += skel->bss->report[i] == i + 10;
	ASSERT_EQ(skel->bss->report[0], 3, "id");
	ASSERT_EQ(same, 8, "bytes");
	ASSERT_EQ(get(FEATURE, 3, 4), 4, "get a part");
	ASSERT_EQ(skel->bss->report[4], 4, "the next byte is not changed");
	ASSERT_EQ(get(FEATURE, 4, 65), 64, "the device sends less");
	ASSERT_EQ(get(INPUT, 1, 3), 3, "get input");
	ASSERT_EQ(get(OUTPUT, 2, 3), 3, "get output");
	ASSERT_EQ(set(FEATURE, 3, 9), 9, "set");
	ASSERT_EQ(peer->last_size, 9, "the device got it");
	ASSERT_EQ(peer->last[8], 8, "with its bytes");
	ASSERT_EQ(set(OUTPUT, 2, 3), 3, "set output");
	ASSERT_EQ(set(INPUT, 1, 3), 3, "set input");
	ASSERT_EQ(request(skel->progs.output_report, 0, 2, 3), 3, "output");
	usleep(100000);
	ASSERT_EQ(peer->outputs, 1, "the device got one output report");
	ASSERT_EQ(peer->gets, 5, "gets");
	ASSERT_EQ(peer->sets, 3, "sets");
	/* Each request opens the device and closes it. */
	ASSERT_EQ(peer->opens, 9, "opens");
	ASSERT_EQ(peer->closes, 9, "closes");

	/* It does not have these, and gets nothing. */
	ASSERT_EQ(request(skel->progs.report_len, FEATURE, 9, 1), -ENOENT, "no such len");
	ASSERT_EQ(request(skel->progs.report_len, 3, 3, 1), -EINVAL, "no such type");
	ASSERT_EQ(get(FEATURE, 1, 3), -ENOENT, "another type");
	ASSERT_EQ(get(FEATURE, 0, 3), -ENOENT, "no id");
	ASSERT_EQ(get(3, 3, 3), -EINVAL, "no such type");
	ASSERT_EQ(get(~0, 3, 3), -EINVAL, "no such type");
	ASSERT_EQ(get(FEATURE, 3, 10), -EMSGSIZE, "too long");
	ASSERT_EQ(get(FEATURE, 3, 0), -EMSGSIZE, "nothing");
	ASSERT_EQ(set(FEATURE, 3, 8), -EMSGSIZE, "too short");
	ASSERT_EQ(set(FEATURE, 3, 10), -EMSGSIZE, "too long");
	ASSERT_EQ(set(FEATURE, 255, 9), -ENOENT, "no such id");
	ASSERT_EQ(request(skel->progs.output_report, 0, 3, 9), -ENOENT, "feature as output");
	ASSERT_EQ(request(skel->progs.output_report, 0, 2, 4), -EMSGSIZE, "too long");
	ASSERT_EQ(request(skel->progs.input_report, 0, 2, 3), -ENOENT, "output as input");
	ASSERT_EQ(request(skel->progs.input_report, 0, 1, 2), -EMSGSIZE, "too short");
	usleep(100000);
	ASSERT_EQ(peer->outputs + peer->gets + peer->sets, 9, "the device got nothing");
	ASSERT_EQ(peer->opens, 9, "and was not opened");
	end(peer);
}

static void unnumbered(void)
{
	struct peer *peer = begin(false);

	if (!peer)
		return;
	ASSERT_EQ(request(skel->progs.report_len, INPUT, 0, 1), 5, "len of input");
	ASSERT_EQ(get(FEATURE, 0, 5), 5, "get");
	ASSERT_EQ(set(FEATURE, 0, 5), 5, "set");
	ASSERT_EQ(request(skel->progs.output_report, 0, 0, 5), 5, "output");
	ASSERT_EQ(request(skel->progs.input_report, 0, 0, 5), 0, "input");
	ASSERT_EQ(get(FEATURE, 1, 5), -ENOENT, "an id");
	ASSERT_EQ(set(FEATURE, 0, 4), -EMSGSIZE, "too short");
	ASSERT_EQ(request(skel->progs.input_report, 0, 0, 4), -EMSGSIZE, "too short input");
	end(peer);
}

/* What is injected, programs see as an event, and hidraw as a report. */
static void inject(void)
{
	struct bpf_link *link = NULL;
	struct peer *peer = NULL;
	unsigned char read_back[16];
	char path[64];
	int hidraw = -1, minor;

	skel = hid_io__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	bpf_map__set_autocreate(skel->maps.hook, false);
	bpf_program__set_autoload(skel->progs.trace_event, true);
	NEED(!hid_io__load(skel), "load");
	peer = peer_plug(true);
	NEED(peer, "plug");
	wait_for(peer);
	link = bpf_program__attach(skel->progs.trace_event);
	NEED(link, "attach");
	for (minor = 0; minor < 64 && hidraw < 0; minor++) {
		snprintf(path, sizeof(path), "/dev/hidraw%d", minor);
		hidraw = open(path, O_RDWR | O_NONBLOCK);
	}
	NEED(hidraw >= 0, "hidraw");
	ASSERT_EQ(request(skel->progs.input_report, 0, 1, 3), 0, "inject");
	ASSERT_EQ(read(hidraw, read_back, sizeof(read_back)), 3, "read");
	ASSERT_EQ(read_back[0] * 100 + read_back[1] * 10 + read_back[2], 112, "bytes");
	ASSERT_EQ(skel->bss->traced, 1, "traced");
	read_back[0] = 1;
	ASSERT_OK(uhid_input(peer->fd, read_back, 3), "the device sends one");
	ASSERT_EQ(skel->bss->traced, 2, "traced again");
out:
	if (hidraw >= 0)
		close(hidraw);
	bpf_link__destroy(link);
	end(peer);
}

static void wrong_answers(void)
{
	struct peer *peer = begin(true);
	struct timespec from, to;

	if (!peer)
		return;
	peer->mode = PEER_SHORT;
	ASSERT_EQ(get(FEATURE, 3, 9), 2, "short");
	ASSERT_EQ(skel->bss->report[2], 2, "the rest is not changed");
	peer->mode = PEER_LONG;
	ASSERT_EQ(get(FEATURE, 3, 9), 9, "long");
	ASSERT_EQ(skel->bss->report[9], 9, "the byte after it is not changed");
	peer->mode = PEER_OTHER_ID;
	ASSERT_EQ(get(FEATURE, 3, 9), -EPROTO, "another id");
	ASSERT_EQ(skel->bss->report[1], 1, "the report is not changed");
	peer->mode = PEER_EMPTY;
	ASSERT_EQ(get(FEATURE, 3, 9), -EPROTO, "nothing");
	peer->mode = PEER_ERROR;
	ASSERT_EQ(get(FEATURE, 3, 9), -EIO, "error");
	ASSERT_EQ(set(FEATURE, 3, 9), -EIO, "error of set");
	peer->mode = PEER_LATE;
	peer->delay_ms = 300;
	ASSERT_EQ(get(FEATURE, 3, 9), 9, "late");
	ASSERT_EQ(set(FEATURE, 3, 9), 9, "late set");
	peer->mode = PEER_SILENT;
	clock_gettime(CLOCK_MONOTONIC, &from);
	ASSERT_EQ(get(FEATURE, 3, 9), -EIO, "no answer");
	clock_gettime(CLOCK_MONOTONIC, &to);
	ASSERT_LE(to.tv_sec - from.tv_sec, 7, "seconds");
	/* The device answers again. */
	peer->mode = PEER_ANSWERS;
	ASSERT_EQ(get(FEATURE, 3, 9), 9, "an answer");
	usleep(100000);
	ASSERT_EQ(peer->opens, peer->closes, "closed as often as opened");
	end(peer);
}

static void vanish(void)
{
	struct peer *peer = begin(true);

	if (!peer)
		return;
	ASSERT_EQ(run(skel->progs.keep), 0, "keep");
	ASSERT_EQ(request(skel->progs.get_report_kept, FEATURE, 3, 9), 9, "get");
	peer->mode = PEER_VANISHES;
	ASSERT_EQ(request(skel->progs.get_report_kept, FEATURE, 3, 9), -EIO, "vanishes");
	/* The map still has a reference. */
	ASSERT_EQ(request(skel->progs.get_report_kept, FEATURE, 3, 9), -ENODEV, "is gone");
	ASSERT_EQ(get(FEATURE, 3, 9), -ENODEV, "is not found");
	end(peer);
}

static void unbind(void)
{
	struct peer *peer = begin(true);

	if (!peer)
		return;
	ASSERT_EQ(run(skel->progs.keep), 0, "keep");
	ASSERT_OK(peer_bind(peer, false), "unbind");
	ASSERT_EQ(request(skel->progs.get_report_kept, FEATURE, 3, 9), -ENODEV, "is unbound");
	ASSERT_EQ(run(skel->progs.find), -ENODEV, "is not found");
	ASSERT_OK(peer_bind(peer, true), "bind");
	wait_for(peer);
	ASSERT_EQ(run(skel->progs.find), peer->id, "is found");
	ASSERT_EQ(get(FEATURE, 3, 9), 9, "get");
	ASSERT_EQ(request(skel->progs.get_report_kept, FEATURE, 3, 9), -ENODEV, "the old one");
	end(peer);
}

/* A program that sees the request makes another one, or waits for another one. */
static void nested(bool waits)
{
	struct bpf_hid_start *start;
	struct bpf_link *link = NULL;
	struct bpf_map *ops;
	struct peer *peer;

	skel = hid_io__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	start = (void *)&skel->bss->start;
	ops = waits ? skel->maps.hook_wait : skel->maps.hook;
	peer = peer_plug(true);
	NEED(peer, "plug");
	bpf_map__set_autocreate(ops, true);
	skel->struct_ops.hook->hid_id = peer->id;
	skel->struct_ops.hook_wait->hid_id = peer->id;
	NEED(!hid_io__load(skel), "load");
	wait_for(peer);
	link = bpf_map__attach_struct_ops(ops);
	NEED(link, "attach");

	if (waits) {
		/* The thread that runs works sees the program, too. */
		start->op = HID_IO_GET;
		start->report_type = FEATURE;
		start->len = 9;
		start->report[0] = 3;
		ASSERT_OK(run(skel->progs.start_kept), "start");
		skel->bss->milliseconds = 3000;
		ASSERT_EQ(run(skel->progs.wait), 9, "wait");
		ASSERT_EQ(skel->bss->inner, -EDEADLK, "the wait in the request failed");
		skel->bss->hooks = 0;
		skel->bss->inner = 0;
	}
	ASSERT_EQ(get(FEATURE, 3, 9), 9, "get");
	ASSERT_GE(skel->bss->hooks, 1, "the program ran");
	ASSERT_EQ(skel->bss->inner, -EDEADLK, "and failed");
	ASSERT_OK(peer_bind(peer, false), "unbind");
	if (!waits)
		ASSERT_EQ(peer->gets, 1, "the device got one request");
out:
	bpf_link__destroy(link);
	end(peer);
}

static void *get_silent(void *unused)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	bpf_prog_test_run_opts(bpf_program__fd(skel->progs.get_report), &opts);
	return NULL;
}

/* Many threads make requests that the device does not answer: the unbind waits for one. */
static void many(void)
{
	struct peer *peer = begin(true);
	struct timespec from, to;
	pthread_t threads[8];
	int i;

	if (!peer)
		return;
	peer->mode = PEER_SILENT;
	skel->bss->type = FEATURE;
	skel->bss->len = 9;
	skel->bss->report[0] = 3;
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		ASSERT_OK(pthread_create(&threads[i], NULL, get_silent, NULL), "thread");
	usleep(300000);
	clock_gettime(CLOCK_MONOTONIC, &from);
	ASSERT_OK(peer_bind(peer, false), "unbind");
	clock_gettime(CLOCK_MONOTONIC, &to);
	ASSERT_LE(to.tv_sec - from.tv_sec, 7, "seconds");
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	ASSERT_EQ(peer->gets, 1, "the device got one request");
	end(peer);
}

/* The verifier rejects a program of an event that sleeps. */
static void event_sleeps(void)
{
	const char *message =
		"program must be sleepable to call sleepable kfunc bpf_hid_output_report";
	struct hid_io_event_sleeps *bad = hid_io_event_sleeps__open();
	static char log[16384];

	if (!ASSERT_OK_PTR(bad, "open"))
		return;
	bpf_program__set_log_buf(bad->progs.event, log, sizeof(log));
	ASSERT_ERR(hid_io_event_sleeps__load(bad), "load");
	ASSERT_HAS_SUBSTR(log, message, "message");
	hid_io_event_sleeps__destroy(bad);
}

void serial_test_hid_io(void)
{
	if (test__start_subtest("find"))
		find_devices();
	if (test__start_subtest("numbered"))
		numbered();
	if (test__start_subtest("unnumbered"))
		unnumbered();
	if (test__start_subtest("inject"))
		inject();
	if (test__start_subtest("wrong_answers"))
		wrong_answers();
	if (test__start_subtest("vanish"))
		vanish();
	if (test__start_subtest("unbind"))
		unbind();
	if (test__start_subtest("nested"))
		nested(false);
	if (test__start_subtest("nested_wait"))
		nested(true);
	if (test__start_subtest("many"))
		many();
	if (test__start_subtest("event_sleeps"))
		event_sleeps();
	RUN_TESTS(hid_io_bad);
}
