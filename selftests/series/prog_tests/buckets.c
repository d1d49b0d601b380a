// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "buckets.skel.h"

void test_buckets(void)
{
	RUN_TESTS(buckets);
}
