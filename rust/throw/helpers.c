// SPDX-License-Identifier: GPL-2.0
/*
 * What the throw crate needs of C: warnings, which are macros, and functions of the
 * kernel that are inline.
 */

#include <linux/bpf.h>
#include <linux/bug.h>
#include <linux/filter.h>
#include <linux/kasan.h>
#include <linux/kprobes.h>
#include <linux/rcupdate.h>

#include "helpers.h"

/* The kfuncs do not return, so nothing may hook their return. */
void bpf_throw(u64 cookie);
NOKPROBE_SYMBOL(bpf_throw);
void bpf_throw_reason(u64 cookie, const char *reason, u64 a, u64 b, u64 c);
NOKPROBE_SYMBOL(bpf_throw_reason);

/* Kfuncs get no guard from the kernel crate. */
notrace void rust_throw_helper_rcu_read_lock(void)
{
	rcu_read_lock();
}

notrace void rust_throw_helper_rcu_read_unlock(void)
{
	rcu_read_unlock();
}

bool rust_throw_helper_is_trampoline(u64 ip)
{
	return bpf_tramp_image_ksym_find(ip);
}

/*
 * Warns once of each thing that the walk did not find, and counts the exception. If aux is
 * null, the kernel ends the task here: the program cannot go on, because the code behind
 * the throw was removed.
 */
void rust_throw_helper_leaves(struct bpf_prog_aux *aux, struct bpf_prog_aux *main, u64 sp,
			      u64 bp)
{
	WARN_ON_ONCE(!aux);
	if (aux)
		WARN_ON_ONCE(!aux->exception_boundary);
	WARN_ON_ONCE(!bp);
	WARN_ON_ONCE(!main);
	bpf_prog_inc_exceptions_counter(aux->prog);
	/*
	 * The frames that the exception skips do not undo their marks in KASAN's shadow.
	 * Some architectures have no stack pointer here.
	 */
	kasan_unpoison_task_stack_below((void *)(long)(sp ?: bp));
}

void rust_throw_helper_returned(void)
{
	WARN(1, "A call to BPF exception callback should never return\n");
}
