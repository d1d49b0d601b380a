// SPDX-License-Identifier: GPL-2.0
/*
 * Exceptions release objects and iterators of samples/registry, on x86. Expects registry.ko
 * to be loaded. After all programs, no counter is left.
 */
#include <test_progs.h>
#include <network_helpers.h>
#include "testing_helpers.h"
#include "throw_release.skel.h"

#define RUNS 100

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_program__type(prog) == BPF_PROG_TYPE_SCHED_CLS) {
		opts.data_in = &pkt_v4;
		opts.data_size_in = sizeof(pkt_v4);
	}
	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "run"))
		return -1;
	return opts.retval;
}

static bool no_counter_left(struct throw_release *skel)
{
	kern_sync_rcu();
	usleep(100000);
	return ASSERT_EQ(run(skel->progs.alive), 0, "counters alive");
}

void serial_test_throw_release(void)
{
	struct throw_release *skel;
	int i, err;

	skel = throw_release__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	err = throw_release__load(skel);
#ifndef __x86_64__
	ASSERT_EQ(err, -EOPNOTSUPP, "the JIT does not support it");
	throw_release__destroy(skel);
	return;
#endif
	if (!ASSERT_OK(err, "load"))
		goto out;
	skel->links.trace_release = bpf_program__attach(skel->progs.trace_release);
	ASSERT_OK_PTR(skel->links.trace_release, "attach");
	ASSERT_EQ(run(skel->progs.task), 0, "assertion while a task is held");
	ASSERT_EQ(skel->bss->released, 1, "released");
	for (i = 0; i < RUNS; i++) {
		if (!ASSERT_EQ(run(skel->progs.counters), 43, "throw while counters are held") ||
		    !ASSERT_EQ(run(skel->progs.iterator), 43, "throw in an iteration"))
			break;
	}
	no_counter_left(skel);
	skel->data->throw_at = 1000;
	ASSERT_EQ(run(skel->progs.counters), 1, "no throw while counters are held");
	ASSERT_EQ(run(skel->progs.iterator), 1, "no throw in an iteration");
	no_counter_left(skel);
out:
	throw_release__destroy(skel);
}
