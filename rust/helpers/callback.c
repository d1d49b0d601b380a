// SPDX-License-Identifier: GPL-2.0
/*
 * Callbacks of programs, on kernels that have them (patches/). Other kernels have no
 * callback that could be armed.
 */

#include <linux/errno.h>

#include "helpers.h"

#if __has_include(<linux/bpf_callback.h>)

#include <linux/bpf_callback.h>
#include <linux/irqflags.h>
#include <linux/preempt.h>
#include <linux/rcupdate.h>

/*
 * Arms a new callback. Returns 0, -ENOMEM, or the error of bpf_callback_arm(). May be
 * called in any context.
 */
int rust_bpf_helper_callback_arm(struct bpf_map *owner, void *function,
				 struct bpf_callback **armed)
{
	struct bpf_callback *cb = bpf_callback_alloc();
	int err;

	if (!cb)
		return -ENOMEM;
	err = bpf_callback_arm(cb, owner, function);
	if (err)
		bpf_callback_free(cb);
	else
		*armed = cb;
	return err;
}

/* See bpf_callback_cancel(). */
bool rust_bpf_helper_callback_cancel(struct bpf_callback *cb)
{
	return bpf_callback_cancel(cb);
}

/* Returns whether this thread must not sleep, as far as the kernel knows. */
static bool is_atomic(void)
{
	bool atomic = IS_ENABLED(CONFIG_PREEMPT_COUNT) && !preemptible();

	return atomic || in_interrupt() || irqs_disabled() || rcu_preempt_depth();
}

/*
 * Takes the right to call a callback. Returns 0, -ECANCELED if the callback is not armed, or
 * -EAGAIN if the callback may sleep and this thread must not.
 */
int rust_bpf_helper_callback_take(struct bpf_callback *cb, bool sleepable)
{
	if (sleepable && is_atomic())
		return -EAGAIN;
	return bpf_callback_take(cb) ? 0 : -ECANCELED;
}

/* Gets the right to call a callback once, of many times. Returns the same. */
int rust_bpf_helper_callback_get(struct bpf_callback *cb, bool sleepable)
{
	if (sleepable && is_atomic())
		return -EAGAIN;
	return bpf_callback_get(cb) ? 0 : -ECANCELED;
}

/* See bpf_callback_run(). */
u64 rust_bpf_helper_callback_run(struct bpf_callback *cb, bool sleepable, const u64 *args)
{
	return bpf_callback_run(cb, sleepable, args);
}

/* See bpf_callback_free(). */
void rust_bpf_helper_callback_free(struct bpf_callback *cb)
{
	bpf_callback_free(cb);
}

#else

int rust_bpf_helper_callback_arm(struct bpf_map *owner, void *function,
				 struct bpf_callback **armed)
{
	return -EOPNOTSUPP;
}

bool rust_bpf_helper_callback_cancel(struct bpf_callback *cb)
{
	return false;
}

int rust_bpf_helper_callback_take(struct bpf_callback *cb, bool sleepable)
{
	return -ECANCELED;
}

int rust_bpf_helper_callback_get(struct bpf_callback *cb, bool sleepable)
{
	return -ECANCELED;
}

u64 rust_bpf_helper_callback_run(struct bpf_callback *cb, bool sleepable, const u64 *args)
{
	return 0;
}

void rust_bpf_helper_callback_free(struct bpf_callback *cb)
{
}

#endif
