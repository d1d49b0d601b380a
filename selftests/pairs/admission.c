// SPDX-License-Identifier: GPL-2.0
/* samples/admission in C. README.md explains the comments "by hand". */

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/filter.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/uio.h>

/* The budget of a new file, in bytes. */
#define BUDGET 4096

/**
 * struct bpf_admission_request - a request, which lives until the policy has decided
 * @bytes: the number of bytes that the request asks for
 * @left: the rest of the budget before the policy decides, in bytes
 * @granted: the number of bytes that the epilogue took from the budget
 * @budget: the rest of the budget of the open file, in bytes
 */
struct bpf_admission_request {
	u32 bytes;
	u32 left;
	u32 granted;
	atomic_t *budget;
};

/**
 * struct bpf_admission_ops - the policy
 * @admit: returns the number of bytes to grant; the epilogue limits the number to the
 *	   request and to the budget
 */
struct bpf_admission_ops {
	u32 (*admit)(struct bpf_admission_request *request);
};

/* The kernel frees a table after a grace period. */
static struct bpf_admission_ops __rcu *policy;

/* Takes up to @wanted bytes from the budget. Returns the number of bytes taken. */
static u32 take(atomic_t *budget, u32 wanted)
{
	int left = atomic_read(budget);
	u32 granted;

	do {
		granted = min_t(u32, wanted, left);
	} while (!atomic_try_cmpxchg_relaxed(budget, &left, left - granted));
	return granted;
}

/* Called by the prologue: stores the rest of the budget in the request. */
BPF_CALL_1(admission_facts, struct bpf_admission_request *, request)
{
	request->left = atomic_read(request->budget);
	return 0;
}

/*
 * Called by the epilogue: takes @wanted bytes from the budget, at most the bytes of the
 * request. A program that calls bpf_throw() skips the epilogue, so the device does not
 * use the result of the program, but what is stored here.
 */
BPF_CALL_2(admission_grant, struct bpf_admission_request *, request, u32, wanted)
{
	request->granted = take(request->budget, min(wanted, request->bytes));
	return request->granted;
}

static const struct bpf_func_proto helpers[] = { /* by hand: all functions that are called */
	{ .func = admission_facts },
	{ .func = admission_grant },
};

static int gen_prologue(struct bpf_insn *buf, bool direct_write, const struct bpf_prog *prog)
{
	struct bpf_insn *insn = buf;

	/* admission_facts(request); */
	*insn++ = BPF_MOV64_REG(BPF_REG_6, BPF_REG_1);
	*insn++ = BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_1, 0);
	*insn++ = BPF_EMIT_CALL(admission_facts); /* by hand: arguments, both */
	*insn++ = BPF_MOV64_REG(BPF_REG_1, BPF_REG_6);
	*insn++ = prog->insnsi[0];
	return insn - buf;
}

static int gen_epilogue(struct bpf_insn *buf, const struct bpf_prog *prog, s16 ctx_off)
{
	struct bpf_insn *insn = buf;

	/* return admission_grant(request, result); */
	*insn++ = BPF_MOV64_REG(BPF_REG_2, BPF_REG_0);
	*insn++ = BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_FP, ctx_off);
	*insn++ = BPF_LDX_MEM(BPF_DW, BPF_REG_1, BPF_REG_1, 0);
	*insn++ = BPF_EMIT_CALL(admission_grant); /* by hand: arguments, both */
	*insn++ = BPF_EXIT_INSN();
	return insn - buf;
}

/* The verifier looks up the functions that the prologue and the epilogue call. */
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
	return 0;
}

/* The device calls the program in an RCU read-side critical section. */
static int check_member(const struct btf_type *t, const struct btf_member *member,
			const struct bpf_prog *prog)
{
	return prog->sleepable ? -EINVAL : 0; /* by hand: the caller */
}

static int init_member(const struct btf_type *t, const struct btf_member *member,
		       void *kdata, const void *udata)
{
	return 0;
}

static int validate(void *kdata)
{
	struct bpf_admission_ops *ops = kdata;

	return ops->admit ? 0 : -EINVAL; /* by hand: the caller */
}

static int reg(void *kdata, struct bpf_link *link)
{
	if (unrcu_pointer(cmpxchg(&policy, NULL, RCU_INITIALIZER(kdata))))
		return -EBUSY;
	return 0;
}

static void unreg(void *kdata, struct bpf_link *link)
{
	RCU_INIT_POINTER(policy, NULL);
}

/* The kernel does not detach the link meanwhile, so the old table is attached. */
static int update(void *kdata, void *old_kdata, struct bpf_link *link)
{
	rcu_assign_pointer(policy, kdata);
	return 0;
}

static u32 bpf_admission_ops__admit(struct bpf_admission_request *request)
{
	return 0;
}

static struct bpf_admission_ops stubs = {
	.admit = bpf_admission_ops__admit, /* by hand: all members */
};

static struct bpf_struct_ops admission_ops = {
	.verifier_ops = &verifier_ops,
	.init = init,
	.check_member = check_member,
	.init_member = init_member,
	.validate = validate,
	.reg = reg,
	.unreg = unreg,
	.update = update,
	.cfi_stubs = &stubs,
	.name = "bpf_admission_ops",
	.owner = THIS_MODULE,
};

static int admission_open(struct inode *inode, struct file *file)
{
	atomic_t *budget = kmalloc_obj(*budget);

	if (!budget)
		return -ENOMEM;
	atomic_set(budget, BUDGET);
	file->private_data = budget;
	return 0;
}

static int admission_release(struct inode *inode, struct file *file)
{
	kfree(file->private_data);
	return 0;
}

static ssize_t admission_write_iter(struct kiocb *kiocb, struct iov_iter *from)
{
	struct bpf_admission_request request = {
		.bytes = min_t(size_t, iov_iter_count(from), U32_MAX),
		.budget = kiocb->ki_filp->private_data,
	};
	const struct bpf_admission_ops *ops;

	scoped_guard(rcu) {
		ops = rcu_dereference(policy);
		if (ops)
			ops->admit(&request);
		else
			request.granted = take(request.budget, request.bytes);
	}
	if (!request.granted && request.bytes)
		return -EAGAIN;
	return request.granted;
}

static const struct file_operations fops = {
	.owner = THIS_MODULE,
	.open = admission_open,
	.release = admission_release,
	.write_iter = admission_write_iter,
};

static struct miscdevice device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "admission",
	.fops = &fops,
};

static int __init admission_init(void)
{
	int err;

	err = register_bpf_struct_ops(&admission_ops, bpf_admission_ops);
	if (err)
		return err;
	return misc_register(&device);
}
module_init(admission_init);

static void __exit admission_exit(void)
{
	misc_deregister(&device);
}
module_exit(admission_exit);

MODULE_DESCRIPTION("A device whose requests a BPF program admits, in C");
MODULE_LICENSE("GPL");
