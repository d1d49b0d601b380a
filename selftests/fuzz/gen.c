// SPDX-License-Identifier: GPL-2.0
/*
 * Programs of random actions.
 *
 * A program consists of blocks: a critical section, the body of a loop, a
 * callback. The end of a block releases the references that the block acquired,
 * so the verifier accepts most programs. A careless program breaks a rule here
 * and there. The verifier should reject such a program, but may be right to
 * accept it.
 */
#include <string.h>
#include "fuzz.h"

/* A program leaves its loops after this time, because an iterator may be endless. */
#define MOST_NS		10000000

#define BLOCK_DEPTH	4

static void gen_block(struct gen *g);

static int releaser(struct gen *g, int object)
{
	for (int k = 0; k < nr_kfuncs; k++)
		if (kfuncs[k].flags & FLAG_RELEASE && kfuncs[k].nr_params == 1 &&
		    kfuncs[k].result != RESULT_OBJECT &&
		    kfuncs[k].params[0].object == object && callable(g, k))
			return k;
	return -1;
}

/* Swaps the reference in a slot, or NULL, with the one in a map. */
static void gen_kptr_xchg(struct gen *g, int object, int slot)
{
	int none, released, k = releaser(g, object);

	none = put_lookup(g, objects[object].kptr_map, below(&g->rng, 4));
	put(g, BPF_MOV64_REG(BPF_REG_1, BPF_REG_0));
	if (slot >= 0)
		put(g, BPF_LDX_MEM(BPF_DW, BPF_REG_2, BPF_REG_10, SLOT_AT(slot)));
	else
		put(g, BPF_MOV64_IMM(BPF_REG_2, 0));
	put(g, BPF_EMIT_CALL(BPF_FUNC_kptr_xchg));
	if (slot >= 0)
		put(g, BPF_ST_MEM(BPF_DW, BPF_REG_10, SLOT_AT(slot), 0));
	if (k >= 0) {
		/* Release the returned reference at once. */
		released = put_jump(g, BPF_JEQ, BPF_REG_0, 0);
		put(g, BPF_MOV64_REG(BPF_REG_1, BPF_REG_0));
		put_kfunc(g, k);
		g->prog->calls[k] = true;
		put_mark(g, k);
		land(g, released);
	}
	land(g, none);
}

void gen_release(struct gen *g, int i)
{
	struct slot *slot = &g->slots[i];
	int null, k = releaser(g, slot->object);

	if (k >= 0) {
		put(g, BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_10, SLOT_AT(i)));
		null = put_jump(g, BPF_JEQ, BPF_REG_1, 0);
		put_kfunc(g, k);
		g->prog->calls[k] = true;
		put_mark(g, k);
		land(g, null);
	} else if (objects[slot->object].kptr_map >= 0) {
		gen_kptr_xchg(g, slot->object, i);
	}
	put(g, BPF_ST_MEM(BPF_DW, BPF_REG_10, SLOT_AT(i), 0));
	slot->used = false;
}

/* Releases the references of the block; a careless program forgets some. */
static void end_block(struct gen *g)
{
	for (int i = 0; i < NR_SLOTS; i++) {
		struct slot *slot = &g->slots[i];

		if (!slot->used || slot->block != g->block)
			continue;
		if (slot->held && !(g->careless && one_in(&g->rng, 10))) {
			gen_release(g, i);
			continue;
		}
		put(g, BPF_ST_MEM(BPF_DW, BPF_REG_10, SLOT_AT(i), 0));
		slot->used = false;
	}
	g->block--;
}

/* After an RCU critical section, its pointers are untrusted: a program can only read. */
static void left_rcu(struct gen *g)
{
	if (in_rcu(g))
		return;
	for (int i = 0; i < NR_SLOTS; i++)
		if (g->slots[i].rcu)
			g->slots[i].untrusted = true;
}

static void gen_section(struct gen *g, bool rcu)
{
	int *count = rcu ? &g->rcu : &g->preempt;

	put_kernel_kfunc(g, rcu ? "bpf_rcu_read_lock" : "bpf_preempt_disable");
	(*count)++;
	gen_block(g);
	if (!g->careless || !one_in(&g->rng, 10))
		put_kernel_kfunc(g, rcu ? "bpf_rcu_read_unlock" : "bpf_preempt_enable");
	(*count)--;
	left_rcu(g);
}

/* Limits the time. A counter of iterations would be a new state for the verifier each time. */
static int put_limit(struct gen *g)
{
	put(g, BPF_EMIT_CALL(BPF_FUNC_ktime_get_ns));
	put(g, BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_10, START_AT));
	put(g, BPF_ALU64_REG(BPF_SUB, BPF_REG_0, BPF_REG_1));
	return put_jump(g, BPF_JGT, BPF_REG_0, MOST_NS);
}

/* Uses the item of a loop, which is in R0. */
static void use_item(struct gen *g, const struct kfunc *next)
{
	int slot;

	if (next->result == RESULT_OBJECT) {
		slot = new_slot(g, next->result_object);
		if (slot < 0)
			return;
		put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_0, SLOT_AT(slot)));
		g->slots[slot].rcu = true;
		g->slots[slot].untrusted = !in_rcu(g);
	} else if (next->result == RESULT_MEM && next->result_size) {
		put(g, BPF_LDX_MEM(BPF_B, BPF_REG_1, BPF_REG_0,
				   below(&g->rng, next->result_size)));
		put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_1, SCALAR_AT));
	}
}

static bool gen_iter(struct gen *g, int new)
{
	int next = kfuncs[new].next, destroy = kfuncs[new].destroy;
	int size = (kfuncs[new].params[0].size + 7) & ~7, at, start, end, limit;
	struct skips skips = {};

	if (g->iters + size > ITERS_SIZE)
		return false;
	at = ITERS_AT - g->iters - size;
	g->new_iter = at;
	/* Objects for the arguments belong to this block: the loop must not release them. */
	if (!gen_open_call(g, new, &skips))
		return false;
	g->prog->calls[next] = true;
	g->prog->calls[destroy] = true;
	g->iters += size;

	start = here(g);
	put_stack_address(g, BPF_REG_1, at);
	put_kfunc(g, next);
	end = put_jump(g, BPF_JEQ, BPF_REG_0, 0);
	g->block++;
	use_item(g, &kfuncs[next]);
	limit = put_limit(g);
	g->block--;
	if (!one_in(&g->rng, 4))
		gen_block(g);
	for (int i = 0; i < NR_SLOTS; i++) {
		if (!g->slots[i].used || g->slots[i].block != g->block + 1)
			continue;
		put(g, BPF_ST_MEM(BPF_DW, BPF_REG_10, SLOT_AT(i), 0));
		g->slots[i].used = false;
	}
	put(g, BPF_JMP_A(start - here(g) - 1));
	land(g, end);
	land(g, limit);
	put_mark(g, next);
	put_stack_address(g, BPF_REG_1, at);
	if (!g->careless || !one_in(&g->rng, 10))
		put_kfunc(g, destroy);
	put_mark(g, destroy);
	land_all(g, &skips);
	g->iters -= size;
	return true;
}

/* Generates a load from an object. */
static void gen_read(struct gen *g)
{
	static const __u32 far[] = { 0, 8, 64, 256, 4096, 32760, 1 << 20, 0x1ffffff0 };
	static const int sizes[] = { BPF_B, BPF_H, BPF_W, BPF_DW };
	int i = below(&g->rng, NR_SLOTS), null, width = below(&g->rng, 4);
	const struct slot *slot = &g->slots[i];
	const struct object *object = &objects[slot->object];
	__u32 offset, size = 1 << width;
	bool beyond = false;

	if (!slot->used)
		return;
	if (one_in(&g->rng, 6)) {
		offset = object->size + far[below(&g->rng, sizeof(far) / sizeof(*far))];
		beyond = !slot->untrusted && object->module != KERNEL;
		g->prog->reads_beyond |= beyond;
	} else if (object->nr_fields) {
		int field = below(&g->rng, object->nr_fields);

		offset = object->fields[field].at;
		if (!g->careless || !one_in(&g->rng, 4))
			while (1 << width > object->fields[field].size)
				width--;
		size = 1 << width;
	} else {
		offset = below(&g->rng, object->size) & ~(size - 1);
	}
	put(g, BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_10, SLOT_AT(i)));
	null = put_jump(g, BPF_JEQ, BPF_REG_1, 0);
	if (offset > 0x7ff0) {
		put(g, BPF_ALU64_IMM(BPF_ADD, BPF_REG_1, offset & ~7));
		offset &= 7;
	}
	if (g->careless && one_in(&g->rng, 4))
		put(g, BPF_STX_MEM(sizes[width], BPF_REG_1, BPF_REG_6, offset));
	put(g, BPF_LDX_MEM(sizes[width], BPF_REG_1, BPF_REG_1, offset));
	put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_1, SCALAR_AT));
	/* Mark the load here: the verifier also accepts a load that never runs. */
	if (beyond)
		put_mark(g, BEYOND_MARK);
	land(g, null);
}

/* Reads through a reference in a map without taking it out. */
static void gen_peek(struct gen *g, int object)
{
	int slot = new_slot(g, object), none;

	if (slot < 0)
		return;
	none = put_lookup(g, objects[object].kptr_map, below(&g->rng, 4));
	put(g, BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_0, 0));
	put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_1, SLOT_AT(slot)));
	land(g, none);
	g->slots[slot].rcu = in_rcu(g);
	g->slots[slot].untrusted = true;
}

/* Makes, replaces or deletes a map value, which releases the references in it. */
static void gen_map_change(struct gen *g, int map)
{
	put(g, BPF_ST_MEM(BPF_W, BPF_REG_10, KEY_AT, below(&g->rng, 4)));
	put_map(g, BPF_REG_1, map);
	put_stack_address(g, BPF_REG_2, KEY_AT);
	if (one_in(&g->rng, 3)) {
		put(g, BPF_EMIT_CALL(BPF_FUNC_map_delete_elem));
		return;
	}
	put_stack_address(g, BPF_REG_3, BUFFER_AT);
	put(g, BPF_MOV64_IMM(BPF_REG_4, below(&g->rng, 3)));
	put(g, BPF_EMIT_CALL(BPF_FUNC_map_update_elem));
}

static void gen_kptr(struct gen *g)
{
	int object = below(&g->rng, nr_objects), slot = -1;

	if (objects[object].kptr_map < 0)
		return;
	switch (below(&g->rng, 4)) {
	case 0:
		gen_map_change(g, objects[object].kptr_map);
		return;
	case 1:
		gen_peek(g, object);
		return;
	default:
		for (int i = 0; i < NR_SLOTS; i++)
			if (g->slots[i].used && g->slots[i].held &&
			    g->slots[i].object == object && g->slots[i].block == g->block)
				slot = i;
		/* Skip it if no kfunc could release the reference that comes back. */
		if (releaser(g, object) < 0)
			return;
		gen_kptr_xchg(g, object, slot);
	}
}

/* Sets a timer or a work queue, which calls the program's callback. */
static void gen_callback(struct gen *g)
{
	bool timer = one_in(&g->rng, 2);
	int at = timer ? TIMER_AT : WQ_AT, none;

	if (g->callback >= 0 || !g->has_context || maps.timers < 0 ||
	    (g->prog->kind != KIND_SYSCALL && g->prog->kind != KIND_XDP &&
	     g->prog->kind != KIND_TC))
		return;
	none = put_lookup(g, maps.timers, below(&g->rng, 4));
	put(g, BPF_MOV64_REG(BPF_REG_7, BPF_REG_0));
	put(g, BPF_ALU64_IMM(BPF_ADD, BPF_REG_7, at));
	put(g, BPF_MOV64_REG(BPF_REG_1, BPF_REG_7));
	put_map(g, BPF_REG_2, maps.timers);
	put(g, BPF_MOV64_IMM(BPF_REG_3, timer ? 1 /* CLOCK_MONOTONIC */ : 0));
	if (timer)
		put(g, BPF_EMIT_CALL(BPF_FUNC_timer_init));
	else
		put_kernel_kfunc(g, "bpf_wq_init");
	put(g, BPF_MOV64_REG(BPF_REG_1, BPF_REG_7));
	g->callback = here(g);
	g->callback_sleeps = !timer;
	put(g, BPF_RAW_INSN(BPF_LD | BPF_DW | BPF_IMM, BPF_REG_2, BPF_PSEUDO_FUNC, 0, 0));
	put(g, BPF_RAW_INSN(0, 0, 0, 0, 0));
	put(g, BPF_MOV64_IMM(BPF_REG_3, 0));
	if (timer)
		put(g, BPF_EMIT_CALL(BPF_FUNC_timer_set_callback));
	else
		put_kernel_kfunc(g, "bpf_wq_set_callback");
	put(g, BPF_MOV64_REG(BPF_REG_1, BPF_REG_7));
	put(g, BPF_MOV64_IMM(BPF_REG_2, timer ? below(&g->rng, 100000) : 0));
	put(g, BPF_MOV64_IMM(BPF_REG_3, 0));
	if (timer)
		put(g, BPF_EMIT_CALL(BPF_FUNC_timer_start));
	else
		put_kernel_kfunc(g, "bpf_wq_start");
	land(g, none);
}

static void gen_random_call(struct gen *g)
{
	int start = below(&g->rng, nr_kfuncs);

	for (int i = 0; i < nr_kfuncs; i++) {
		int k = (start + i) % nr_kfuncs;

		if (!kfuncs[k].known || !callable(g, k))
			continue;
		if (kfuncs[k].role ? kfuncs[k].role == ITER_NEW && gen_iter(g, k) : gen_call(g, k))
			return;
	}
}

static void gen_action(struct gen *g)
{
	int slot = below(&g->rng, NR_SLOTS);

	switch (below(&g->rng, 12)) {
	case 0:
		if (g->block < BLOCK_DEPTH)
			gen_section(g, true);
		break;
	case 1:
		if (g->block < BLOCK_DEPTH && one_in(&g->rng, 2))
			gen_section(g, false);
		break;
	case 2:
	case 3:
		gen_read(g);
		break;
	case 4:
		gen_map_change(g, maps.scratch);
		break;
	case 5:
		gen_kptr(g);
		break;
	case 6:
		if (g->slots[slot].used && g->slots[slot].held && g->slots[slot].block == g->block)
			gen_release(g, slot);
		break;
	case 7:
		gen_callback(g);
		break;
	default:
		gen_random_call(g);
	}
}

static void gen_block(struct gen *g)
{
	int actions = 1 + below(&g->rng, 4);

	g->block++;
	if (g->block <= BLOCK_DEPTH)
		while (actions--)
			gen_action(g);
	end_block(g);
}

/* Makes objects for a kfunc that only a sleepable kfunc can make. */
static void gen_makers(struct gen *g, int k)
{
	for (int i = 0; i < kfuncs[k].nr_params; i++) {
		for (int m = 0; kfuncs[k].params[i].kind == PARAM_OBJECT && m < nr_kfuncs; m++) {
			if (kfuncs[m].known && kfuncs[m].flags & FLAG_SLEEPABLE &&
			    kfuncs[m].result == RESULT_OBJECT &&
			    kfuncs[m].result_object == kfuncs[k].params[i].object &&
			    callable(g, m)) {
				gen_call(g, m);
				break;
			}
		}
	}
}

/* Generates a call of this kfunc, in a context that allows the call. */
static void gen_wanted(struct gen *g, int k)
{
	bool section = kfuncs[k].flags & FLAG_RCU_ONLY && !in_rcu(g);

	g->block++;
	if (section) {
		gen_makers(g, k);
		put_kernel_kfunc(g, "bpf_rcu_read_lock");
		g->rcu++;
	}
	g->calls_left += 4;
	if (kfuncs[k].role == ITER_NEW)
		gen_iter(g, k);
	else if (!kfuncs[k].role)
		gen_call(g, k);
	if (one_in(&g->rng, 2))
		gen_action(g);
	end_block(g);
	if (section) {
		put_kernel_kfunc(g, "bpf_rcu_read_unlock");
		g->rcu--;
		left_rcu(g);
	}
}

static void begin(struct gen *g, enum way way)
{
	if (g->has_context)
		put(g, BPF_MOV64_REG(BPF_REG_6, BPF_REG_1));
	for (int i = 0; i < NR_SLOTS; i++)
		put(g, BPF_ST_MEM(BPF_DW, BPF_REG_10, SLOT_AT(i), 0));
	put(g, BPF_EMIT_CALL(BPF_FUNC_get_prandom_u32));
	put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_0, SCALAR_AT));
	put(g, BPF_ST_MEM(BPF_DW, BPF_REG_10, LENT_AT, 0));
	for (int i = 0; i < BUFFER_SIZE; i += 8)
		put(g, BPF_ST_MEM(BPF_DW, BPF_REG_10, BUFFER_AT + i, 0));
	put(g, BPF_EMIT_CALL(BPF_FUNC_ktime_get_ns));
	put(g, BPF_STX_MEM(BPF_DW, BPF_REG_10, BPF_REG_0, START_AT));
	put_mark(g, WAY_MARK(way));
}

static void end(struct gen *g)
{
	/* ops_test rejects a table whose member returns 0. */
	put(g, BPF_MOV64_IMM(BPF_REG_0, g->prog->kind == KIND_OPS));
	put(g, BPF_EXIT_INSN());
}

static void add_callback(struct gen *g)
{
	struct insns *insns = &g->prog->insns;
	struct gen callback = {
		.rng = g->rng,
		.prog = g->prog,
		.calls_left = 4,
		.sleepable = g->callback_sleeps,
		.careless = g->careless,
	};

	insns->code[g->callback].imm = here(g) - g->callback - 1;
	g->prog->callback = here(g);
	begin(&callback, g->callback_sleeps ? WAY_WORK_QUEUE : WAY_TIMER);
	gen_block(&callback);
	end(&callback);
}

static void start(struct gen *g, struct program *prog)
{
	memset(g, 0, sizeof(*g));
	g->prog = prog;
	g->has_context = true;
	g->callback = -1;
	g->sleepable = prog->kind == KIND_SYSCALL || prog->kind == KIND_OPS_SLEEP;
}

/* Picks a kind of program that may call the kfunc. */
static enum prog_kind pick_kind(struct rng *rng, __u32 kinds)
{
	int first = below(rng, NR_KINDS);

	for (int i = 0; i < NR_KINDS; i++)
		if (kinds & (1 << (first + i) % NR_KINDS))
			return (first + i) % NR_KINDS;
	return KIND_SYSCALL;
}

/* The kfunc that the program with this number calls at least. */
int wanted(__u64 number)
{
	return number % nr_kfuncs;
}

void generate(struct program *prog, __u64 number)
{
	int kfunc = wanted(number);
	struct gen g;
	struct rng rng = { seed ^ number * 0xd1342543de82ef95 };

	rng_next(&rng);
	memset(prog, 0, sizeof(*prog));
	prog->number = number;
	prog->kind = pick_kind(&rng, kfuncs[kfunc].kinds);
	prog->choice = rng_next(&rng);
	start(&g, prog);
	g.rng = rng;
	g.careless = one_in(&g.rng, 8);
	g.calls_left = 3 + below(&g.rng, 8);
	begin(&g, waits_for_nmi(prog) ? WAY_NMI : (enum way)prog->kind);
	if (one_in(&g.rng, 2))
		gen_block(&g);
	gen_wanted(&g, kfunc);
	if (one_in(&g.rng, 2))
		gen_block(&g);
	end(&g);
	if (g.callback >= 0)
		add_callback(&g);
}

/*
 * Makes a program for learn.c: one call of a kfunc, under RCU or not, with a
 * pointer from the kfunc "source", or from any kfunc if that is negative. The
 * program does not release the result.
 */
void generate_probe(struct program *prog, enum prog_kind kind, int k, bool rcu, int source,
		    int attempt)
{
	struct gen g;

	memset(prog, 0, sizeof(*prog));
	prog->kind = kind;
	start(&g, prog);
	g.rng.state = attempt;
	g.probe = true;
	g.calls_left = 8;
	begin(&g, (enum way)kind);
	g.block = 1;
	if (rcu) {
		gen_makers(&g, k);
		put_kernel_kfunc(&g, "bpf_rcu_read_lock");
		g.rcu++;
	}
	if (source >= 0)
		gen_call(&g, source);
	if (kfuncs[k].role == ITER_NEW) {
		gen_iter(&g, k);
	} else {
		prog->probed_call = -1;
		if (gen_call(&g, k))
			for (int i = here(&g) - 1; i >= 0 && prog->probed_call < 0; i--)
				if (prog->insns.code[i].src_reg == BPF_PSEUDO_KFUNC_CALL &&
				    prog->insns.code[i].code == (BPF_JMP | BPF_CALL) &&
				    prog->insns.code[i].imm == kfuncs[k].btf_id &&
				    prog->insns.code[i].off == kfuncs[k].module)
					prog->probed_call = i;
	}
	for (int i = 0; i < NR_SLOTS; i++)
		if (g.slots[i].used && g.slots[i].held)
			gen_release(&g, i);
	if (rcu)
		put_kernel_kfunc(&g, "bpf_rcu_read_unlock");
	end(&g);
}
