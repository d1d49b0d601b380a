// SPDX-License-Identifier: GPL-2.0

//! Types in a signature that `#[kfunc]` itself recognizes and rejects, with a specific message.

use bpf::prelude::*;
use kernel::prelude::*;

#[kfunc]
fn bpf_words(words: &[u32]) -> Result<u32> { //~ bpf_words: argument 1 (words): a slice of u32 has no byte length the verifier can check; take `&[u8]`
    Ok(0)
}

#[kfunc]
fn bpf_words_mut(count: u32, words: &mut [u32]) -> Result { //~ bpf_words_mut: argument 2 (words): a slice of u32 has no byte length the verifier can check; take `&mut [u8]`
    Ok(())
}

#[kfunc]
fn bpf_text(text: &str) -> Result { //~ bpf_text: argument 1 (text): the verifier does not check that bytes are UTF-8; take `&[u8]` and call `core::str::from_utf8`
    Ok(())
}

#[kfunc]
fn bpf_mem_mut(mem: &mut Mem) {} //~ bpf_mem_mut: argument 1 (mem): several arguments can point to the same memory; take `&Mem`, whose methods also write

#[kfunc]
fn bpf_static(data: &'static [u8]) -> Result { //~ bpf_static: argument 1 (data): an argument is valid only during the call; remove `'static`
    Ok(())
}

#[kfunc]
fn bpf_size(size: usize) {} //~ bpf_size: argument 1 (size): the size of usize depends on the architecture; take u64

#[kfunc]
fn bpf_offset(offset: isize) {} //~ bpf_offset: argument 1 (offset): the size of isize depends on the architecture; take i64

#[kfunc]
fn bpf_wide(wide: u128) {} //~ bpf_wide: argument 1 (wide): a BPF register has 64 bits; take two u64 or `&[u8]`

#[kfunc]
fn bpf_float(real: f64) {} //~ bpf_float: argument 1 (real): f64: neither BPF nor the kernel computes with floating point; take an integer

#[kfunc]
fn bpf_char(letter: char) {} //~ bpf_char: argument 1 (letter): the verifier does not check that a number is a character; take u32 and call `char::from_u32`

#[kfunc]
fn bpf_pointer(pointer: *const u8) {} //~ bpf_pointer: argument 1 (pointer): a raw pointer has no contract; take `&[u8]` or `&Mem` for memory

#[kfunc]
fn bpf_array(array: [u8; 16]) {} //~ bpf_array: argument 1 (array): BPF passes memory by pointer; take `&[u8]`

#[kfunc]
fn bpf_tuple(pair: (u32, u32)) {} //~ bpf_tuple: argument 1 (pair): BPF cannot pass a tuple; write one argument for each element

#[kfunc]
fn bpf_callback(call: fn(u32)) {} //~ bpf_callback: argument 1 (call): BPF programs have no pointers to functions of the kernel

#[kfunc]
fn bpf_impl_trait(value: impl Into<u32>) {} //~ bpf_impl_trait: argument 1 (value): a kfunc has one BTF prototype; name the type

#[kfunc]
#[rustfmt::skip]
fn bpf_many(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8, h: u8, i: u8, j: u8, k: u8, l: u8, m: u8) {} //~ evaluation of constant value failed | bpf_many: argument 13 (m): a kfunc has at most 12 arguments, and a slice counts as two; put some of them into a struct (`In<T>`)

#[kfunc]
fn bpf_mutable(number: &mut u32) {} //~ bpf_mutable: argument 1 (number): another CPU or another argument can refer to the same u32; take `&u32`, or `Out<'_, u32>` to fill a struct

#[kfunc]
fn bpf_never() -> ! { //~ bpf_never: return type: the verifier expects a kfunc to return; return `()`
    loop {}
}

#[kfunc]
fn bpf_lend(data: &Mem) -> &Mem { //~ bpf_lend: return type: nothing keeps the memory alive after the call; return a number, or write into a `&mut [u8]` argument
    data
}

#[kfunc]
fn bpf_result_u64() -> Result<u64> { //~ bpf_result_u64: return type: a program cannot distinguish a value of Result<u64> from an error number; return `Result<()>` or `Result<u32>`
    Ok(0)
}

#[kfunc]
fn bpf_return_usize() -> usize { //~ bpf_return_usize: return type: the size of usize depends on the architecture; return u64
    0
}

#[kfunc]
fn bpf_return_u128() -> u128 { //~ bpf_return_u128: return type: u128: a BPF register has 64 bits; write into a `&mut [u8]` argument
    0
}
