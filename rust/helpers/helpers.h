/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C macros and inline functions that the bpf crate calls. Functions that the
 * kernel exports need none: kernel::bindings has them.
 */
#ifndef _RUST_BPF_HELPERS_H
#define _RUST_BPF_HELPERS_H

#include <linux/refcount_types.h>
#include <linux/types.h>

void rust_bpf_helper_free_begins(void);
void rust_bpf_helper_free_ends(void);
bool rust_bpf_helper_in_nmi(void);
void *rust_bpf_helper_kmalloc_nolock(size_t size);
bool rust_bpf_helper_refcount_inc_not_zero(refcount_t *refs);
int rust_bpf_helper_skb_copy_bits(const void *skb, u32 offset, void *to, u32 len);
bool rust_bpf_helper_task_inc_not_zero(void *task);
void *rust_bpf_helper_xdp_linear(const void *buff, u32 *len);

#endif /* _RUST_BPF_HELPERS_H */
