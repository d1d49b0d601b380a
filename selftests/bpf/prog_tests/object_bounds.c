// SPDX-License-Identifier: GPL-2.0
/* Programs that try to read behind objects. Expects registry.ko to be loaded. */
#include <test_progs.h>
#include "object_bounds.skel.h"

void test_object_bounds(void)
{
	RUN_TESTS(object_bounds);
}
