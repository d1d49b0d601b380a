// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "kernel_has.h"
#include "kfunc_older.skel.h"
#include "kfunc_recent.skel.h"
#include "recent_ops.skel.h"

/* The 7th argument of a struct_ops member is on the stack. */
static void subtest_seven_arguments(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct recent_ops *skel;
	struct bpf_link *link;

	skel = recent_ops__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	link = bpf_map__attach_struct_ops(skel->maps.ops);
	if (ASSERT_OK_PTR(link, "attach")) {
		ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.call_many), &opts),
			  "test_run");
		ASSERT_EQ(opts.retval, 7654321, "arguments");
		bpf_link__destroy(link);
	}
	recent_ops__destroy(skel);
}

void test_kfunc_recent(void)
{
	/*
	 * The other features that these tests need came with this one, and have no
	 * function of their own.
	 */
	if (!kernel_has("bpf_jit_supports_arena_args", "arena arguments of kfuncs")) {
		RUN_TESTS(kfunc_older);
		return;
	}
	RUN_TESTS(kfunc_recent);
	if (test__start_subtest("seven_arguments"))
		subtest_seven_arguments();
}
