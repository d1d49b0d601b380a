// SPDX-License-Identifier: GPL-2.0
/*
 * timer: prints lines for each way to call a function of a program later: a name, and the
 * instructions from the expiry (or the start, if it does not wait) to the first ones of the
 * function, separated by a tab. If a thread of a workqueue calls it, two other lines have those
 * to the wake-up of the thread, and those from the begin of its work. The machine must count
 * instructions (scripts/harness/vm --icount).
 */

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "timer.skel.h"

#define RUNS 300

static const struct {
	const char *program;
	const char *label;
	bool has_thread;
} ways[] = {
	{ "timer", "bpf_timer" },
	{ "wq", "bpf_wq", true },
	{ "timer_wq", "bpf_timer and bpf_wq", true },
	{ "watchdog", "watchdog", true },
};

typedef unsigned long long u64;

static void run(struct timer_bpf *skel, const char *name)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_program *prog = bpf_object__find_program_by_name(skel->obj, name);

	if (!prog || bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) || opts.retval) {
		fprintf(stderr, "timer: the program %s failed: %d\n", name, (int)opts.retval);
		exit(1);
	}
}

static u64 min(u64 a, u64 b)
{
	return a < b ? a : b;
}

/* The minimum of several runs: others have interrupts and tasks that the CPU did before. */
static void count(struct timer_bpf *skel, const char *name, const char *label, bool has_thread)
{
	volatile struct timer_bpf__bss *data = skel->bss;
	u64 all = -1ULL, to_wake = -1ULL, from_work = -1ULL;
	int i, wait;

	for (i = 0; i < RUNS; i++) {
		run(skel, name);
		for (wait = 0; wait < 1000 && !data->end; wait++)
			usleep(1000);
		if (!data->begin || !data->end || (has_thread && !data->work)) {
			fprintf(stderr, "timer: no call by %s\n", name);
			exit(1);
		}
		all = min(all, data->end - data->begin);
		/* A thread that is still awake is not woken. */
		if (data->wake)
			to_wake = min(to_wake, data->wake - data->begin);
		from_work = min(from_work, data->end - data->work);
	}
	/* That of a work without a timer has the rest of the program that starts it. */
	if (strcmp(name, "wq"))
		printf("%s\t%llu\n", label, all);
	if (!has_thread)
		return;
	if (to_wake == -1ULL) {
		fprintf(stderr, "timer: %s woke no thread\n", name);
		exit(1);
	}
	printf("%s: to wake\t%llu\n", label, to_wake);
	printf("%s: work to callback\t%llu\n", label, from_work);
}

int main(void)
{
	struct timer_bpf *skel = timer_bpf__open_and_load();
	size_t i;

	if (!skel || timer_bpf__attach(skel)) {
		fprintf(stderr, "timer: the kernel rejected the programs\n");
		return 1;
	}
	run(skel, "set_up");
	for (i = 0; i < sizeof(ways) / sizeof(*ways); i++)
		count(skel, ways[i].program, ways[i].label, ways[i].has_thread);
	timer_bpf__destroy(skel);
	return 0;
}
