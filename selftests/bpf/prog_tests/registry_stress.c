// SPDX-License-Identifier: GPL-2.0
/*
 * Threads on all CPUs open counters, put references into a map, take them out and
 * release them, while other threads replace the map's elements and try to unload
 * the module. The module frees no object too early (the kernel would report that) and
 * leaves no object.
 */
#include <fcntl.h>
#include <pthread.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "registry_stress.skel.h"

#define SECONDS 2

static struct registry_stress *skel;
static volatile bool stop;

static void *run(void *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	long runs = 0;

	while (!stop) {
		if (bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) || opts.retval)
			return (void *)-1L;
		runs++;
	}
	return (void *)runs;
}

static void *replace(void *unused)
{
	__u64 empty = 0;
	long runs = 0;
	int key;

	while (!stop) {
		key = runs & 1;
		if (bpf_map__update_elem(skel->maps.map, &key, sizeof(key), &empty,
					 sizeof(empty), BPF_ANY))
			return (void *)-1L;
		if (runs % 7 == 0)
			bpf_map__delete_elem(skel->maps.map, &key, sizeof(key), 0);
		runs++;
	}
	return (void *)runs;
}

static void *try_to_unload(void *unused)
{
	long runs = 0;

	while (!stop) {
		if (!delete_module("registry", O_NONBLOCK) || errno != EAGAIN)
			return (void *)-1L;
		runs++;
		usleep(1000);
	}
	return (void *)runs;
}

void serial_test_registry_stress(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct {
		void *(*function)(void *arg);
		void *arg;
		pthread_t thread;
		long runs;
	} threads[] = {
		{ .function = run },
		{ .function = run },
		{ .function = run },
		{ .function = replace },
		{ .function = try_to_unload },
	};
	int i, started = 0;

	skel = registry_stress__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	stop = false;
	threads[0].arg = skel->progs.keep_and_take;
	threads[1].arg = skel->progs.keep_and_take;
	threads[2].arg = skel->progs.find_and_walk;
	for (; started < ARRAY_SIZE(threads); started++) {
		if (!ASSERT_OK(pthread_create(&threads[started].thread, NULL,
					      threads[started].function,
					      threads[started].arg), "thread"))
			break;
	}
	sleep(SECONDS);
	stop = true;
	for (i = 0; i < started; i++) {
		pthread_join(threads[i].thread, (void **)&threads[i].runs);
		ASSERT_GT(threads[i].runs, 0, "runs");
	}

	ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.empty), &opts), "empty");
	registry_stress__destroy(skel);
	/* Check for leaks before the unload: it also resets the module's counter. */
	skel = NULL;
	kern_sync_rcu();
	usleep(100000);
	skel = registry_stress__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.alive), &opts), "alive");
	ASSERT_EQ(opts.retval, 0, "counters alive");
	registry_stress__destroy(skel);

	ASSERT_OK(unload_module("registry", false), "unload");
	ASSERT_OK(load_module("registry.ko", false), "load again");
}
