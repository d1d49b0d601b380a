// SPDX-License-Identifier: GPL-2.0
/* Exceptions of functions with private stacks. */
#include <test_progs.h>
#include "throw_private_stack.skel.h"

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	__u64 args[2] = {};

	opts.ctx_in = args;
	opts.ctx_size_in = sizeof(args);
	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "test_run"))
		return -1;
	return opts.retval;
}

void test_throw_private_stack(void)
{
	struct throw_private_stack *skel = throw_private_stack__open_and_load();
	int i;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	for (i = 0; i < 100; i++) {
		if (!ASSERT_EQ(run(skel->progs.with_callback), 113, "with_callback") ||
		    !ASSERT_EQ(run(skel->progs.without_callback), 112, "without_callback"))
			break;
	}
	ASSERT_EQ(skel->bss->wrong, 0, "records");
	throw_private_stack__destroy(skel);
}
