// SPDX-License-Identifier: GPL-2.0
/*
 * A gate in front of a resource that goes away. Users enter it, may sleep, and
 * leave it. The thread that closes the gate waits until the last user has left.
 *
 * A user may run programs: a request to a HID device runs those that see it. Such a
 * program must not make the user wait for itself, or for another device that does not
 * answer. So a thread that is in a gate enters no other gate, and neither such a
 * thread nor one that runs works waits for a work.
 *
 * The holder of a lock has interrupts off. So a program that interrupts the holder, or
 * traces a function that the holder calls, gets an error before it asks for the lock.
 */

#include <linux/errno.h>
#include <linux/hash.h>
#include <linux/init.h>
#include <linux/irqflags.h>
#include <linux/list.h>
#include <linux/preempt.h>
#include <linux/sched.h>
#include <linux/spinlock.h>
#include <linux/wait.h>

#include "helpers.h"

#define BUCKET_BITS 6

/* The threads that are in a gate, or run works, by the address of their task. */
static struct bucket {
	/* Protects the list. */
	spinlock_t lock;
	struct list_head users;
} buckets[1 << BUCKET_BITS];

static struct bucket *my_bucket(void)
{
	return &buckets[hash_ptr(current, BUCKET_BITS)];
}

void __init rust_bpf_revoke_init(void)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(buckets); i++) {
		spin_lock_init(&buckets[i].lock);
		INIT_LIST_HEAD(&buckets[i].users);
	}
}

/*
 * Adds the current thread as a user of @gate, or of none for works. Fails if the thread
 * is in a gate and asks for one.
 */
static bool add_user(struct rust_bpf_gate_user *user, struct rust_bpf_gate *gate)
{
	struct bucket *bucket = my_bucket();
	struct rust_bpf_gate_user *other;

	user->task = current;
	user->gate = gate;
	guard(spinlock_irqsave)(&bucket->lock);
	if (gate)
		list_for_each_entry(other, &bucket->users, node)
			if (other->task == current && other->gate)
				return false;
	list_add(&user->node, &bucket->users);
	return true;
}

static void remove_user(struct rust_bpf_gate_user *user)
{
	guard(spinlock_irqsave)(&my_bucket()->lock);
	list_del(&user->node);
}

/* Returns whether the current thread is in a gate, or runs works. */
bool rust_bpf_is_in_gate_or_works(void)
{
	struct bucket *bucket = my_bucket();
	struct rust_bpf_gate_user *user;

	guard(spinlock_irqsave)(&bucket->lock);
	list_for_each_entry(user, &bucket->users, node)
		if (user->task == current)
			return true;
	return false;
}

/* Returns whether the current thread is in a gate: in @gate, or in any, if it is NULL. */
static bool is_in(const struct rust_bpf_gate *gate)
{
	struct bucket *bucket = my_bucket();
	struct rust_bpf_gate_user *user;

	guard(spinlock_irqsave)(&bucket->lock);
	list_for_each_entry(user, &bucket->users, node)
		if (user->task == current && user->gate && (!gate || user->gate == gate))
			return true;
	return false;
}

/* The current thread runs works until rust_bpf_helper_works_end(). */
void rust_bpf_helper_works_begin(struct rust_bpf_gate_user *user)
{
	add_user(user, NULL);
}

void rust_bpf_helper_works_end(struct rust_bpf_gate_user *user)
{
	remove_user(user);
}

void rust_bpf_helper_gate_init(struct rust_bpf_gate *gate)
{
	spin_lock_init(&gate->lock);
	gate->is_closed = false;
	gate->is_gone = false;
	gate->closer = NULL;
	gate->users = 0;
	init_waitqueue_head(&gate->idle);
}

bool rust_bpf_helper_gate_is_closed(const struct rust_bpf_gate *gate)
{
	return READ_ONCE(gate->is_closed);
}

/*
 * Enters the gate. Does not sleep. Returns -ENODEV if the gate is closed. A thread that
 * is in a gate, an interrupt, and a thread with interrupts off get -EDEADLK.
 */
int rust_bpf_helper_gate_enter(struct rust_bpf_gate *gate, struct rust_bpf_gate_user *user)
{
	if (!in_task() || irqs_disabled() || !add_user(user, gate))
		return -EDEADLK;
	scoped_guard(spinlock_irqsave, &gate->lock) {
		if (!gate->is_closed) {
			gate->users++;
			return 0;
		}
	}
	remove_user(user);
	return -ENODEV;
}

void rust_bpf_helper_gate_leave(struct rust_bpf_gate *gate, struct rust_bpf_gate_user *user)
{
	remove_user(user);
	/* The waker holds the lock, because the gate may be freed when nobody is in it. */
	guard(spinlock_irqsave)(&gate->lock);
	if (!--gate->users)
		wake_up_all(&gate->idle);
}

/*
 * Closes the gate, and waits for all users. May sleep. Returns 1 if the caller must drop
 * the resource and then call rust_bpf_helper_gate_gone(), and 0 if the resource is
 * dropped. Returns -EDEADLK, without a wait, if the current thread is a user, or drops
 * the resource. A thread that is in another gate gets -EDEADLK, too, unless @must_wait:
 * two such threads could wait for each other.
 */
int rust_bpf_helper_gate_close(struct rust_bpf_gate *gate, bool must_wait)
{
	bool is_inside = is_in(must_wait ? gate : NULL);
	int ret;

	spin_lock_irq(&gate->lock);
	WRITE_ONCE(gate->is_closed, true);
	if (is_inside || gate->closer == current) {
		ret = -EDEADLK;
	} else {
		wait_event_lock_irq(gate->idle, !gate->users && (gate->is_gone || !gate->closer),
				    gate->lock);
		ret = !gate->is_gone;
		if (ret)
			gate->closer = current;
	}
	spin_unlock_irq(&gate->lock);
	return ret;
}

void rust_bpf_helper_gate_gone(struct rust_bpf_gate *gate)
{
	guard(spinlock_irqsave)(&gate->lock);
	gate->is_gone = true;
	gate->closer = NULL;
	wake_up_all(&gate->idle);
}
