// SPDX-License-Identifier: GPL-2.0
/*
 * What the throw crate needs of C: warnings, which are macros, and functions of the
 * kernel that are inline.
 */

#include <linux/bpf.h>
#include <linux/bug.h>
#include <linux/kasan.h>
#include <linux/kprobes.h>

#include "helpers.h"

/* The kfuncs do not return, so nothing may hook their return. */
void bpf_throw(u64 cookie);
NOKPROBE_SYMBOL(bpf_throw);
void bpf_throw_reason(u64 cookie, const char *reason, u64 a, u64 b, u64 c);
NOKPROBE_SYMBOL(bpf_throw_reason);

/*
 * Counts the exception, and warns once of each thing that the walk did not find. If aux is
 * null, it does not return.
 */
void rust_throw_helper_leaves(struct bpf_prog_aux *aux, u64 bp, u32 frames)
{
	WARN_ON_ONCE(!aux);
	if (aux)
		WARN_ON_ONCE(!aux->exception_boundary);
	WARN_ON_ONCE(!bp);
	WARN_ON_ONCE(!frames);
	/* The code behind the throw was removed, so the program cannot go on. */
	BUG_ON(!aux);
	bpf_prog_inc_exceptions_counter(aux->prog);
}

void rust_throw_helper_returned(void)
{
	WARN(1, "A call to BPF exception callback should never return\n");
}

/*
 * The frames that the exception skips do not undo their marks in KASAN's shadow. The
 * stack is used again.
 */
void rust_throw_helper_unpoison(u64 below)
{
	kasan_unpoison_task_stack_below((void *)(long)below);
}
