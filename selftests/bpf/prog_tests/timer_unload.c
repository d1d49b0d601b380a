// SPDX-License-Identifier: GPL-2.0
/*
 * The module timer_unload is unloaded while its timers are armed, expire and call. The unload
 * ends, and no timer looks at the module after it. No program is involved.
 */
#include <time.h>
#include <test_progs.h>
#include "testing_helpers.h"

void serial_test_timer_unload(void)
{
	struct timespec from, to;
	int round;

	for (round = 0; round < 20; round++) {
		if (!ASSERT_OK(load_module("timer_unload.ko", false), "load"))
			break;
		usleep(round * 3000);
		clock_gettime(CLOCK_MONOTONIC, &from);
		if (!ASSERT_OK(unload_module("timer_unload", false), "unload"))
			break;
		clock_gettime(CLOCK_MONOTONIC, &to);
		ASSERT_LE(to.tv_sec - from.tv_sec, 5, "seconds");
	}
	/* The last timers would expire now. */
	usleep(100 * 1000);
	kern_sync_rcu();
}
