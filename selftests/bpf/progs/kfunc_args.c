// SPDX-License-Identifier: GPL-2.0
/* Scalars at the ends of their ranges reach the kfunc and return unchanged. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "expect.h"

char _license[] SEC("license") = "GPL";

SEC("syscall")
__success __retval(0)
int unsigned_arguments(void *ctx)
{
	EXPECT(bpf_kfunc_test_u8(0) == 0);
	EXPECT(bpf_kfunc_test_u8(0xff) == 0xff);
	EXPECT(bpf_kfunc_test_u16(0) == 0);
	EXPECT(bpf_kfunc_test_u16(0xffff) == 0xffff);
	EXPECT(bpf_kfunc_test_u32(0) == 0);
	EXPECT(bpf_kfunc_test_u32(0xffffffff) == 0xffffffff);
	EXPECT(bpf_kfunc_test_u64(0) == 0);
	EXPECT(bpf_kfunc_test_u64(0xffffffffffffffffULL) == 0xffffffffffffffffULL);
	return 0;
}

SEC("syscall")
__success __retval(0)
int signed_arguments(void *ctx)
{
	EXPECT(bpf_kfunc_test_s8(-128) == -128);
	EXPECT(bpf_kfunc_test_s8(127) == 127);
	EXPECT(bpf_kfunc_test_s16(-32768) == -32768);
	EXPECT(bpf_kfunc_test_s16(32767) == 32767);
	EXPECT(bpf_kfunc_test_s32(-2147483648) == -2147483648);
	EXPECT(bpf_kfunc_test_s32(2147483647) == 2147483647);
	EXPECT(bpf_kfunc_test_s64((s64)1 << 63) == (s64)1 << 63);
	EXPECT(bpf_kfunc_test_s64(~((s64)1 << 63)) == ~((s64)1 << 63));
	return 0;
}

SEC("syscall")
__success __retval(0)
int bool_arguments(void *ctx)
{
	EXPECT(bpf_kfunc_test_bool(true));
	EXPECT(!bpf_kfunc_test_bool(false));
	EXPECT(bpf_kfunc_test_choose(true) == 20);
	EXPECT(bpf_kfunc_test_choose(false) == 10);
	return 0;
}

SEC("syscall")
__success __retval(1)
int five_arguments(void *ctx)
{
	return bpf_kfunc_test_five(0xff, -32768, 0xffffffff, (s64)1 << 63, true);
}

/* The kfunc does not write to the stack of the program. */
SEC("syscall")
__success __retval(0)
int stack_stays(void *ctx)
{
	u64 stack[8];
	int i;

	for (i = 0; i < 8; i++)
		stack[i] = i;
	asm volatile("" : : "r"(stack) : "memory");
	EXPECT(bpf_kfunc_test_tail_call(11, 12, 13, 14, 15) == 15);
	asm volatile("" : : "r"(stack) : "memory");
	for (i = 0; i < 8; i++)
		EXPECT(stack[i] == i);
	return 0;
}

SEC("syscall")
__success __retval(0)
int results(void *ctx)
{
	u32 calls = bpf_kfunc_test_calls();

	bpf_kfunc_test_void();
	EXPECT(bpf_kfunc_test_calls() == calls + 1);

	EXPECT(bpf_kfunc_test_result(false) == 0);
	EXPECT(bpf_kfunc_test_result(true) == -2 /* ENOENT */);
	EXPECT(bpf_kfunc_test_result_u32(false, 0) == 0);
	EXPECT(bpf_kfunc_test_result_u32(false, 0xffffffff) == 0xffffffffLL);
	EXPECT(bpf_kfunc_test_result_u32(true, 0) == -14 /* EFAULT */);
	return 0;
}

/*
 * The verifier does not check the upper bits of a register. A compiler that
 * assumes a zero-extended u8 would use the whole register as an index.
 */
SEC("syscall")
__success __retval(9)
__naked int upper_bits_of_u8(void)
{
	asm volatile ("					\
	r1 = 0x123456789abcde03 ll;			\
	call %[bpf_kfunc_test_square];			\
	exit;						\
"	:
	: __imm(bpf_kfunc_test_square)
	: __clobber_all);
}

SEC("syscall")
__success __retval(20)
__naked int upper_bits_of_bool(void)
{
	asm volatile ("					\
	r1 = 0x123456789abcdef2 ll;			\
	call %[bpf_kfunc_test_choose];			\
	exit;						\
"	:
	: __imm(bpf_kfunc_test_choose)
	: __clobber_all);
}

SEC("syscall")
__success __retval(10)
__naked int upper_bits_of_false(void)
{
	asm volatile ("					\
	r1 = 0x123456789abcde00 ll;			\
	call %[bpf_kfunc_test_choose];			\
	exit;						\
"	:
	: __imm(bpf_kfunc_test_choose)
	: __clobber_all);
}

/* Makes clang write BTF for the kfuncs that only assembly calls. */
SEC("syscall")
__success __retval(30)
int choose_and_square(void *ctx)
{
	return bpf_kfunc_test_choose(true) + bpf_kfunc_test_choose(false) +
	       bpf_kfunc_test_square(0);
}

SEC("syscall")
__failure __msg("R1 is not a scalar")
int pointer_for_scalar(void *ctx)
{
	return bpf_kfunc_test_u64((u64)ctx);
}

SEC("xdp")
__failure __msg("calling kernel function bpf_kfunc_test_u8 is not allowed")
int not_for_xdp(struct xdp_md *ctx)
{
	return bpf_kfunc_test_u8(1);
}

SEC("tc")
__failure __msg("calling kernel function bpf_kfunc_test_u8 is not allowed")
int not_for_tc(struct __sk_buff *ctx)
{
	return bpf_kfunc_test_u8(1);
}

/* Tracepoint programs can call the kfuncs of tracing programs. */
SEC("tp/syscalls/sys_enter_getpid")
__success
int for_tracepoint(void *ctx)
{
	bpf_kfunc_test_u8(1);
	return 0;
}
