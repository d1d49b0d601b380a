// SPDX-License-Identifier: GPL-2.0
/*
 * A limit on nested calls of table members. A program that implements a member may
 * call a kfunc that calls a member again. The kernel itself has no limit for this
 * recursion, which would overflow the stack.
 */

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/thread_info.h>

#include "helpers.h"

/* The innermost program and the functions that it calls get a third of the thread's stack. */
#define RESERVE (THREAD_SIZE / 3)

/*
 * The maximum depth of nested calls on a CPU in threads; interrupts get half of
 * it. A thread does not move to another CPU while it runs a program. The limit is
 * the only check in interrupts, because this file does not know their stacks.
 */
#define MAX_DEPTH 8

static DEFINE_PER_CPU(int, thread_depth);
static DEFINE_PER_CPU(int, interrupt_depth);

static unsigned long stack_left(void)
{
	return (unsigned long)__builtin_frame_address(0) - (unsigned long)task_stack_page(current);
}

/*
 * Counts a call of a member by a thread or an interrupt that runs a program.
 * Returns false, and counts nothing, if the call would be nested too deeply.
 */
bool rust_bpf_helper_member_begins(void)
{
	unsigned long left = stack_left();

	if (left < THREAD_SIZE) {
		if (left < RESERVE)
			return false;
		if (this_cpu_inc_return(thread_depth) <= MAX_DEPTH)
			return true;
		this_cpu_dec(thread_depth);
		return false;
	}
	if (this_cpu_inc_return(interrupt_depth) <= MAX_DEPTH / 2)
		return true;
	this_cpu_dec(interrupt_depth);
	return false;
}

void rust_bpf_helper_member_ends(void)
{
	if (stack_left() < THREAD_SIZE)
		this_cpu_dec(thread_depth);
	else
		this_cpu_dec(interrupt_depth);
}

/* The trampoline that calls a program sets current->bpf_ctx, also in an interrupt. */
bool rust_bpf_helper_in_program(void)
{
	return current->bpf_ctx;
}
