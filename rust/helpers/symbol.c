// SPDX-License-Identifier: GPL-2.0
/*
 * The verifier looks up the address of a kfunc in kallsyms by its name, and uses
 * the first symbol with that name. Symbols of the kernel, which may be data, come
 * before symbols of modules. A module can look up a symbol only with a kprobe.
 */

#include <linux/cleanup.h>
#include <linux/err.h>
#include <linux/kprobes.h>
#include <linux/printk.h>
#include <linux/slab.h>

#include "helpers.h"

#ifdef CONFIG_KPROBES

/*
 * The kernel places a probe behind the instruction at the start of a function that
 * marks a target of indirect calls. That instruction has at most MAX_MARK bytes.
 */
#define MAX_MARK 8

static bool is_at(const struct kprobe *probe, const void *function)
{
	return (unsigned long)probe->addr - (unsigned long)function <= MAX_MARK;
}

/*
 * Checks that programs that call these kfuncs reach these functions. Returns 0,
 * -EEXIST if the kernel has a symbol with the name of a kfunc, or -ENOMEM. May sleep.
 */
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
		/* If kallsyms has no symbol, the verifier finds no wrong one. */
		if (err == -ENOENT)
			err = 0;
		else if (err == -ENOMEM)
			break;
		else if (err || !is_at(probe, symbols[i].function))
			err = -EEXIST;
		if (err)
			pr_err("rust_bpf: %s: programs would call a symbol of the kernel with the same name; rename the kfunc\n",
			       symbols[i].name);
	}
	if (registered)
		unregister_kprobes(list, registered);
	return err;
}

#else

/* Without kprobes, only the build compares the names with the kernel's symbols. */
int rust_bpf_helper_check_symbols(const struct rust_bpf_symbol *symbols, u32 count)
{
	return 0;
}

#endif
