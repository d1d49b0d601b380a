// SPDX-License-Identifier: GPL-2.0
/*
 * For the KUnit tests of the instruction builder: the kernel's own macros, and
 * a program of instructions that no verifier looked at.
 */

#include <linux/bpf_verifier.h>
#include <linux/errno.h>
#include <linux/filter.h>
#include <linux/string.h>

#include "helpers.h"

/* rust/bpf/pro_epilogue/mod.rs has INSN_BUF_SIZE anew, because bindgen does not see it. */
static_assert(INSN_BUF_SIZE == 32);

/* The tests pass indices into these. */
static const u8 alu[] = {
	BPF_ADD, BPF_SUB, BPF_MUL, BPF_DIV, BPF_MOD, BPF_OR, BPF_AND, BPF_XOR,
	BPF_LSH, BPF_RSH, BPF_ARSH, BPF_NEG,
};

static const u8 size[] = { BPF_B, BPF_H, BPF_W, BPF_DW };

static const u8 cond[] = {
	BPF_JEQ, BPF_JNE, BPF_JGT, BPF_JGE, BPF_JLT, BPF_JLE,
	BPF_JSGT, BPF_JSGE, BPF_JSLT, BPF_JSLE, BPF_JSET,
};

static const s32 atomic[] = {
	BPF_ADD, BPF_AND, BPF_OR, BPF_XOR, BPF_ADD | BPF_FETCH, BPF_AND | BPF_FETCH,
	BPF_OR | BPF_FETCH, BPF_XOR | BPF_FETCH, BPF_XCHG, BPF_CMPXCHG,
	BPF_LOAD_ACQ, BPF_STORE_REL,
};

static const u8 reg[] = {
	BPF_REG_0, BPF_REG_1, BPF_REG_2, BPF_REG_3, BPF_REG_4, BPF_REG_5,
	BPF_REG_6, BPF_REG_7, BPF_REG_8, BPF_REG_9, BPF_REG_FP,
};

/* Each is in the tests by this name. */
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
ENCODE(mov32_imm, BPF_MOV32_IMM(reg[dst], imm))
ENCODE(movsx64, BPF_MOVSX64_REG(reg[dst], reg[src], off))
ENCODE(movsx32, BPF_MOVSX32_REG(reg[dst], reg[src], off))
ENCODE(ld_imm64, BPF_LD_IMM64(reg[dst], imm))
ENCODE(alu64_reg, BPF_ALU64_REG_OFF(alu[op], reg[dst], reg[src], off))
ENCODE(alu64_imm, BPF_ALU64_IMM_OFF(alu[op], reg[dst], imm, off))
ENCODE(alu32_reg, BPF_ALU32_REG_OFF(alu[op], reg[dst], reg[src], off))
ENCODE(alu32_imm, BPF_ALU32_IMM_OFF(alu[op], reg[dst], imm, off))
ENCODE(to_le, BPF_ENDIAN(BPF_TO_LE, reg[dst], imm))
ENCODE(to_be, BPF_ENDIAN(BPF_TO_BE, reg[dst], imm))
ENCODE(bswap, BPF_BSWAP(reg[dst], imm))
ENCODE(ldx, BPF_LDX_MEM(size[op], reg[dst], reg[src], off))
ENCODE(ldsx, BPF_LDX_MEMSX(size[op], reg[dst], reg[src], off))
ENCODE(stx, BPF_STX_MEM(size[op], reg[dst], reg[src], off))
ENCODE(st, BPF_ST_MEM(size[op], reg[dst], off, imm))
/* @imm is an index as well. */
ENCODE(atomic, BPF_ATOMIC_OP(size[op], atomic[imm], reg[dst], reg[src], off))
ENCODE(jump, BPF_JMP_A(off))
ENCODE(jump_reg, BPF_JMP_REG(cond[op], reg[dst], reg[src], off))
ENCODE(jump_imm, BPF_JMP_IMM(cond[op], reg[dst], imm, off))
ENCODE(jump32_reg, BPF_JMP32_REG(cond[op], reg[dst], reg[src], off))
ENCODE(jump32_imm, BPF_JMP32_IMM(cond[op], reg[dst], imm, off))
ENCODE(call, BPF_EMIT_CALL((unsigned long)imm))
ENCODE(call_helper, BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, imm))
ENCODE(call_kfunc, BPF_CALL_KFUNC(off, imm))
ENCODE(exit, BPF_EXIT_INSN())

unsigned long rust_bpf_kunit_call_base(void)
{
	return (unsigned long)__bpf_call_base;
}

/* Has the JIT compile @insns and runs them. The stack is as large as it can be. */
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
