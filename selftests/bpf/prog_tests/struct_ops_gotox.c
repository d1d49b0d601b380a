// SPDX-License-Identifier: GPL-2.0
/*
 * struct_ops programs with a jump through a table of addresses: the crate rejects
 * them for members with a prologue or an epilogue. Expects ops_test.ko to be
 * loaded.
 */
#include <test_progs.h>
#include "klog.h"
#include "struct_ops_gotox.skel.h"

static struct struct_ops_gotox *load(const char *member, char *log, size_t size, int *err)
{
	struct struct_ops_gotox *skel = struct_ops_gotox__open();
	struct bpf_program *prog;
	struct bpf_map *map;

	if (!ASSERT_OK_PTR(skel, "open"))
		return NULL;
	prog = bpf_object__find_program_by_name(skel->obj, member);
	if (!ASSERT_OK_PTR(prog, member))
		goto out;
	bpf_program__set_autoload(prog, true);
	if (!strcmp(member, "fickle"))
		bpf_program__set_autoload(skel->progs.zero, true);
	bpf_program__set_log_buf(prog, log, size);
	bpf_program__set_log_level(prog, 1);
	bpf_object__for_each_map(map, skel->obj) {
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			bpf_map__set_autocreate(map, !strcmp(bpf_map__name(map) + strlen("table_"),
							     member));
	}
	*err = struct_ops_gotox__load(skel);
	return skel;
out:
	struct_ops_gotox__destroy(skel);
	return NULL;
}

static void subtest_runs(const char *member, __u32 number, __u32 sum)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct struct_ops_gotox *skel;
	struct bpf_link *link;
	char log[8192] = {};
	struct bpf_map *map;
	char table[32];
	int err;

	skel = load(member, log, sizeof(log), &err);
	if (!skel)
		return;
	if (!ASSERT_OK(err, log))
		goto out;
	snprintf(table, sizeof(table), "table_%s", member);
	map = bpf_object__find_map_by_name(skel->obj, table);
	if (!ASSERT_OK_PTR(map, table))
		goto out;
	link = bpf_map__attach_struct_ops(map);
	if (ASSERT_OK_PTR(link, "attach")) {
		skel->bss->member = number;
		ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.call), &opts),
			  "test_run");
		ASSERT_EQ(opts.retval, sum, "sum over all jump targets");
		bpf_link__destroy(link);
	}
out:
	struct_ops_gotox__destroy(skel);
}

static void subtest_refused(const char *member)
{
	struct struct_ops_gotox *skel;
	char log[4096] = {}, said[128];
	int err, kmsg;

	kmsg = open_log();
	if (!ASSERT_OK_FD(kmsg, "/dev/kmsg"))
		return;
	skel = load(member, log, sizeof(log), &err);
	if (!skel)
		goto out;
	ASSERT_EQ(err, -EINVAL, "load");
	ASSERT_HAS_SUBSTR(log, "attach to unsupported member", "log");
	snprintf(said, sizeof(said),
		 "a program for %s must not call bpf_throw() or jump through a table", member);
	ASSERT_TRUE(logged(kmsg, said), said);
	struct_ops_gotox__destroy(skel);
out:
	close(kmsg);
}

void serial_test_struct_ops_gotox(void)
{
	if (test__start_subtest("jump_without_prologue"))
		subtest_runs("plain", 0, 4321);
	/*
	 * The module makes this prologue only after the crate has accepted the
	 * program. The program then does not run.
	 */
	if (test__start_subtest("jump_before_late_prologue"))
		subtest_runs("fickle", 5, 0);
	if (test__start_subtest("jump_with_prologue"))
		subtest_refused("before");
	if (test__start_subtest("jump_with_epilogue"))
		subtest_refused("after");
}
