// SPDX-License-Identifier: GPL-2.0
/*
 * Requests that programs start, and that samples/hid_io makes later: their results, and
 * what happens when the program, the map, the device or the module goes meanwhile. Each
 * request ends, with an answer or an error, and is freed. Expects hid_io to be loaded, and
 * leaves it loaded.
 */
#include <fcntl.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "hid_peer.h"
#include "../../../samples/hid_io/hid_io.h"
#include "hid_io.skel.h"

#define FEATURE		2
/* REQUESTS in hid_io.rs */
#define LIMIT		32

/* Ends the test if the condition is false. */
#define NEED(condition, what) do { if (!ASSERT_TRUE(condition, what)) goto out; } while (0)

static struct hid_io *skel;
static struct peer *peer;
/* What the ring buffer got. */
static int records;
/* Whether their cookies rise. */
static bool in_order;
static struct hid_io_record last_record;

static long run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) || opts.retval)
		return -1000;
	return skel->bss->result;
}

static bool begin(void)
{
	int tries;

	records = 0;
	in_order = true;
	last_record.cookie = 0;
	skel = hid_io__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return false;
	bpf_map__set_autocreate(skel->maps.hook, false);
	bpf_program__set_autoload(skel->progs.trace_event, true);
	peer = peer_plug(true);
	if (!ASSERT_OK_PTR(peer, "plug") || !ASSERT_OK(hid_io__load(skel), "load")) {
		peer_unplug(peer);
		hid_io__destroy(skel);
		return false;
	}
	skel->bss->id = peer->id;
	for (tries = 0; tries < 200 && run(skel->progs.find) != peer->id; tries++)
		usleep(10000);
	return true;
}

/* The number of requests that are not freed, after a grace period. */
static int alive(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct hid_io *other = hid_io__open();
	struct bpf_program *prog;
	int left = -1, tries;

	if (!ASSERT_OK_PTR(other, "open"))
		return -1;
	bpf_map__set_autocreate(other->maps.hook, false);
	bpf_object__for_each_program(prog, other->obj)
		bpf_program__set_autoload(prog, prog == other->progs.alive);
	if (ASSERT_OK(hid_io__load(other), "load")) {
		for (tries = 0; tries < 100; tries++) {
			kern_sync_rcu();
			bpf_prog_test_run_opts(bpf_program__fd(other->progs.alive), &opts);
			left = other->bss->result;
			if (!left)
				break;
			usleep(100000);
		}
	}
	hid_io__destroy(other);
	return left;
}

static void end(void)
{
	peer_unplug(peer);
	hid_io__destroy(skel);
	ASSERT_EQ(alive(), 0, "requests that are not freed");
}

/* Starts a request in a slot. */
static long start_by(struct bpf_program *prog, int slot, int op, int id, int len)
{
	struct bpf_hid_start *start = (void *)&skel->bss->start;

	memset(start, 0, sizeof(*start));
	start->op = op;
	start->report_type = FEATURE;
	start->len = len;
	start->report[0] = id;
	start->report[1] = 77;
	start->cookie = slot + 1000;
	skel->bss->slot = slot;
	return run(prog);
}

static long start(int slot, int op, int id, int len)
{
	return start_by(skel->progs.start_kept, slot, op, id, len);
}

static long with(struct bpf_program *prog, int slot)
{
	skel->bss->slot = slot;
	return run(prog);
}

static long wait_for(int slot, int milliseconds)
{
	skel->bss->milliseconds = milliseconds;
	return with(skel->progs.wait, slot);
}

/* Waits until all requests have ended. Returns their number. */
static long long ended(void)
{
	struct bpf_hid_counts *counts = (void *)&skel->bss->counts;
	int tries;

	for (tries = 0; tries < 800; tries++) {
		if (run(skel->progs.count) || !counts->pending)
			break;
		usleep(10000);
	}
	return counts->answered + counts->failed;
}

static int take(void *unused, void *data, size_t size)
{
	const struct hid_io_record *record = data;

	in_order = in_order && size == sizeof(*record) && record->cookie > last_record.cookie;
	memcpy(&last_record, record, sizeof(last_record));
	records++;
	return 0;
}

static void drain(void)
{
	struct ring_buffer *ring;

	ring = ring_buffer__new(bpf_map__fd(skel->maps.ring), take, NULL, NULL);
	if (!ASSERT_OK_PTR(ring, "ring"))
		return;
	ring_buffer__consume(ring);
	ring_buffer__free(ring);
}

static void results(void)
{
	struct bpf_hid_counts *counts;

	if (!begin())
		return;
	counts = (void *)&skel->bss->counts;
	peer->mode = PEER_LATE;
	peer->delay_ms = 300;
	ASSERT_EQ(start(0, HID_IO_GET, 3, 9), 0, "start");
	ASSERT_EQ(with(skel->progs.poll, 0), -EINPROGRESS, "poll");
	ASSERT_EQ(wait_for(0, 0), -ETIMEDOUT, "look");
	ASSERT_EQ(wait_for(0, 20), -ETIMEDOUT, "wait too short");
	skel->bss->len = 9;
	ASSERT_EQ(with(skel->progs.answer, 0), -EINPROGRESS, "no answer yet");
	ASSERT_EQ(wait_for(0, 3000), 9, "wait");
	ASSERT_EQ(with(skel->progs.poll, 0), 9, "poll");
	ASSERT_EQ(with(skel->progs.answer, 0), 9, "answer");
	ASSERT_EQ(skel->bss->report[0], 3, "id");
	ASSERT_EQ(skel->bss->report[8], 18, "last byte");
	skel->bss->len = 2;
	ASSERT_EQ(with(skel->progs.answer, 0), 9, "a part of the answer");
	ASSERT_EQ(with(skel->progs.cancel, 0), 0, "too late to cancel");

	peer->mode = PEER_ANSWERS;
	ASSERT_EQ(start(1, HID_IO_SET, 3, 9), 0, "start set");
	ASSERT_EQ(start(2, HID_IO_OUTPUT, 2, 3), 0, "start output");
	ASSERT_EQ(start(3, HID_IO_INPUT, 1, 3), 0, "start input");
	ASSERT_EQ(start(4, HID_IO_GET, 9, 9), 0, "start a report that is not there");
	ASSERT_EQ(start(5, HID_IO_SET, 3, 8), 0, "start a report that is too short");
	ASSERT_EQ(wait_for(1, 3000), 9, "set");
	ASSERT_EQ(wait_for(2, 3000), 3, "output");
	ASSERT_EQ(wait_for(3, 3000), 3, "input");
	ASSERT_EQ(wait_for(4, 3000), -ENOENT, "no such report");
	ASSERT_EQ(wait_for(5, 3000), -EMSGSIZE, "too short");
	peer->mode = PEER_OTHER_ID;
	ASSERT_EQ(start(6, HID_IO_GET, 3, 9), 0, "start");
	ASSERT_EQ(wait_for(6, 3000), -EPROTO, "another id");
	ASSERT_EQ(with(skel->progs.answer, 6), -EPROTO, "no answer");

	ASSERT_EQ(start(7, 4, 3, 9), -ENOENT, "no such operation");
	ASSERT_EQ(start(7, HID_IO_GET, 3, 0), -ENOENT, "an empty report");
	ASSERT_EQ(start(7, HID_IO_GET, 3, 66), -ENOENT, "a report that is too long");
	skel->bss->start.report_type = 3;
	ASSERT_EQ(run(skel->progs.start_kept), -ENOENT, "no such type");
	ASSERT_EQ(ended(), 7, "requests");
	ASSERT_EQ(counts->answered, 4, "answered");
	ASSERT_EQ(counts->failed, 3, "failed");
	ASSERT_EQ(counts->refused, 0, "refused");
	end();
}

static void ring_buffer(void)
{
	struct bpf_hid_counts *counts;
	int i;

	if (!begin())
		return;
	counts = (void *)&skel->bss->counts;
	skel->bss->with_ring = true;
	ASSERT_EQ(start(5, HID_IO_GET, 3, 9), 0, "start");
	ASSERT_EQ(wait_for(5, 3000), 9, "wait");
	ASSERT_EQ(ended(), 1, "ended");
	drain();
	ASSERT_EQ(records, 1, "records");
	ASSERT_EQ(last_record.cookie, 1005, "cookie");
	ASSERT_EQ(last_record.result, 9, "result");
	ASSERT_EQ(last_record.report[8], 18, "last byte");

	/* The ring buffer has room for fewer records: those without room are counted. */
	for (i = 0; i < 2 * LIMIT; i++) {
		ASSERT_EQ(start(i, HID_IO_OUTPUT, 2, 3), 0, "start");
		ASSERT_EQ(wait_for(i, 3000), 3, "wait");
	}
	ASSERT_EQ(ended(), 1 + 2 * LIMIT, "ended");
	records = 0;
	drain();
	ASSERT_GT(counts->lost, 0, "lost");
	ASSERT_EQ(records + counts->lost, 2 * LIMIT, "records and lost records");
	ASSERT_EQ(run(skel->progs.start_array), -ENOENT, "an array for a ring buffer");
	end();
}

static void limit_and_cancel(void)
{
	struct bpf_hid_counts *counts;
	int i, cancelled = 0;

	if (!begin())
		return;
	counts = (void *)&skel->bss->counts;
	peer->mode = PEER_LATE;
	peer->delay_ms = 500;
	for (i = 0; i < LIMIT; i++)
		ASSERT_EQ(start(i, HID_IO_SET, 3, 9), 0, "start");
	ASSERT_EQ(start(LIMIT, HID_IO_SET, 3, 9), -ENOENT, "one too many");
	usleep(100000);
	/* The first one has begun. */
	ASSERT_EQ(with(skel->progs.cancel, 0), 0, "cancel the first");
	for (i = 1; i < LIMIT; i++)
		cancelled += with(skel->progs.cancel, i);
	ASSERT_EQ(cancelled, LIMIT - 1, "cancelled");
	ASSERT_EQ(with(skel->progs.cancel, 1), 1, "cancel again");
	ASSERT_EQ(with(skel->progs.poll, 1), -ECANCELED, "poll");
	ASSERT_EQ(wait_for(1, 1000), -ECANCELED, "wait");
	ASSERT_EQ(wait_for(0, 3000), 9, "the first one");
	ASSERT_EQ(ended(), LIMIT, "ended");
	ASSERT_EQ(counts->answered, 1, "answered");
	ASSERT_EQ(counts->failed, LIMIT - 1, "failed");
	ASSERT_EQ(counts->refused, 1, "refused");
	ASSERT_EQ(peer->sets, 1, "the device got one");
	ASSERT_EQ(start(LIMIT, HID_IO_SET, 3, 9), 0, "there is room again");
	ASSERT_EQ(wait_for(LIMIT, 3000), 9, "wait");
	end();
}

/* In the order of their start. */
static void keeps_order(void)
{
	int i;

	if (!begin())
		return;
	skel->bss->with_ring = true;
	for (i = 0; i < LIMIT; i++)
		start(i, HID_IO_SET, 3, 9);
	ASSERT_EQ(wait_for(LIMIT - 1, 3000), 9, "wait for the last one");
	ASSERT_EQ(ended(), LIMIT, "ended");
	drain();
	ASSERT_EQ(records, LIMIT, "records");
	ASSERT_TRUE(in_order, "in order");
	end();
}

/* A tracing program sees the events, and starts a request for each. */
static void traced(void)
{
	unsigned char report[DIAL_REPORT] = { DIAL_TURNED, 1 };
	struct bpf_hid_counts *counts;
	struct bpf_link *link;
	int i;

	if (!begin())
		return;
	counts = (void *)&skel->bss->counts;
	/* It is not started: the first byte is no operation. */
	start(0, 9, 3, 9);
	skel->bss->start.op = HID_IO_SET;
	skel->bss->trace_starts = true;
	link = bpf_program__attach(skel->progs.trace_event);
	if (ASSERT_OK_PTR(link, "attach")) {
		for (i = 0; i < 20; i++) {
			ASSERT_OK(uhid_input(peer->fd, report, sizeof(report)), "event");
			usleep(1000);
		}
		ASSERT_EQ(skel->bss->traced, 20, "traced");
		ASSERT_EQ(skel->bss->traced_started, 20, "started");
		ASSERT_EQ(ended(), 20, "ended");
		ASSERT_EQ(counts->answered, 20, "answered");
		ASSERT_EQ(peer->sets, 20, "the device got all");
	}
	bpf_link__destroy(link);
	end();
}

/* Starts some requests that the device answers slowly. */
static bool begin_slow(int count)
{
	int i;

	if (!begin())
		return false;
	peer->mode = PEER_LATE;
	peer->delay_ms = 200;
	for (i = 0; i < count; i++)
		if (!ASSERT_EQ(start(i, HID_IO_SET, 3, 9), 0, "start"))
			return false;
	return true;
}

/* The program and its maps go; the requests go on. */
static void program_goes(void)
{
	int tries;

	if (!begin_slow(5))
		return;
	hid_io__destroy(skel);
	for (tries = 0; tries < 300 && peer->sets < 5; tries++)
		usleep(10000);
	ASSERT_EQ(peer->sets, 5, "the device got all");
	ASSERT_EQ(alive(), 0, "requests that are not freed");
	peer_unplug(peer);
}

/* The map's elements go, one after the other. */
static void references_go(void)
{
	int i;

	if (!begin_slow(5))
		return;
	for (i = 0; i < 5; i++)
		with(skel->progs.forget, i);
	ASSERT_EQ(ended(), 5, "ended");
	ASSERT_EQ(peer->sets, 5, "the device got all");
	end();
}

/* The device vanishes while one request waits for it, and others wait for their turn. */
static void device_goes(void)
{
	int i, failed = 0;
	long result;

	if (!begin_slow(0))
		return;
	ASSERT_EQ(with(skel->progs.keep, 0), 0, "keep");
	peer->mode = PEER_SILENT;
	for (i = 0; i < 10; i++)
		ASSERT_EQ(start(i, HID_IO_SET, 3, 9), 0, "start");
	usleep(100000);
	peer_vanish(peer);
	ASSERT_EQ(wait_for(0, 3000), -EIO, "the one that waits for the device");
	for (i = 1; i < 10; i++) {
		/* uhid says EIO before the driver is unbound. */
		result = wait_for(i, 3000);
		failed += result == -EIO || result == -ENODEV;
	}
	ASSERT_EQ(failed, 9, "those that wait for their turn");
	ASSERT_EQ(start(10, HID_IO_SET, 3, 9), -ENODEV, "the device is not found");
	/* The map still has a reference. */
	ASSERT_EQ(start_by(skel->progs.start_with_kept, 0, HID_IO_SET, 3, 9), 0, "start");
	ASSERT_EQ(wait_for(0, 3000), -ENODEV, "is gone");
	end();
}

/* The driver is unbound while a request waits: the unbind waits for the answer. */
static void driver_goes(void)
{
	int i, answered, failed = 0;

	if (!begin_slow(5))
		return;
	usleep(50000);
	ASSERT_OK(peer_bind(peer, false), "unbind");
	/* The first one has begun, and perhaps the second one. */
	answered = peer->sets;
	ASSERT_GT(answered, 0, "begun");
	for (i = 0; i < 5; i++)
		failed += wait_for(i, 3000) == -ENODEV;
	ASSERT_EQ(failed, 5 - answered, "failed");
	ASSERT_EQ(wait_for(0, 3000), 9, "the first one");
	ASSERT_OK(peer_bind(peer, true), "bind");
	end();
}

/* The module is unloaded while requests wait, and nobody holds them. */
static void module_goes(void)
{
	int i;

	if (!begin_slow(0))
		return;
	peer->mode = PEER_SILENT;
	for (i = 0; i < 10; i++)
		ASSERT_EQ(start(i, HID_IO_SET, 3, 9), 0, "start");
	ASSERT_ERR(delete_module("hid_io", O_NONBLOCK), "unload with programs");
	ASSERT_EQ(errno, EAGAIN, "error");
	/* The module in C of selftests/pairs does not use the crate. */
	if (!access("/sys/module/rust_hid", F_OK)) {
		ASSERT_ERR(delete_module("rust_hid", O_NONBLOCK), "unload the crate");
		ASSERT_EQ(errno, EAGAIN, "error");
	}
	hid_io__destroy(skel);
	/* The request that waits for the device has a time limit of five seconds. */
	ASSERT_OK(unload_module("hid_io", false), "unload");
	ASSERT_EQ(peer->sets, 1, "one request has begun");
	ASSERT_EQ(peer->opens, peer->closes, "and has closed the device");
	ASSERT_OK(load_module("hid_io.ko", false), "load");
	ASSERT_EQ(alive(), 0, "requests that are not freed");
	peer_unplug(peer);
}

/*
 * The device, the program with its map, and the module go while requests wait, in every
 * order in which they can: the program keeps the module.
 */
static void all_go(void)
{
	static const char *const orders[] = { "DPM", "PDM", "PMD" };
	const char *what;
	int i;

	for (i = 0; i < 9; i++) {
		if (!begin_slow(3))
			return;
		for (what = orders[i % 3]; *what; what++) {
			if (*what == 'D')
				peer_vanish(peer);
			if (*what == 'P')
				hid_io__destroy(skel);
			if (*what == 'M' &&
			    (!ASSERT_OK(unload_module("hid_io", false), "unload") ||
			     !ASSERT_OK(load_module("hid_io.ko", false), "load")))
				return;
			/* In half of the rounds, the first request has begun. */
			usleep(i & 1 ? 30000 : 0);
		}
		peer_unplug(peer);
	}
	ASSERT_EQ(alive(), 0, "requests that are not freed");
}

void serial_test_hid_io_later(void)
{
	if (test__start_subtest("results"))
		results();
	if (test__start_subtest("ring"))
		ring_buffer();
	if (test__start_subtest("limit_and_cancel"))
		limit_and_cancel();
	if (test__start_subtest("order"))
		keeps_order();
	if (test__start_subtest("program_goes"))
		program_goes();
	if (test__start_subtest("references_go"))
		references_go();
	if (test__start_subtest("device_goes"))
		device_goes();
	if (test__start_subtest("driver_goes"))
		driver_goes();
	if (test__start_subtest("module_goes"))
		module_goes();
	if (test__start_subtest("all_go"))
		all_go();
	if (test__start_subtest("traced"))
		traced();
}
