// SPDX-License-Identifier: GPL-2.0
#include <sys/mman.h>
#include <test_progs.h>
#include "areas.skel.h"

#define VM_READ 1
#define VM_WRITE 2

/* Counts the lines in /proc/self/maps, which are the areas, but for vsyscall, which is none. */
static int count_areas(void)
{
	char line[512];
	FILE *maps;
	int n = 0;

	maps = fopen("/proc/self/maps", "r");
	if (!maps)
		return -1;
	while (fgets(line, sizeof(line), maps))
		n += !strstr(line, "[vsyscall]");
	fclose(maps);
	return n;
}

static void walk(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_program *prog;
	struct areas *skel;
	__u64 *memory;
	int before;

	skel = areas__open();
	if (!ASSERT_OK_PTR(skel, "open"))
		return;
	bpf_object__for_each_program(prog, skel->obj)
		bpf_program__set_autoload(prog, false);
	bpf_program__set_autoload(skel->progs.areas, true);
	bpf_program__set_autoload(skel->progs.from_address, true);
	if (!ASSERT_OK(areas__load(skel), "load"))
		goto out;
	/* Not anonymous, so that it is not merged with an area beside it. */
	memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!ASSERT_NEQ(memory, MAP_FAILED, "mmap"))
		goto out;
	*memory = 0x1234;
	skel->bss->address = (unsigned long)memory;
	before = count_areas();
	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.areas), &opts), "run"))
		goto unmap;
	ASSERT_OK(opts.retval, "areas");
	/* The loader of the test may map memory meanwhile. */
	ASSERT_GE(skel->bss->seen + 2, before, "seen");
	ASSERT_LE(skel->bss->seen, before + 2, "seen");
	ASSERT_EQ(skel->bss->number, 0x1234, "memory");
	ASSERT_EQ(skel->bss->flags & (VM_READ | VM_WRITE), VM_READ | VM_WRITE, "flags");
	if (ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(skel->progs.from_address), &opts),
		      "run"))
		ASSERT_OK(opts.retval, "from_address");
	/* The lock is free. */
unmap:
	ASSERT_OK(munmap(memory, 4096), "munmap");
out:
	areas__destroy(skel);
}

void test_areas(void)
{
	if (test__start_subtest("walk"))
		walk();
	RUN_TESTS(areas);
}
