/* SPDX-License-Identifier: GPL-2.0 */
/*
 * C macros and inline functions that the bpf crate calls. Functions that the
 * kernel exports need none: kernel::bindings has them.
 */
#ifndef _RUST_BPF_HELPERS_H
#define _RUST_BPF_HELPERS_H

#include <linux/types.h>

void *rust_bpf_helper_kmalloc_nolock(size_t size);

#endif /* _RUST_BPF_HELPERS_H */
