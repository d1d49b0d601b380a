// SPDX-License-Identifier: GPL-2.0

//! Types that cannot be the item of an iterator.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType, Clone, Copy)]
#[repr(C)]
struct Pair {
    a: u32,
    b: u32,
}

struct Pairs;

#[kfunc_iterator(pairs)] //~ `Pair` cannot be an item of an open-coded iterator
impl Pairs {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    fn next(&mut self) -> Option<Pair> { //~ `Pair` cannot be an item of an open-coded iterator | yield an integer, `bool`, an array of them, `RcuPtr<'a, Object<T>>`, or `Lock<T>`
        None
    }
}
