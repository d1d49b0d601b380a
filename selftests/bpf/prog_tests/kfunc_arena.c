// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "kfunc_arena.skel.h"

void test_kfunc_arena(void)
{
	RUN_TESTS(kfunc_arena);
}
