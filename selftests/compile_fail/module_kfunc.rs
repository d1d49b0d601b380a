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

module_kfunc! { //~ evaluation of constant value failed | BYTE: return nothing, `Result<()>`, or a number of 32 or 64 bits
    static BYTE = bpf_cf_byte(n: u32) -> u8;
}

#[kfunc]
fn bpf_cf_number(n: u32) -> u32 {
    n
}

module_kfunc! {
    static OTHER = bpf_cf_number(n: u64) -> u32; //~ mismatched types
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
