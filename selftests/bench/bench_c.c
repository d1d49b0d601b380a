// SPDX-License-Identifier: GPL-2.0
/*
 * The paths of the benchmark in C. bench_rust.rs has the same in Rust, in the
 * same order. Both give the same guarantees: the C function copies memory that
 * another CPU may change if the Rust function does, and has the same checks and
 * the same errors.
 */

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>
#include <linux/refcount.h>
#include <linux/skbuff.h>
#include <linux/slab.h>
#include <net/xdp.h>

struct bpf_bench_c_object {
	u64 key;
	refcount_t refs;
	struct rcu_head rcu;
};

struct bpf_iter_bench_c {
	u64 __opaque[3];
};

struct numbers {
	u64 next;
	u64 end;
	u64 item;
};

static_assert(sizeof(struct numbers) == sizeof(struct bpf_iter_bench_c));

static struct bpf_bench_c_object *object;

/* Adds the first byte to the last. */
static s64 ends(const u8 *bytes, u32 len)
{
	if (!len)
		return -EINVAL;
	return (u32)bytes[0] + bytes[len - 1];
}

/* Does the same as bpf_dynptr_read(), which the kernel does not export. */
static int dynptr_read(const struct bpf_dynptr_kern *dynptr, u32 offset, void *to, u32 len)
{
	u32 size = dynptr->size & 0xffffff;
	const struct xdp_buff *xdp;

	if (len > size || offset > size - len)
		return -E2BIG;
	offset += dynptr->offset;
	switch ((dynptr->size & ~BIT(31)) >> 28) {
	case BPF_DYNPTR_TYPE_LOCAL:
	case BPF_DYNPTR_TYPE_RINGBUF:
		if (!dynptr->data)
			return -EOPNOTSUPP;
		memcpy(to, dynptr->data + offset, len);
		return 0;
	case BPF_DYNPTR_TYPE_SKB:
		return skb_copy_bits(dynptr->data, offset, to, len);
	case BPF_DYNPTR_TYPE_XDP:
		xdp = dynptr->data;
		if (offset + len > xdp->data_end - xdp->data)
			return -EOPNOTSUPP;
		memcpy(to, xdp->data + offset, len);
		return 0;
	default:
		return -EOPNOTSUPP;
	}
}

/* The largest copy on the stack, in bytes. */
#define INLINE 256

__bpf_kfunc_start_defs();

__bpf_kfunc u64 bpf_bench_c_args0(void)
{
	return 42;
}

__bpf_kfunc u64 bpf_bench_c_args2(u64 a, u64 b)
{
	return a + b;
}

__bpf_kfunc u64 bpf_bench_c_traced(u64 a, u64 b)
{
	return a + b;
}

static noinline u64 bench_c_add(u64 a, u64 b)
{
	return a + b;
}

__bpf_kfunc u64 bpf_bench_c_function(u64 a, u64 b)
{
	return bench_c_add(a, b) ^ 1;
}

__bpf_kfunc u64 bpf_bench_c_args5(u64 a, u64 b, u64 c, u64 d, u64 e)
{
	return a + b + c + d + e;
}

__bpf_kfunc u64 bpf_bench_c_args10(u64 a, u64 b, u64 c, u64 d, u64 e,
				   u64 f, u64 g, u64 h, u64 i, u64 j)
{
	return a + b + c + d + e + f + g + h + i + j;
}

__bpf_kfunc s64 bpf_bench_c_slice(const void *data, u32 data__sz)
{
	u8 inline_copy[INLINE] __uninitialized, *copy = inline_copy;
	s64 sum;

	if (data__sz > INLINE) {
		if (data__sz > KMALLOC_MAX_CACHE_SIZE)
			return -E2BIG;
		copy = kmalloc_nolock(data__sz, 0, NUMA_NO_NODE);
		if (!copy)
			return -ENOMEM;
	}
	memcpy(copy, data, data__sz);
	sum = ends(copy, data__sz);
	if (copy != inline_copy)
		kfree_nolock(copy);
	return sum;
}

__bpf_kfunc s64 bpf_bench_c_mem(void *data, u32 data__sz)
{
	return ends(data, data__sz);
}

__bpf_kfunc u32 bpf_bench_c_string(const char *text__str)
{
	u32 hash = 0;

	for (; *text__str; text__str++)
		hash = (hash ^ (u8)*text__str) * 0x01000193;
	return hash;
}

__bpf_kfunc s64 bpf_bench_c_result(u32 value)
{
	if (value % 2)
		return -EINVAL;
	return value / 2;
}

__bpf_kfunc struct bpf_bench_c_object *bpf_bench_c_find(void)
{
	return object;
}

__bpf_kfunc struct bpf_bench_c_object *
bpf_bench_c_acquire(struct bpf_bench_c_object *object)
{
	if (!refcount_inc_not_zero(&object->refs))
		return NULL;
	return object;
}

__bpf_kfunc void bpf_bench_c_release(struct bpf_bench_c_object *object)
{
	if (refcount_dec_and_test(&object->refs))
		kfree_rcu(object, rcu);
}

__bpf_kfunc int bpf_iter_bench_c_new(struct bpf_iter_bench_c *it, u64 start, u64 end)
{
	struct numbers *numbers = (void *)it;

	if (start > end) {
		/* The iterator returns no number. */
		numbers->next = 0;
		numbers->end = 0;
		return -EINVAL;
	}
	numbers->next = start;
	numbers->end = end;
	return 0;
}

__bpf_kfunc u64 *bpf_iter_bench_c_next(struct bpf_iter_bench_c *it)
{
	struct numbers *numbers = (void *)it;

	if (numbers->next == numbers->end)
		return NULL;
	numbers->item = numbers->next++;
	return &numbers->item;
}

__bpf_kfunc void bpf_iter_bench_c_destroy(struct bpf_iter_bench_c *it)
{
}

__bpf_kfunc s64 bpf_bench_c_dynptr(const struct bpf_dynptr *data, u32 offset)
{
	u8 bytes[64];
	int err;

	err = dynptr_read((const void *)data, offset, bytes, sizeof(bytes));
	if (err)
		return err;
	return ends(bytes, sizeof(bytes));
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfuncs)
BTF_ID_FLAGS(func, bpf_bench_c_args0)
BTF_ID_FLAGS(func, bpf_bench_c_args2)
BTF_ID_FLAGS(func, bpf_bench_c_traced)
BTF_ID_FLAGS(func, bpf_bench_c_function)
BTF_ID_FLAGS(func, bpf_bench_c_args5)
BTF_ID_FLAGS(func, bpf_bench_c_args10)
BTF_ID_FLAGS(func, bpf_bench_c_slice)
BTF_ID_FLAGS(func, bpf_bench_c_mem)
BTF_ID_FLAGS(func, bpf_bench_c_string)
BTF_ID_FLAGS(func, bpf_bench_c_result)
BTF_ID_FLAGS(func, bpf_bench_c_find, KF_RCU_PROTECTED | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_bench_c_acquire, KF_RCU | KF_ACQUIRE | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_bench_c_release, KF_RELEASE)
BTF_ID_FLAGS(func, bpf_iter_bench_c_new, KF_ITER_NEW)
BTF_ID_FLAGS(func, bpf_iter_bench_c_next, KF_ITER_NEXT | KF_RET_NULL)
BTF_ID_FLAGS(func, bpf_iter_bench_c_destroy, KF_ITER_DESTROY)
BTF_ID_FLAGS(func, bpf_bench_c_dynptr)
BTF_KFUNCS_END(kfuncs)

static const struct btf_kfunc_id_set set = {
	.owner = THIS_MODULE,
	.set = &kfuncs,
};

static int __init bench_init(void)
{
	int err;

	object = kzalloc_obj(*object);
	if (!object)
		return -ENOMEM;
	refcount_set(&object->refs, 1);
	err = register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &set);
	if (err)
		kfree(object);
	return err;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
	bpf_bench_c_release(object);
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Kfuncs of the benchmark, in C");
MODULE_LICENSE("GPL");
