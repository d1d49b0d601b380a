// SPDX-License-Identifier: GPL-2.0
/*
 * Detaches a trampoline from the way of an exception, while the exception callback sleeps.
 * Expects registry.ko and ops_test.ko to be loaded.
 */
#include <test_progs.h>
#include "testing_helpers.h"
#include "throw_trampoline.skel.h"
#include "throw_trampoline_trace.skel.h"

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "run"))
		return -1;
	return opts.retval;
}

static void *throw(void *arg)
{
	struct throw_trampoline *skel = arg;

	return (void *)(long)run(skel->progs.throw_through_trampoline);
}

void serial_test_throw_trampoline(void)
{
	struct throw_trampoline_trace *trace = NULL;
	struct throw_trampoline *skel;
	pthread_t thread;
	void *ret = NULL;
	int i, err;

	skel = throw_trampoline__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	err = throw_trampoline__load(skel);
#ifndef __x86_64__
	ASSERT_EQ(err, -EOPNOTSUPP, "the JIT does not support it");
	throw_trampoline__destroy(skel);
	return;
#endif
	if (!ASSERT_OK(err, "load")) {
		throw_trampoline__destroy(skel);
		return;
	}
	trace = throw_trampoline_trace__open();
	if (!ASSERT_OK_PTR(trace, "open trace"))
		goto out;
	bpf_program__set_attach_target(trace->progs.traced_exit,
				       bpf_program__fd(skel->progs.throw_through_trampoline),
				       "traced");
	err = throw_trampoline_trace__load(trace) ?: throw_trampoline_trace__attach(trace);
	if (!ASSERT_OK(err, "attach"))
		goto out;
	if (!ASSERT_OK(pthread_create(&thread, NULL, throw, skel), "thread"))
		goto out;
	for (i = 0; i < 5000 && !*(volatile int *)&skel->bss->sleeps; i++)
		usleep(1000);
	ASSERT_GT(skel->bss->sleeps, 0, "the callback sleeps");

	throw_trampoline_trace__destroy(trace);
	trace = NULL;
	/* Longer than the grace periods after which a trampoline is freed */
	sleep(2);
	skel->bss->go = 1;
	pthread_join(thread, &ret);
	ASSERT_EQ((long)ret, 43, "retval");
	kern_sync_rcu();
	usleep(100000);
	ASSERT_EQ(run(skel->progs.alive), 0, "counters alive");
out:
	throw_trampoline_trace__destroy(trace);
	throw_trampoline__destroy(skel);
}
