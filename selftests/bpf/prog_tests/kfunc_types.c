// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "kfunc_types.skel.h"

void test_kfunc_types(void)
{
	RUN_TESTS(kfunc_types);
}
