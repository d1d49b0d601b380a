// SPDX-License-Identifier: GPL-2.0
/*
 * own_kfunc: prints a line for each way of a prologue and an epilogue to call a function: its
 * name, and the instructions of a call of the member, separated by a tab. The machine must count
 * instructions (scripts/harness/vm --icount).
 */

#include <stdio.h>
#include <stdlib.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "own_kfunc.skel.h"

#define RUNS 300
#define RESULT 40

static unsigned long long call(struct own_kfunc_bpf *skel, struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err;

	err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
	if (err || opts.retval != RESULT) {
		fprintf(stderr, "own_kfunc: %s: error %d, result %d\n", bpf_program__name(prog),
			err, (int)opts.retval);
		exit(1);
	}
	return skel->bss->took;
}

static void take_least(unsigned long long *least, unsigned long long took)
{
	if (took < *least)
		*least = took;
}

/*
 * The minimum of several runs: any additional time is a disturbance. A call allocates an object,
 * which takes more when the allocator's first lists are used up, so the ways take turns.
 */
static void count(struct own_kfunc_bpf *skel)
{
	unsigned long long helpers = -1ULL, kfuncs = -1ULL;
	int i;

	for (i = 0; i < RUNS; i++) {
		take_least(&helpers, call(skel, skel->progs.call_helpers));
		take_least(&kfuncs, call(skel, skel->progs.call_kfuncs));
	}
	printf("two helpers\t%llu\n", helpers);
	printf("two kfuncs of the module\t%llu\n", kfuncs);
}

int main(void)
{
	struct own_kfunc_bpf *skel = own_kfunc_bpf__open_and_load();
	struct bpf_link *link;

	if (!skel) {
		fprintf(stderr, "own_kfunc: the kernel rejected the programs\n");
		return 1;
	}
	link = bpf_map__attach_struct_ops(skel->maps.ops);
	if (!link) {
		fprintf(stderr, "own_kfunc: the table cannot be attached\n");
		return 1;
	}
	count(skel);
	bpf_link__destroy(link);
	own_kfunc_bpf__destroy(skel);
	return 0;
}
