// SPDX-License-Identifier: GPL-2.0
/*
 * Objects of samples/registry. Expects registry.ko to be loaded. After all
 * programs, no counter is left.
 */
#include <test_progs.h>
#include "testing_helpers.h"
#include "registry.skel.h"

/* The number of counters, after a grace period has freed unreferenced ones. */
static int alive(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_program *prog;
	struct registry *skel;
	int err;

	skel = registry__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return -1;
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, prog == skel->progs.alive);
	err = registry__load(skel);
	if (ASSERT_OK(err, "load")) {
		kern_sync_rcu();
		usleep(100000);
		err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.alive), &opts);
		ASSERT_OK(err, "test_run");
	}
	registry__destroy(skel);
	return opts.retval;
}

void serial_test_registry(void)
{
	RUN_TESTS(registry);
	if (test__start_subtest("no_counter_left"))
		ASSERT_EQ(alive(), 0, "counters alive");
}
