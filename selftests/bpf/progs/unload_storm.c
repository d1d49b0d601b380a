// SPDX-License-Identifier: GPL-2.0
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

u32 most_alive;
u64 opened, failed;

/* Makes and releases objects as fast as it can. */
SEC("syscall")
int open_and_release(void *ctx)
{
	struct bpf_counter *counter;
	u32 alive;
	int i;

	bpf_for(i, 0, 1000) {
		counter = bpf_counter_open(bpf_get_smp_processor_id());
		if (counter) {
			bpf_counter_release(counter);
			__sync_fetch_and_add(&opened, 1);
		} else {
			__sync_fetch_and_add(&failed, 1);
		}
	}
	alive = bpf_counters_alive();
	if (alive > most_alive)
		most_alive = alive;
	return 0;
}
