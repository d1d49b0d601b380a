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

/* Stacks of interrupts have no name here; so many calls fit. */
#define MAX_DEPTH 4

static DEFINE_PER_CPU(int, depth);

/*
 * Whether a member may be called by a thread that runs a program: 0, 1, or 2 if
 * rust_bpf_helper_member_ends() must be called after it.
 */
u32 rust_bpf_helper_member_begins(void)
{
	unsigned long sp = (unsigned long)__builtin_frame_address(0);
	unsigned long used = sp - (unsigned long)task_stack_page(current);

	if (likely(used < THREAD_SIZE))
		return used >= RESERVE;
	/* An interrupt does not move to another CPU. */
	if (this_cpu_inc_return(depth) <= MAX_DEPTH)
		return 2;
	this_cpu_dec(depth);
	return 0;
}

/* The trampoline that calls a program says so in the thread, be it in an interrupt. */
bool rust_bpf_helper_in_program(void)
{
	return current->bpf_ctx;
}

void rust_bpf_helper_member_ends(void)
{
	this_cpu_dec(depth);
}
