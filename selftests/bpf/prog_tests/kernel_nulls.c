// SPDX-License-Identifier: GPL-2.0
#include <test_progs.h>
#include "kernel_has.h"
#include "kernel_nulls.skel.h"

void test_kernel_nulls(void)
{
	/* The verifier that checks these arguments came with this feature. */
	if (kernel_has("bpf_jit_supports_arena_args", "arena arguments of kfuncs"))
		RUN_TESTS(kernel_nulls);
}
