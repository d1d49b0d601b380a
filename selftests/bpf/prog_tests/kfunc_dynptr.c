// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "kfunc_dynptr.skel.h"

void test_kfunc_dynptr(void)
{
	RUN_TESTS(kfunc_dynptr);
}
