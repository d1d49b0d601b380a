// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "kfunc_args.skel.h"

void test_kfunc_args(void)
{
	RUN_TESTS(kfunc_args);
}
