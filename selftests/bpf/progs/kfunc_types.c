// SPDX-License-Identifier: GPL-2.0
/* Arguments and results of the module's own types; flags; iterators by value. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"
#include "expect.h"
#include "bpf_experimental.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 3);
	__type(key, int);
	__type(value, struct kfunc_types_outer);
} array SEC(".maps");

const char text[] = "constant";
char text_in_bss[8];
int variable;

/* Loops add to memory and not to registers, so that the verifier's state converges. */
s64 sum;
int count;

SEC("syscall")
__success __retval(0)
int struct_in(void *ctx)
{
	struct kfunc_types_outer outer = {
		.a = 1000, .inner = { .bytes = { 1, 2, 3, 4 }, .number = -10 },
		.b = 5, .c = { 6, 7, 8 },
	};
	struct kfunc_types_outer *value;
	int key = 1;

	EXPECT(bpf_kfunc_types_in(&outer) == 1026);
	value = bpf_map_lookup_elem(&array, &key);
	EXPECT(value && bpf_kfunc_types_in(value) == 0);
	return 0;
}

SEC("syscall")
__success __retval(0)
int struct_out(void *ctx)
{
	struct kfunc_types_outer outer;

	EXPECT(bpf_kfunc_types_out(&outer, false) == 0);
	EXPECT(outer.a == 1 && outer.b == 7 && outer.inner.number == 6);
	EXPECT(outer.inner.bytes[0] == 2 && outer.inner.bytes[3] == 5);
	EXPECT(outer.c[0] == 8 && outer.c[2] == 10);
	outer.a = 77;
	EXPECT(bpf_kfunc_types_out(&outer, true) == -1 /* EPERM */);
	EXPECT(outer.a == 77);
	return 0;
}

SEC("syscall")
__failure __msg("invalid read from stack R1 off")
int struct_too_short(void *ctx)
{
	struct kfunc_types_inner inner = {};

	return bpf_kfunc_types_in((struct kfunc_types_outer *)&inner);
}

SEC("syscall")
__failure __msg("Possibly NULL pointer passed to trusted R1")
int struct_null(void *ctx)
{
	return bpf_kfunc_types_in(NULL);
}

SEC("syscall")
__success __retval(43)
int constant_argument(void *ctx)
{
	return bpf_kfunc_types_const(42);
}

SEC("syscall")
__failure __msg("R1 must be a known constant")
int not_constant(void *ctx)
{
	return bpf_kfunc_types_const(variable);
}

SEC("syscall")
__success __retval(9)
int ignored_argument(void *ctx)
{
	return bpf_kfunc_types_ignored((u64)ctx, 9);
}

SEC("syscall")
__success __retval(8)
int string_length(void *ctx)
{
	return bpf_kfunc_types_string(text);
}

SEC("syscall")
__failure __msg("R1 does not point to a readonly map")
int string_in_writable_map(void *ctx)
{
	return bpf_kfunc_types_string(text_in_bss);
}

SEC("syscall")
__success __retval(0)
int map_sizes(void *ctx)
{
	EXPECT(bpf_kfunc_types_map(&array) ==
	       (4ULL << 48 | sizeof(struct kfunc_types_outer) << 32 | 3));
	return 0;
}

SEC("syscall")
__failure __msg("kernel function bpf_kfunc_types_map R1 expected pointer to STRUCT bpf_map")
int not_a_map(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return bpf_kfunc_types_map(task);
}

SEC("syscall")
__success __retval(0)
int caller(void *ctx)
{
	char name[16] = {};

	EXPECT(bpf_kfunc_types_caller(name, sizeof(name)) > 0);
	EXPECT(name[0] == 'c' && name[1] == 'a' && name[5] == 'r' && name[6] == 0);
	return 0;
}

SEC("syscall")
__success __retval(0)
int enums(void *ctx)
{
	EXPECT(bpf_kfunc_types_color(2) == KFUNC_TYPES_COLOR_GREEN);
	EXPECT(bpf_kfunc_types_color(3) == KFUNC_TYPES_COLOR_RED);
	EXPECT(bpf_kfunc_types_color(0xfffffff0) == KFUNC_TYPES_COLOR_NEARLY_BLUE);
	EXPECT(bpf_kfunc_types_level(false) == KFUNC_TYPES_LEVEL_LOW);
	EXPECT(KFUNC_TYPES_LEVEL_LOW == -5);
	EXPECT((int)bpf_kfunc_types_level(true) == 5);
	return 0;
}

/* In assembly, because clang 22 cannot compile calls with more than five arguments. */
SEC("syscall")
__success __retval(12345678)
__naked int eight_arguments(void)
{
	asm volatile ("					\
	r1 = 1;						\
	r2 = 2;						\
	r3 = 3;						\
	r4 = 4;						\
	r5 = 5;						\
	*(u64 *)(r11 - 24) = 8;				\
	*(u64 *)(r11 - 16) = 7;				\
	*(u64 *)(r11 - 8) = 6;				\
	call %[bpf_kfunc_types_eight];			\
	exit;						\
"	:
	: __imm(bpf_kfunc_types_eight)
	: __clobber_all);
}

/* Also makes clang write BTF for the kfunc that otherwise only assembly calls. */
SEC("syscall")
__failure __msg("callee expects 8 args, stack arg1 is not initialized")
int too_few_arguments(void *ctx)
{
	u64 (*eight)(u8, u8, u8, u8, u8) = (void *)bpf_kfunc_types_eight;

	return eight(1, 2, 3, 4, 5);
}

SEC("syscall")
__success __retval(1)
int task_is_current(void *ctx)
{
	return bpf_kfunc_types_task_pid(bpf_get_current_task_btf()) ==
	       (int)bpf_get_current_pid_tgid();
}

SEC("syscall")
__failure __msg("R1 must be referenced or trusted")
int task_from_field(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return bpf_kfunc_types_task_pid(task->last_wakee);
}

SEC("syscall")
__success __retval(7)
int flags(void *ctx)
{
	return bpf_kfunc_types_sleepable() + bpf_kfunc_types_destructive() +
	       bpf_kfunc_types_plain();
}

SEC("syscall")
__failure __msg("kernel func bpf_kfunc_types_sleepable is sleepable within rcu_read_lock region")
int sleep_under_rcu(void *ctx)
{
	bpf_rcu_read_lock();
	bpf_kfunc_types_sleepable();
	bpf_rcu_read_unlock();
	return 0;
}

SEC("fentry/bpf_fentry_test1")
__failure __msg("program must be sleepable to call sleepable kfunc bpf_kfunc_types_sleepable")
int sleep_in_fentry(void *ctx)
{
	return bpf_kfunc_types_sleepable();
}

struct locked {
	struct bpf_spin_lock lock;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, int);
	__type(value, struct locked);
} locks SEC(".maps");

SEC("syscall")
__failure __msg("function calls are not allowed while holding a lock")
int not_under_spinlock(void *ctx)
{
	struct locked *locked;
	int key = 0;

	locked = bpf_map_lookup_elem(&locks, &key);
	if (!locked)
		return -1;
	bpf_spin_lock(&locked->lock);
	bpf_kfunc_types_plain();
	bpf_spin_unlock(&locked->lock);
	return 0;
}

SEC("syscall")
__success __retval(1)
int filter_allows_syscall(void *ctx)
{
	return bpf_kfunc_types_filtered();
}

SEC("tc")
__failure __msg("calling kernel function bpf_kfunc_types_filtered is not allowed")
int filter_rejects_tc(struct __sk_buff *skb)
{
	return bpf_kfunc_types_filtered();
}

SEC("syscall")
__success __retval(0)
int iterator_of_numbers(void *ctx)
{
	struct bpf_iter_kfunc_types_numbers it;
	s64 *number;
	int err;

	sum = 0;
	bpf_for_each(kfunc_types_numbers, number, -3, 5)
		sum += *number;
	EXPECT(sum == 9);

	/* The iterator ends at the largest number. */
	bpf_for_each(kfunc_types_numbers, number, ~(1ULL << 63), ~(1ULL << 63))
		sum++;
	EXPECT(sum == 9);

	err = bpf_iter_kfunc_types_numbers_new(&it, 1, 0);
	number = bpf_iter_kfunc_types_numbers_next(&it);
	bpf_iter_kfunc_types_numbers_destroy(&it);
	EXPECT(err == -34 /* ERANGE */ && !number);
	return 0;
}

SEC("syscall")
__success __retval(0)
int iterator_of_arrays(void *ctx)
{
	char some[] = "a few of them";
	u8 (*word)[8];

	sum = 0;
	count = 0;
	bpf_for_each(kfunc_types_words, word, some, sizeof(some) - 1) {
		count++;
		sum += (*word)[0];
	}
	EXPECT(count == 4);
	EXPECT(sum == 'a' + 'f' + 'o' + 't');
	return 0;
}

SEC("syscall")
__failure __msg("invalid mem access 'scalar'")
int item_after_destroy(void *ctx)
{
	struct bpf_iter_kfunc_types_numbers it;
	s64 *number;

	bpf_iter_kfunc_types_numbers_new(&it, 1, 2);
	number = bpf_iter_kfunc_types_numbers_next(&it);
	if (!number) {
		bpf_iter_kfunc_types_numbers_destroy(&it);
		return 0;
	}
	bpf_iter_kfunc_types_numbers_destroy(&it);
	return *number;
}

SEC("syscall")
__failure __msg("cannot write into rdonly_mem")
int write_to_item(void *ctx)
{
	s64 *number;

	bpf_for_each(kfunc_types_numbers, number, 1, 2)
		*number = 3;
	return 0;
}
