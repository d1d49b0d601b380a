// SPDX-License-Identifier: GPL-2.0
/* A map with an object of a module, while another module has a type of that name. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

struct bpf_twin {};

struct bpf_twin *bpf_dtor_twin_new(void) __ksym;
void bpf_dtor_twin_release(struct bpf_twin *twin) __ksym;
u32 bpf_dtor_twin_dropped(void) __ksym;

struct kept {
	struct bpf_twin __kptr *twin;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct kept);
} map SEC(".maps");

SEC("syscall")
int keep(void *ctx)
{
	struct bpf_twin *twin;
	struct kept *kept;
	int key = 0;

	kept = bpf_map_lookup_elem(&map, &key);
	if (!kept)
		return 1;
	twin = bpf_dtor_twin_new();
	if (!twin)
		return 2;
	twin = bpf_kptr_xchg(&kept->twin, twin);
	if (twin)
		bpf_dtor_twin_release(twin);
	return 0;
}

SEC("syscall")
int dropped(void *ctx)
{
	return bpf_dtor_twin_dropped();
}
