// SPDX-License-Identifier: GPL-2.0
/*
 * Calls of kfuncs, with arguments at the edges of their ranges.
 *
 * A pointer to an object on the program's stack may be NULL. The program tests
 * the pointer before each use, and skips the call if it is NULL.
 */
#include "fuzz.h"

enum mem_kind {
	MEM_STACK,
	MEM_MAP,		/* an array of one large value */
	MEM_VALUE,		/* a value that may be deleted at any time */
	MEM_CONTEXT,
	MEM_PACKET,
	MEM_NULL,
};

struct arg {
	enum mem_kind mem;
	__u32 offset, size;
	__u32 mask;		/* limits a size unknown to the verifier, or 0 */
	int slot;		/* -1: NULL */
	__u64 value;
	bool unknown;		/* a scalar that the verifier does not know */
};

struct call {
	int kfunc;
	struct arg args[MOST_PARAMS];
	struct skips *skips;
	bool open;		/* the caller's following code is skipped, too */
	bool lent, ringbuf;
};

/* The number of packet bytes whose presence the program tests. */
#define PACKET_SIZE	14
#define CONTEXT_SIZE	64

bool in_rcu(struct gen *g)
{
	return g->rcu || g->preempt || !g->sleepable;
}

bool callable(struct gen *g, int kfunc)
{
	__u32 flags = kfuncs[kfunc].flags;

	if (!(kfuncs[kfunc].kinds & (1 << g->prog->kind)))
		return false;
	if (g->careless && one_in(&g->rng, 20))
		return true;
	if (flags & FLAG_SLEEPABLE && in_rcu(g))
		return false;
	return !(flags & FLAG_RCU_ONLY) || in_rcu(g);
}

__u64 edge(struct gen *g)
{
	static const __u64 edges[] = {
		0, 1, -1ULL, 1ULL << 31, (1ULL << 31) - 1, -1ULL << 31, 1ULL << 32,
		(1ULL << 32) - 1, 1ULL << 63, (1ULL << 63) - 1, 0xff, 0x100, 0x7fff, 0xffff8000,
	};

	switch (below(&g->rng, 4)) {
	case 0:
		return rng_next(&g->rng);
	case 1:
		return edges[below(&g->rng, sizeof(edges) / sizeof(*edges))];
	default:
		/* A small number is likely to be the key of an object. */
		return below(&g->rng, 5);
	}
}

/* Makes a slot that holds NULL; -1 if all are used. */
int new_slot(struct gen *g, int object)
{
	for (int i = 0; i < NR_SLOTS; i++) {
		struct slot *slot = &g->slots[i];

		if (slot->used)
			continue;
		*slot = (struct slot){ .used = true, .object = object, .block = g->block };
		put(g, BPF_ST_MEM(BPF_DW, BPF_REG_10, SLOT_AT(i), 0));
		return i;
	}
	return -1;
}

static bool fits(struct gen *g, int i, int object, bool released, bool takes_rcu)
{
	const struct slot *slot = &g->slots[i];

	if (!slot->used)
		return false;
	if (g->careless && one_in(&g->rng, 8))
		return true;
	if (slot->object != object || slot->untrusted)
		return false;
	if (released)
		return slot->held && slot->block == g->block;
	return slot->held || (takes_rcu && slot->rcu);
}

/* Picks a slot for an argument, perhaps a new one; -1 if there is none. */
static int pick_slot(struct gen *g, int object, bool released, bool takes_rcu)
{
	int start = below(&g->rng, NR_SLOTS), kfunc = below(&g->rng, nr_kfuncs);

	/* Sometimes pick another object, or the first of its type. */
	if (!one_in(&g->rng, 4))
		for (int i = 0; i < NR_SLOTS; i++)
			if (fits(g, (start + i) % NR_SLOTS, object, released, takes_rcu))
				return (start + i) % NR_SLOTS;
	for (int i = 0; i < nr_kfuncs; i++) {
		int k = (kfunc + i) % nr_kfuncs;

		if (kfuncs[k].result != RESULT_OBJECT || kfuncs[k].result_object != object ||
		    kfuncs[k].role || !kfuncs[k].known || !callable(g, k))
			continue;
		if (!(kfuncs[k].flags & FLAG_ACQUIRE) && !takes_rcu)
			continue;
		if (gen_call(g, k))
			break;
	}
	for (int i = 0; i < NR_SLOTS; i++)
		if (fits(g, (start + i) % NR_SLOTS, object, released, takes_rcu))
			return (start + i) % NR_SLOTS;
	return -1;
}

static void pick_mem(struct gen *g, struct arg *arg, const struct arg *before, __u32 fixed)
{
	__u32 most;

	/* Sometimes pass the same memory as before, or overlapping memory. */
	if (before && !fixed && one_in(&g->rng, 3)) {
		*arg = *before;
		if (arg->size > 1 && !arg->mask && one_in(&g->rng, 2)) {
			arg->offset += arg->size / 2;
			arg->size -= arg->size / 2;
		}
		return;
	}
	arg->mem = below(&g->rng, 3);
	if (one_in(&g->rng, 6) && g->has_context) {
		if (g->prog->kind == KIND_SYSCALL)
			arg->mem = MEM_CONTEXT;
		else if (g->prog->kind == KIND_XDP || g->prog->kind == KIND_TC)
			arg->mem = MEM_PACKET;
	}
	if (g->careless && one_in(&g->rng, 6))
		arg->mem = MEM_NULL;
	most = arg->mem == MEM_STACK ? BUFFER_SIZE :
	       arg->mem == MEM_MAP ? MEMORY_SIZE :
	       arg->mem == MEM_VALUE ? SCRATCH_SIZE :
	       arg->mem == MEM_CONTEXT ? CONTEXT_SIZE : PACKET_SIZE;
	if (fixed && fixed > most)
		arg->mem = MEM_MAP, most = MEMORY_SIZE;
	if (fixed) {
		arg->offset = below(&g->rng, most - fixed + 1) & ~7;
		return;
	}
	switch (below(&g->rng, 5)) {
	case 0:
		arg->size = 0;
		break;
	case 1:
		arg->size = most;
		break;
	case 2:
		arg->mask = 1;
		while (arg->mask * 2 <= most && !one_in(&g->rng, 5))
			arg->mask *= 2;
		arg->mask--;
		break;
	case 3:
		arg->size = below(&g->rng, 9);
		break;
	default:
		arg->size = below(&g->rng, most + 1);
	}
	if (arg->size || arg->mask)
		arg->offset = below(&g->rng, most - (arg->mask ?: arg->size) + 1);
	if (arg->mem == MEM_STACK && one_in(&g->rng, 2))
		arg->offset &= ~7;
	if (g->careless && one_in(&g->rng, 8))
		arg->size = edge(g);
}

static void add_skip(struct call *call, int jump)
{
	struct skips *skips = call->skips;

	if (skips->nr == sizeof(skips->jumps) / sizeof(*skips->jumps))
		die("a call with too many conditions");
	skips->jumps[skips->nr++] = jump;
}

/* Stores a pointer to memory at LENT_AT; the program skips the call if it is NULL. */
static void lend_value(struct gen *g, struct call *call)
{
	add_skip(call, put_lookup(g, maps.scratch, below(&g->rng, 4)));
	put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_0, LENT_AT));
}

static void lend_packet(struct gen *g, struct call *call)
{
	bool xdp = g->prog->kind == KIND_XDP;

	put(g, BPF_LDX_MEM(BPF_W, BPF_REG_1, BPF_REG_6,
			   xdp ? offsetof(struct xdp_md, data) : offsetof(struct __sk_buff, data)));
	put(g, BPF_LDX_MEM(BPF_W, BPF_REG_2, BPF_REG_6, xdp ? offsetof(struct xdp_md, data_end) :
			   offsetof(struct __sk_buff, data_end)));
	put(g, BPF_MOV64_REG(BPF_REG_3, BPF_REG_1));
	put(g, BPF_ALU64_IMM(BPF_ADD, BPF_REG_3, PACKET_SIZE));
	put(g, BPF_JMP_REG(BPF_JGT, BPF_REG_3, BPF_REG_2, 0));
	add_skip(call, here(g) - 1);
	put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_1, LENT_AT));
}

/* Makes a dynptr of a random kind. */
static void make_dynptr(struct gen *g, struct call *call)
{
	bool packet = g->prog->kind == KIND_XDP || g->prog->kind == KIND_TC;
	__u32 size = one_in(&g->rng, 3) ? MEMORY_SIZE : below(&g->rng, 600);

	if (packet && g->has_context && !one_in(&g->rng, 3)) {
		put(g, BPF_MOV64_REG(BPF_REG_1, BPF_REG_6));
		put(g, BPF_MOV64_IMM(BPF_REG_2, 0));
		put_stack_address(g, BPF_REG_3, DYNPTR_AT);
		put_kernel_kfunc(g, g->prog->kind == KIND_XDP ? "bpf_dynptr_from_xdp" :
				 "bpf_dynptr_from_skb");
	} else if (!call->open && one_in(&g->rng, 3)) {
		put_map(g, BPF_REG_1, maps.ringbuf);
		put(g, BPF_MOV64_IMM(BPF_REG_2, below(&g->rng, 600)));
		put(g, BPF_MOV64_IMM(BPF_REG_3, 0));
		put_stack_address(g, BPF_REG_4, DYNPTR_AT);
		put(g, BPF_EMIT_CALL(BPF_FUNC_ringbuf_reserve_dynptr));
		call->ringbuf = true;
	} else {
		put_map_value(g, BPF_REG_1, maps.memory, 0);
		put(g, BPF_MOV64_IMM(BPF_REG_2, size));
		put(g, BPF_MOV64_IMM(BPF_REG_3, 0));
		put_stack_address(g, BPF_REG_4, DYNPTR_AT);
		put(g, BPF_EMIT_CALL(BPF_FUNC_dynptr_from_mem));
	}
	if (one_in(&g->rng, 3)) {
		put_stack_address(g, BPF_REG_1, DYNPTR_AT);
		put_imm64(g, BPF_REG_2, one_in(&g->rng, 2) ? below(&g->rng, 64) : edge(g));
		put_imm64(g, BPF_REG_3, one_in(&g->rng, 2) ? below(&g->rng, 600) : edge(g));
		put_kernel_kfunc(g, "bpf_dynptr_adjust");
	}
}

static bool pick_arg(struct gen *g, struct call *call, int i)
{
	const struct kfunc *kfunc = &kfuncs[call->kfunc];
	const struct param *param = &kfunc->params[i];
	struct arg *arg = &call->args[i], *before = NULL;
	bool released = !i && kfunc->flags & FLAG_RELEASE;

	switch (param->kind) {
	case PARAM_MEM:
	case PARAM_STRUCT:
		for (int j = 0; j < i; j++)
			if (kfunc->params[j].kind == PARAM_MEM)
				before = &call->args[j];
		pick_mem(g, arg, before, param->kind == PARAM_MEM ? 0 : param->size);
		break;
	case PARAM_MEM_SIZE:
		arg->size = call->args[i - 1].size;
		arg->mask = call->args[i - 1].mask;
		break;
	case PARAM_OBJECT:
		if (param->nullable && !g->probe && one_in(&g->rng, 3)) {
			arg->slot = -1;
			break;
		}
		arg->slot = pick_slot(g, param->object, released, kfunc->flags & FLAG_TAKES_RCU);
		/* With NULL, a probe could not show whether the kfunc releases it. */
		if (arg->slot < 0 && (!param->nullable || (g->probe && released)))
			return false;
		break;
	case PARAM_STRING:
		arg->offset = STRING_AT(below(&g->rng, NR_STRINGS));
		break;
	case PARAM_MAP:
		arg->value = below(&g->rng, 4);
		break;
	case PARAM_CONST:
		arg->value = one_in(&g->rng, 2) ? below(&g->rng, 33) : edge(g);
		break;
	case PARAM_ARENA:
		arg->value = one_in(&g->rng, 2) ? below(&g->rng, 0x20000) : edge(g);
		break;
	default:
		arg->value = edge(g);
		arg->unknown = one_in(&g->rng, 4);
	}
	return true;
}

/* Instructions for an argument that come before the registers are set. */
static void prepare_arg(struct gen *g, struct call *call, int i)
{
	const struct param *param = &kfuncs[call->kfunc].params[i];
	const struct arg *arg = &call->args[i];

	switch (param->kind) {
	case PARAM_MEM:
	case PARAM_STRUCT:
		if (arg->mem == MEM_VALUE && !call->lent)
			lend_value(g, call);
		else if (arg->mem == MEM_PACKET && !call->lent)
			lend_packet(g, call);
		call->lent |= arg->mem == MEM_VALUE || arg->mem == MEM_PACKET;
		break;
	case PARAM_OBJECT:
		if (arg->slot < 0 || (g->careless && one_in(&g->rng, 6)))
			break;
		put(g, BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_10, SLOT_AT(arg->slot)));
		add_skip(call, put_jump(g, BPF_JEQ, BPF_REG_1, 0));
		break;
	case PARAM_ARENA:
		/* The program needs a reference to the arena. */
		put_map(g, BPF_REG_1, maps.arena);
		break;
	default:
		break;
	}
}

static void put_mem(struct gen *g, int reg, const struct arg *arg)
{
	switch (arg->mem) {
	case MEM_STACK:
		put_stack_address(g, reg, BUFFER_AT + arg->offset);
		break;
	case MEM_MAP:
		put_map_value(g, reg, maps.memory, arg->offset);
		break;
	case MEM_CONTEXT:
		put(g, BPF_MOV64_REG(reg, BPF_REG_6));
		/* The verifier accepts no other pointer into a context. */
		break;
	case MEM_NULL:
		put(g, BPF_MOV64_IMM(reg, 0));
		break;
	default:
		put(g, BPF_LDX_MEM(BPF_DW, reg, BPF_REG_10, LENT_AT));
		if (arg->offset)
			put(g, BPF_ALU64_IMM(BPF_ADD, reg, arg->offset));
	}
}

static void put_arg(struct gen *g, struct call *call, int i, int reg)
{
	const int all[] = { maps.memory, maps.scratch, maps.ringbuf, maps.strings };
	const struct param *param = &kfuncs[call->kfunc].params[i];
	const struct arg *arg = &call->args[i];

	switch (param->kind) {
	case PARAM_MEM:
	case PARAM_STRUCT:
		put_mem(g, reg, arg);
		break;
	case PARAM_MEM_SIZE:
		if (arg->mask) {
			put(g, BPF_LDX_MEM(BPF_DW, reg, BPF_REG_10, SCALAR_AT));
			put(g, BPF_ALU64_IMM(BPF_AND, reg, arg->mask));
		} else {
			put_imm64(g, reg, arg->size);
		}
		break;
	case PARAM_STRING:
		put_map_value(g, reg, maps.strings, arg->offset);
		break;
	case PARAM_OBJECT:
		if (arg->slot < 0)
			put(g, BPF_MOV64_IMM(reg, 0));
		else
			put(g, BPF_LDX_MEM(BPF_DW, reg, BPF_REG_10, SLOT_AT(arg->slot)));
		break;
	case PARAM_DYNPTR:
		put_stack_address(g, reg, DYNPTR_AT);
		break;
	case PARAM_ITER:
		put_stack_address(g, reg, g->new_iter);
		break;
	case PARAM_MAP:
		put_map(g, reg, all[arg->value]);
		break;
	default:
		if (arg->unknown)
			put(g, BPF_LDX_MEM(BPF_DW, reg, BPF_REG_10, SCALAR_AT));
		else
			put_imm64(g, reg, arg->value);
	}
}

/* Reads from memory that the kfunc lent to the program. */
static void read_lent(struct gen *g, const struct call *call)
{
	const struct kfunc *kfunc = &kfuncs[call->kfunc];
	__u64 size = kfunc->result_size;
	int null;

	for (int i = 0; i < kfunc->nr_params; i++)
		if (kfunc->params[i].kind == PARAM_CONST)
			size = call->args[i].value;
	if (!size || size > 4096)
		return;
	null = put_jump(g, BPF_JEQ, BPF_REG_0, 0);
	put(g, BPF_LDX_MEM(BPF_B, BPF_REG_1, BPF_REG_0, 0));
	put(g, BPF_LDX_MEM(BPF_B, BPF_REG_1, BPF_REG_0, size - 1));
	land(g, null);
}

/* Marks a call as made in the map. */
void put_mark(struct gen *g, int mark)
{
	put_map_value(g, BPF_REG_1, maps.marks, mark);
	put(g, BPF_ST_MEM(BPF_B, BPF_REG_1, 0, 1));
}

static bool put_call(struct gen *g, int k, struct skips *skips, bool open)
{
	const struct kfunc *kfunc = &kfuncs[k];
	struct call call = { .kfunc = k, .skips = skips, .open = open };
	int result = -1;

	if (g->calls_left <= 0)
		return false;
	g->calls_left--;
	for (int i = 0; i < kfunc->nr_params; i++)
		if (!pick_arg(g, &call, i))
			return false;
	if (kfunc->result == RESULT_OBJECT && !kfunc->role) {
		result = new_slot(g, kfunc->result_object);
		if (result < 0)
			return false;
	}
	for (int i = 0; i < kfunc->nr_params; i++)
		if (kfunc->params[i].kind == PARAM_DYNPTR)
			make_dynptr(g, &call);
	for (int i = 0; i < kfunc->nr_params; i++)
		prepare_arg(g, &call, i);
	/* The sixth and later arguments are on the stack. */
	for (int i = 5; i < kfunc->nr_params; i++) {
		put_arg(g, &call, i, BPF_REG_1);
		put(g, BPF_RAW_INSN(BPF_STX | BPF_MEM | BPF_DW, 11, BPF_REG_1, -8 * (i - 4), 0));
	}
	for (int i = 0; i < kfunc->nr_params && i < 5; i++)
		put_arg(g, &call, i, BPF_REG_1 + i);
	g->prog->calls[k] = true;
	put_kfunc(g, k);

	if (result >= 0) {
		struct slot *slot = &g->slots[result];

		put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_0, SLOT_AT(result)));
		slot->held = kfunc->flags & FLAG_ACQUIRE;
		slot->rcu = !slot->held && in_rcu(g);
		slot->untrusted = !slot->held && !slot->rcu;
	} else if (kfunc->result == RESULT_MEM && !kfunc->role) {
		read_lent(g, &call);
	} else if (kfunc->result == RESULT_SCALAR && one_in(&g->rng, 3)) {
		put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_0, SCALAR_AT));
	}
	if (kfunc->flags & FLAG_RELEASE && call.args[0].slot >= 0 &&
	    kfunc->params[0].kind == PARAM_OBJECT) {
		put(g, BPF_ST_MEM(BPF_DW, BPF_REG_10, SLOT_AT(call.args[0].slot), 0));
		/* A program that skipped the call still holds the reference. */
		if (skips->nr == 1)
			g->slots[call.args[0].slot].used = false;
	}
	put_mark(g, k);
	if (!open)
		land_all(g, skips);
	if (call.ringbuf) {
		put_stack_address(g, BPF_REG_1, DYNPTR_AT);
		put(g, BPF_MOV64_IMM(BPF_REG_2, 0));
		put(g, BPF_EMIT_CALL(BPF_FUNC_ringbuf_discard_dynptr));
	}
	return true;
}

/* Generates a call of a kfunc; false if an argument cannot be made. */
bool gen_call(struct gen *g, int k)
{
	struct skips skips = {};

	return put_call(g, k, &skips, false);
}

/* Generates a call; the caller lands the jumps that skip it (land_all()). */
bool gen_open_call(struct gen *g, int k, struct skips *skips)
{
	return put_call(g, k, skips, true);
}
