// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel finds the destructor of an object in a map by the name of a symbol
 * in any module. Two modules with similar paths and types of the same name must
 * have different symbols.
 */
#include <test_progs.h>
#include "testing_helpers.h"
#include "dtor_twin.skel.h"

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "test_run"))
		return -1;
	return opts.retval;
}

void serial_test_dtor_twin(void)
{
	struct dtor_twin *skel;

	/* The kernel prefers the types of the first module, but symbols of the last. */
	if (!ASSERT_OK(load_module("dtor_twin.ko", false), "load"))
		return;
	if (!ASSERT_OK(load_module("twin.ko", false), "load the other"))
		goto unload;

	skel = dtor_twin__open_and_load();
	if (ASSERT_OK_PTR(skel, "open_and_load"))
		ASSERT_EQ(run(skel->progs.keep), 0, "keep");
	dtor_twin__destroy(skel);
	/* The kernel frees a map some time after its last user. */
	usleep(200000);
	kern_sync_rcu();
	usleep(200000);
	skel = dtor_twin__open_and_load();
	if (ASSERT_OK_PTR(skel, "open_and_load"))
		ASSERT_EQ(run(skel->progs.dropped), 1, "objects dropped by their own module");
	dtor_twin__destroy(skel);

	ASSERT_OK(unload_module("twin", false), "unload the other");
unload:
	ASSERT_OK(unload_module("dtor_twin", false), "unload");
}
