// SPDX-License-Identifier: GPL-2.0
/*
 * Policies of samples/admission: they decide about requests, within the module's
 * limits, and can be replaced under load. Expects admission.ko to be loaded.
 */
#include <fcntl.h>
#include <pthread.h>
#include <test_progs.h>
#include "admission.skel.h"

/* The number of bytes that an open file may write. */
#define BUDGET 4096

static char bytes[2 * BUDGET];

static int open_device(void)
{
	int fd = open("/dev/admission", O_WRONLY | O_CLOEXEC);

	ASSERT_GE(fd, 0, "open /dev/admission");
	return fd;
}

static void subtest_no_policy(void)
{
	int fd = open_device();

	ASSERT_EQ(write(fd, bytes, 1000), 1000, "whole request");
	ASSERT_EQ(write(fd, bytes, sizeof(bytes)), BUDGET - 1000, "rest of the budget");
	ASSERT_EQ(write(fd, bytes, 1), -1, "budget used up");
	ASSERT_EQ(errno, EAGAIN, "errno");
	close(fd);
}

static void subtest_policies(void)
{
	struct admission *skel = admission__open_and_load();
	struct bpf_link *policy;
	int fd = open_device();

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		goto out;
	policy = bpf_map__attach_struct_ops(skel->maps.half_ops);
	if (!ASSERT_OK_PTR(policy, "attach"))
		goto out;
	ASSERT_EQ(write(fd, bytes, 1000), 500, "half");
	ASSERT_EQ(skel->bss->seen_left, BUDGET, "rest set by the prologue");
	ASSERT_EQ(write(fd, bytes, 2000), 1000, "half");
	ASSERT_EQ(skel->bss->seen_left, BUDGET - 500, "rest set by the prologue");

	ASSERT_OK(bpf_link__update_map(policy, skel->maps.closed_ops), "update");
	ASSERT_EQ(write(fd, bytes, 1), -1, "closed");
	ASSERT_EQ(errno, EAGAIN, "errno");

	/* The epilogue limits the result to the request and to the rest of the budget. */
	ASSERT_OK(bpf_link__update_map(policy, skel->maps.greedy_ops), "update");
	ASSERT_EQ(write(fd, bytes, 96), 96, "whole request");
	ASSERT_EQ(write(fd, bytes, sizeof(bytes)), 2500, "rest of the budget");
	ASSERT_EQ(write(fd, bytes, 1), -1, "budget used up");
	bpf_link__destroy(policy);
out:
	close(fd);
	admission__destroy(skel);
}

static volatile bool stop;

/* Opens files one after the other; returns the number of granted 1-byte requests. */
static void *ask(void *unused)
{
	long granted = 0;

	while (!stop) {
		int fd = open_device();

		for (int i = 0; i < BUDGET; i++) {
			if (write(fd, bytes, 1) != 1)
				return (void *)-1L;
			granted++;
		}
		if (write(fd, bytes, 1) != -1 || errno != EAGAIN)
			return (void *)-1L;
		close(fd);
	}
	return (void *)granted;
}

/* While policies are replaced under load, one policy decides about each request. */
static void subtest_replaced(void)
{
	struct admission *skel = admission__open_and_load();
	long granted = 0, updates = 0;
	struct bpf_link *policy;
	pthread_t threads[2];
	int started = 0;

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	policy = bpf_map__attach_struct_ops(skel->maps.greedy_ops);
	if (!ASSERT_OK_PTR(policy, "attach"))
		goto out;
	stop = false;
	for (; started < ARRAY_SIZE(threads); started++) {
		if (!ASSERT_OK(pthread_create(&threads[started], NULL, ask, NULL), "thread"))
			break;
	}
	for (; updates < 200; updates++) {
		struct bpf_map *next = updates % 2 ? skel->maps.greedy_ops :
						     skel->maps.also_greedy_ops;

		if (!ASSERT_OK(bpf_link__update_map(policy, next), "update"))
			break;
		usleep(1000);
	}
	stop = true;
	for (int i = 0; i < started; i++) {
		void *done;

		pthread_join(threads[i], &done);
		ASSERT_GT((long)done, 0, "all requests granted");
		granted += (long)done;
	}
	/* A policy also decided about the last request of each file, which failed. */
	ASSERT_EQ(skel->bss->asked, granted + granted / BUDGET, "requests that a policy decided");
	bpf_link__destroy(policy);
out:
	admission__destroy(skel);
}

void serial_test_admission(void)
{
	if (test__start_subtest("no_policy"))
		subtest_no_policy();
	if (test__start_subtest("policies"))
		subtest_policies();
	if (test__start_subtest("replace_under_load"))
		subtest_replaced();
}
