// SPDX-License-Identifier: GPL-2.0
/*
 * Does the harness judge right? Only kfuncs of the kernel itself, so that a
 * failure here is the harness or the kernel, never a module under test.
 */
#include <test_progs.h>
#include "harness.skel.h"

void test_harness(void)
{
	RUN_TESTS(harness);
}
