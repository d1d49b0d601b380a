// SPDX-License-Identifier: GPL-2.0
/*
 * Exports the symbols of the hid crate to modules, as rust/exports.c does for those of
 * the bpf crate.
 */

#include <linux/export.h>
#include <linux/module.h>

#define EXPORT_SYMBOL_RUST_GPL(sym) extern int sym; EXPORT_SYMBOL_GPL(sym)

#include "exports_generated.h"

MODULE_DESCRIPTION("HID devices for BPF kfuncs in Rust");
MODULE_LICENSE("GPL");
