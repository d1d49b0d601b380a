// SPDX-License-Identifier: GPL-2.0
/*
 * Which thread runs the init of which module. Kfuncs and tables are registered
 * by that thread and no other, because the kernel changes its lists of them
 * without a lock, and looks at them when the module is live.
 */

#include <linux/kernel.h>
#include <linux/list.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

#include "helpers.h"

struct init {
	struct list_head list;
	const struct module *module;
	const struct task_struct *thread;
};

static LIST_HEAD(inits);
static DEFINE_SPINLOCK(inits_lock);

int rust_bpf_helper_init_begins(const struct module *module)
{
	struct init *init = kmalloc_obj(*init);

	if (!init)
		return -ENOMEM;
	init->module = module;
	init->thread = current;
	spin_lock(&inits_lock);
	list_add(&init->list, &inits);
	spin_unlock(&inits_lock);
	return 0;
}

/* Whether it has begun or not. */
void rust_bpf_helper_init_ends(const struct module *module)
{
	struct init *init, *next;

	spin_lock(&inits_lock);
	list_for_each_entry_safe(init, next, &inits, list) {
		if (init->module == module) {
			list_del(&init->list);
			kfree(init);
		}
	}
	spin_unlock(&inits_lock);
}

/* Of the kernel itself, for code that is built in. */
bool rust_bpf_helper_in_init(const struct module *module)
{
	const struct init *init;
	bool found = false;

	if (!module)
		return system_state < SYSTEM_FREEING_INITMEM && is_global_init(current);
	spin_lock(&inits_lock);
	list_for_each_entry(init, &inits, list)
		found |= init->module == module && init->thread == current;
	spin_unlock(&inits_lock);
	return found;
}
