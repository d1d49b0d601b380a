// SPDX-License-Identifier: GPL-2.0
/*
 * Uses objects of samples/registry in NMIs, interrupts, softirqs and under a
 * scheduler lock. Expects registry.ko to be loaded.
 */
#include <test_progs.h>
#include "nmi.h"
#include "testing_helpers.h"
#include "object_contexts.skel.h"

static const char *const where[] = { "NMI", "interrupt", "softirq", "lock" };

static int alive(struct object_contexts *skel)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.alive), &opts), "test_run");
	return opts.retval;
}

void serial_test_object_contexts(void)
{
	struct object_contexts *skel;
	int i;

	skel = object_contexts__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
#ifndef __x86_64__
	/* Only x86 has the tracepoint. */
	bpf_program__set_autoload(skel->progs.nmi, false);
#endif
	if (!ASSERT_OK(object_contexts__load(skel), "load"))
		goto out;
	if (!ASSERT_OK(object_contexts__attach(skel), "attach"))
		goto out;
#ifdef __x86_64__
	if (ASSERT_OK(load_module("send_nmi.ko", false), "load")) {
		send_nmis(1000);
		ASSERT_OK(unload_module("send_nmi", false), "unload");
	}
#endif
	usleep(200000);
	object_contexts__detach(skel);

	for (i = 0; i < ARRAY_SIZE(skel->bss->made); i++) {
#ifndef __x86_64__
		/* Only send_nmi.ko sends NMIs, and it is for x86. */
		if (i == 0)
			continue;
#endif
		ASSERT_GT(skel->bss->made[i], 0, where[i]);
		ASSERT_GT(skel->bss->found_again[i], 0, where[i]);
		ASSERT_LT(skel->bss->refused[i], skel->bss->made[i], where[i]);
	}
	kern_sync_rcu();
	usleep(100000);
	ASSERT_EQ(alive(skel), 0, "alive");
out:
	object_contexts__destroy(skel);
}
