// SPDX-License-Identifier: GPL-2.0
/* Memory arguments with address null and size 0. Expects kfunc_test.ko to be loaded. */
#include <test_progs.h>
#include "mem_null.skel.h"

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "test_run"))
		return -1;
	return opts.retval;
}

void test_mem_null(void)
{
	struct mem_null *skel = mem_null__open_and_load();

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	ASSERT_EQ(run(skel->progs.itself), 1, "the reference is not null");
	ASSERT_EQ(run(skel->progs.copied), 0, "sum");
	ASSERT_EQ(run(skel->progs.written_back), 0, "reverse");
	mem_null__destroy(skel);
}
