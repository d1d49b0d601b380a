// SPDX-License-Identifier: GPL-2.0

//! Types that have no place in BTF.

use bpf::prelude::*;

#[derive(BtfType)]
struct AnyLayout { //~ AnyLayout: the compiler may arrange the fields of a struct as it likes; add `#[repr(C)]`
    a: u64,
}

#[derive(BtfType)]
#[repr(C)]
struct Generic<T> { //~ Generic: a type with parameters is many types; BTF has a name for one
    a: T,
}

#[derive(BtfType)]
#[repr(C)]
struct Unnamed(u64); //~ Unnamed: BTF knows fields by name; name at least one

#[derive(BtfType)]
enum AnySize { //~ AnySize: the compiler may choose the size of an enum; add `#[repr(u32)]`
    One,
}

#[derive(BtfType)]
#[repr(u32)]
enum WithFields {
    One(u32), //~ WithFields: an enum with fields has no BTF; use a struct with a tag
}

#[derive(BtfType)]
#[btf(size = 8)] //~ `#[btf]` has the options `object`, `registry = 64` and `name = "..."`
#[repr(C)]
struct WrongOption {
    a: u64,
}

#[derive(BtfType)]
#[btf(object)]
enum ObjectEnum { //~ ObjectEnum: an object is a struct
    One,
}
