// SPDX-License-Identifier: GPL-2.0

//! Indexes and ranges.

use bpf::prelude::*;
use kernel::prelude::*;

static TABLE: [u8; 4] = [1, 2, 3, 4];

#[kfunc]
fn bpf_index(index: u32) -> u8 {
    TABLE[index as usize] //~ an index can be out of bounds | write: `array.get(index).ok_or(EINVAL)?`
}

#[kfunc]
fn bpf_first(data: &[u8]) -> Result<u32> {
    Ok(data[0].into()) //~ an index can be out of bounds
}

#[kfunc]
fn bpf_from(data: &[u8], from: u32) -> Result<u32> {
    Ok(data[from as usize..].len() as u32) //~ a range can be out of bounds | write: `slice.get(from..to).ok_or(EINVAL)?`
}

#[kfunc]
fn bpf_to(data: &mut [u8], to: u32) -> Result {
    data[..to as usize].fill(0); //~ a range can be out of bounds
    Ok(())
}

#[kfunc]
fn bpf_copy(from: &[u8], to: &mut [u8]) -> Result {
    to.copy_from_slice(from); //~ `copy_from_slice()` can get slices of different lengths
    Ok(())
}

#[kfunc]
fn bpf_split(data: &[u8], at: u32) -> Result {
    let (begin, end) = data.split_at(at as usize); //~ can be reached, or a function that has one of them | in: `<[u8]>::split_at`
    (begin < end).then_some(()).ok_or(EINVAL)
}

#[kfunc]
fn bpf_chunks(data: &[u8], size: u32) -> Result<u32> {
    Ok(data.chunks(size as usize).len() as u32) //~ can be reached
}

#[kfunc]
fn bpf_swap(data: &mut [u8], a: u32, b: u32) -> Result {
    data.swap(a as usize, b as usize); //~ an index can be out of bounds
    Ok(())
}

#[kfunc]
fn bpf_text(text: &CStr, from: u32) -> Result<u32> {
    let text = text.to_str().map_err(|_| EILSEQ)?;
    Ok(text[from as usize..].len() as u32) //~ a range of a string can be out of bounds, or in the middle of a character
}
