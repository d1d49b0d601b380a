// SPDX-License-Identifier: GPL-2.0
/*
 * bench [--real-time]: prints one line for each path: its name, the cost of a
 * call of the Rust function, and that of the C function, separated by tabs. The
 * unit is an instruction, if the machine counts them (scripts/harness/vm
 * --icount), or with --real-time a nanosecond.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bench.h"
#include "bench.skel.h"

static const struct path {
	const char *name;
	const char *label;
	/* The number of calls between the two readings of the clock. */
	int calls;
} paths[] = {
	{ "args0", "0 arguments", CALLS },
	{ "args2", "2 arguments", CALLS },
	{ "traced", "2 arguments, traceable", CALLS },
	{ "function", "call of a traceable function", CALLS },
	{ "args5", "5 arguments", CALLS },
	{ "args10", "10 arguments", CALLS },
	{ "slice", "slice of 64 bytes, copied", CALLS },
	{ "mem", "64 bytes in place", CALLS },
	{ "string", "string of 22 bytes", CALLS },
	{ "result", "Result", CALLS },
	{ "acquire", "acquire + release", CALLS },
	{ "iterator", "iterator over 1,000 elements", 1 },
	{ "dynptr", "dynptr read of 64 bytes", CALLS },
	{ "member", "member", CALLS },
	{ "prologue", "member, prologue", CALLS },
	{ "epilogue", "member, epilogue", CALLS },
	{ "both", "member, both", CALLS },
	{ "outside", "member, bounded by its caller", CALLS },
	{ "indirect", "epilogue, indirect call", CALLS },
	{ "native", "epilogue, native call", CALLS },
	{ "kfunc", "epilogue, kfunc call", CALLS },
};

/* The members of the tables; their programs are ops_X_rust and ops_X_c. */
static const char *const members[] = {
	"ops_bare", "ops_prologue", "ops_epilogue", "ops_both", "ops_indirect", "ops_native",
	"ops_kfunc",
};

static struct bench_bpf *skel;
static int repeats = 10;

static void die(const char *what, const char *name)
{
	fprintf(stderr, "bench: %s: %s\n", name, what);
	exit(1);
}

static struct bpf_program *find(const char *path, const char *which)
{
	struct bpf_program *prog;
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", path, which);
	prog = bpf_object__find_program_by_name(skel->obj, name);
	if (!prog)
		die("there is no such program", name);
	return prog;
}

static void run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		die(strerror(errno), bpf_program__name(prog));
	if (opts.retval) {
		fprintf(stderr, "bench: %s returned %d\n", bpf_program__name(prog), opts.retval);
		exit(1);
	}
}

/* The minimum of several runs: any additional time is a disturbance. */
static long long took(const char *path, const char *which)
{
	struct bpf_program *prog = find(path, which);
	long long least = 0;
	int i;

	for (i = 0; i < repeats; i++) {
		run(prog);
		if (!i || skel->bss->took < least)
			least = skel->bss->took;
	}
	return least;
}

/* The programs of a path must be equal except for the function that they call. */
static void compare(const char *path)
{
	struct bpf_program *rust = find(path, "rust"), *c = find(path, "c");
	const struct bpf_insn *a = bpf_program__insns(rust), *b = bpf_program__insns(c);
	size_t i, count = bpf_program__insn_cnt(rust);

	if (count != bpf_program__insn_cnt(c))
		die("the programs for Rust and C differ in length", path);
	for (i = 0; i < count; i++) {
		if (a[i].code != b[i].code || a[i].dst_reg != b[i].dst_reg ||
		    a[i].src_reg != b[i].src_reg)
			die("the programs for Rust and C differ", path);
	}
}

int main(int argc, char **argv)
{
	bool real_time = argc == 2 && !strcmp(argv[1], "--real-time");
	size_t i;

	if (argc > 1 && !real_time) {
		fprintf(stderr, "usage: %s [--real-time]\n", argv[0]);
		return 2;
	}
	skel = bench_bpf__open();
	if (!skel)
		return 1;
	skel->rodata->real_time = real_time;
	if (bench_bpf__load(skel)) {
		fprintf(stderr, "The kernel rejected the programs. Are all bench_*.ko loaded?\n");
		return 1;
	}
	for (i = 0; i < sizeof(members) / sizeof(*members); i++)
		compare(members[i]);
	if (bench_bpf__attach(skel)) {
		fprintf(stderr, "The kernel rejected the struct_ops tables.\n");
		return 1;
	}
	run(skel->progs.same);

	if (real_time) {
		/* In real time, most runs are disturbed. */
		repeats = 1000;
	} else if (took("clock", "ten") - took("args0", "none") != 10 * CALLS) {
		die("10 instructions are not 10 units; run it with \"vm --icount\"", "clock");
	}
	for (i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		const struct path *path = &paths[i];
		long long none = took(path->name, "none");

		compare(path->name);
		printf("%s\t%.7g\t%.7g\n", path->label,
		       (double)(took(path->name, "rust") - none) / path->calls,
		       (double)(took(path->name, "c") - none) / path->calls);
	}
	bench_bpf__destroy(skel);
	return 0;
}
