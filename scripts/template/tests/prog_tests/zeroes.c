// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "zeroes.skel.h"

void test_zeroes(void)
{
	RUN_TESTS(zeroes);
}
