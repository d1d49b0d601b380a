// SPDX-License-Identifier: GPL-2.0
/* Where the crate does what the verifier of 7.2 does not. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

/* The verifier lets the program read one byte, so the kfunc must not lend memory. */
SEC("syscall")
__success __retval(0)
int lent_memory_of_size_0_is_null(void *ctx)
{
	struct bpf_counter *counter;
	const u8 *label;
	int ret = -1;

	counter = bpf_counter_open(1);
	if (!counter)
		return -1;
	label = bpf_counter_label(counter, 0);
	ret = label ? 256 + *label : 0;
	bpf_counter_release(counter);
	return ret;
}
