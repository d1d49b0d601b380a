// SPDX-License-Identifier: GPL-2.0
/*
 * Prologues and epilogues that selftests/modules/ops_test.rs adds to programs.
 * Expects ops_test.ko to be loaded.
 */
#include <test_progs.h>
#include "klog.h"
#include "pro_epilogue.skel.h"

#define LOG_SIZE 8192

/*
 * Opens the skeleton so that the load creates only this table. The load includes
 * the program "wanted", or, if that is NULL, all programs that must not fail.
 */
static struct pro_epilogue *open_with(const char *table, const char *wanted, char *log)
{
	struct pro_epilogue *skel = pro_epilogue__open();
	struct bpf_program *prog;
	struct bpf_map *map;

	if (!ASSERT_OK_PTR(skel, "open"))
		return NULL;
	bpf_object__for_each_map(map, skel->obj) {
		if (bpf_map__type(map) == BPF_MAP_TYPE_STRUCT_OPS)
			bpf_map__set_autocreate(map, !strcmp(bpf_map__name(map), table));
	}
	bpf_object__for_each_program(prog, skel->obj) {
		if (!wanted) {
			if (*bpf_program__section_name(prog) == '?')
				bpf_program__set_autoload(prog, false);
		} else if (strcmp(bpf_program__name(prog), wanted)) {
			bpf_program__set_autoload(prog, false);
		} else {
			bpf_program__set_autoload(prog, true);
			bpf_program__set_log_buf(prog, log, LOG_SIZE);
			bpf_program__set_log_level(prog, 1);
		}
	}
	return skel;
}

/* Attaches a table and runs a program that calls its members. */
static void subtest_table(const char *table, const char *call)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct pro_epilogue *skel;
	struct bpf_program *prog;
	struct bpf_link *link;
	struct bpf_map *map;

	skel = open_with(table, NULL, NULL);
	if (!skel)
		return;
	if (!ASSERT_OK(pro_epilogue__load(skel), "load"))
		goto out;
	skel->bss->cpus = libbpf_num_possible_cpus();
	map = bpf_object__find_map_by_name(skel->obj, table);
	prog = bpf_object__find_program_by_name(skel->obj, call);
	if (!ASSERT_OK_PTR(map, table) || !ASSERT_OK_PTR(prog, call))
		goto out;
	link = bpf_map__attach_struct_ops(map);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "test_run");
	ASSERT_EQ(opts.retval, 0, "line of the first failure");
	bpf_link__destroy(link);
out:
	pro_epilogue__destroy(skel);
}

static const struct {
	const char *prog;
	/* Texts in the verifier's log and in the kernel log, or NULL. */
	const char *verifier;
	const char *klog;
} refusals[] = {
	{ "too_long", "attach to unsupported member lengthy",
	  "the prologue of lengthy cannot be made: instruction 31: the kernel's buffer is full" },
	{ "stranger", "attach to unsupported member broken",
	  "calls a function that is not in HELPERS" },
	{ "no_argument", "attach to unsupported member broken",
	  "the prologue of broken cannot be made: instruction 2: the member does not have the" },
	{ "no_object", "attach to unsupported member broken",
	  "the types or the number of the arguments differ from those of the called function" },
	{ "leaves_ref", "attach to unsupported member broken",
	  "the result cannot be set, because the member does not return a number" },
	{ "after_release", "attach to unsupported member broken",
	  "the epilogue of broken cannot be made: instruction 0: the types or the number of the" },
	{ "throws", "attach to unsupported member after",
	  "a program for after must not call bpf_throw() or jump through a table" },
	{ "tail_call", "program of this type cannot use helper bpf_tail_call#12", NULL },
	{ "writes_ctx", "invalid bpf_context access off=8 size=8", NULL },
	{ "nothing_wrong", NULL, NULL },
};

static void subtest_refusal(int i)
{
	char log[LOG_SIZE] = {}, table[64];
	struct pro_epilogue *skel;
	int err, kmsg;

	kmsg = open_log();
	if (!ASSERT_OK_FD(kmsg, "/dev/kmsg"))
		return;
	snprintf(table, sizeof(table), "table_%s", refusals[i].prog);
	skel = open_with(table, refusals[i].prog, log);
	if (!skel)
		goto out;
	err = pro_epilogue__load(skel);
	if (refusals[i].verifier) {
		ASSERT_ERR(err, "load");
		ASSERT_HAS_SUBSTR(log, refusals[i].verifier, "log");
		if (refusals[i].klog)
			ASSERT_TRUE(logged(kmsg, refusals[i].klog), refusals[i].klog);
	} else {
		ASSERT_OK(err, log);
	}
	pro_epilogue__destroy(skel);
out:
	close(kmsg);
}

void serial_test_pro_epilogue(void)
{
	if (test__start_subtest("prologues_and_epilogues_run"))
		subtest_table("around", "call");
	if (test__start_subtest("jump_to_first_instruction"))
		subtest_table("start", "call_start");
	for (int i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (test__start_subtest(refusals[i].prog))
			subtest_refusal(i);
	}
}
