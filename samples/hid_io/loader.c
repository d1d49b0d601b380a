// SPDX-License-Identifier: GPL-2.0
/*
 * hid_io [WAY]: makes a dial, and shows what happens when it is turned: the event, what a
 * BPF program made of it, and the report that the dial received for it. WAY is the way
 * from the event to the report: request, wq, armed_wq or task_work.
 */

#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "by_armed_wq.skel.h"
#include "by_request.skel.h"
#include "by_task_work.skel.h"
#include "by_wq.skel.h"
#include "dial.h"
#include "uhid.h"

#define VENDOR	0x1d6b
#define PRODUCT	0xd1a1

/* A vendor's page: an input report with steps and a button, an output report for lamps. */
static const unsigned char descriptor[] = {
	0x06, 0x00, 0xff,		/* Usage Page (vendor) */
	0x09, 0x01,			/* Usage */
	0xa1, 0x01,			/* Collection (application) */
	0x85, DIAL_TURNED,		/*   Report ID */
	0x09, 0x02, 0x15, 0x81, 0x25, 0x7f, 0x75, 0x08, 0x95, 0x02, 0x81, 0x02,
	0x85, DIAL_LAMPS,
	0x09, 0x03, 0x15, 0x00, 0x26, 0xff, 0x00, 0x75, 0x08, 0x95, 0x02, 0x91, 0x02,
	0xc0,				/* End Collection */
};

static const struct {
	signed char steps, pressed;
} script[] = {
	{ 1 }, { 2 }, { 3 }, { 0, 1 }, { -1 }, { 5 }, { 0, 1 }, { -4 }, { 1 }, { 0, 1 }, { -9 },
};

static const char *const colours[DIAL_COLOURS] = { "white", "green", "red" };

static int dial = -1;
static struct bpf_object *program;
/* A pipe with the time of each report that the dial received, and the report. */
static int received[2];
static struct timespec begin;

struct received {
	unsigned long long time;
	unsigned char report[DIAL_REPORT];
};

static unsigned long long now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static double since(unsigned long long time)
{
	return (time - (begin.tv_sec * 1000000000ULL + begin.tv_nsec)) / 1e6;
}

/* The firmware of the dial. */
static void *firmware(void *unused)
{
	struct uhid_event event;
	struct received got;

	while (read(dial, &event, sizeof(event)) > 0) {
		if (event.type != UHID_OUTPUT || event.u.output.size != DIAL_REPORT)
			continue;
		got.time = now();
		memcpy(got.report, event.u.output.data, DIAL_REPORT);
		if (write(received[1], &got, sizeof(got)) != sizeof(got))
			break;
	}
	return NULL;
}

static unsigned long long event_time;

/* The program has seen an event. */
static int print_event(void *unused, void *data, size_t size)
{
	const struct dial_event *event = data;
	char text[32];

	if (event->pressed)
		snprintf(text, sizeof(text), "pressed");
	else
		snprintf(text, sizeof(text), "turned by %+d", event->steps);
	printf("%8.2f  %-14s  level %d, %-6s", since(event->time), text, event->level,
	       colours[event->colour % DIAL_COLOURS]);
	fflush(stdout);
	event_time = event->time;
	return 0;
}

/* The dial has received a report. */
static void print_report(const struct received *got)
{
	int lamp, level = got->report[1];

	printf("  ");
	for (lamp = 0; lamp < DIAL_MAX; lamp++)
		printf("%c", lamp < level ? '#' : '.');
	printf(" %-6s %8.3f ms\n", colours[got->report[2] % DIAL_COLOURS],
	       (got->time - event_time) / 1e6);
	fflush(stdout);
}

/*
 * Opens the program of a way, for the device with this number. The skeletons have types of
 * their own, but the same names in them.
 */
#define OPEN(name, number) ({						\
	struct by_##name##_bpf *skel;					\
									\
	skel = by_##name##_bpf__open();					\
	if (!skel)							\
		return NULL;						\
	skel->bss->id = number;						\
	skel->struct_ops.dial->hid_id = number;				\
	skel;								\
})

static struct bpf_object *open_way(const char *way, int number)
{
	struct by_task_work_bpf *task_work;

	if (!strcmp(way, "request"))
		return OPEN(request, number)->obj;
	if (!strcmp(way, "wq"))
		return OPEN(wq, number)->obj;
	if (!strcmp(way, "armed_wq"))
		return OPEN(armed_wq, number)->obj;
	if (strcmp(way, "task_work")) {
		fprintf(stderr, "no way '%s': request, wq, armed_wq or task_work\n", way);
		return NULL;
	}
	task_work = OPEN(task_work, number);
	/* This thread makes the reports. */
	task_work->bss->server = getpid();
	return task_work->obj;
}

/* Runs a program of user space. Returns its result, or a negative error number. */
static int run(const char *name)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_program *prog;
	int err;

	prog = bpf_object__find_program_by_name(program, name);
	if (!prog)
		return 0;
	err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
	return err ?: (int)opts.retval;
}

static int load(const char *way, int id)
{
	int err, tries;

	program = open_way(way, id);
	if (!program)
		return -1;
	if (bpf_object__load(program)) {
		fprintf(stderr, "is hid_io.ko loaded, and are you root?\n");
		return -1;
	}
	/* The driver's probe may go on after its name is in sysfs. */
	for (tries = 0; tries < 200 && run("is_ready") != 1; tries++)
		usleep(10000);
	err = run("set_up");
	if (err) {
		fprintf(stderr, "cannot set up the work queue: %s\n", strerror(-err));
		return -1;
	}
	return bpf_map__attach_struct_ops(bpf_object__find_map_by_name(program, "dial")) ? 0 : -1;
}

/* Turns the dial once. Returns false if no report comes within a second. */
static bool turn(struct ring_buffer *events, int step)
{
	unsigned char report[DIAL_REPORT] = { DIAL_TURNED, script[step].steps,
					      script[step].pressed };
	struct pollfd wait = { .fd = received[0], .events = POLLIN };
	unsigned long long end = now() + 1000000000ULL;
	struct received got;

	if (uhid_input(dial, report, sizeof(report)))
		return false;
	ring_buffer__poll(events, 1000);
	/* Task work interrupts the wait. */
	while (poll(&wait, 1, 1000) <= 0)
		if (now() > end)
			return false;
	if (read(received[0], &got, sizeof(got)) != sizeof(got))
		return false;
	print_report(&got);
	return true;
}

int main(int argc, char **argv)
{
	const char *way = argc > 1 ? argv[1] : "request";
	struct ring_buffer *events;
	pthread_t thread;
	int id, step;

	dial = uhid_create("Dial", VENDOR, PRODUCT, descriptor, sizeof(descriptor));
	if (dial < 0) {
		fprintf(stderr, "/dev/uhid: %s (is the module uhid loaded?)\n", strerror(-dial));
		return 1;
	}
	if (pipe(received) || pthread_create(&thread, NULL, firmware, NULL))
		return 1;
	id = uhid_wait(VENDOR, PRODUCT);
	if (id < 0) {
		fprintf(stderr, "no driver for the dial (is the module hid-generic loaded?)\n");
		return 1;
	}
	if (load(way, id))
		return 1;
	events = ring_buffer__new(bpf_object__find_map_fd_by_name(program, "events"), print_event,
				  NULL, NULL);
	if (!events)
		return 1;

	printf("      ms  event           program         report to the dial  after\n");
	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (step = 0; step < (int)(sizeof(script) / sizeof(*script)); step++) {
		if (!turn(events, step)) {
			printf("  no report within a second\n");
			return 1;
		}
		usleep(150000);
	}
	return 0;
}
