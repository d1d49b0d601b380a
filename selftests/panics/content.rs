// SPDX-License-Identifier: GPL-2.0

//! Code that the tool's messages advise, and code whose panics the compiler proves to be
//! impossible. The tool must accept this file.

use bpf::prelude::*;
use kernel::prelude::*;

const __LOG_PREFIX: &[u8] = b"content\0";

static TABLE: [u8; 256] = [1; 256];

#[kfunc]
fn bpf_checked(a: u32, b: u32) -> Result<u32> {
    let sum = a.checked_add(b).ok_or(EOVERFLOW)?;
    let difference = a.checked_sub(b).ok_or(EOVERFLOW)?;
    let product = sum.checked_mul(difference).ok_or(EOVERFLOW)?;
    let quotient = product.checked_div(b).ok_or(EINVAL)?;
    let rest = product.checked_rem(b).ok_or(EINVAL)?;
    let left = a.checked_shl(b).ok_or(EINVAL)?;
    let right = a.checked_shr(b).ok_or(EINVAL)?;
    Ok(quotient ^ rest ^ left ^ right)
}

#[kfunc]
fn bpf_wraps(a: u32, b: u32) -> u32 {
    a.wrapping_add(b)
        .wrapping_mul(3)
        .wrapping_shl(b)
        .saturating_sub(b)
}

#[kfunc]
fn bpf_proven(index: u8, divisor: u32) -> u32 {
    if divisor == 0 {
        return 0;
    }
    u32::from(TABLE[usize::from(index)]) / divisor + u32::from(index)
}

#[kfunc]
fn bpf_slices(from: &[u8], to: &mut [u8], at: u32) -> Result<u32> {
    let (begin, end) = from.split_at_checked(at as usize).ok_or(EINVAL)?;
    let first = begin.first().ok_or(EINVAL)?;
    to.get_mut(..end.len()).ok_or(E2BIG)?.copy_from_slice(end);
    for (to, from) in to.iter_mut().zip(begin) {
        *to ^= from;
    }
    Ok(begin.iter().fold(u32::from(*first), |sum, &byte| {
        sum.wrapping_add(u32::from(byte))
    }))
}

#[kfunc]
fn bpf_counts(data: &[u8]) -> Result<u32> {
    let zeroes = data.iter().filter(|&&byte| byte == 0).count();
    let first = data.iter().position(|&byte| byte != 0).ok_or(ENOENT)?;
    let same = data.iter().enumerate().filter(|(index, &byte)| *index == usize::from(byte));
    Ok((zeroes ^ first ^ same.count()) as u32)
}

#[kfunc]
fn bpf_texts(text: &CStr, data: &[u8]) -> Result<u32> {
    let name = text.to_str().map_err(|_| EILSEQ)?;
    let other = core::str::from_utf8(data).map_err(|_| EILSEQ)?;
    let last = other.rsplit('/').next().ok_or(EINVAL)?;
    pr_info!("{name} {other:?} {:>5} {:#x}\n", data.len(), last.len());
    name.chars().position(char::is_whitespace).map_or(Err(EINVAL), |at| Ok(at as u32))
}

#[kfunc(sleepable)]
fn bpf_vectors(data: &[u8]) -> Result<u32> {
    let mut copy = KVec::with_capacity(data.len(), GFP_KERNEL)?;
    copy.extend_from_slice(data, GFP_KERNEL)?;
    copy.push(1, GFP_KERNEL)?;
    copy.retain(|byte| *byte != 2);
    copy.truncate(5);
    drop(copy.pop());
    Ok(copy.len() as u32)
}
