// SPDX-License-Identifier: GPL-2.0
/*
 * Registers of devices of samples/slow_regs: read, written and updated by programs
 * that may sleep. The devices 0 and 1 are bound.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <errno.h>
#include "bpf_misc.h"
#include "expect.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

#define REGISTERS 16
#define DEVICES 8

static int use(struct bpf_slow_regs *regs)
{
	EXPECT(!bpf_slow_regs_write(regs, 1, 0x1234));
	EXPECT(bpf_slow_regs_read(regs, 1) == 0x1234);
	EXPECT(bpf_slow_regs_update(regs, 1, 0xff, 0xab56) == 0x1234);
	EXPECT(bpf_slow_regs_read(regs, 1) == 0x1256);
	/* No value is an error. */
	EXPECT(!bpf_slow_regs_write(regs, REGISTERS - 1, 0xffffffff));
	EXPECT(bpf_slow_regs_read(regs, REGISTERS - 1) == 0xffffffff);
	return 0;
}

SEC("syscall")
__success __retval(0)
int read_write_and_update(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);
	int line;

	EXPECT(regs);
	line = use(regs);
	bpf_slow_regs_release(regs);
	return line;
}

static int use_bad_index(struct bpf_slow_regs *regs)
{
	EXPECT(bpf_slow_regs_read(regs, REGISTERS) == -EINVAL);
	EXPECT(bpf_slow_regs_write(regs, REGISTERS, 1) == -EINVAL);
	EXPECT(bpf_slow_regs_update(regs, ~0U, 1, 1) == -EINVAL);
	return 0;
}

SEC("syscall")
__success __retval(0)
int index_is_checked(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);
	int line;

	EXPECT(regs);
	line = use_bad_index(regs);
	bpf_slow_regs_release(regs);
	return line;
}

SEC("syscall")
__success __retval(0)
int each_device_has_registers(void *ctx)
{
	struct bpf_slow_regs *first, *second;
	s64 value = -1;

	first = bpf_slow_regs_find(0);
	EXPECT(first);
	second = bpf_slow_regs_find(1);
	if (second) {
		bpf_slow_regs_write(first, 3, 30);
		bpf_slow_regs_write(second, 3, 31);
		value = bpf_slow_regs_read(first, 3);
		bpf_slow_regs_release(second);
	}
	bpf_slow_regs_release(first);
	EXPECT(value == 30);
	return 0;
}

SEC("syscall")
__success __retval(0)
int number_without_device(void *ctx)
{
	struct bpf_slow_regs *regs;
	int number;

	bpf_for(number, 2, DEVICES + 1) {
		regs = bpf_slow_regs_find(number);
		if (regs) {
			bpf_slow_regs_release(regs);
			return number;
		}
	}
	return 0;
}

SEC("fentry.s/bpf_fentry_test1")
__success
int read_in_tracing_program_that_may_sleep(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);

	if (!regs)
		return 0;
	bpf_slow_regs_read(regs, 1);
	bpf_slow_regs_release(regs);
	return 0;
}

/* Only the access sleeps. */
SEC("fentry/bpf_fentry_test1")
__success
int find_in_program_that_does_not_sleep(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);

	if (regs)
		bpf_slow_regs_release(regs);
	return 0;
}

SEC("fentry/bpf_fentry_test1")
__failure __msg("program must be sleepable to call sleepable kfunc bpf_slow_regs_read")
int read_in_program_that_does_not_sleep(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);

	if (!regs)
		return 0;
	bpf_slow_regs_read(regs, 1);
	bpf_slow_regs_release(regs);
	return 0;
}

SEC("syscall")
__failure __msg("kernel func bpf_slow_regs_write is sleepable within rcu_read_lock region")
int write_under_rcu(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);

	if (!regs)
		return 0;
	bpf_rcu_read_lock();
	bpf_slow_regs_write(regs, 1, 1);
	bpf_rcu_read_unlock();
	bpf_slow_regs_release(regs);
	return 0;
}

SEC("syscall")
__failure __msg("Possibly NULL pointer passed to trusted R1")
int null_not_checked(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);

	return bpf_slow_regs_read(regs, 1);
}

SEC("syscall")
__failure __msg("Unreleased reference")
int reference_not_released(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);

	return regs ? bpf_slow_regs_read(regs, 1) : 0;
}

/* The second text is that of 7.2. */
SEC("syscall")
__failure __msg("R1 {{(is scalar expected|pointer type)}} STRUCT bpf_slow_regs")
int read_after_release(void *ctx)
{
	struct bpf_slow_regs *regs = bpf_slow_regs_find(0);

	if (!regs)
		return 0;
	bpf_slow_regs_release(regs);
	return bpf_slow_regs_read(regs, 1);
}
