// SPDX-License-Identifier: GPL-2.0
/* Memory of an object that a kfunc lends for reads and writes. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "expect.h"

char _license[] SEC("license") = "GPL";

SEC("syscall")
__success __retval(0)
int shared_with_rust(void *ctx)
{
	struct bpf_kt_scratch *scratch = bpf_kt_scratch_new();
	int sum = 0, read = 0, none = 1;
	u8 *notes;

	if (!scratch)
		return -1;
	notes = bpf_kt_scratch_notes(scratch, 16);
	if (notes) {
		/* All bytes were 1. */
		notes[0] = 10;
		*(u64 *)(notes + 8) = 0;
		sum = bpf_kt_scratch_inc(scratch);
		read = notes[0] * 100 + notes[15];
	}
	none = !bpf_kt_scratch_notes(scratch, 17);
	bpf_kt_scratch_release(scratch);
	EXPECT(sum == 11 + 7 * 2 + 8);
	EXPECT(read == 1101);
	EXPECT(none);
	return 0;
}

SEC("syscall")
__failure __msg("invalid access to memory, mem_size=4 off=4 size=1")
int write_behind_the_memory(void *ctx)
{
	struct bpf_kt_scratch *scratch = bpf_kt_scratch_new();
	u8 *notes;

	if (!scratch)
		return 0;
	notes = bpf_kt_scratch_notes(scratch, 4);
	if (notes)
		notes[4] = 1;
	bpf_kt_scratch_release(scratch);
	return 0;
}

SEC("syscall")
__failure __msg("R0 invalid mem access 'mem_or_null'")
int null_not_checked(void *ctx)
{
	struct bpf_kt_scratch *scratch = bpf_kt_scratch_new();

	if (!scratch)
		return 0;
	*bpf_kt_scratch_notes(scratch, 4) = 1;
	bpf_kt_scratch_release(scratch);
	return 0;
}

SEC("syscall")
__failure __msg("invalid mem access 'scalar'")
int write_after_release(void *ctx)
{
	struct bpf_kt_scratch *scratch = bpf_kt_scratch_new();
	u8 *notes;

	if (!scratch)
		return 0;
	notes = bpf_kt_scratch_notes(scratch, 4);
	bpf_kt_scratch_release(scratch);
	if (notes)
		notes[0] = 1;
	return 0;
}

SEC("syscall")
__failure __msg("R2 is not a const")
int size_is_unknown(void *ctx)
{
	struct bpf_kt_scratch *scratch = bpf_kt_scratch_new();

	if (!scratch)
		return 0;
	bpf_kt_scratch_notes(scratch, bpf_get_prandom_u32() & 7);
	bpf_kt_scratch_release(scratch);
	return 0;
}
