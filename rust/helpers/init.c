// SPDX-License-Identifier: GPL-2.0
/*
 * The kernel has lists of the kfuncs and tables of each module, and changes them
 * without a lock. The lists may change while the module is initialized, because
 * no program can call the module then. The mutex in this file keeps a module in
 * that state: the notifier in free.c takes the mutex on each change of the state,
 * and runs before the notifier of the kernel that makes the module's BTF usable.
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

/*
 * The notifier calls this function when a module becomes live or going. Waits for
 * a thread that has seen the module in its init and still holds the mutex.
 */
void rust_bpf_helper_init_ends(void)
{
	mutex_lock(&init_mutex);
	mutex_unlock(&init_mutex);
}

/*
 * Returns whether @what is in the memory of @module. Also returns true for
 * built-in code and for the modules of KUnit suites, which have no name.
 */
bool rust_bpf_helper_is_of(const void *what, const struct module *module)
{
	return !module || !module->name[0] || within_module((unsigned long)what, module);
}

/*
 * Returns whether @module is being initialized. For built-in code, returns whether
 * the current thread initializes the kernel.
 */
bool rust_bpf_helper_in_init(const struct module *module)
{
	if (!module)
		return system_state < SYSTEM_FREEING_INITMEM && is_global_init(current);
	return READ_ONCE(module->state) == MODULE_STATE_COMING;
}
