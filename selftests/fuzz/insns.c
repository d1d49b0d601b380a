// SPDX-License-Identifier: GPL-2.0
/*
 * Random numbers and single instructions.
 */
#include <linux/btf.h>
#include "fuzz.h"

/* SplitMix64. */
__u64 rng_next(struct rng *rng)
{
	__u64 z = rng->state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

int here(struct gen *g)
{
	return g->prog->insns.len;
}

void put(struct gen *g, struct bpf_insn insn)
{
	struct insns *insns = &g->prog->insns;

	if (insns->len == MOST_INSNS) {
		insns->overflow = true;
		return;
	}
	insns->code[insns->len++] = insn;
}

static void put_wide(struct gen *g, int reg, int source, __s32 low, __s32 high)
{
	put(g, BPF_RAW_INSN(BPF_LD | BPF_DW | BPF_IMM, reg, source, 0, low));
	put(g, BPF_RAW_INSN(0, 0, 0, 0, high));
}

void put_imm64(struct gen *g, int reg, __u64 value)
{
	if (value == (__u64)(__s64)(__s32)value)
		put(g, BPF_MOV64_IMM(reg, value));
	else
		put_wide(g, reg, 0, value, value >> 32);
}

void put_map(struct gen *g, int reg, int fd)
{
	put_wide(g, reg, BPF_PSEUDO_MAP_FD, fd, 0);
}

void put_map_value(struct gen *g, int reg, int fd, __u32 offset)
{
	put_wide(g, reg, BPF_PSEUDO_MAP_VALUE, fd, offset);
}

/* The offset field of the call is the module's index, see fd_array in load(). */
void put_kfunc(struct gen *g, int kfunc)
{
	put(g, BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, kfuncs[kfunc].module,
			    kfuncs[kfunc].btf_id));
}

void put_kernel_kfunc(struct gen *g, const char *name)
{
	put(g, BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0,
			    kernel_btf_id(name, BTF_KIND_FUNC)));
}

void put_stack_address(struct gen *g, int reg, int offset)
{
	put(g, BPF_MOV64_REG(reg, BPF_REG_10));
	put(g, BPF_ALU64_IMM(BPF_ADD, reg, offset));
}

/* Looks up a map value for R0; returns the jump that is taken if there is none. */
int put_lookup(struct gen *g, int map, __u32 key)
{
	put(g, BPF_ST_MEM(BPF_W, BPF_REG_10, KEY_AT, key));
	put_map(g, BPF_REG_1, map);
	put_stack_address(g, BPF_REG_2, KEY_AT);
	put(g, BPF_EMIT_CALL(BPF_FUNC_map_lookup_elem));
	return put_jump(g, BPF_JEQ, BPF_REG_0, 0);
}

/* Generates a forward jump, which land() completes. */
int put_jump(struct gen *g, int op, int reg, __s32 imm)
{
	put(g, BPF_JMP_IMM(op, reg, imm, 0));
	return here(g) - 1;
}

void land(struct gen *g, int jump)
{
	if (jump < MOST_INSNS)
		g->prog->insns.code[jump].off = here(g) - jump - 1;
}

void land_all(struct gen *g, const struct skips *skips)
{
	for (int i = 0; i < skips->nr; i++)
		land(g, skips->jumps[i]);
}
