// SPDX-License-Identifier: GPL-2.0
/* For kernels before 7.3; see rust/bpf/compat.rs. */

#include <linux/array_size.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/cleanup.h>
#include <linux/mutex.h>

#include "helpers.h"

#ifndef BTF_FMODEL_ARENA_ARG

/* The kfuncs that take a callback which may sleep. */
static const char * const takers[] = {
	"bpf_wq_set_callback",
	"bpf_wq_set_callback_impl",
	"bpf_task_work_schedule_resume",
	"bpf_task_work_schedule_resume_impl",
	"bpf_task_work_schedule_signal",
	"bpf_task_work_schedule_signal_impl",
};

static s32 ids[ARRAY_SIZE(takers)];

/*
 * Finds the ids, once: a module cannot release the references to the BTF that it
 * gets with them.
 */
static void find_takers(void)
{
	static DEFINE_MUTEX(mutex);
	static bool found;
	struct btf *btf;
	u32 i;

	guard(mutex)(&mutex);
	for (i = 0; i < ARRAY_SIZE(takers) && !found; i++)
		ids[i] = bpf_find_btf_id(takers[i], BTF_KIND_FUNC, &btf);
	found = true;
}

static bool takes_callback(s32 id)
{
	u32 i;

	for (i = 0; i < ARRAY_SIZE(ids); i++)
		if (ids[i] == id)
			return true;
	return false;
}

/*
 * Returns whether a function of the program may run as a callback that may sleep. So
 * may the program that an extension extends. The verifier calls this function, through
 * the filter of a set of kfuncs, before it changes the instructions. May sleep.
 */
bool rust_bpf_helper_calls_back_asleep(const struct bpf_prog *prog)
{
	u32 i;

	if (prog->type == BPF_PROG_TYPE_EXT)
		return true;
	find_takers();
	for (i = 0; i < prog->len; i++) {
		const struct bpf_insn *insn = &prog->insnsi[i];

		/* An offset that is not 0 stands for the BTF of a module. */
		if (insn->code == (BPF_JMP | BPF_CALL) && !insn->off &&
		    insn->src_reg == BPF_PSEUDO_KFUNC_CALL && takes_callback(insn->imm))
			return true;
	}
	return false;
}

#else

bool rust_bpf_helper_calls_back_asleep(const struct bpf_prog *prog)
{
	return false;
}

#endif
