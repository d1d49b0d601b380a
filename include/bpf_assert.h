/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Assertions for BPF programs. Copy this file, and include it after vmlinux.h and
 * bpf_helpers.h:
 *
 *	bpf_assert_range(len, 1, 64);
 *
 * After an assertion, the verifier knows that it is true: here that len is from 1 to 64.
 * The assertion costs the comparison and nothing else, one or two instructions.
 *
 * If an assertion is false, it ends the program with an exception. The exception callback
 * of the program returns in place of it, or, without a callback, the program returns 0.
 * So a program whose verdict must not be 0 needs a callback:
 *
 *	int drop(__u64 cookie) { return TC_ACT_SHOT; }
 *	SEC("tc") __attribute__((btf_decl_tag("exception_callback:drop")))
 *
 * The user reads what was false, where, and with which values:
 *
 *	# bpftool prog tracelog stderr name check_packet
 *	ERROR: exception in check_packet (id 17): 1 <= len <= 64
 *	Values: 70 (0x46), 1 (0x1), 64 (0x40)
 *
 * A kernel without bpf_throw_reason() ends the program in the same way, without the text.
 * One without exceptions (before Linux 6.7) rejects the program.
 *
 * A program cannot assert in a callback, such as that of bpf_loop(), and not while it holds a
 * reference, a lock or a critical section: the verifier rejects it there. A kernel with this
 * project's patches accepts it in bpf_loop(), and releases references if the program asks for
 * that: see Documentation/exceptions.rst.
 */

#ifndef BPF_ASSERT_H
#define BPF_ASSERT_H

#if defined(__BPF_CPU_VERSION__) && __BPF_CPU_VERSION__ < 3
#error "bpf_assert.h compares 32 bits: compile with -mcpu=v3 or later"
#endif

extern void bpf_throw(__u64 cookie) __ksym __weak;
extern void bpf_throw_reason(__u64 cookie, const char *reason__str, __u64 a, __u64 b,
			     __u64 c) __ksym __weak;

/* Asserts any condition. The values in the report are 0. */
#define bpf_assert(cond)							\
	do {									\
		if (!(cond))							\
			__bpf_assert_fails(#cond, 0, 0, 0);			\
	} while (0)

/*
 * Assert that x is equal to y, not equal, less, less or equal, greater, greater or equal.
 * The operands are integers of at most 64 bits. They have the common type that C's operators
 * give them, so the comparison is unsigned if one of the two is unsigned.
 */
#define bpf_assert_eq(x, y) __bpf_assert_op(x, "==", "==", y, #x " == " #y)
#define bpf_assert_ne(x, y) __bpf_assert_op(x, "!=", "!=", y, #x " != " #y)
#define bpf_assert_lt(x, y) __bpf_assert_op(x, "<", "s<", y, #x " < " #y)
#define bpf_assert_le(x, y) __bpf_assert_op(x, "<=", "s<=", y, #x " <= " #y)
#define bpf_assert_gt(x, y) __bpf_assert_op(x, ">", "s>", y, #x " > " #y)
#define bpf_assert_ge(x, y) __bpf_assert_op(x, ">=", "s>=", y, #x " >= " #y)

/* Asserts that x is from lo to hi, both included. */
#define bpf_assert_range(x, lo, hi)						\
	do {									\
		__label__ __bpf_assert_holds, __bpf_assert_wrong;		\
		__typeof__(1 ? (x) : 1 ? (lo) : (hi)) __bpf_assert_x = (x),	\
			__bpf_assert_lo = (lo), __bpf_assert_hi = (hi);		\
										\
		__bpf_assert_goto(__bpf_assert_x, "<", "s<", __bpf_assert_lo,	\
				  __bpf_assert_wrong);				\
		__bpf_assert_goto(__bpf_assert_x, "<=", "s<=", __bpf_assert_hi,	\
				  __bpf_assert_holds);				\
__bpf_assert_wrong:								\
		__bpf_assert_fails(#lo " <= " #x " <= " #hi, __bpf_assert_x,	\
				   __bpf_assert_lo, __bpf_assert_hi);		\
__bpf_assert_holds:								\
		;								\
	} while (0)

/* What follows is not for users. Names that begin with __bpf_assert are reserved. */

#define __bpf_assert_op(x, op, signed_op, y, text)				\
	do {									\
		__label__ __bpf_assert_holds;					\
		__typeof__(1 ? (x) : (y)) __bpf_assert_x = (x), __bpf_assert_y = (y); \
										\
		__bpf_assert_goto(__bpf_assert_x, op, signed_op, __bpf_assert_y, \
				  __bpf_assert_holds);				\
		__bpf_assert_fails(text, __bpf_assert_x, __bpf_assert_y, 0);	\
__bpf_assert_holds:								\
		;								\
	} while (0)

/*
 * A jump in assembly, so that the compiler neither changes the comparison nor compares
 * another register than that which the program uses later. "w" is a register of 32 bits.
 */
#define __bpf_assert_goto(x, op, signed_op, y, label)				\
	do {									\
		_Static_assert(sizeof(x) <= 8, "integers of at most 64 bits");	\
		if ((__typeof__(x))-1 < (__typeof__(x))1)			\
			__bpf_assert_jump(x, signed_op, y, label);		\
		else								\
			__bpf_assert_jump(x, op, y, label);			\
	} while (0)

#define __bpf_assert_jump(x, op, y, label)					\
	do {									\
		if (sizeof(x) != 8)						\
			asm volatile goto("if %[l] " op " %[r] goto %l[" #label "]" \
					  :: [l] "w"((__s32)(x)), [r] "wi"((__s32)(y)) :: label); \
		else if (__builtin_constant_p(y) && (__s64)(y) == (__s32)(y))	\
			asm volatile goto("if %[l] " op " %[r] goto %l[" #label "]" \
					  :: [l] "r"((__s64)(x)), [r] "ri"((__s32)(y)) :: label); \
		else								\
			asm volatile goto("if %[l] " op " %[r] goto %l[" #label "]" \
					  :: [l] "r"((__s64)(x)), [r] "r"((__s64)(y)) :: label); \
	} while (0)

/*
 * The loop tells the compiler that the program ends here. Neither the verifier nor a
 * CPU gets there.
 */
#define __bpf_assert_fails(text, a, b, c)					\
	do {									\
		if (bpf_ksym_exists(bpf_throw_reason))				\
			bpf_throw_reason(0, text, a, b, c);			\
		else								\
			bpf_throw(0);						\
		for (;;)							\
			;							\
	} while (0)

#endif
