// SPDX-License-Identifier: GPL-2.0
/* Kfuncs that take pointers into an arena. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "expect.h"
#include "bpf_experimental.h"
#include <bpf_arena_common.h>

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARENA);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 100);
} arena SEC(".maps");

/* Takes the first page: an arena pointer to its start could look like NULL. */
u8 __arena first_page[16];

SEC("syscall")
__success __retval(0)
int arena_pages_are_read_and_written(void *ctx)
{
	u8 __arena *page;

	page = bpf_arena_alloc_pages(&arena, NULL, 1, NUMA_NO_NODE, 0);
	EXPECT(page);
	page[0] = 1;
	page[1] = 2;
	EXPECT(bpf_kfunc_types_arena(page, 2) == 3);
	EXPECT(page[0] == 7 && page[1] == 7 && page[2] == 0);
	EXPECT(bpf_kfunc_types_arena_nullable(page) == 7);
	EXPECT(bpf_kfunc_types_arena_nullable(NULL) == -2 /* ENOENT */);
	EXPECT(bpf_kfunc_types_arena(page, 32 * 1024 + 1) == -7 /* E2BIG */);
	bpf_arena_free_pages(&arena, page, 1);
	return 0;
}

/* A kfunc may access arena memory that has no pages: there is no fault. */
SEC("syscall")
__success __retval(0)
int missing_pages_do_not_fault(void *ctx)
{
	u8 __arena *page;

	page = bpf_arena_alloc_pages(&arena, NULL, 1, NUMA_NO_NODE, 0);
	EXPECT(page);
	EXPECT(bpf_kfunc_types_arena(page + 20 * 4096, 32 * 1024) >= 0);
	EXPECT(bpf_kfunc_types_arena(page + 1000 * 4096, 1) >= 0);
	bpf_arena_free_pages(&arena, page, 1);
	return 0;
}
