// SPDX-License-Identifier: GPL-2.0

//! The functions that `#[traceable]` generates have names that no other code can use.
#![allow(missing_docs)]

use bpf::prelude::*;

// Safe code cannot call the function behind the stub, which believes its registers.
#[traceable]
fn example_names_entry(value: u64) -> u64 {
    __bpf_entry(value) //~ cannot find function `__bpf_entry` in this scope
}

#[traceable]
#[kfunc]
fn bpf_names_stub(value: u64) -> u64 {
    __bpf_stub(value) //~ cannot find function `__bpf_stub` in this scope
}
