/* SPDX-License-Identifier: GPL-2.0 */
/* For tests of what not every kernel supports. */
#ifndef _KERNEL_HAS_H
#define _KERNEL_HAS_H

#include <stdio.h>
#include <bpf/btf.h>

/*
 * Returns whether the kernel has a function, which is the sign of a feature. If not,
 * a subtest that is skipped says so: "the kernel lacks ...".
 */
static inline bool kernel_has(const char *function, const char *feature)
{
	struct btf *btf = btf__load_vmlinux_btf();
	char name[128];
	int id;

	if (!ASSERT_OK_PTR(btf, "BTF of the kernel"))
		return false;
	id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC);
	btf__free(btf);
	if (id > 0)
		return true;
	snprintf(name, sizeof(name), "the kernel lacks %s", feature);
	if (test__start_subtest(name))
		test__skip();
	return false;
}

#endif /* _KERNEL_HAS_H */
