// SPDX-License-Identifier: GPL-2.0
/* Memory arguments: private copies (&[u8], &mut [u8]) and the memory itself (&Mem). */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "expect.h"

char _license[] SEC("license") = "GPL";

#define SNAPSHOT_MAX 8192
#define E2BIG 7

char buffer[2 * SNAPSHOT_MAX];
const char constant[8] = "constant";

static void fill(u32 len)
{
	u32 i;

	bpf_for(i, 0, len) {
		barrier_var(i);
		if (i < sizeof(buffer))
			buffer[i] = i % 255 + 1;
	}
}

static u64 sum(u32 from, u32 to)
{
	u64 sum = 0;
	u32 i;

	bpf_for(i, from, to)
		sum += i % 255 + 1;
	return sum;
}

SEC("syscall")
__success __retval(0)
int copy_of_each_length(void *ctx)
{
	fill(sizeof(buffer));
	EXPECT(bpf_kfunc_test_sum(buffer, 0) == 0);
	EXPECT(bpf_kfunc_test_sum(buffer, 1) == 1);
	/* A copy of up to 256 bytes is on the stack. */
	EXPECT(bpf_kfunc_test_sum(buffer, 255) == sum(0, 255));
	EXPECT(bpf_kfunc_test_sum(buffer, 256) == sum(0, 256));
	EXPECT(bpf_kfunc_test_sum(buffer, 257) == sum(0, 257));
	EXPECT(bpf_kfunc_test_sum(buffer, 4096) == sum(0, 4096));
	EXPECT(bpf_kfunc_test_sum(buffer, SNAPSHOT_MAX) == sum(0, SNAPSHOT_MAX));
	EXPECT(bpf_kfunc_test_sum(buffer, SNAPSHOT_MAX + 1) == -E2BIG);
	/* The calls have not changed the memory. */
	EXPECT(bpf_kfunc_test_mem_sum(buffer, 4096) == sum(0, 4096));
	return 0;
}

SEC("syscall")
__success __retval(0)
int write_back_of_each_length(void *ctx)
{
	fill(sizeof(buffer));
	EXPECT(bpf_kfunc_test_reverse(buffer, 0) == 0);
	EXPECT(bpf_kfunc_test_reverse(buffer, 1) == 0);
	EXPECT(buffer[0] == 1 && buffer[1] == 2);
	EXPECT(bpf_kfunc_test_reverse(buffer, 3) == 0);
	EXPECT(buffer[0] == 3 && buffer[1] == 2 && buffer[2] == 1 && buffer[3] == 4);

	fill(sizeof(buffer));
	EXPECT(bpf_kfunc_test_reverse(buffer, 4096) == 0);
	EXPECT((u8)buffer[0] == 4095 % 255 + 1 && buffer[4095] == 1);
	EXPECT((u8)buffer[4096] == 4096 % 255 + 1);
	EXPECT(bpf_kfunc_test_reverse(buffer, SNAPSHOT_MAX + 1) == -E2BIG);
	EXPECT(buffer[4095] == 1);
	return 0;
}

SEC("syscall")
__success __retval(0)
int access_of_each_length(void *ctx)
{
	fill(sizeof(buffer));
	EXPECT(bpf_kfunc_test_mem_sum(buffer, 0) == 0);
	EXPECT(bpf_kfunc_test_mem_sum(buffer, 1) == 1);
	EXPECT(bpf_kfunc_test_mem_sum(buffer, sizeof(buffer)) == sum(0, sizeof(buffer)));

	EXPECT(bpf_kfunc_test_mem_count(buffer, 0) == 0 && buffer[0] == 1);
	EXPECT(bpf_kfunc_test_mem_count(buffer, 4096) == 0);
	EXPECT(buffer[0] == 0 && buffer[1] == 1 && (u8)buffer[4095] == 0xff);
	EXPECT((u8)buffer[4096] == 4096 % 255 + 1);
	return 0;
}

SEC("syscall")
__success __retval(0)
int access_beyond_end(void *ctx)
{
	EXPECT(bpf_kfunc_test_mem_beyond(buffer, 0) == 0);
	EXPECT(bpf_kfunc_test_mem_beyond(buffer, 1) == 0);
	EXPECT(bpf_kfunc_test_mem_beyond(buffer, 4) == 0);
	EXPECT(bpf_kfunc_test_mem_beyond(buffer, 5) == 0);
	EXPECT(bpf_kfunc_test_mem_beyond(buffer, 4096) == 0);
	return 0;
}

/* Two arguments share memory: a write to one does not change a copy of the other. */
SEC("syscall")
__success __retval(0)
int overlapping_arguments(void *ctx)
{
	fill(512);
	EXPECT(bpf_kfunc_test_clear(buffer, 100, buffer, 100) == sum(0, 100));
	EXPECT(bpf_kfunc_test_mem_sum(buffer, 100) == 0);
	fill(512);
	EXPECT(bpf_kfunc_test_clear(buffer, 300, buffer + 100, 300) == sum(0, 300));
	EXPECT(bpf_kfunc_test_mem_sum(buffer, 400) == sum(0, 100));
	fill(512);
	EXPECT(bpf_kfunc_test_mem_clear(buffer, 100, buffer, 100) == 0);
	return 0;
}

SEC("syscall")
__success __retval(6)
int stack_memory(void *ctx)
{
	char data[3] = { 1, 2, 3 };

	return bpf_kfunc_test_sum(data, sizeof(data));
}

SEC("syscall")
__failure __msg("R1 and R2 memory, len pair leads to invalid memory access")
int stack_too_short(void *ctx)
{
	char data[8] = {};

	return bpf_kfunc_test_sum(data, sizeof(data) + 1);
}

SEC("syscall")
__failure __msg("invalid access to map value, value_size=16384 off=0 size=16385")
__msg("R1 and R2 memory, len pair leads to invalid memory access")
int map_too_short(void *ctx)
{
	return bpf_kfunc_test_mem_sum(buffer, sizeof(buffer) + 1);
}

SEC("syscall")
__failure __msg("R2 min value is negative, either use unsigned or 'var &= const'")
__naked int length_negative(void)
{
	asm volatile ("					\
	r1 = %[buffer] ll;				\
	r2 = -1;					\
	call %[bpf_kfunc_test_sum];			\
	exit;						\
"	:
	: __imm(bpf_kfunc_test_sum), __imm_addr(buffer)
	: __clobber_all);
}

SEC("syscall")
__failure __msg("R2 unbounded memory access, use 'var &= const' or 'if (var < const)'")
int length_unbounded(void *ctx)
{
	return bpf_kfunc_test_sum(buffer, bpf_get_prandom_u32());
}

SEC("syscall")
__failure __msg("Possibly NULL pointer passed to trusted R1")
int null_memory(void *ctx)
{
	return bpf_kfunc_test_sum(NULL, 0);
}

SEC("syscall")
__failure __msg("R1 type=scalar expected=fp")
int scalar_for_memory(void *ctx)
{
	return bpf_kfunc_test_sum((void *)bpf_get_current_task(), 8);
}

/* The verifier requires writable memory, even for a kfunc that only reads. */
SEC("syscall")
__failure __msg("write into map forbidden")
int readonly_memory(void *ctx)
{
	return bpf_kfunc_test_sum((void *)constant, sizeof(constant));
}
