// SPDX-License-Identifier: GPL-2.0

//! A control: correct versions of the code in the other files. The compiler must accept this file.

use bpf::prelude::*;
use kernel::prelude::*;

mod deep {
    use super::*;

    #[kfunc]
    pub fn bpf_deep(data: &mut [u8], mut more: u64) -> Result<u32> {
        more = more.wrapping_add(data.len() as u64);
        Ok(more as u32)
    }
}

macro_rules! define {
    ($name:ident, $ty:ty) => {
        #[kfunc]
        fn $name(first: $ty, mem: &Mem, second: core::primitive::i8) -> bool {
            first == 0 && mem.is_empty() && second == 0
        }
    };
}

define!(bpf_by_macro, u16);

#[kfunc]
fn bpf_nothing() {}

// A type alias has the meaning of the type.
type Byte = core::primitive::u8;
type Bytes<'a> = &'a [Byte];
type Memory = Mem;
type Token<'a> = &'a rcu::Guard;

#[kfunc]
fn bpf_aliases(bytes: Bytes<'_>, more: &mut [Byte], memory: &Memory, rcu: Token<'_>) -> Result {
    let _ = (memory, rcu);
    more.fill(bytes.first().copied().unwrap_or(0));
    Ok(())
}

// More arguments than registers, with a token and memory among them.
#[kfunc]
fn bpf_on_the_stack(a: u8, rcu: &rcu::Guard, b: &[u8], c: u16, d: &Mem, e: u32) -> Result<u32> {
    let _ = (rcu, a, b, c, d);
    Ok(e)
}

kfunc_set! {
    /// A set with a doc comment.
    #[allow(dead_code)]
    pub(crate) static ALL = {
        prog_types: [Tracing, Lsm, Any],
        kfuncs: [deep::bpf_deep, bpf_by_macro, bpf_nothing, bpf_aliases, bpf_on_the_stack],
    };
}

kfunc_set! {
    pub static AGAIN = {
        prog_types: [Xdp],
        kfuncs: [bpf_nothing],
    };
}
