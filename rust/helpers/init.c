// SPDX-License-Identifier: GPL-2.0
/*
 * While a module is initialized, no program can call it, and the kernel's lists
 * of its kfuncs and tables may change, for which the kernel takes no lock. Here
 * is one: who holds it sees a state of the module that does not change to the
 * next one, because the kernel makes a module's BTF usable in a notifier of the
 * same event that comes after ours.
 */

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/sched.h>

#include "helpers.h"

static DEFINE_MUTEX(init_mutex);

void rust_bpf_helper_init_lock(void)
{
	mutex_lock(&init_mutex);
}

void rust_bpf_helper_init_unlock(void)
{
	mutex_unlock(&init_mutex);
}

/* A module is live, or about to go: waits for who has seen it in its init. */
void rust_bpf_helper_init_ends(void)
{
	mutex_lock(&init_mutex);
	mutex_unlock(&init_mutex);
}

/*
 * Whether what a module registers is the module's own. Those of KUnit suites have
 * no name.
 */
bool rust_bpf_helper_is_of(const void *what, const struct module *module)
{
	return !module || !module->name[0] || within_module((unsigned long)what, module);
}

/* Whether @module is initialized; for code that is built in, by this thread. */
bool rust_bpf_helper_in_init(const struct module *module)
{
	if (!module)
		return system_state < SYSTEM_FREEING_INITMEM && is_global_init(current);
	return READ_ONCE(module->state) == MODULE_STATE_COMING;
}
