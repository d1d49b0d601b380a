// SPDX-License-Identifier: GPL-2.0
/* Loads the program, runs it once and prints its result. */

#include <stdio.h>
#include <bpf/bpf.h>
#include "zeroes.skel.h"

int main(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct zeroes_bpf *skel = zeroes_bpf__open_and_load();

	if (!skel || bpf_prog_test_run_opts(bpf_program__fd(skel->progs.count), &opts))
		return 1;
	printf("%d\n", skel->bss->result);
	zeroes_bpf__destroy(skel);
	return 0;
}
