// SPDX-License-Identifier: GPL-2.0

//! Missing values, and macros that panic.

use bpf::prelude::*;
use core::cell::RefCell;
use kernel::prelude::*;

#[kfunc]
fn bpf_unwrap(index: u32) -> u8 {
    *[1, 2].get(index as usize).unwrap() //~ `unwrap()` can be called on `None` | write: `option.ok_or(EINVAL)?`
}

#[kfunc]
fn bpf_expect(index: u32) -> u8 {
    *[1, 2].get(index as usize).expect("a byte") //~ `expect()` can be called on `None`
}

#[kfunc]
fn bpf_unwrap_err(number: u64) -> u8 {
    u8::try_from(number).unwrap() //~ `unwrap()` or `expect()` can be called on an `Err` | write: `result?`
}

#[inline(never)]
fn both(one: &RefCell<u32>, other: &RefCell<u32>) {
    one.swap(other); //~ a `RefCell` can already be borrowed | reached from: kfunc `bpf_cell`
}

#[kfunc]
fn bpf_cell(number: u32) -> u32 {
    let cell = RefCell::new(number);
    both(&cell, &cell);
    cell.into_inner()
}

#[kfunc]
fn bpf_assert(number: u32) {
    assert!(number > 1); //~ `panic!`, `assert!`, `unreachable!` or `todo!` can be reached
}

#[kfunc]
fn bpf_assert_eq(number: u32) {
    assert_eq!(number, 1); //~ `assert_eq!` or `assert_ne!` can fail
}

#[kfunc]
fn bpf_panic(number: u32) -> u32 {
    match number {
        0 => todo!(), //~ `panic!`, `assert!`, `unreachable!` or `todo!` can be reached
        1 => 2,
        _ => unreachable!("{number}"), //~ `panic!`, `assert!`, `unreachable!` or `todo!` can be reached
    }
}

/// A division of 128-bit numbers can panic, too.
#[kfunc]
fn bpf_divide_wide(a: u64, b: u64) -> u64 {
    (u128::from(a) / u128::from(b)) as u64 //~ a division can be by zero
}
