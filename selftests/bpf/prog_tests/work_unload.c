// SPDX-License-Identifier: GPL-2.0
/*
 * The module work_unload is unloaded while its works start others and themselves. The
 * unload ends, and nothing of the module runs after it. No program is involved.
 */
#include <time.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "klog.h"

void serial_test_work_unload(void)
{
	struct timespec from, to;
	int fd, round;

	for (round = 0; round < 10; round++) {
		fd = open_log();
		if (!ASSERT_GE(fd, 0, "log"))
			return;
		if (!ASSERT_OK(load_module("work_unload.ko", false), "load"))
			break;
		usleep(30000);
		clock_gettime(CLOCK_MONOTONIC, &from);
		if (!ASSERT_OK(unload_module("work_unload", false), "unload"))
			break;
		clock_gettime(CLOCK_MONOTONIC, &to);
		ASSERT_LE(to.tv_sec - from.tv_sec, 5, "seconds");
		ASSERT_TRUE(logged(fd, "the last link is dropped"), "all objects are dropped");
		close(fd);
		fd = -1;
	}
	if (fd >= 0)
		close(fd);
	kern_sync_rcu();
}
