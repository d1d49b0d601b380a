// SPDX-License-Identifier: GPL-2.0
/*
 * samples/registry in C. README.md explains the comments "by hand".
 *
 * A program can run in any context, also in the middle of these functions: readers
 * take no lock, and writers take one that fails instead of waiting for ever.
 */

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/cfi.h>
#include <linux/hex.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/refcount.h>
#include <linux/slab.h>
#include <asm/rqspinlock.h>

#define PLACES 64

/**
 * struct bpf_counter - a counter that programs share
 * @key: programs can read the key
 * @value: programs change the value with bpf_counter_add()
 * @label: the key in hexadecimal digits
 * @refs: the references of programs and maps; the registry has none
 * @place: the place of the registry that got the counter
 * @rcu: frees the counter
 */
struct bpf_counter {
	u64 key;
	atomic64_t value;
	u8 label[16];
	refcount_t refs;
	struct bpf_counter __rcu **place;
	struct kvfree_rcu_head rcu;
};

struct bpf_iter_counter {
	u64 __opaque[2];
} __aligned(8);

struct counter_walk {
	u32 next;
};

static_assert(sizeof(struct counter_walk) <= sizeof(struct bpf_iter_counter));
static_assert(__alignof__(struct counter_walk) <= __alignof__(struct bpf_iter_counter));

/* A pointer leaves its place before a grace period after which the counter is freed. */
static struct bpf_counter __rcu *places[PLACES];
static rqspinlock_t lock;

/* The number of counters with a reference. */
static atomic_t alive = ATOMIC_INIT(0);

/* Returns the counter in a place, unless its last reference was released. */
static struct bpf_counter *counter_at(u32 place)
{
	struct bpf_counter *counter = rcu_dereference(places[place]);

	return counter && refcount_read(&counter->refs) ? counter : NULL;
}

static struct bpf_counter *counter_find(u64 key)
{
	struct bpf_counter *counter;
	u32 place;

	for (place = 0; place < PLACES; place++) {
		counter = counter_at(place);
		if (counter && counter->key == key)
			return counter;
	}
	return NULL;
}

static struct bpf_counter *counter_get(u64 key)
{
	struct bpf_counter *counter = counter_find(key);

	return counter && refcount_inc_not_zero(&counter->refs) ? counter : NULL;
}

/* The caller holds the lock. */
static struct bpf_counter *counter_make(u64 key)
{
	__be64 digits = cpu_to_be64(key);
	struct bpf_counter *counter;
	u32 place;

	for (place = 0; place < PLACES && counter_at(place); place++)
		;
	if (place == PLACES)
		return NULL;
	counter = kmalloc_nolock(sizeof(*counter), 0, NUMA_NO_NODE);
	if (!counter)
		return NULL;
	counter->key = key;
	atomic64_set(&counter->value, 0);
	bin2hex(counter->label, &digits, sizeof(digits));
	refcount_set(&counter->refs, 1);
	counter->place = &places[place];
	atomic_inc(&alive);
	rcu_assign_pointer(places[place], counter);
	return counter;
}

/* The place may have another counter by now. Returns whether it had this one. */
static bool counter_leave(struct bpf_counter *counter)
{
	return unrcu_pointer(cmpxchg(counter->place, RCU_INITIALIZER(counter), NULL)) == counter;
}

__bpf_kfunc_start_defs();

/**
 * bpf_counter_open() - Get a reference to the counter with a key.
 * @key: the key; without a counter that has the key, this function makes one
 *
 * Return: the reference, or NULL if the registry has no free place, if there is no
 * memory, or if the registry's lock cannot be taken.
 */
__bpf_kfunc struct bpf_counter *bpf_counter_open(u64 key)
{
	struct bpf_counter *counter;
	unsigned long flags;

	guard(rcu)();
	counter = counter_get(key);
	if (counter)
		return counter;
	if (raw_res_spin_lock_irqsave(&lock, flags))
		return NULL;
	counter = counter_get(key);
	if (!counter)
		counter = counter_make(key);
	raw_res_spin_unlock_irqrestore(&lock, flags);
	return counter;
}

/**
 * bpf_counter_find() - Find a counter without a reference.
 * @key: the key
 *
 * Return: the counter, or NULL if there is none.
 */
__bpf_kfunc struct bpf_counter *bpf_counter_find(u64 key)
{
	return counter_find(key);
}

/**
 * bpf_counter_acquire() - Get a reference for an RCU pointer.
 * @counter: the counter
 *
 * Return: the reference, or NULL if the last reference is gone.
 */
__bpf_kfunc struct bpf_counter *bpf_counter_acquire(struct bpf_counter *counter)
{
	return refcount_inc_not_zero(&counter->refs) ? counter : NULL;
}

/**
 * bpf_counter_release() - Release a reference.
 * @counter: the counter
 */
__bpf_kfunc void bpf_counter_release(struct bpf_counter *counter)
{
	if (!refcount_dec_and_test(&counter->refs))
		return;
	counter_leave(counter);
	atomic_dec(&alive);
	kfree_rcu_nolock(counter, rcu);
}

/* by hand: void *, and CFI_NOSEAL, because the kernel calls this function as a destructor */
__bpf_kfunc void bpf_counter_release_dtor(void *counter)
{
	bpf_counter_release(counter);
}

CFI_NOSEAL(bpf_counter_release_dtor);

/**
 * bpf_counter_add() - Add to a counter.
 * @counter: the counter
 * @value: the number to add
 *
 * Return: the value before the addition.
 */
__bpf_kfunc u64 bpf_counter_add(struct bpf_counter *counter, u64 value)
{
	return atomic64_fetch_add_relaxed(value, &counter->value);
}

/**
 * bpf_counter_value() - Read a counter.
 * @counter: the counter
 *
 * Return: the value of the counter.
 */
__bpf_kfunc u64 bpf_counter_value(struct bpf_counter *counter)
{
	return atomic64_read(&counter->value);
}

/**
 * bpf_counter_label() - Lend the label of a counter.
 * @counter: the counter
 * @rdonly_buf_size: the number of bytes that the program reads
 *
 * Return: memory of this size, or NULL if the label is shorter.
 */
__bpf_kfunc const u8 *
bpf_counter_label(struct bpf_counter *counter, u64 rdonly_buf_size) /* by hand: the name */
{
	return rdonly_buf_size <= sizeof(counter->label) ? counter->label : NULL;
}

/**
 * bpf_counter_remove() - Remove a counter from the registry.
 * @counter: the counter; the next call that opens the key makes another counter
 *
 * Return: false if the counter is not in the registry.
 */
__bpf_kfunc bool bpf_counter_remove(struct bpf_counter *counter)
{
	return counter_leave(counter);
}

/**
 * bpf_counters_alive() - Count the counters.
 *
 * Return: the number of counters with a reference.
 */
__bpf_kfunc u32 bpf_counters_alive(void)
{
	return atomic_read(&alive);
}

/**
 * bpf_iter_counter_new() - Begin to iterate over the registry.
 * @it: the iterator
 * @first: the first place
 *
 * Return: 0.
 */
__bpf_kfunc int bpf_iter_counter_new(struct bpf_iter_counter *it, u32 first)
{
	struct counter_walk *walk = (void *)it;

	walk->next = first;
	return 0;
}

/**
 * bpf_iter_counter_next() - Find the next counter.
 * @it: the iterator; it may or may not visit a counter that is added or removed meanwhile
 *
 * Return: the counter without a reference, or NULL at the end.
 */
__bpf_kfunc struct bpf_counter *bpf_iter_counter_next(struct bpf_iter_counter *it)
{
	struct counter_walk *walk = (void *)it;
	struct bpf_counter *counter;

	while (walk->next < PLACES) {
		counter = counter_at(walk->next++);
		if (counter)
			return counter;
	}
	return NULL;
}

/**
 * bpf_iter_counter_destroy() - End an iteration.
 * @it: the iterator
 */
__bpf_kfunc void bpf_iter_counter_destroy(struct bpf_iter_counter *it)
{
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfuncs) /* by hand: all kfuncs */
BTF_ID_FLAGS(func, bpf_counter_open, KF_ACQUIRE | KF_RET_NULL) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_counter_find, KF_RCU_PROTECTED | KF_RET_NULL) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_counter_acquire, KF_RCU | KF_ACQUIRE | KF_RET_NULL) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_counter_release, KF_RELEASE) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_counter_add)
BTF_ID_FLAGS(func, bpf_counter_value)
BTF_ID_FLAGS(func, bpf_counter_label, KF_RET_NULL) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_counter_remove)
BTF_ID_FLAGS(func, bpf_counters_alive)
BTF_ID_FLAGS(func, bpf_iter_counter_new, KF_ITER_NEW | KF_RCU_PROTECTED) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_iter_counter_next, KF_ITER_NEXT | KF_RET_NULL) /* by hand: the flags */
BTF_ID_FLAGS(func, bpf_iter_counter_destroy, KF_ITER_DESTROY) /* by hand: the flags */
BTF_KFUNCS_END(kfuncs)

static const struct btf_kfunc_id_set set = {
	.owner = THIS_MODULE,
	.set = &kfuncs,
};

BTF_ID_LIST(dtor_ids)
BTF_ID(struct, bpf_counter) /* by hand: the type that the destructor takes */
BTF_ID(func, bpf_counter_release_dtor)

static int __init registry_init(void)
{
	const struct btf_id_dtor_kfunc dtors[] = {
		{
			.btf_id = dtor_ids[0],
			.kfunc_btf_id = dtor_ids[1],
		},
	};
	int err;

	raw_res_spin_lock_init(&lock);
	err = register_btf_id_dtor_kfuncs(dtors, ARRAY_SIZE(dtors), THIS_MODULE);
	err = err ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &set);
	err = err ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &set);
	return err;
}
module_init(registry_init);

/* kfree_rcu_nolock() runs no code of the module. */
static void __exit registry_exit(void)
{
}
module_exit(registry_exit);

MODULE_DESCRIPTION("Counters that BPF programs share, in C");
MODULE_LICENSE("GPL");
