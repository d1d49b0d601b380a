// SPDX-License-Identifier: GPL-2.0

//! Trusted functions of other crates, whose own panics never happen, called with code that can
//! panic.

use bpf::prelude::*;
use core::fmt;
use kernel::prelude::*;

#[inline(never)]
fn named_after_printing(result: Result<u32, fmt::Error>) -> u32 {
    result.unwrap() //~ `unwrap()` or `expect()` can be called on an `Err`
}

#[kfunc]
fn bpf_printing(number: u32) -> u32 {
    named_after_printing(number.checked_sub(1).ok_or(fmt::Error))
}

#[kfunc]
fn bpf_enumerate(first: u8, number: u32) -> u32 {
    let mut places = 0;
    for (index, value) in (first..).enumerate() { //~ an addition can overflow | in: `<u8 as core::iter::range::Step>::forward`
        if number == u32::from(value) {
            places = index as u32;
        }
        if number < u32::from(value) {
            break;
        }
    }
    places
}

#[kfunc]
fn bpf_count(first: u8, last: u32) -> u32 {
    (first..).filter(|number| number & 1 == 0).take_while(|number| u32::from(*number) < last).count() as u32 //~ an addition can overflow | in: `<u8 as core::iter::range::Step>::forward`
}

#[kfunc]
fn bpf_position(data: &[u8], sum: u8) -> Result<u32> {
    let place = data.iter().position(|byte| {
        byte + 1 == sum //~ an addition can overflow
    });
    Ok(place.ok_or(ENOENT)? as u32)
}

#[kfunc(sleepable)]
fn bpf_retain(data: &[u8]) -> Result<u32> {
    let mut copy = KVec::new();
    copy.extend_from_slice(data, GFP_KERNEL)?;
    copy.retain(|byte| {
        *byte + 1 != 3 //~ an addition can overflow
    });
    Ok(copy.len() as u32)
}

#[kfunc(sleepable)]
fn bpf_index(data: &[u8]) -> Result<u32> {
    let mut copy = KVec::new();
    copy.extend_from_slice(data, GFP_KERNEL)?;
    Ok(copy[1].into()) //~ an index can be out of bounds
}

/// A type whose `Display` implementation can panic.
struct Shown(u32);

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digit = b"0123456789"[self.0 as usize]; //~ an index can be out of bounds
        f.write_str(core::str::from_utf8(&[digit]).map_err(|_| fmt::Error)?)
    }
}

#[kfunc]
fn bpf_print(number: u32) -> Result<u32> {
    use fmt::Write as _;

    let mut text = [0; 8];
    let mut text = kernel::str::Formatter::new(&mut text);
    write!(text, "{:>5}", Shown(number)).map_err(|_| EINVAL)?;
    Ok(text.bytes_written() as u32)
}
