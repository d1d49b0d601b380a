// SPDX-License-Identifier: GPL-2.0
/* Kfuncs that write to dynptrs; see dns_names.c for kfuncs that read them. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "expect.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

char buffer[8];

SEC("syscall")
__success __retval(0)
int write_to_dynptr(void *ctx)
{
	struct bpf_dynptr data;

	buffer[0] = 9;
	if (bpf_dynptr_from_mem(buffer, sizeof(buffer), 0, &data))
		return -1;
	EXPECT(bpf_kfunc_types_dynptr(&data, 1) == 9);
	EXPECT(buffer[0] == 9 && buffer[1] == 'a' && buffer[3] == 'c' && buffer[4] == 0);
	EXPECT(bpf_kfunc_types_dynptr(&data, 5) == 0);
	EXPECT(buffer[7] == 'c');
	EXPECT(bpf_kfunc_types_dynptr(&data, 6) == -7 /* E2BIG */);
	EXPECT(bpf_kfunc_types_dynptr(&data, 0) == -22 /* EINVAL */);
	EXPECT(bpf_kfunc_types_dynptr(&data, 0xffffffff) == -7);
	return 0;
}

/* After bpf_dynptr_adjust(), the kfunc sees only that part of the memory. */
SEC("syscall")
__success __retval(0)
int write_to_part_of_dynptr(void *ctx)
{
	struct bpf_dynptr data;

	__builtin_memset(buffer, 1, sizeof(buffer));
	if (bpf_dynptr_from_mem(buffer, sizeof(buffer), 0, &data) ||
	    bpf_dynptr_adjust(&data, 2, 6))
		return -1;
	EXPECT(bpf_kfunc_types_dynptr(&data, 1) == 1);
	EXPECT(buffer[2] == 1 && buffer[3] == 'a' && buffer[5] == 'c' && buffer[6] == 1);
	EXPECT(bpf_kfunc_types_dynptr(&data, 2) == -7);
	return 0;
}
