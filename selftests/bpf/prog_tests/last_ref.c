// SPDX-License-Identifier: GPL-2.0
/*
 * Releasing the last reference to a table takes a lock and uses a workqueue, and
 * releasing that to a task calls call_rcu(). If a program drops the reference,
 * the crate must do this soon after the program, and not in its context.
 */
#include <sys/wait.h>
#include <test_progs.h>
#include <trace_helpers.h>
#include "nmi.h"
#include "testing_helpers.h"
#include "last_ref.skel.h"

enum where { NOWHERE, NMI, LOCK };

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "test_run"))
		return -1;
	return opts.retval;
}

/* Opens the programs. Only x86 has the tracepoint of NMIs. */
static struct last_ref *open_skel(void)
{
	struct last_ref *skel = last_ref__open();

	if (!ASSERT_OK_PTR(skel, "open"))
		return NULL;
#ifndef __x86_64__
	bpf_program__set_autoload(skel->progs.nmi, false);
#endif
	return skel;
}

/* Leaves the module with the only reference to a table. */
static bool hold_table(void)
{
	struct last_ref *skel;
	struct bpf_link *link;
	bool held = false;

	skel = open_skel();
	if (!skel)
		return false;
	if (!ASSERT_OK(last_ref__load(skel), "load"))
		goto out;
	link = bpf_map__attach_struct_ops(skel->maps.table);
	if (ASSERT_OK_PTR(link, "attach")) {
		held = ASSERT_EQ(run(skel->progs.hold_table), 1, "hold_table");
		bpf_link__destroy(link);
	}
out:
	last_ref__destroy(skel);
	return held;
}

/* Leaves the module with the only reference to a task. */
static bool hold_task(struct last_ref *skel)
{
	__u64 put_task_cb;
	bool held;
	int pid;

	if (!ASSERT_OK(kallsyms_find("__put_task_struct_rcu_cb", &put_task_cb), "kallsyms"))
		return false;
	skel->bss->put_task_cb = put_task_cb;
	pid = fork();
	if (!ASSERT_GE(pid, 0, "fork"))
		return false;
	if (!pid) {
		pause();
		_exit(0);
	}
	skel->bss->pid = pid;
	held = ASSERT_EQ(run(skel->progs.hold_task), 1, "hold_task");
	kill(pid, SIGKILL);
	ASSERT_EQ(waitpid(pid, NULL, 0), pid, "waitpid");
	return held;
}

static void last(bool task, enum where where)
{
	struct last_ref *skel;
	int i;

	if (!task && !hold_table())
		return;
	skel = open_skel();
	if (!skel)
		return;
	bpf_map__set_autocreate(skel->maps.table, false);
	skel->bss->task = task;
	if (!ASSERT_OK(last_ref__load(skel), "load") ||
	    (task && !hold_task(skel)))
		goto out;
	/* Wait until all other references to the table or task are released. */
	kern_sync_rcu();
	usleep(200000);
	if (!ASSERT_OK(last_ref__attach(skel), "attach"))
		goto out;
	skel->bss->where = where;
	if (where == NMI)
		send_nmis(1);
	for (i = 0; i < 50 && !skel->bss->after; i++)
		usleep(100000);
	last_ref__detach(skel);
	ASSERT_EQ(skel->bss->dropped, 1, "dropped");
	ASSERT_EQ(skel->bss->during, 0, "released in the program");
	ASSERT_EQ(skel->bss->after, 1, "released after the program");
out:
	last_ref__destroy(skel);
}

void serial_test_last_ref(void)
{
	if (!ASSERT_OK(load_module("last_ref.ko", false), "load"))
		return;
	if (test__start_subtest("table_under_lock"))
		last(false, LOCK);
	if (test__start_subtest("task_under_lock"))
		last(true, LOCK);
#ifdef __x86_64__
	if (ASSERT_OK(load_module("send_nmi.ko", false), "load send_nmi")) {
		if (test__start_subtest("table_in_nmi"))
			last(false, NMI);
		if (test__start_subtest("task_in_nmi"))
			last(true, NMI);
		ASSERT_OK(unload_module("send_nmi", false), "unload send_nmi");
	}
#endif
	/* The unload fails if there still is a reference to the module's table. */
	ASSERT_OK(unload_module("last_ref", false), "unload");
}
