// SPDX-License-Identifier: GPL-2.0
/*
 * load_faults MODULE.ko: loads a module again and again. In the first load, the
 * first allocation fails, in the second load the second allocation, and so on,
 * until a load has fewer allocations. Each load must either return an error and
 * leave no module behind, or succeed with a complete module that can be unloaded.
 * A last load, without a failing allocation, leaves the module loaded.
 *
 * Requires CONFIG_FAILSLAB. The caller sets up /sys/kernel/debug/failslab.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* More allocations than any module has. Reaching this number is an error. */
#define MOST_SITES 20000

static const char *name;
static int faults;

static void die(const char *what)
{
	fprintf(stderr, "load_faults: %s: %s: %s\n", name, what, strerror(errno));
	exit(1);
}

static void set_fault(int nth)
{
	char number[16];
	int len = snprintf(number, sizeof(number), "%d", nth);

	if (pwrite(faults, number, len, 0) != len)
		die("/proc/thread-self/fail-nth");
}

/* Whether the load reached the allocation that had to fail. */
static bool fault_came(void)
{
	char number[16] = {};

	if (pread(faults, number, sizeof(number) - 1, 0) <= 0)
		die("/proc/thread-self/fail-nth");
	return atoi(number) == 0;
}

static bool is_loaded(void)
{
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "/sys/module/%s/initstate", name);
	return access(path, F_OK) == 0;
}

static int load(int fd)
{
	return syscall(SYS_finit_module, fd, "", 0) ? -errno : 0;
}

/* Unloads the module. Waits for programs and RCU, up to 10 seconds. */
static void unload(void)
{
	for (int i = 0; i < 1000; i++) {
		if (!syscall(SYS_delete_module, name, O_NONBLOCK))
			return;
		if (errno != EAGAIN)
			break;
		usleep(10000);
	}
	die("cannot be unloaded");
}

int main(int argc, char **argv)
{
	int errors = 0, loads = 0, nth;
	char *dot;
	int fd;

	if (argc != 2) {
		fprintf(stderr, "usage: load_faults MODULE.ko\n");
		return 2;
	}
	fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	name = strrchr(argv[1], '/') ? strrchr(argv[1], '/') + 1 : argv[1];
	name = strdup(name);
	if (fd < 0 || !name)
		die(argv[1]);
	dot = strrchr(name, '.');
	if (dot)
		*dot = 0;
	faults = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (faults < 0)
		die("/proc/thread-self/fail-nth");

	for (nth = 1; nth < MOST_SITES; nth++) {
		bool came;
		int err;

		set_fault(nth);
		err = load(fd);
		came = fault_came();
		set_fault(0);

		if (err && is_loaded())
			die("a load returned an error but left the module loaded");
		if (err && !came) {
			errno = -err;
			die("a load failed without a failed allocation");
		}
		if (err)
			errors++;
		else
			unload();
		if (!came)
			break;
		loads += !err;
	}
	if (nth == MOST_SITES)
		die("too many allocations in a load");
	if (!errors)
		die("no failed allocation made a load fail");
	if (load(fd))
		die("the last load, without a fault, failed");
	printf("%s: %d allocations failed: %d loads returned an error, %d loads succeeded\n",
	       name, nth - 1, errors, loads);
	return 0;
}
