// SPDX-License-Identifier: GPL-2.0
/* Makes, finds and releases objects in contexts where code must not wait. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

enum where { NMI, IRQ, SOFTIRQ, LOCK, WHERES };

u64 made[WHERES], refused[WHERES], found_again[WHERES];

static int use(enum where where)
{
	struct bpf_counter *counter, *found, *held;

	counter = bpf_counter_open(where);
	if (!counter) {
		__sync_fetch_and_add(&refused[where], 1);
		return 0;
	}
	__sync_fetch_and_add(&made[where], 1);
	bpf_rcu_read_lock();
	found = bpf_counter_find(where);
	if (found) {
		held = bpf_counter_acquire(found);
		if (held) {
			__sync_fetch_and_add(&found_again[where], 1);
			bpf_counter_release(held);
		}
	}
	bpf_rcu_read_unlock();
	bpf_counter_release(counter);
	return 0;
}

SEC("tp_btf/nmi_handler")
int BPF_PROG(nmi)
{
	return use(NMI);
}

SEC("tp_btf/hrtimer_expire_entry")
int BPF_PROG(irq)
{
	return use(IRQ);
}

SEC("tp_btf/softirq_entry")
int BPF_PROG(softirq)
{
	return use(SOFTIRQ);
}

/* Runs with interrupts off and a scheduler lock held. */
SEC("tp_btf/sched_switch")
int BPF_PROG(lock)
{
	return use(LOCK);
}

SEC("syscall")
int alive(void *ctx)
{
	return bpf_counters_alive();
}
