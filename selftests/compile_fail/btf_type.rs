// SPDX-License-Identifier: GPL-2.0

//! Types that BTF cannot describe.

use bpf::prelude::*;

#[derive(BtfType)]
struct AnyLayout { //~ AnyLayout: the compiler can choose any offsets for the fields of a struct; add `#[repr(C)]`
    a: u64,
}

#[derive(BtfType)]
#[repr(C)]
struct Generic<T> { //~ Generic: BTF has no generic types; remove the parameters
    a: T,
}

#[derive(BtfType)]
#[repr(C)]
struct Unnamed(u64); //~ Unnamed: a field in BTF has a name; use a struct with a named field

#[derive(BtfType)]
enum AnySize { //~ AnySize: the compiler can choose the size of an enum; add `#[repr(u32)]`
    One,
}

#[derive(BtfType)]
#[repr(u32)]
enum WithFields {
    One(u32), //~ WithFields: an enum with fields has no BTF; use a struct with a tag
}

#[derive(BtfType)]
#[btf(size = 8)] //~ the options of `#[btf]` are `object`, `registry = 64`, `lock = field` and `name = "..."`
#[repr(C)]
struct WrongOption {
    a: u64,
}

#[derive(BtfType)]
#[btf(object)]
enum ObjectEnum { //~ ObjectEnum: an object must be a struct
    One,
}
