/* SPDX-License-Identifier: GPL-2.0 */
/* Functions that rust/throw calls. helpers.rs declares them again for Rust. */

#ifndef RUST_THROW_HELPERS_H
#define RUST_THROW_HELPERS_H

#include <linux/types.h>

struct bpf_prog_aux;

void rust_throw_helper_leaves(struct bpf_prog_aux *aux, u64 bp, u32 frames);
void rust_throw_helper_returned(void);
void rust_throw_helper_unpoison(u64 below);

#endif
