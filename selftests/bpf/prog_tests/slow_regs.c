// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of samples/slow_regs, whose devices are unbound while programs use them.
 * Expects slow_regs.ko to be loaded. The driver takes any platform device, so the test
 * binds devices that have no driver.
 */
#include <dirent.h>
#include <pthread.h>
#include <time.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "slow_regs.skel.h"
#include "slow_regs_unbind.skel.h"

#define BUS "/sys/bus/platform"
#define DRIVER BUS "/drivers/slow_regs"
/* The number of devices, and how often the test unbinds the first one. */
#define DEVICES 2
#define REBINDS 200
/* Milliseconds. The slowest access of the driver, and how long before its end the unbind begins. */
#define SLOW 1000
#define AT_LEAST 500

static char devices[DEVICES][256];
static volatile bool stop;

/* Writes to a file of sysfs. Returns 0 or a negative error number. */
static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY), err = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) < 0)
		err = -errno;
	close(fd);
	return err;
}

static int bind_device(const char *device)
{
	return put(DRIVER "/bind", device);
}

static int unbind_device(const char *device)
{
	return put(DRIVER "/unbind", device);
}

/* Sets the driver that the device is for, or with "\n" removes this setting. */
static int set_driver(const char *device, const char *driver)
{
	char path[512];

	snprintf(path, sizeof(path), BUS "/devices/%s/driver_override", device);
	return put(path, driver);
}

/* Binds devices that have no driver. Returns their number. */
static int bind_devices(void)
{
	DIR *dir = opendir(BUS "/devices");
	struct dirent *entry;
	char path[512];
	int bound = 0;

	if (!ASSERT_OK_PTR(dir, "opendir"))
		return 0;
	while (bound < DEVICES && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), BUS "/devices/%s/driver", entry->d_name);
		if (entry->d_name[0] == '.' || !access(path, F_OK))
			continue;
		if (set_driver(entry->d_name, "slow_regs"))
			continue;
		if (bind_device(entry->d_name)) {
			set_driver(entry->d_name, "\n");
			continue;
		}
		snprintf(devices[bound++], sizeof(devices[0]), "%s", entry->d_name);
	}
	closedir(dir);
	return bound;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		return -errno;
	return opts.retval;
}

static void *run_once(void *prog)
{
	return (void *)(long)run(prog);
}

/* Returns the number of runs, or -1 after a run with a bad result. */
static void *run_until_stop(void *prog)
{
	long runs = 0;
	int line;

	for (; !stop; runs++) {
		line = run(prog);
		if (line) {
			printf("use() returned %d\n", line);
			return (void *)-1L;
		}
	}
	return (void *)runs;
}

/* Waits until the programs of threads have a reference. */
static void wait_until_held(struct slow_regs_unbind *skel, int threads)
{
	int i;

	for (i = 0; i < 10000 && READ_ONCE(skel->bss->held) < threads; i++)
		usleep(1000);
	ASSERT_EQ(skel->bss->held, threads, "held");
}

/* A reference in a map outlives the binding, and gives no access. */
static void kept_across_unbind(struct slow_regs_unbind *skel)
{
	ASSERT_OK(run(skel->progs.keep), "keep");
	ASSERT_OK(unbind_device(devices[0]), "unbind");
	ASSERT_EQ(run(skel->progs.is_absent), 1, "absent after the unbind");
	/* The number is free: the new binding has an object of its own. */
	ASSERT_OK(bind_device(devices[0]), "bind");
	ASSERT_EQ(run(skel->progs.is_absent), 0, "absent after the bind");
	ASSERT_OK(run(skel->progs.use_kept), "use_kept");
}

/* A program holds a reference across the unbind. */
static void held_across_unbind(struct slow_regs_unbind *skel)
{
	pthread_t thread;
	void *result;

	skel->bss->held = 0;
	if (!ASSERT_OK(pthread_create(&thread, NULL, run_once, skel->progs.read_until_error),
		       "thread"))
		return;
	wait_until_held(skel, 1);
	usleep(20000);
	ASSERT_OK(unbind_device(devices[0]), "unbind");
	pthread_join(thread, &result);
	ASSERT_EQ((long)result, -ENODEV, "last read");
	ASSERT_OK(bind_device(devices[0]), "bind");
}

static bool set_time(struct slow_regs_unbind *skel, int milliseconds)
{
	skel->bss->value = milliseconds;
	return ASSERT_OK(run(skel->progs.set_time), "set_time");
}

/* Unbinds the first device in the middle of an access. Returns the milliseconds that it took. */
static int timed_unbind(void)
{
	double start;

	usleep(100000);
	start = now();
	ASSERT_OK(unbind_device(devices[0]), "unbind");
	return (now() - start) * 1000;
}

/* The unbind waits for an access that runs. */
static void unbind_waits(struct slow_regs_unbind *skel)
{
	pthread_t thread;
	void *result;
	int waited;

	skel->bss->held = 0;
	memset(skel->bss->results, 0, sizeof(skel->bss->results));
	if (!set_time(skel, SLOW) ||
	    !ASSERT_OK(pthread_create(&thread, NULL, run_once, skel->progs.access_twice),
		       "thread"))
		return;
	wait_until_held(skel, 1);
	waited = timed_unbind();
	pthread_join(thread, &result);
	printf("the unbind waited %d ms for an access of %d ms\n", waited, SLOW);
	ASSERT_GT(waited, AT_LEAST, "milliseconds of the unbind");
	ASSERT_OK((long)result, "access_twice");
	ASSERT_EQ(skel->bss->results[0], SLOW, "access that the unbind met");
	ASSERT_EQ(skel->bss->results[1], -ENODEV, "access after the unbind");
	ASSERT_OK(bind_device(devices[0]), "bind");
}

/* The unbind does not wait for accesses that wait for another one. */
static void unbind_waits_for_one(struct slow_regs_unbind *skel)
{
	int started = 0, values = 0, errors = 0, waited, i;
	pthread_t threads[4];
	void *result;

	skel->bss->held = 0;
	if (!set_time(skel, SLOW))
		return;
	for (; started < ARRAY_SIZE(threads); started++) {
		if (!ASSERT_OK(pthread_create(&threads[started], NULL, run_once,
					      skel->progs.access_once), "thread"))
			break;
	}
	wait_until_held(skel, started);
	waited = timed_unbind();
	for (i = 0; i < started; i++) {
		pthread_join(threads[i], &result);
		values += (long)result == SLOW;
		errors += (long)result == -ENODEV;
	}
	printf("the unbind waited %d ms for %d accesses\n", waited, started);
	ASSERT_LT(waited, SLOW + AT_LEAST, "milliseconds of the unbind");
	ASSERT_EQ(values, 1, "values");
	ASSERT_EQ(errors, ARRAY_SIZE(threads) - 1, "times ENODEV");
	ASSERT_OK(bind_device(devices[0]), "bind");
}

static void unbind_often(struct slow_regs_unbind *skel)
{
	pthread_t threads[2];
	int started = 0, err = 0, i;
	void *runs;

	stop = false;
	for (; started < ARRAY_SIZE(threads); started++) {
		if (!ASSERT_OK(pthread_create(&threads[started], NULL, run_until_stop,
					      skel->progs.use), "thread"))
			break;
	}
	for (i = 0; i < REBINDS && !err; i++) {
		usleep(1000 * (i % 10));
		err = unbind_device(devices[0]) ?: bind_device(devices[0]);
	}
	ASSERT_OK(err, "unbind and bind");
	stop = true;
	for (i = 0; i < started; i++) {
		pthread_join(threads[i], &runs);
		ASSERT_GT((long)runs, 0, "runs");
	}
	printf("%lu values, %lu times ENODEV, %lu times no device\n",
	       (unsigned long)skel->bss->values, (unsigned long)skel->bss->errors,
	       (unsigned long)skel->bss->absent);
	ASSERT_GT(skel->bss->values, 0, "values");
	ASSERT_GT(skel->bss->errors, 0, "times ENODEV");
}

static void subtests_of_unbind(void)
{
	struct slow_regs_unbind *skel = slow_regs_unbind__open_and_load();

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	if (test__start_subtest("kept_across_unbind"))
		kept_across_unbind(skel);
	if (test__start_subtest("held_across_unbind"))
		held_across_unbind(skel);
	if (test__start_subtest("unbind_waits"))
		unbind_waits(skel);
	if (test__start_subtest("unbind_waits_for_one"))
		unbind_waits_for_one(skel);
	if (test__start_subtest("unbind_often"))
		unbind_often(skel);
	slow_regs_unbind__destroy(skel);
}

/*
 * Unloads the module while devices are bound. The kernel frees programs that may sleep,
 * and with them the reference to the module, after a grace period of RCU Tasks Trace.
 */
static void check_unload(void)
{
	ASSERT_OK(try_unload_module("slow_regs", 100000, false), "unload");
	ASSERT_NEQ(access(DRIVER, F_OK), 0, "driver after the unload");
	ASSERT_OK(load_module("slow_regs.ko", false), "load again");
}

void serial_test_slow_regs(void)
{
	int bound = bind_devices(), i;

	if (ASSERT_EQ(bound, DEVICES, "devices without a driver")) {
		RUN_TESTS(slow_regs);
		subtests_of_unbind();
		if (test__start_subtest("unload"))
			check_unload();
	}
	for (i = 0; i < bound; i++) {
		unbind_device(devices[i]);
		set_driver(devices[i], "\n");
	}
}
