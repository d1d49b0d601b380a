// SPDX-License-Identifier: GPL-2.0
/*
 * Attaches tables whose members selftests/modules/ops_test.rs calls. Expects
 * ops_test.ko to be loaded.
 */
#include <fcntl.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "struct_ops.skel.h"
#include "struct_ops_bad.skel.h"

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	int err;

	err = bpf_prog_test_run_opts(bpf_program__fd(prog), &opts);
	return ASSERT_OK(err, "test_run") ? (int)opts.retval : -1000;
}

static int add(struct struct_ops *skel, int slot)
{
	skel->bss->slot = slot;
	return run(skel->progs.call_add);
}

static struct struct_ops *load(void)
{
	struct struct_ops *skel = struct_ops__open_and_load();

	ASSERT_OK_PTR(skel, "open_and_load");
	return skel;
}

/* Calls all members, with all kinds of arguments and results. */
static void subtest_members(void)
{
	struct struct_ops *skel = load();
	struct bpf_link *link;

	if (!skel)
		return;
	ASSERT_EQ(add(skel, 0), -1, "not attached");
	link = bpf_map__attach_struct_ops(skel->maps.whole);
	if (ASSERT_OK_PTR(link, "attach")) {
		ASSERT_EQ(run(skel->progs.call_all), 0, "line of the first failure");
		bpf_link__destroy(link);
	}
	ASSERT_EQ(add(skel, 0), -1, "detached");
	struct_ops__destroy(skel);
}

static void subtest_defaults(void)
{
	struct struct_ops *skel = load();
	struct bpf_link *link;

	if (!skel)
		return;
	link = bpf_map__attach_struct_ops(skel->maps.few);
	if (ASSERT_OK_PTR(link, "attach")) {
		ASSERT_EQ(run(skel->progs.call_few), 0, "line of the first failure");
		bpf_link__destroy(link);
	}
	struct_ops__destroy(skel);
}

/* The id in the table selects the slot; a slot holds one table. */
static void subtest_slots(void)
{
	struct bpf_link *whole = NULL, *few = NULL, *next;
	struct struct_ops *skel = load();

	if (!skel)
		return;
	whole = bpf_map__attach_struct_ops(skel->maps.whole);
	few = bpf_map__attach_struct_ops(skel->maps.few);
	if (!ASSERT_OK_PTR(whole, "attach whole") || !ASSERT_OK_PTR(few, "attach few"))
		goto out;
	ASSERT_EQ(add(skel, 0), 3, "slot 0");
	ASSERT_EQ(add(skel, 1), 103, "slot 1");
	next = bpf_map__attach_struct_ops(skel->maps.next);
	ASSERT_ERR_PTR(next, "attach a second one");
	ASSERT_EQ(errno, EBUSY, "errno");
	ASSERT_EQ(run(skel->progs.registered), 2, "registered tables");
	bpf_link__destroy(few);
	few = NULL;
	ASSERT_EQ(add(skel, 0), 3, "slot 0 stays");
	ASSERT_EQ(add(skel, 1), -1, "slot 1 is empty");
	few = bpf_map__attach_struct_ops(skel->maps.anywhere);
	ASSERT_OK_PTR(few, "attach anywhere");
	ASSERT_EQ(add(skel, 3), 3, "the last slot");
out:
	bpf_link__destroy(whole);
	bpf_link__destroy(few);
	struct_ops__destroy(skel);
}

static void subtest_update(void)
{
	struct struct_ops *skel = load();
	struct bpf_link *link;
	int updated;

	if (!skel)
		return;
	updated = run(skel->progs.updated);
	link = bpf_map__attach_struct_ops(skel->maps.whole);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	ASSERT_EQ(add(skel, 0), 3, "before");
	ASSERT_OK(bpf_link__update_map(link, skel->maps.next), "update");
	ASSERT_EQ(add(skel, 0), 103, "after");
	ASSERT_EQ(run(skel->progs.updated), updated + 1, "updates");
	ASSERT_EQ(bpf_link__update_map(link, skel->maps.next), -EALREADY, "update() fails");
	ASSERT_EQ(bpf_link__update_map(link, skel->maps.few), -EINVAL, "update to another slot");
	ASSERT_EQ(bpf_link__update_map(link, skel->maps.sleep), -EINVAL, "update to another type");
	ASSERT_EQ(add(skel, 0), 103, "still attached after failed updates");
	bpf_link__destroy(link);
	ASSERT_EQ(add(skel, 0), -1, "detached");

	ASSERT_OK(run(skel->progs.open_instance), "open");
	link = bpf_map__attach_struct_ops(skel->maps.sleep);
	if (ASSERT_OK_PTR(link, "attach")) {
		ASSERT_EQ(bpf_link__update_map(link, skel->maps.sleep_too), -EOPNOTSUPP,
			  "no update");
		bpf_link__destroy(link);
	}
	ASSERT_OK(run(skel->progs.close_instance), "close");
out:
	struct_ops__destroy(skel);
}

static void refused(struct bpf_map *map, int err)
{
	struct bpf_link *link = bpf_map__attach_struct_ops(map);

	if (ASSERT_ERR_PTR(link, bpf_map__name(map)))
		ASSERT_EQ(errno, err, bpf_map__name(map));
	else
		bpf_link__destroy(link);
}

/*
 * Attaches tables without a link, as for congestion control: filling the map
 * attaches it, and deleting its element detaches it. The kernel frees a rejected
 * table at once; struct_ops_stress tests this while all CPUs call tables.
 */
static void subtest_map(void)
{
	struct struct_ops *skel = load();
	struct bpf_link *link;
	int zero = 0;

	if (!skel)
		return;
	refused(skel->maps.refused_by_map, EDOM);
	refused(skel->maps.refused_by_link, EDOM);
	ASSERT_EQ(add(skel, 2), -1, "not attached");

	link = bpf_map__attach_struct_ops(skel->maps.by_map);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	ASSERT_EQ(add(skel, 2), 3, "attached");
	ASSERT_EQ(run(skel->progs.registered), 1, "registered");
	refused(skel->maps.by_map_too, EBUSY);
	ASSERT_EQ(add(skel, 2), 3, "still attached after EBUSY");
	ASSERT_EQ(run(skel->progs.registered), 1, "registered after EBUSY");

	ASSERT_OK(bpf_map_delete_elem(bpf_map__fd(skel->maps.by_map), &zero), "detach");
	ASSERT_EQ(add(skel, 2), -1, "detached");
	ASSERT_EQ(bpf_map_delete_elem(bpf_map__fd(skel->maps.by_map), &zero), -EINPROGRESS,
		  "detach again");
	ASSERT_EQ(run(skel->progs.registered), 0, "none is registered");
	bpf_link__disconnect(link);
	bpf_link__destroy(link);
out:
	struct_ops__destroy(skel);
}

/* A program can write to marked fields, with stores and with atomic operations. */
static void subtest_write(void)
{
	struct struct_ops *skel = load();
	struct bpf_link *link;

	if (!skel)
		return;
	link = bpf_map__attach_struct_ops(skel->maps.marker);
	if (ASSERT_OK_PTR(link, "attach")) {
		ASSERT_EQ(run(skel->progs.call_mark), 77 + 1 + 5, "mark");
		bpf_link__destroy(link);
	}
	struct_ops__destroy(skel);
}

static void subtest_sleepable(void)
{
	struct struct_ops *skel = load();
	struct bpf_link *link;

	if (!skel)
		return;
	ASSERT_EQ(run(skel->progs.call_work), -1, "not attached");
	ASSERT_OK(run(skel->progs.open_instance), "open");
	link = bpf_map__attach_struct_ops(skel->maps.sleep);
	if (ASSERT_OK_PTR(link, "attach")) {
		ASSERT_EQ(run(skel->progs.call_work), 42, "work");
		bpf_link__destroy(link);
	}
	ASSERT_OK(run(skel->progs.close_instance), "close");
	struct_ops__destroy(skel);
}

/* A kfunc releases one argument, but the same object stays valid as another one. */
static void subtest_replace(void)
{
	struct struct_ops *skel = load();
	struct bpf_link *link;

	if (!skel)
		return;
	ASSERT_OK(run(skel->progs.open_instance), "open");
	link = bpf_map__attach_struct_ops(skel->maps.replacer);
	if (ASSERT_OK_PTR(link, "attach")) {
		ASSERT_EQ(run(skel->progs.call_work), 4242, "the key");
		bpf_link__destroy(link);
	}
	ASSERT_OK(run(skel->progs.close_instance), "close");
	struct_ops__destroy(skel);
}

/* Tables are attached to instances, which programs open and close. */
static void subtest_instances(void)
{
	struct bpf_link *link, *other = NULL;
	struct struct_ops *skel = load();

	if (!skel)
		return;
	refused(skel->maps.sleep, ENODEV);
	ASSERT_OK(run(skel->progs.open_instance), "open");
	link = bpf_map__attach_struct_ops(skel->maps.sleep);
	if (!ASSERT_OK_PTR(link, "attach"))
		goto out;
	ASSERT_EQ(run(skel->progs.call_work), 42, "work");
	ASSERT_OK(run(skel->progs.close_instance), "close");
	ASSERT_EQ(run(skel->progs.call_work), -1, "closed");

	/* A new instance with this id is not the instance of the first link. */
	ASSERT_OK(run(skel->progs.open_instance), "open again");
	ASSERT_EQ(run(skel->progs.call_work), -1, "not attached");
	other = bpf_map__attach_struct_ops(skel->maps.sleep_too);
	if (!ASSERT_OK_PTR(other, "attach another"))
		goto out;
	ASSERT_EQ(bpf_link__update_map(link, skel->maps.sleep_too), -ENOENT,
		  "update for a closed instance");
	bpf_link__destroy(link);
	link = NULL;
	ASSERT_EQ(run(skel->progs.call_work), 42, "the other link stays");
	bpf_link__destroy(other);

	/* Two links attach one map: the first link to an instance that is now closed. */
	ASSERT_OK(run(skel->progs.close_instance), "close");
	ASSERT_OK(run(skel->progs.open_instance), "open");
	link = bpf_map__attach_struct_ops(skel->maps.sleep);
	ASSERT_OK_PTR(link, "attach");
	ASSERT_OK(run(skel->progs.close_instance), "close");
	ASSERT_OK(run(skel->progs.open_instance), "open");
	other = bpf_map__attach_struct_ops(skel->maps.sleep);
	if (!ASSERT_OK_PTR(other, "attach the same again"))
		goto out;
	refused(skel->maps.sleep, EBUSY);
	bpf_link__destroy(link);
	link = NULL;
	ASSERT_EQ(run(skel->progs.call_work), 42, "the second link stays");
out:
	bpf_link__destroy(link);
	bpf_link__destroy(other);
	ASSERT_EQ(run(skel->progs.call_work), -1, "detached");
	ASSERT_OK(run(skel->progs.close_instance), "close again");
	struct_ops__destroy(skel);
}

/* A program, a table or an attached table keeps the module. */
static void subtest_module_stays(void)
{
	struct struct_ops *skel = load();
	struct bpf_link *link;
	int err;

	if (!skel)
		return;
	link = bpf_map__attach_struct_ops(skel->maps.whole);
	if (ASSERT_OK_PTR(link, "attach")) {
		err = delete_module("ops_test", O_NONBLOCK);
		ASSERT_EQ(err ? errno : 0, EAGAIN, "attached");
		bpf_link__destroy(link);
	}
	err = delete_module("ops_test", O_NONBLOCK);
	ASSERT_EQ(err ? errno : 0, EAGAIN, "loaded");
	struct_ops__destroy(skel);

	ASSERT_OK(unload_module("ops_test", false), "unload");
	ASSERT_OK(load_module("ops_test.ko", false), "load again");
}

static void subtest_none_left(void)
{
	struct struct_ops *skel = load();

	if (!skel)
		return;
	kern_sync_rcu();
	usleep(100000);
	ASSERT_EQ(run(skel->progs.alive), 0, "objects alive");
	ASSERT_EQ(run(skel->progs.registered), 0, "tables registered");
	struct_ops__destroy(skel);
}

/* The module checks the errors itself, and logs wrong ones. */
static void subtest_register(void)
{
	if (ASSERT_OK(load_module("ops_refused.ko", false), "register"))
		ASSERT_OK(unload_module("ops_refused", false), "register too late");
}

struct refusal {
	const char *map;
	const char *prog;
	/* Text in the verifier's log, or NULL if the load succeeds and attaching fails. */
	const char *message;
	int err;
};

static const struct refusal refusals[] = {
	{ "no_mandatory_member", NULL, NULL, EINVAL },
	{ "validate_fails", "add", NULL, ERANGE },
	{ "init_member_fails", "add", NULL, EXDEV },
	{ "no_slot", "add", NULL, EINVAL },
	{ "sleepable_program", "sleeps",
	  "attach to unsupported member add of struct bpf_test_ops" },
	{ "null_not_checked", "null_not_tested", "invalid mem access 'trusted_ptr_or_null_'" },
	{ "reference_not_released", "not_released", "Unreleased reference id=1" },
	{ "invalid_result", "made_up",
	  "At program exit the register R0 has smin=4096" },
	{ "writes_key", "writes", "cannot write into ptr_bpf_ops_item at off=0 size=8" },
	{ "table_writes_count", "writes_count",
	  "cannot write into ptr_bpf_ops_item at off=12 size=4" },
	{ "table_writes_half", "writes_half",
	  "cannot write into ptr_bpf_ops_item at off=8 size=2" },
	{ "table_writes_more", "writes_more",
	  "cannot write into ptr_bpf_ops_item at off=8 size=8" },
	{ "table_writes_behind", "writes_behind",
	  "cannot write into ptr_bpf_ops_item at off=16 size=4" },
	{ "table_writes_elsewhere", "writes_elsewhere", "only read is supported" },
	{ "table_reads_behind", "reads_behind",
	  "access beyond struct bpf_ops_item at off 16 size 8" },
	{ "table_reads_far", "reads_far",
	  "access beyond struct bpf_ops_item at off 536870896 size 8" },
	{ "table_reads_nullable", "reads_nullable",
	  "access beyond struct bpf_ops_item at off 536870896 size 8" },
	{ "table_reads_reference", "reads_reference",
	  "access beyond struct bpf_ops_item at off 536870896 size 8" },
	{ "reads_argument_2", "past_the_end", "func 'key' doesn't have 2-th argument" },
};

static void subtest_refusal(const struct refusal *refusal)
{
	struct bpf_map *map, *other;
	struct struct_ops_bad *skel;
	struct bpf_program *prog;
	struct bpf_link *link;
	char log[8192] = {};
	int err;

	skel = struct_ops_bad__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	map = bpf_object__find_map_by_name(skel->obj, refusal->map);
	if (!ASSERT_OK_PTR(map, "map"))
		goto out;
	bpf_object__for_each_map(other, skel->obj)
		bpf_map__set_autocreate(other, other == map);
	bpf_object__for_each_program(prog, skel->obj) {
		bool wanted = refusal->prog && !strcmp(bpf_program__name(prog), refusal->prog);

		bpf_program__set_autoload(prog, wanted);
		if (wanted) {
			bpf_program__set_log_buf(prog, log, sizeof(log));
			bpf_program__set_log_level(prog, 1);
		}
	}
	err = struct_ops_bad__load(skel);
	if (refusal->message) {
		ASSERT_ERR(err, "load");
		ASSERT_HAS_SUBSTR(log, refusal->message, "log");
		goto out;
	}
	/* The load fills a table for a link, and may fail; otherwise attaching fails. */
	if (!err) {
		link = bpf_map__attach_struct_ops(map);
		err = link ? 0 : -errno;
		bpf_link__destroy(link);
	}
	ASSERT_EQ(err, -refusal->err, "attach");
out:
	struct_ops_bad__destroy(skel);
}

void serial_test_struct_ops(void)
{
	if (test__start_subtest("call_all_members"))
		subtest_members();
	if (test__start_subtest("call_default_members"))
		subtest_defaults();
	if (test__start_subtest("slot_holds_one_table"))
		subtest_slots();
	if (test__start_subtest("update_replaces_table"))
		subtest_update();
	if (test__start_subtest("attach_without_link"))
		subtest_map();
	if (test__start_subtest("write_marked_field"))
		subtest_write();
	if (test__start_subtest("call_sleepable_member"))
		subtest_sleepable();
	if (test__start_subtest("attach_to_instances"))
		subtest_instances();
	if (test__start_subtest("release_one_of_two_arguments"))
		subtest_replace();
	if (test__start_subtest("register_errors"))
		subtest_register();
	for (int i = 0; i < ARRAY_SIZE(refusals); i++) {
		if (test__start_subtest(refusals[i].map))
			subtest_refusal(&refusals[i]);
	}
	/* Check the counters before the module is unloaded: they are lost then. */
	if (test__start_subtest("no_object_left"))
		subtest_none_left();
	if (test__start_subtest("module_stays"))
		subtest_module_stays();
}
