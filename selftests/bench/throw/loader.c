// SPDX-License-Identifier: GPL-2.0
/*
 * throw [--checks]: prints one line for each program that throws: what it does, and the
 * number of instructions from before the throw to after the return of the main program,
 * without those of a program that returns.
 *
 * With --checks, one line for each way to check an argument, with which nothing is thrown: the
 * instructions that a program with 1, 8 and 64 calls has more than one without a check.
 *
 * The machine must count instructions (scripts/harness/vm --icount).
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "throw.skel.h"

static const struct {
	const char *program;
	const char *label;
} throws[] = {
	{ "throws_1", "throw from 1 frame" },
	{ "throws_8", "throw from 8 frames" },
	{ "throws_1_callback", "throw from 1 frame, callback" },
	{ "throws_8_callback", "throw from 8 frames, callback" },
};

static void die(const char *what, const char *name)
{
	fprintf(stderr, "throw: %s: %s: %s\n", name, what, strerror(errno));
	exit(1);
}

static const struct {
	const char *program;
	const char *label;
} checks[] = {
	{ "compare", "compare, return an error" },
	{ "assertion", "bpf_assert_lt()" },
	{ "flag", "prototype: test a flag" },
	{ "ask", "prototype: call and ask" },
};

/*
 * The minimum of several runs: any additional instruction is that of an interrupt. With
 * start, the time begins with the program.
 */
static long long took(const char *name, bool start)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct throw_bpf *main, *end;
	struct bpf_program *prog;
	long long least = 0;
	int fd, i;

	/* The programs that throw, and another object with the fexit program of one. */
	main = throw_bpf__open();
	end = throw_bpf__open();
	if (!main || !end)
		die("open", name);
	bpf_program__set_autoload(main->progs.start, false);
	bpf_program__set_autoload(main->progs.end, false);
	if (throw_bpf__load(main))
		die("load", name);
	prog = bpf_object__find_program_by_name(main->obj, name);
	if (!prog)
		die("there is no such program", name);
	fd = bpf_program__fd(prog);
	bpf_object__for_each_program(prog, end->obj)
		bpf_program__set_autoload(prog, prog == end->progs.end ||
					  (start && prog == end->progs.start));
	if (bpf_program__set_attach_target(end->progs.end, fd, name) ||
	    bpf_program__set_attach_target(end->progs.start, fd, name) ||
	    bpf_map__reuse_fd(end->maps.bss, bpf_map__fd(main->maps.bss)) ||
	    throw_bpf__load(end) || throw_bpf__attach(end))
		die("attach the end", name);
	for (i = 0; i < 100; i++) {
		main->bss->took = 0;
		if (bpf_prog_test_run_opts(fd, &opts) || opts.retval || !main->bss->took)
			die("run", name);
		if (!i || main->bss->took < least)
			least = main->bss->took;
	}
	throw_bpf__destroy(end);
	throw_bpf__destroy(main);
	return least;
}

static void print_throws(void)
{
	long long none = took("returns", false);
	size_t i;

	for (i = 0; i < sizeof(throws) / sizeof(*throws); i++)
		printf("%s\t%lld\n", throws[i].label, took(throws[i].program, false) - none);
}

static void print_checks(void)
{
	static const int calls[] = { 1, 8, 64 };
	char none[32], name[32];
	size_t i, j;

	for (i = 0; i < sizeof(checks) / sizeof(*checks); i++) {
		printf("%s", checks[i].label);
		for (j = 0; j < sizeof(calls) / sizeof(*calls); j++) {
			snprintf(none, sizeof(none), "calls_none_%d", calls[j]);
			snprintf(name, sizeof(name), "calls_%s_%d", checks[i].program, calls[j]);
			printf("\t%lld", took(name, true) - took(none, true));
		}
		printf("\n");
	}
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "--checks")) {
		print_checks();
	} else if (argc == 1) {
		print_throws();
	} else {
		fprintf(stderr, "usage: %s [--checks]\n", argv[0]);
		return 2;
	}
	return 0;
}
