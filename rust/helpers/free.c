// SPDX-License-Identifier: GPL-2.0
/*
 * Objects are freed by RCU callbacks, whose code is that of the module which
 * made them. When such a module goes, whatever it did in its exit or failed
 * init, its code stays until the callbacks have ended, and those that they
 * themselves begin.
 *
 * What is looked at when modules come, init.c says.
 */

#include <linux/atomic.h>
#include <linux/module.h>
#include <linux/notifier.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>

#include "helpers.h"

static atomic_t frees = ATOMIC_INIT(0);

void rust_bpf_helper_free_begins(void)
{
	atomic_inc(&frees);
}

void rust_bpf_helper_free_ends(void)
{
	atomic_dec(&frees);
}

bool rust_bpf_helper_in_nmi(void)
{
	return in_nmi();
}

static int module_event(struct notifier_block *nb, unsigned long event, void *module)
{
	switch (event) {
	case MODULE_STATE_COMING:
		return notifier_from_errno(rust_bpf_helper_init_begins(module));
	case MODULE_STATE_LIVE:
		rust_bpf_helper_init_ends(module);
		return NOTIFY_OK;
	case MODULE_STATE_GOING:
		rust_bpf_helper_init_ends(module);
		break;
	default:
		return NOTIFY_DONE;
	}
	while (atomic_read(&frees))
		rcu_barrier();
	/* The last callback may have counted and not returned. */
	rcu_barrier();
	return NOTIFY_OK;
}

static struct notifier_block module_notifier = {
	.notifier_call = module_event,
};

static int __init rust_bpf_init(void)
{
	return register_module_notifier(&module_notifier);
}
module_init(rust_bpf_init);

static void __exit rust_bpf_exit(void)
{
	unregister_module_notifier(&module_notifier);
}
module_exit(rust_bpf_exit);
