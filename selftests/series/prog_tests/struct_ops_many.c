// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "struct_ops_many.skel.h"

/* Calls all members of the largest table. Those without a program return their argument. */
void test_struct_ops_many(void)
{
	const u64 programs = 1ULL << 23 | 1ULL << 25 | 1ULL << 27 | 1ULL << 43 | 1ULL << 58 |
			     1ULL << 63;
	struct struct_ops_many *skel;
	int i;

	skel = struct_ops_many__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	skel->links.many = bpf_map__attach_struct_ops(skel->maps.many);
	if (!ASSERT_OK_PTR(skel->links.many, "attach"))
		goto out;
	for (i = 0; i < 64; i++) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);

		skel->bss->number = i;
		ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.call), &opts), "run");
		ASSERT_EQ(opts.retval, 1000 + (programs >> i & 1 ? i : 0), "member");
	}
out:
	struct_ops_many__destroy(skel);
}
