// SPDX-License-Identifier: GPL-2.0

//! Kfuncs that prologues and epilogues cannot call.

use bpf::{
    module_kfunc,
    prelude::*, //
};
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "cf_item")]
struct Item;

#[kfunc]
fn bpf_cf_release(item: ARef<Object<Item>>) {}

module_kfunc! { //~ evaluation of constant value failed | RELEASE: a prologue or an epilogue cannot call a kfunc that may sleep
    static RELEASE = bpf_cf_release(item: ARef<Object<Item>>); //~ `bpf::prelude::ARef<bpf::Object<Item>>` cannot be passed by a prologue or an epilogue
}

#[kfunc(sleepable)]
fn bpf_cf_sleeps(n: u32) -> u32 {
    n
}

module_kfunc! { //~ evaluation of constant value failed | SLEEPS: a prologue or an epilogue cannot call a kfunc that may sleep, acquires or releases a reference, or needs RCU
    static SLEEPS = bpf_cf_sleeps(n: u32) -> u32;
}

#[kfunc]
fn bpf_cf_byte(n: u32) -> u8 {
    n as u8
}

module_kfunc! { //~ evaluation of constant value failed | BYTE: return `Result<()>`, or a number of 32 or 64 bits
    static BYTE = bpf_cf_byte(n: u32) -> u8;
}

#[kfunc]
fn bpf_cf_number(n: u32) -> u32 {
    n
}

module_kfunc! { //~ evaluation of constant value failed | OTHER: the kfunc bpf_cf_number has another name, or another signature
    static OTHER = bpf_cf_number(n: u64) -> u32;
}

module_kfunc! { //~ evaluation of constant value failed | RESULT: the kfunc bpf_cf_number has another name, or another signature
    static RESULT = bpf_cf_number(n: u32) -> Result;
}

module_kfunc! {
    static MANY = bpf_cf_number(a: u32, b: u32, c: u32, d: u32, e: u32, f: u32) -> u32; //~ MANY: a prologue or an epilogue passes at most five arguments
}

fn plain(n: u32) -> u32 {
    n
}

module_kfunc! {
    static PLAIN = plain(n: u32) -> u32; //~ plain: the name becomes a symbol, which must not be a symbol of the kernel
}

/// An import with the name of another kfunc.
mod renamed {
    use super::bpf_cf_number as bpf_cf_release;
    use bpf::module_kfunc;

    module_kfunc! { //~ evaluation of constant value failed | NAMED: the kfunc bpf_cf_release has another name, or another signature
        static NAMED = bpf_cf_release(n: u32) -> u32;
    }
}

#[kfunc]
fn bpf_cf_object(item: &Object<Item>) -> u32 {
    0
}

/// A function with the name of a kfunc.
mod shadowed {
    use super::*;

    fn bpf_cf_object(n: u64) -> u32 {
        n as u32
    }

    module_kfunc! { //~ evaluation of constant value failed | SHADOWED: the kfunc bpf_cf_object has another name, or another signature
        static SHADOWED = bpf_cf_object(n: u64) -> u32;
    }
}
