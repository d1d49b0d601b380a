// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "rdwr_buf.skel.h"

void test_rdwr_buf(void)
{
	RUN_TESTS(rdwr_buf);
}
