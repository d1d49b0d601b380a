// SPDX-License-Identifier: GPL-2.0
/*
 * watchdog: starts a worker, which computes and then makes no progress any more, and watches
 * it. Ends the worker when it has made none for 0.3 seconds.
 */

#include <linux/perf_event.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "watchdog.h"
#include "watchdog.skel.h"

#define PATIENCE 300000000ULL

/* The worker has it at the same address. */
static volatile struct progress progress = { .stage = "start" };

static bool is_stuck;

/* Counts for half a second, and then not any more. */
static void work(void)
{
	unsigned long long end, now;
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	end = time.tv_sec * 1000ULL + time.tv_nsec / 1000000 + 500;
	memcpy((char *)progress.stage, "counting", sizeof("counting"));
	do {
		progress.steps++;
		clock_gettime(CLOCK_MONOTONIC, &time);
		now = time.tv_sec * 1000ULL + time.tv_nsec / 1000000;
	} while (now < end);
	memcpy((char *)progress.stage, "dividing", sizeof("dividing"));
	for (;;)
		;
}

static int on_report(void *ctx, void *data, size_t size)
{
	const struct report *report = data;

	printf("no progress for %3llu ms: \"%.16s\", step %llu\n", report->time / 1000000,
	       report->progress.stage, report->progress.steps);
	is_stuck = report->time >= PATIENCE;
	return 0;
}

/* Interrupts a task 100 times in a second while it runs. */
static int interrupt(pid_t task)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_CPU_CLOCK,
		.freq = 1,
		.sample_freq = 100,
	};

	return syscall(SYS_perf_event_open, &attr, task, -1, -1, 0);
}

static int watch(struct watchdog_bpf *skel, pid_t worker)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct ring_buffer *ring;
	int event;

	skel->bss->pid = worker;
	skel->bss->address = (unsigned long)&progress;
	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.create), &opts) || opts.retval)
		return -1;
	event = interrupt(worker);
	skel->links.tick = bpf_program__attach_perf_event(skel->progs.tick, event);
	ring = ring_buffer__new(bpf_map__fd(skel->maps.reports), on_report, NULL, NULL);
	if (!skel->links.tick || !ring)
		return -1;
	while (!is_stuck)
		if (ring_buffer__poll(ring, 5000) <= 0)
			break;
	ring_buffer__free(ring);
	return is_stuck ? 0 : -1;
}

int main(int argc, char **argv)
{
	struct watchdog_bpf *skel = watchdog_bpf__open_and_load();
	pid_t worker;
	int err;

	if (!skel) {
		fprintf(stderr,
			"%s: is watchdog.ko loaded, has the kernel the patches, are you root?\n",
			argv[0]);
		return 1;
	}
	worker = fork();
	if (!worker)
		work();
	err = worker < 0 ? -1 : watch(skel, worker);
	if (worker > 0) {
		kill(worker, SIGKILL);
		waitpid(worker, NULL, 0);
	}
	if (err)
		fprintf(stderr, "%s: cannot watch the worker\n", argv[0]);
	else
		printf("%llu interrupts, %llu looks\n", skel->bss->interrupts,
		       skel->bss->looks);
	watchdog_bpf__destroy(skel);
	return err ? 1 : 0;
}
