// SPDX-License-Identifier: GPL-2.0

//! Iterators that `#[kfunc_iterator]` rejects.

use bpf::prelude::*;
use kernel::prelude::*;

struct One;

#[kfunc_iterator(one)]
impl One { //~ one: the iterator has no function `next`; add it
    fn new() -> Result<Self> {
        Ok(Self)
    }
}

struct Two;

#[kfunc_iterator(two)]
impl Two {
    fn new() -> Self { //~ `new` of an iterator must return `Result<Self>`
        Self
    }

    fn next(&mut self) -> Option<u32> {
        None
    }
}

struct Three;

#[kfunc_iterator(three)]
impl Three {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    fn next(&mut self, more: u32) -> Option<u32> { //~ evaluation of constant value failed | three: a program passes only the iterator to `next`; the other arguments can be `&rcu::Guard` and `&ModuleRef`
        None
    }
}

struct Four;

#[kfunc_iterator(four)]
impl Iterator for Four { //~ four: write an `impl` without a trait, of a type without generic parameters, with `new` and `next`
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        None
    }
}

struct Five;

#[kfunc_iterator(five)]
impl Five {
    fn new(words: &[u32]) -> Result<Self> { //~ new: argument 1 (words): a slice of u32 has no byte length the verifier can check
        Ok(Self)
    }

    fn next(&mut self) -> Option<u32> {
        None
    }
}

struct Six;

#[kfunc_iterator(six)]
impl Six {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    #[cfg(CONFIG_NET)]
    fn next(&mut self) -> Option<u32> {
        None
    }

    #[cfg(not(CONFIG_NET))]
    fn next(&mut self) -> Option<u64> { //~ six: there is a second `next`; put `#[cfg]` on the whole `impl`
        None
    }
}
