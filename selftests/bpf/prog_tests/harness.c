// SPDX-License-Identifier: GPL-2.0
/*
 * Checks that the harness reports results correctly. The programs only call
 * kfuncs of the kernel, so a failure is due to the harness or the kernel, and
 * not to a module under test.
 */
#include <test_progs.h>
#include "harness.skel.h"

void test_harness(void)
{
	RUN_TESTS(harness);
}
