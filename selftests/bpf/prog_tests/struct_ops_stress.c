// SPDX-License-Identifier: GPL-2.0
/*
 * Threads on all CPUs call the tables in two slots. Other threads meanwhile
 * replace the table in slot 0, attach and detach tables in slot 2 with and
 * without links, attach tables that the module rejects, and try to unload the
 * module. Each call for slot 0 must reach one of two tables. Expects ops_test.ko
 * to be loaded.
 */
#include <fcntl.h>
#include <pthread.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "struct_ops.skel.h"

#define SECONDS 2

/* The programs of "calls" call slot 2. */
static struct struct_ops *skel, *calls;
static struct bpf_link *attached;
static volatile bool stop, gone;
static volatile long met;

/* Returns the result of the table, -1 if no table is attached, or -2 on error. */
static int add(struct struct_ops *skel)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (bpf_prog_test_run_opts(bpf_program__fd(skel->progs.call_add), &opts))
		return -2;
	return opts.retval;
}

/* Returns the number of calls, or -1 if a call did not reach a table. */
static void *call(void *unused)
{
	long calls = 0;

	while (!stop) {
		int sum = add(skel);

		if (sum != 3 && sum != 103)
			return (void *)-1L;
		calls++;
	}
	return (void *)calls;
}

/* Returns the number of calls for slot 2 that reached a table, or -1 on error. */
static void *call_slot_2(void *unused)
{
	while (!gone) {
		int sum = add(calls);

		if (sum != 3 && sum != -1)
			return (void *)-1L;
		met += sum == 3;
	}
	return (void *)met;
}

static bool refused(struct bpf_map *map, int err)
{
	struct bpf_link *link = bpf_map__attach_struct_ops(map);

	if (!link)
		return errno == err;
	bpf_link__destroy(link);
	return false;
}

/* Attaches and detaches tables in slot 2; also attaches some that must fail. */
static bool attach_and_detach_once(struct struct_ops *skel)
{
	struct bpf_link *link;
	bool ok;

	if (!refused(skel->maps.refused_by_map, EDOM))
		return false;
	link = bpf_map__attach_struct_ops(skel->maps.by_map);
	if (!link)
		return false;
	ok = refused(skel->maps.by_map_too, EBUSY) && refused(skel->maps.guest, EBUSY);
	if (bpf_link__destroy(link) || !ok || !refused(skel->maps.refused_by_link, EDOM))
		return false;
	link = bpf_map__attach_struct_ops(skel->maps.guest);
	if (!link)
		return false;
	ok = refused(skel->maps.by_map_too, EBUSY);
	return !bpf_link__destroy(link) && ok;
}

/*
 * Returns the number of rounds, or -1 on error. On a slow machine, goes on until
 * a call has reached a table.
 */
static void *attach_and_detach(void *unused)
{
	long rounds = 0;

	while (!stop || (!met && rounds < 100)) {
		struct struct_ops *skel = struct_ops__open_and_load();
		bool ok = skel && attach_and_detach_once(skel);

		struct_ops__destroy(skel);
		if (!ok) {
			rounds = -1;
			break;
		}
		rounds++;
	}
	gone = true;
	return (void *)rounds;
}

/* Returns the number of replacements in slot 0, or -1 on error. */
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

static void *try_to_unload(void *unused)
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
	void *(*const work[])(void *) = {
		call, call, replace, try_to_unload, call_slot_2, attach_and_detach,
	};
	pthread_t threads[ARRAY_SIZE(work)];
	int started = 0;

	skel = struct_ops__open_and_load();
	calls = struct_ops__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load") || !ASSERT_OK_PTR(calls, "open_and_load"))
		goto out;
	calls->bss->slot = 2;
	attached = bpf_map__attach_struct_ops(skel->maps.whole);
	if (!ASSERT_OK_PTR(attached, "attach"))
		goto out;

	stop = false;
	gone = false;
	met = 0;
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
	struct_ops__destroy(calls);
	struct_ops__destroy(skel);
	ASSERT_OK(unload_module("ops_test", false), "unload");
	ASSERT_OK(load_module("ops_test.ko", false), "load again");
}
