/* SPDX-License-Identifier: GPL-2.0 */
/* Functions that rust/throw calls. helpers.rs declares them again for Rust. */

#ifndef RUST_THROW_HELPERS_H
#define RUST_THROW_HELPERS_H

#include <linux/types.h>

struct bpf_prog_aux;

void rust_throw_helper_rcu_read_lock(void);
void rust_throw_helper_rcu_read_unlock(void);
bool rust_throw_helper_is_trampoline(u64 ip);
void rust_throw_helper_leaves(struct bpf_prog_aux *aux, struct bpf_prog_aux *main, u64 sp,
			      u64 bp);
void rust_throw_helper_returned(void);

#endif
