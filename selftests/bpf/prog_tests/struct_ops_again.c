// SPDX-License-Identifier: GPL-2.0
/*
 * Recursive calls of a member by its own program end before the kernel stack
 * overflows. Expects ops_test.ko to be loaded.
 */
#include <test_progs.h>
#include "struct_ops_again.skel.h"

void serial_test_struct_ops_again(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct struct_ops_again *skel;
	struct bpf_link *link;

	skel = struct_ops_again__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	link = bpf_map__attach_struct_ops(skel->maps.again);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	/* Attaching has already called the table. */
	skel->bss->calls = 0;
	ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.call_add), &opts), "test_run");
	ASSERT_GT(skel->bss->calls, 1, "recursive calls");
	ASSERT_EQ(opts.retval, skel->bss->calls, "each call added one");
	bpf_link__destroy(link);
out:
	struct_ops_again__destroy(skel);
}
