// SPDX-License-Identifier: GPL-2.0
/*
 * A kfunc that tries to take a lock which its CPU already holds returns an error
 * and does not hang. Expects kfunc_types.ko to be loaded.
 */
#include <test_progs.h>
#include "lock_again.skel.h"

void serial_test_lock_again(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct lock_again *skel;

	skel = lock_again__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	skel->bss->pid = getpid();
	if (!ASSERT_OK(lock_again__attach(skel), "attach"))
		goto out;
	ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.outer), &opts), "test_run");
	ASSERT_EQ(opts.retval, 0, "outer call takes the lock");
	ASSERT_GT(skel->bss->nested, 0, "program ran under the lock");
	ASSERT_EQ(skel->bss->nested_result, -EDEADLK, "nested call fails");
out:
	lock_again__destroy(skel);
}
