// SPDX-License-Identifier: GPL-2.0
/*
 * Exports the symbols of the bpf crate to modules, as the kernel does for its own
 * crates.
 */

#include <linux/export.h>
#include <linux/module.h>

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)

#include "exports_generated.h"

MODULE_DESCRIPTION("BPF kfuncs in Rust");
MODULE_LICENSE("GPL");
