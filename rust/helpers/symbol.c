// SPDX-License-Identifier: GPL-2.0
/*
 * The verifier looks for the address of a kfunc by its name, in kallsyms, and
 * takes the first symbol of that name: one of the kernel's comes before those of
 * modules, and may be data. Modules have no way to ask kallsyms but kprobes.
 */

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/kprobes.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "helpers.h"

#ifdef CONFIG_KPROBES

/* A probe is behind the instruction that marks the target of indirect calls. */
#define MAX_MARK 8

static bool is_at(const struct kprobe *probe, const void *function)
{
	return (unsigned long)probe->addr - (unsigned long)function <= MAX_MARK;
}

/* Whether programs that call these kfuncs would call these functions. May sleep. */
int rust_bpf_helper_check_symbols(const struct rust_bpf_symbol *symbols, u32 count)
{
	struct kprobe *probes __free(kvfree) = kvcalloc(count, sizeof(*probes), GFP_KERNEL);
	struct kprobe **list __free(kvfree) = kvcalloc(count, sizeof(*list), GFP_KERNEL);
	u32 registered = 0, i;
	int err = 0;

	if (!probes || !list)
		return -ENOMEM;
	for (i = 0; i < count && !err; i++) {
		struct kprobe *probe = &probes[i];

		probe->symbol_name = symbols[i].name;
		probe->flags = KPROBE_FLAG_DISABLED;
		err = register_kprobe(probe);
		if (!err)
			list[registered++] = probe;
		/* Without a symbol, the verifier finds nothing. */
		if (err == -ENOENT)
			err = 0;
		else if (err == -ENOMEM)
			break;
		else if (err || !is_at(probe, symbols[i].function))
			err = -EEXIST;
		if (err)
			pr_err("rust_bpf: %s: the kernel has a symbol of that name, which programs would call; rename the kfunc\n",
			       symbols[i].name);
	}
	if (registered)
		unregister_kprobes(list, registered);
	return err;
}

#else

/* The build has compared the names with the kernel's symbols. */
int rust_bpf_helper_check_symbols(const struct rust_bpf_symbol *symbols, u32 count)
{
	return 0;
}

#endif
