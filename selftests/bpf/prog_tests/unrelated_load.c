// SPDX-License-Identifier: GPL-2.0
/*
 * While the crate is there, the load of a module that has nothing to do with it
 * needs no memory for it, and cannot fail for want of it.
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
	/* It comes, is live, and goes. */
	ASSERT_EQ(skel->bss->events, 3, "events");
	ASSERT_GT(skel->bss->elsewhere, 0, "allocations of the load");
	ASSERT_EQ(skel->bss->allocations, 0, "allocations of the crate");
out:
	unrelated_load__destroy(skel);
}
