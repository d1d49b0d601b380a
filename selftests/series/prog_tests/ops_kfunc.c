// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "ops_kfunc.skel.h"

static int run(struct ops_kfunc *skel, struct bpf_program *prog, __u32 value)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	skel->bss->value = value;
	ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "run");
	return opts.retval;
}

/* The size of a move between registers, in bytes. */
#ifdef __aarch64__
#define MOVE 4
#else
#define MOVE 2
#endif

static __u32 machine_code(struct bpf_program *prog)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);

	ASSERT_OK(bpf_prog_get_info_by_fd(bpf_program__fd(prog), &info, &len), "info");
	return info.jited_prog_len;
}

void test_ops_kfunc(void)
{
	struct ops_kfunc *skel;
	struct bpf_link *link;

	skel = ops_kfunc__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	link = bpf_map__attach_struct_ops(skel->maps.ops);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	/* The program adds 1, and the epilogue doubles the result. */
	ASSERT_EQ(run(skel, skel->progs.call_kfuncs, 7), 16, "kfuncs");
	ASSERT_EQ(run(skel, skel->progs.call_helpers, 7), 16, "helpers");
	ASSERT_EQ(skel->bss->runs, 2, "runs");
	/* The prologue stops it. */
	ASSERT_EQ(run(skel, skel->progs.call_kfuncs, 101), 0, "kfuncs");
	ASSERT_EQ(run(skel, skel->progs.call_helpers, 101), 0, "helpers");
	ASSERT_EQ(skel->bss->runs, 2, "runs");
	/* An error number of 32 bits is less than 0. */
	ASSERT_EQ(run(skel, skel->progs.call_admits, 13), 99, "admits");
	ASSERT_EQ(skel->bss->runs, 2, "runs");
	ASSERT_EQ(run(skel, skel->progs.call_admits, 14), 30, "admits");
	bpf_link__destroy(link);

	link = bpf_map__attach_struct_ops(skel->maps.calls);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	ASSERT_EQ(run(skel, skel->progs.call_kfuncs, 7), 30, "both");
	bpf_link__destroy(link);

	/*
	 * A kfunc is called as a helper is. Its result of 32 bits is extended by a move; a helper
	 * returns 64 bits.
	 */
	printf("machine code: %u bytes with kfuncs, %u with helpers\n",
	       machine_code(skel->progs.kfuncs), machine_code(skel->progs.helpers));
	ASSERT_LE(machine_code(skel->progs.kfuncs), machine_code(skel->progs.helpers) + 2 * MOVE,
		  "machine code");
out:
	ops_kfunc__destroy(skel);
}
