// SPDX-License-Identifier: GPL-2.0
/*
 * How deep calls of table members may be inside of each other. A program that
 * implements a member may call a kfunc which calls a member again, and nothing
 * in the kernel ends that before the stack does.
 */

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/task_stack.h>
#include <linux/thread_info.h>

#include "helpers.h"

/* A third of the stack of a thread is for the innermost program and what it calls. */
#define RESERVE (THREAD_SIZE / 3)

/*
 * So many calls are inside of each other on a CPU, at most: in threads, which do
 * not move to another CPU while they run a program, and in interrupts, whose
 * stacks have no name here.
 */
#define MAX_DEPTH 8

static DEFINE_PER_CPU(int, thread_depth);
static DEFINE_PER_CPU(int, interrupt_depth);

static unsigned long stack_left(void)
{
	return (unsigned long)__builtin_frame_address(0) - (unsigned long)task_stack_page(current);
}

/* Whether a thread, or an interrupt, that runs a program may call a member. */
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

/* The trampoline that calls a program says so in the thread, be it in an interrupt. */
bool rust_bpf_helper_in_program(void)
{
	return current->bpf_ctx;
}
