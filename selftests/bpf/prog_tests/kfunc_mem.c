// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "kfunc_mem.skel.h"

void test_kfunc_mem(void)
{
	RUN_TESTS(kfunc_mem);
}
