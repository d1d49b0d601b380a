// SPDX-License-Identifier: GPL-2.0
/*
 * A tracing program asks for a resource (bpf::revocable) in a function that the thread
 * calls under the lock of the resource, and gets an error instead of a hang.
 */
#include <sys/syscall.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "gate_traced.skel.h"

void serial_test_gate_traced(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct gate_traced *skel;
	int i;

	if (!ASSERT_OK(load_module("gate_traced.ko", false), "load the module"))
		return;
	skel = gate_traced__open_and_load();
	if (ASSERT_OK_PTR(skel, "load") && ASSERT_OK(gate_traced__attach(skel), "attach")) {
		skel->bss->pid = syscall(SYS_gettid);
		for (i = 0; i < 100; i++) {
			ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.use), &opts),
				  "run");
			ASSERT_EQ(skel->bss->result, 7, "value");
		}
		ASSERT_GE(skel->bss->refused, 100, "refused under the lock");
	}
	gate_traced__destroy(skel);
	ASSERT_OK(unload_module("gate_traced", false), "unload the module");
}
