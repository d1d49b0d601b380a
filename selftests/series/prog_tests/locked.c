// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "locked.skel.h"

void test_locked(void)
{
	RUN_TESTS(locked);
}
