// SPDX-License-Identifier: GPL-2.0

//! An iterator whose `next` returns another type than the one in its declaration, because of a type
//! alias.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_alias_one")]
struct One;

#[derive(BtfType)]
#[btf(object, name = "compile_fail_alias_two")]
struct Two;

trait Swap {
    type Other;
}

impl<'a> Swap for RcuPtr<'a, Object<One>> {
    type Other = RcuPtr<'a, Object<Two>>;
}

mod swap {
    pub(super) type Option<T> = core::option::Option<<T as super::Swap>::Other>;
}

struct Walk;

#[kfunc_iterator(compile_fail_alias)] //~ type mismatch resolving `<RcuPtr<'_, Object<Two>> as IteratorItem>::Kind == Object<One>`
impl Walk {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    fn next<'a>(&mut self, _reader: &'a rcu::Guard) -> swap::Option<RcuPtr<'a, Object<One>>> {
        None
    }
}
