// SPDX-License-Identifier: GPL-2.0
/*
 * For the KUnit tests of prologues and epilogues: the kernel's own macros for
 * instructions, and a function that runs instructions without the verifier.
 */

#include <linux/bpf_verifier.h>
#include <linux/errno.h>
#include <linux/filter.h>
#include <linux/string.h>

#include "helpers.h"

/* rust/bpf/pro_epilogue/mod.rs repeats INSN_BUF_SIZE, which bindgen does not see. */
static_assert(INSN_BUF_SIZE == 32);

/* The tests pass indices into these tables. */
static const u8 cond[] = {
	BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE,
	BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET,
};

static const u8 reg[] = {
	BPF_REG_0, BPF_REG_1, BPF_REG_2, BPF_REG_3, BPF_REG_4, BPF_REG_5,
	BPF_REG_6, BPF_REG_7, BPF_REG_8, BPF_REG_9, BPF_REG_FP,
};

/* The tests in rust/bpf/pro_epilogue/insn.rs use the same names. */
#define ENCODE(name, insn)							\
	rust_bpf_kunit_encode_t rust_bpf_kunit_##name;				\
	void rust_bpf_kunit_##name(struct bpf_insn *out, int op, int dst,	\
				   int src, s16 off, s64 imm)			\
	{									\
		const struct bpf_insn insns[] = { insn };			\
										\
		memcpy(out, insns, sizeof(insns));				\
	}

ENCODE(mov64_reg, BPF_MOV64_REG(reg[dst], reg[src]))
ENCODE(mov64_imm, BPF_MOV64_IMM(reg[dst], imm))
ENCODE(mov32_reg, BPF_MOV32_REG(reg[dst], reg[src]))
ENCODE(ld_imm64, BPF_LD_IMM64(reg[dst], imm))
ENCODE(ldx, BPF_LDX_MEM(BPF_DW, reg[dst], reg[src], off))
ENCODE(jump_imm, BPF_JMP_IMM(cond[op], reg[dst], imm, off))
ENCODE(call, BPF_EMIT_CALL((unsigned long)imm))
ENCODE(call_kfunc, BPF_CALL_KFUNC(off, imm))
ENCODE(exit, BPF_EXIT_INSN())

unsigned long rust_bpf_kunit_call_base(void)
{
	return (unsigned long)__bpf_call_base;
}

/* Compiles @insns with the JIT and runs them, with the largest possible stack. */
int rust_bpf_kunit_run(const struct bpf_insn *insns, u32 len, const void *ctx, u32 *result)
{
	struct bpf_prog *prog;
	int err = 0;

	prog = bpf_prog_alloc(bpf_prog_size(len), 0);
	if (!prog)
		return -ENOMEM;
	prog->len = len;
	prog->type = BPF_PROG_TYPE_SOCKET_FILTER;
	prog->aux->stack_depth = MAX_BPF_STACK;
	memcpy(prog->insnsi, insns, bpf_prog_insn_size(prog));
	prog = bpf_prog_select_runtime(prog, &err);
	if (!err) {
		preempt_disable();
		*result = prog->bpf_func(ctx, prog->insnsi);
		preempt_enable();
	}
	bpf_prog_free(prog);
	return err;
}
