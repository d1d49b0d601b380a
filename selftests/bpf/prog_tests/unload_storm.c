// SPDX-License-Identifier: GPL-2.0
/*
 * Unloads modules while programs free objects of samples/registry as fast as
 * they can: a module that does not use the crate, a module that uses the crate
 * but has no objects, and the registry itself. An unload waits only for the
 * objects of its own module.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "unload_storm.skel.h"

/* The longest time of an unload on a slow machine, in seconds. */
#define MOST 10

/*
 * The largest number of objects that wait for a grace period: 16 MiB on each of
 * up to 8 CPUs, at 96 bytes per object.
 */
#define MOST_ALIVE (8 * (16 << 20) / 96)

static atomic_bool stop;

static void *storm(void *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	while (!stop && !bpf_prog_test_run_opts(bpf_program__fd(prog), &opts))
		;
	return NULL;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec / 1e9;
}

static void check_unload(const char *name)
{
	double start = now();

	if (ASSERT_OK(unload_module(name, false), name))
		ASSERT_LT((int)(now() - start), MOST, "seconds");
}

void serial_test_unload_storm(void)
{
	struct unload_storm *skel;
	pthread_t threads[2];
	int started = 0, i;

	skel = unload_storm__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	stop = false;
	for (; started < 2; started++) {
		if (!ASSERT_OK(pthread_create(&threads[started], NULL, storm,
					      skel->progs.open_and_release), "thread"))
			break;
	}
	sleep(2);

	ASSERT_OK(load_module("unrelated.ko", false), "load of an unrelated module");
	check_unload("unrelated");
	check_unload("kfunc_test");
	ASSERT_OK(load_module("kfunc_test.ko", false), "load of a user of the crate");

	stop = true;
	for (i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	printf("%lu opened, %lu failed, at most %u alive\n", (unsigned long)skel->bss->opened,
	       (unsigned long)skel->bss->failed, skel->bss->most_alive);
	ASSERT_GT(skel->bss->opened, skel->bss->failed, "most opens succeed");
	ASSERT_GT(skel->bss->most_alive, 0, "some objects wait for RCU");
	ASSERT_LT(skel->bss->most_alive, MOST_ALIVE, "limit of waiting objects");
	unload_storm__destroy(skel);
	kern_sync_rcu();
	check_unload("registry");
	ASSERT_OK(load_module("registry.ko", false), "load of the registry");
}
