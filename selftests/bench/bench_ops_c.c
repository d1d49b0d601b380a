// SPDX-License-Identifier: GPL-2.0
/*
 * The struct_ops paths of the benchmark in C. bench_ops_rust.rs has the same in
 * Rust, in the same order.
 */

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/cpumask.h>
#include <linux/filter.h>
#include <linux/module.h>
#include <linux/rcupdate.h>

/* The largest value with which members are called, and the largest result. */
#define BOUND 1000

/* The names say which prologue or epilogue a member has. Each member takes a number. */
struct bpf_bench_c_ops {
	u64 (*bare)(u64 value);
	u64 (*prologue)(u64 value);
	u64 (*epilogue)(u64 value);
	u64 (*both)(u64 value);
	u64 (*indirect)(u64 value);
	u64 (*native)(u64 value);
	u64 (*kfunc)(u64 value);
};

static struct bpf_bench_c_ops __rcu *slot;

/* Returns 0 if the program may run. */
BPF_CALL_1(bench_check, u64, value)
{
	return value > BOUND ? -EINVAL : 0;
}

/* The bound that the epilogues apply to a result. */
static u64 bound(u64 result)
{
	return min_t(u64, result, BOUND);
}

BPF_CALL_1(bench_bound, u64, result)
{
	return bound(result);
}

/* Applies the bound by an indirect call, as for a function that is far away. */
BPF_CALL_1(bench_far_bound, u64, result)
{
	static u64 (*far)(u64 result) = bound;

	/* READ_ONCE() hides the target from the compiler, so the call stays indirect. */
	return READ_ONCE(far)(result);
}

/* Does the same as scx_bpf_nr_cpu_ids(). */
BPF_CALL_0(bench_cpus)
{
	return nr_cpu_ids;
}

static const struct bpf_func_proto helpers[] = {
	{ .func = bench_check },
	{ .func = bench_bound },
	{ .func = bench_far_bound },
	{ .func = bench_cpus },
};

static s32 cpus_id;

static int gen_prologue(struct bpf_insn *buf, bool direct_write, const struct bpf_prog *prog)
{
	struct bpf_insn *insn = buf;

	switch (prog->aux->attach_st_ops_member_off) {
	case offsetof(struct bpf_bench_c_ops, prologue):
	case offsetof(struct bpf_bench_c_ops, both):
		/* r0 = bench_check(value); if (r0) return r0; */
		*insn++ = BPF_MOV64_REG(BPF_REG_6, BPF_REG_1);
		*insn++ = BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_1, 0);
		*insn++ = BPF_EMIT_CALL(bench_check);
		*insn++ = BPF_JMP_IMM(BPF_JEQ, BPF_REG_0, 0, 1);
		*insn++ = BPF_EXIT_INSN();
		*insn++ = BPF_MOV64_REG(BPF_REG_1, BPF_REG_6);
		*insn++ = prog->insnsi[0];
		return insn - buf;
	default:
		return 0;
	}
}

static int gen_epilogue(struct bpf_insn *buf, const struct bpf_prog *prog, s16 ctx_off)
{
	struct bpf_insn *insn = buf;

	/* The program's result is the argument of the function; its result replaces it. */
	switch (prog->aux->attach_st_ops_member_off) {
	case offsetof(struct bpf_bench_c_ops, epilogue):
	case offsetof(struct bpf_bench_c_ops, both):
		*insn++ = BPF_MOV64_REG(BPF_REG_1, BPF_REG_0);
		*insn++ = BPF_EMIT_CALL(bench_bound);
		break;
	case offsetof(struct bpf_bench_c_ops, indirect):
		*insn++ = BPF_MOV64_REG(BPF_REG_1, BPF_REG_0);
		*insn++ = BPF_EMIT_CALL(bench_far_bound);
		break;
	case offsetof(struct bpf_bench_c_ops, native):
		*insn++ = BPF_EMIT_CALL(bench_cpus);
		break;
	case offsetof(struct bpf_bench_c_ops, kfunc):
		*insn++ = BPF_CALL_KFUNC(0, cpus_id);
		break;
	default:
		return 0;
	}
	*insn++ = BPF_EXIT_INSN();
	return insn - buf;
}

/* The verifier looks up the functions that prologues and epilogues call as helpers. */
static const struct bpf_func_proto *get_func_proto(enum bpf_func_id id,
						   const struct bpf_prog *prog)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(helpers); i++) {
		if ((s32)id == BPF_CALL_IMM(helpers[i].func))
			return &helpers[i];
	}
	return bpf_base_func_proto(id, prog);
}

static const struct bpf_verifier_ops verifier_ops = {
	.get_func_proto = get_func_proto,
	.is_valid_access = bpf_tracing_btf_ctx_access,
	.gen_prologue = gen_prologue,
	.gen_epilogue = gen_epilogue,
};

static int init(struct btf *btf)
{
	struct btf *vmlinux;

	/* A module cannot release the reference to BTF; that of vmlinux stays anyway. */
	cpus_id = bpf_find_btf_id("scx_bpf_nr_cpu_ids", BTF_KIND_FUNC, &vmlinux);
	return min(cpus_id, 0);
}

static int init_member(const struct btf_type *t, const struct btf_member *member,
		       void *kdata, const void *udata)
{
	return 0;
}

static int reg(void *kdata, struct bpf_link *link)
{
	if (unrcu_pointer(cmpxchg(&slot, NULL, RCU_INITIALIZER(kdata))))
		return -EBUSY;
	return 0;
}

/* The kernel frees the table after a grace period. */
static void unreg(void *kdata, struct bpf_link *link)
{
	RCU_INIT_POINTER(slot, NULL);
}

static u64 bpf_bench_c_ops__stub(u64 value)
{
	return 0;
}

static struct bpf_bench_c_ops stubs = {
	.bare = bpf_bench_c_ops__stub,
	.prologue = bpf_bench_c_ops__stub,
	.epilogue = bpf_bench_c_ops__stub,
	.both = bpf_bench_c_ops__stub,
	.indirect = bpf_bench_c_ops__stub,
	.native = bpf_bench_c_ops__stub,
	.kfunc = bpf_bench_c_ops__stub,
};

static struct bpf_struct_ops bench_ops = {
	.verifier_ops = &verifier_ops,
	.init = init,
	.init_member = init_member,
	.reg = reg,
	.unreg = unreg,
	.cfi_stubs = &stubs,
	.name = "bpf_bench_c_ops",
	.owner = THIS_MODULE,
};

__bpf_kfunc_start_defs();

/* Each kfunc returns the result of a member, or the value if it is not implemented. */
__bpf_kfunc u64 bpf_bench_c_member(u64 value)
{
	const struct bpf_bench_c_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(slot);
	return ops && ops->bare ? ops->bare(value) : value;
}

__bpf_kfunc u64 bpf_bench_c_prologue(u64 value)
{
	const struct bpf_bench_c_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(slot);
	return ops && ops->prologue ? ops->prologue(value) : value;
}

__bpf_kfunc u64 bpf_bench_c_epilogue(u64 value)
{
	const struct bpf_bench_c_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(slot);
	return ops && ops->epilogue ? ops->epilogue(value) : value;
}

__bpf_kfunc u64 bpf_bench_c_both(u64 value)
{
	const struct bpf_bench_c_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(slot);
	return ops && ops->both ? ops->both(value) : value;
}

__bpf_kfunc u64 bpf_bench_c_outside(u64 value)
{
	const struct bpf_bench_c_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(slot);
	return bound(ops && ops->bare ? ops->bare(value) : value);
}

__bpf_kfunc u64 bpf_bench_c_indirect(u64 value)
{
	const struct bpf_bench_c_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(slot);
	return ops && ops->indirect ? ops->indirect(value) : value;
}

__bpf_kfunc u64 bpf_bench_c_native(u64 value)
{
	const struct bpf_bench_c_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(slot);
	return ops && ops->native ? ops->native(value) : value;
}

__bpf_kfunc u64 bpf_bench_c_kfunc(u64 value)
{
	const struct bpf_bench_c_ops *ops;

	guard(rcu)();
	ops = rcu_dereference(slot);
	return ops && ops->kfunc ? ops->kfunc(value) : value;
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfuncs)
BTF_ID_FLAGS(func, bpf_bench_c_member)
BTF_ID_FLAGS(func, bpf_bench_c_prologue)
BTF_ID_FLAGS(func, bpf_bench_c_epilogue)
BTF_ID_FLAGS(func, bpf_bench_c_both)
BTF_ID_FLAGS(func, bpf_bench_c_outside)
BTF_ID_FLAGS(func, bpf_bench_c_indirect)
BTF_ID_FLAGS(func, bpf_bench_c_native)
BTF_ID_FLAGS(func, bpf_bench_c_kfunc)
BTF_KFUNCS_END(kfuncs)

static const struct btf_kfunc_id_set set = {
	.owner = THIS_MODULE,
	.set = &kfuncs,
};

static int __init bench_init(void)
{
	int err;

	err = register_bpf_struct_ops(&bench_ops, bpf_bench_c_ops);
	if (err)
		return err;
	return register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &set);
}
module_init(bench_init);

static void __exit bench_exit(void)
{
}
module_exit(bench_exit);

MODULE_DESCRIPTION("struct_ops of the benchmark, in C");
MODULE_LICENSE("GPL");
