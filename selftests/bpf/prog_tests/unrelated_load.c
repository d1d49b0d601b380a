// SPDX-License-Identifier: GPL-2.0
/*
 * The crate allocates no memory when a module is loaded that does not use it, so
 * it cannot make that load fail.
 */
#include <test_progs.h>
#include "testing_helpers.h"
#include "unrelated_load.skel.h"

void serial_test_unrelated_load(void)
{
	struct unrelated_load *skel;

	skel = unrelated_load__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	skel->bss->pid = getpid();
	if (!ASSERT_OK(unrelated_load__attach(skel), "attach"))
		goto out;
	if (ASSERT_OK(load_module("unrelated.ko", false), "load"))
		ASSERT_OK(unload_module("unrelated", false), "unload");
	unrelated_load__detach(skel);
	/* The module notifier runs for COMING, LIVE and GOING. */
	ASSERT_EQ(skel->bss->events, 3, "events");
	ASSERT_GT(skel->bss->elsewhere, 0, "allocations of the load");
	ASSERT_EQ(skel->bss->allocations, 0, "allocations of the crate");
out:
	unrelated_load__destroy(skel);
}
