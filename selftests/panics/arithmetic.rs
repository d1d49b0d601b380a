// SPDX-License-Identifier: GPL-2.0

//! Arithmetic operators on numbers that a program passes.

use bpf::prelude::*;
use kernel::prelude::*;

#[kfunc]
fn bpf_add(a: u32, b: u32) -> u32 {
    a + b //~ an addition can overflow | write: `a.checked_add(b).ok_or(EOVERFLOW)?`
}

#[kfunc]
fn bpf_add_assign(mut a: u64) -> u64 {
    a += 1; //~ an addition can overflow | reached from: kfunc `bpf_add_assign`
    a
}

#[kfunc]
fn bpf_sub(a: u32, b: u32) -> u32 {
    a - b //~ a subtraction can overflow | write: `a.checked_sub(b)
}

#[kfunc]
fn bpf_mul(a: u32, b: u32) -> u32 {
    a * b //~ a multiplication can overflow | write: `a.checked_mul(b)
}

#[kfunc]
fn bpf_neg(a: i32) -> i32 {
    -a //~ a negation can overflow | write: `a.checked_neg()
}

#[kfunc]
fn bpf_shl(a: u32, b: u32) -> u32 {
    a << b //~ a shift can be by more bits than the type has | write: `a.checked_shl(n)
}

#[kfunc]
fn bpf_shr(a: u32, b: u32) -> u32 {
    a >> b //~ a shift can be by more bits than the type has | write: `a.checked_shr(n)
}

#[kfunc]
fn bpf_div(a: u32, b: u32) -> u32 {
    a / b //~ a division can be by zero | write: `a.checked_div(b).ok_or(EINVAL)?`
}

#[kfunc]
fn bpf_rem(a: u32, b: u32) -> u32 {
    a % b //~ the divisor of a remainder can be zero | write: `a.checked_rem(b)
}

#[kfunc]
fn bpf_div_min(a: i32, b: i32) -> i32 {
    if b == 0 {
        return 0;
    }
    a / b //~ a division can overflow (`MIN / -1`) | write: `a.checked_div(b).ok_or(EOVERFLOW)?`
}

#[kfunc]
fn bpf_rem_min(a: i32, b: i32) -> i32 {
    if b == 0 {
        return 0;
    }
    a % b //~ a remainder can overflow (`MIN % -1`)
}

#[kfunc]
fn bpf_sum(data: &[u8]) -> Result<u32> {
    Ok(data.iter().map(|&byte| u32::from(byte)).sum()) //~ the sum or product of an iterator can overflow | write: `fold(0, |sum, x| sum.wrapping_add(x))`
}

#[kfunc]
fn bpf_pow(a: u32, b: u32) -> u32 {
    a.pow(b) //~ a multiplication can overflow
}

#[kfunc]
fn bpf_abs(a: i64) -> i64 {
    a.abs() //~ a negation can overflow
}

#[kfunc]
fn bpf_log(a: u32) -> u32 {
    a.ilog2() //~ can panic
}

#[kfunc]
fn bpf_next_power(a: u32) -> u32 {
    a.next_power_of_two() //~ an addition can overflow
}
