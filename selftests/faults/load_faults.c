// SPDX-License-Identifier: GPL-2.0
/*
 * load_faults MODULE.ko: loads a module again and again; the first time the
 * first allocation of the load fails, then the second, and so on until a load
 * has no allocation that could fail any more. Each load either returns an error
 * and leaves no module behind, or the module is complete and can be unloaded.
 * In the end it is loaded once more, with all allocations, and stays.
 *
 * Wants CONFIG_FAILSLAB, and /sys/kernel/debug/failslab set up by who calls it.
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

/* No module has more; the test has gone wrong if it comes so far. */
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

/* Whether the allocation that was to fail has come. */
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

/* Waits for programs and RCU, but not forever. */
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
			die("a load returned an error and left a module");
		if (err && !came) {
			errno = -err;
			die("a load failed and no allocation did");
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
		die("there is no end of allocations");
	if (!errors)
		die("no failed allocation made a load fail");
	if (load(fd))
		die("cannot be loaded afterwards");
	printf("%s: %d allocations failed: %d loads returned an error, %d went on without\n",
	       name, nth - 1, errors, loads);
	return 0;
}
