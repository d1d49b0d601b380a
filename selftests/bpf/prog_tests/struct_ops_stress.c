// SPDX-License-Identifier: GPL-2.0
/*
 * Threads on all CPUs have a table called that others replace all the time, and
 * ask the module to leave. Every call is decided by one of the two tables, none
 * by no table. Expects ops_test.ko to be loaded.
 */
#include <fcntl.h>
#include <pthread.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "struct_ops.skel.h"

#define SECONDS 2

static struct struct_ops *skel;
static struct bpf_link *attached;
static volatile bool stop;

/* Returns how often it called, or -1 if a call came to nobody. */
static void *call(void *unused)
{
	long calls = 0;

	while (!stop) {
		LIBBPF_OPTS(bpf_test_run_opts, opts);

		if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.call_add), &opts))
			return (void *)-1L;
		if (opts.retval != 3 && opts.retval != 103)
			return (void *)-1L;
		calls++;
	}
	return (void *)calls;
}

/* Returns how often it replaced one by the other. */
static void *replace(void *unused)
{
	struct bpf_map *maps[] = { skel->maps.next, skel->maps.whole };
	long updates = 0;

	while (!stop) {
		if (bpf_link__update_map(attached, maps[updates % 2]))
			return (void *)-1L;
		updates++;
	}
	return (void *)updates;
}

static void *ask_to_leave(void *unused)
{
	long asked = 0;

	while (!stop) {
		if (!delete_module("ops_test", O_NONBLOCK) || errno != EAGAIN)
			return (void *)-1L;
		asked++;
		usleep(1000);
	}
	return (void *)asked;
}

void serial_test_struct_ops_stress(void)
{
	void *(*const work[])(void *) = { call, call, replace, ask_to_leave };
	pthread_t threads[ARRAY_SIZE(work)];
	int started = 0;

	skel = struct_ops__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	attached = bpf_map__attach_struct_ops(skel->maps.whole);
	if (!ASSERT_OK_PTR(attached, "attach"))
		goto out;

	stop = false;
	for (; started < ARRAY_SIZE(work); started++) {
		if (!ASSERT_OK(pthread_create(&threads[started], NULL, work[started], NULL),
			       "pthread_create"))
			break;
	}
	sleep(SECONDS);
	stop = true;
	for (int i = 0; i < started; i++) {
		void *done;

		pthread_join(threads[i], &done);
		ASSERT_GT((long)done, 0, "rounds without an error");
	}
	bpf_link__destroy(attached);
out:
	struct_ops__destroy(skel);
	ASSERT_OK(unload_module("ops_test", false), "unload");
	ASSERT_OK(load_module("ops_test.ko", false), "load again");
}
