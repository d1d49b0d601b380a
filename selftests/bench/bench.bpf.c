// SPDX-License-Identifier: GPL-2.0
/*
 * Calls each path of the benchmark in a loop and measures the time of the loop.
 *
 * A path X has three programs: X_rust, X_c and X_none, which has the same loop
 * without the call. The loops are assembly, so that nothing else is different.
 */

#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bench.h"

#define EINVAL 22

char _license[] SEC("license") = "GPL";

const volatile bool real_time;

/* The time of the loop, in units of the clock. */
__u64 took;

char data[64] = "what the program lends to the function: 64 bytes";
const char text[] = "a name of usual length";

static __always_inline __u64 now(void)
{
	return real_time ? bpf_ktime_get_ns() : bpf_bench_clock();
}

/*
 * A program: statements that are not measured, and then assembly that is measured.
 * Interrupts are off, so that the timer interrupt does not count.
 */
#define PROGRAM(name, before, code, operands...)			\
SEC("syscall")								\
int name(void *ctx)							\
{									\
	unsigned long flags;						\
	__u64 begin;							\
									\
	bpf_rcu_read_lock();						\
	before;								\
	bpf_local_irq_save(&flags);					\
	begin = now();							\
	asm volatile (code						\
		      : : [calls]"i"(CALLS), ##operands			\
		      : "r0", "r1", "r2", "r3", "r4", "r5", "r6", "memory"); \
	took = now() - begin;						\
	bpf_local_irq_restore(&flags);					\
	bpf_rcu_read_unlock();						\
	return 0;							\
}

#define LOOP(arguments, call)						\
	"r6 = %[calls];"						\
	"again_%=:"							\
	arguments							\
	call								\
	"r6 += -1;"							\
	"if r6 != 0 goto again_%=;"

#define PATH(name, before, arguments, operands...)			\
PROGRAM(name##_none, before, LOOP(arguments, ""), ##operands)		\
PROGRAM(name##_rust, before, LOOP(arguments, "call %[kfunc];"),	\
	[kfunc]"i"(bpf_bench_rust_##name), ##operands)			\
PROGRAM(name##_c, before, LOOP(arguments, "call %[kfunc];"),		\
	[kfunc]"i"(bpf_bench_c_##name), ##operands)

#define FIVE "r1 = 1; r2 = 2; r3 = 3; r4 = 4; r5 = 5;"
/* clang 22 does not compile calls with more than five arguments. */
#define TEN								\
	"*(u64 *)(r11 - 40) = 10;"					\
	"*(u64 *)(r11 - 32) = 9;"					\
	"*(u64 *)(r11 - 24) = 8;"					\
	"*(u64 *)(r11 - 16) = 7;"					\
	"*(u64 *)(r11 - 8) = 6;"					\
	FIVE

#define CALL_TEN(who) ({						\
	__u64 sum;							\
	asm volatile (TEN "call %[kfunc]; %[sum] = r0;"			\
		      : [sum]"=r"(sum)					\
		      : [kfunc]"i"(bpf_bench_##who##_args10)		\
		      : "r0", "r1", "r2", "r3", "r4", "r5", "memory");	\
	sum;								\
})

PATH(args0, , "")
PATH(args2, , "r1 = 1; r2 = 2;")
PATH(traced, , "r1 = 1; r2 = 2;")
PATH(function, , "r1 = 1; r2 = 2;")
PATH(args5, , FIVE)
/* A program that writes stack arguments needs a call that takes them, args10_none too. */
PATH(args10, CALL_TEN(c), TEN)
PATH(slice, , "r1 = %[data]; r2 = 64;", [data]"r"(data))
PATH(mem, , "r1 = %[data]; r2 = 64;", [data]"r"(data))
PATH(string, , "r1 = %[text];", [text]"r"(text))
PATH(result, , "r1 = 42;")

#define DYNPTR struct bpf_dynptr dynptr; bpf_dynptr_from_mem(data, sizeof(data), 0, &dynptr)
PATH(dynptr, DYNPTR, "r1 = %[dynptr]; r2 = 0;", [dynptr]"r"(&dynptr))

/* The program tests for NULL between the two calls. */
#define ACQUIRE(who, name, calls)					\
PROGRAM(name,								\
	struct bpf_bench_##who##_object *object = bpf_bench_##who##_find(); \
	if (!object) {							\
		bpf_rcu_read_unlock();					\
		return -1;						\
	},								\
	LOOP("r1 = %[object];", calls) "out_%=:",			\
	[object]"r"(object),						\
	[acquire]"i"(bpf_bench_##who##_acquire),			\
	[release]"i"(bpf_bench_##who##_release))

#define ACQUIRE_RELEASE							\
	"call %[acquire];"						\
	"if r0 == 0 goto out_%=;"					\
	"r1 = r0;"							\
	"call %[release];"

ACQUIRE(rust, acquire_none, "")
ACQUIRE(rust, acquire_rust, ACQUIRE_RELEASE)
ACQUIRE(c, acquire_c, ACQUIRE_RELEASE)

/* A whole iteration: new, a loop over all elements, the last next, and destroy. */
#define WALK								\
	"r1 = %[it];"							\
	"r2 = 0;"							\
	"r3 = %[calls];"						\
	"call %[new];"							\
	LOOP("r1 = %[it];", "call %[next]; if r0 == 0 goto out_%=;")	\
	"r1 = %[it];"							\
	"call %[next];"							\
	"out_%=:"							\
	"r1 = %[it];"							\
	"call %[destroy];"

#define ITERATOR(who, name, code)					\
PROGRAM(name, struct bpf_iter_bench_##who it, code,			\
	[it]"r"(&it),							\
	[new]"i"(bpf_iter_bench_##who##_new),				\
	[next]"i"(bpf_iter_bench_##who##_next),				\
	[destroy]"i"(bpf_iter_bench_##who##_destroy))

ITERATOR(rust, iterator_none, LOOP("r1 = %[it];", ""))
ITERATOR(rust, iterator_rust, WALK)
ITERATOR(c, iterator_c, WALK)

/*
 * The tables, and the programs behind their members, which return their
 * argument. The paths call kfuncs that call the members.
 */
#define MEMBER(who, member)						\
SEC("struct_ops/" #member)						\
u64 BPF_PROG(ops_##member##_##who, u64 value)				\
{									\
	return value;							\
}

#define TABLE(who)							\
MEMBER(who, bare)							\
MEMBER(who, prologue)							\
MEMBER(who, epilogue)							\
MEMBER(who, both)							\
MEMBER(who, indirect)							\
MEMBER(who, native)							\
MEMBER(who, kfunc)							\
SEC(".struct_ops.link")							\
struct bpf_bench_##who##_ops ops_##who = {				\
	.bare = (void *)ops_bare_##who,					\
	.prologue = (void *)ops_prologue_##who,				\
	.epilogue = (void *)ops_epilogue_##who,				\
	.both = (void *)ops_both_##who,					\
	.indirect = (void *)ops_indirect_##who,				\
	.native = (void *)ops_native_##who,				\
	.kfunc = (void *)ops_kfunc_##who,				\
}

TABLE(rust);
TABLE(c);

PATH(member, , "r1 = 42;")
PATH(prologue, , "r1 = 42;")
PATH(epilogue, , "r1 = 42;")
PATH(both, , "r1 = 42;")
PATH(outside, , "r1 = 42;")
PATH(indirect, , "r1 = 42;")
PATH(native, , "r1 = 42;")
PATH(kfunc, , "r1 = 42;")

/* Has ten instructions more than args0_none in each round, to check the clock. */
#define MOVE "r1 = r6;"
PROGRAM(clock_ten, , LOOP("", MOVE MOVE MOVE MOVE MOVE MOVE MOVE MOVE MOVE MOVE))

/* Returns from the program with the line number if Rust and C give other results. */
#define SAME(rust, c) do { if ((rust) != (c)) return __LINE__; } while (0)

#define SUM_OF_ITERATOR(who) ({						\
	__u64 *number, sum = 0;						\
	bpf_for_each(bench_##who, number, 0, CALLS)			\
		sum += *number;						\
	sum;								\
})

#define CAN_ACQUIRE(who) ({						\
	struct bpf_bench_##who##_object *object;			\
									\
	bpf_rcu_read_lock();						\
	object = bpf_bench_##who##_find();				\
	if (object)							\
		object = bpf_bench_##who##_acquire(object);		\
	bpf_rcu_read_unlock();						\
	if (object)							\
		bpf_bench_##who##_release(object);			\
	!!object;							\
})

/* Compares the results for a value within the bound and for a value above it. */
#define SAME_MEMBER(path, inside, above) do {				\
	SAME(bpf_bench_rust_##path(42), inside);			\
	SAME(bpf_bench_c_##path(42), inside);				\
	SAME(bpf_bench_rust_##path(1042), above);			\
	SAME(bpf_bench_c_##path(1042), above);				\
} while (0)

SEC("syscall")
int same(void *ctx)
{
	u64 cpus = bpf_bench_c_kfunc(42);
	struct bpf_dynptr dynptr;

	SAME(bpf_bench_rust_args0(), bpf_bench_c_args0());
	SAME(bpf_bench_rust_args2(1, 2), bpf_bench_c_args2(1, 2));
	SAME(bpf_bench_rust_traced(1, 2), bpf_bench_c_traced(1, 2));
	SAME(bpf_bench_rust_function(1, 2), bpf_bench_c_function(1, 2));
	SAME(bpf_bench_rust_args5(1, 2, 3, 4, 5), bpf_bench_c_args5(1, 2, 3, 4, 5));
	SAME(CALL_TEN(rust), CALL_TEN(c));
	SAME(bpf_bench_rust_slice(data, 64), bpf_bench_c_slice(data, 64));
	SAME(bpf_bench_rust_mem(data, 64), bpf_bench_c_mem(data, 64));
	SAME(bpf_bench_rust_string(text), bpf_bench_c_string(text));
	SAME(bpf_bench_rust_result(42), bpf_bench_c_result(42));
	SAME(bpf_bench_rust_result(43), bpf_bench_c_result(43));
	SAME(CAN_ACQUIRE(rust), true);
	SAME(CAN_ACQUIRE(c), true);
	SAME(SUM_OF_ITERATOR(rust), SUM_OF_ITERATOR(c));
	bpf_dynptr_from_mem(data, sizeof(data), 0, &dynptr);
	SAME(bpf_bench_rust_dynptr(&dynptr, 0), bpf_bench_c_dynptr(&dynptr, 0));
	SAME(bpf_bench_rust_dynptr(&dynptr, 1), bpf_bench_c_dynptr(&dynptr, 1));
	SAME_MEMBER(member, 42, 1042);
	SAME_MEMBER(prologue, 42, -EINVAL);
	SAME_MEMBER(epilogue, 42, 1000);
	SAME_MEMBER(both, 42, -EINVAL);
	SAME_MEMBER(outside, 42, 1000);
	SAME_MEMBER(indirect, 42, 1000);
	SAME_MEMBER(native, cpus, cpus);
	SAME_MEMBER(kfunc, cpus, cpus);
	return 0;
}

/* Never loaded: makes clang write BTF for the kfuncs that only assembly calls. */
SEC("?syscall")
int only_btf(void *ctx)
{
	return (long)bpf_bench_rust_args10 + (long)bpf_bench_c_args10;
}
