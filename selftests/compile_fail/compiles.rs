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

#[derive(BtfType)]
#[btf(object, name = "bpf_example_object")]
struct Thing {
    #[btf]
    id: u64,
}

type MaybeThing<'a> = Option<&'a Object<Thing>>;

/// A traceable function with an argument of each kind.
#[traceable]
#[must_use]
#[allow(unused_mut, clippy::too_many_arguments)]
pub(crate) fn example_traced<'a>(mut a: i8, b: bool, c: &'a Object<Thing>, d: MaybeThing<'a>) -> u64 {
    a = a.wrapping_add(b.into());
    c.id ^ d.map_or(0, |d| d.id) ^ a as u64
}

#[traceable]
fn example_nothing() {}

macro_rules! define_traced {
    ($name:ident, $ty:ty, $ret:ty) => {
        #[traceable]
        fn $name(first: $ty, second: &Object<Thing>) -> $ret {
            first.into() && second.id > 0
        }
    };
}

define_traced!(example_by_macro, bool, bool);

#[traceable]
#[cfg(NOWHERE)]
fn example_no_where() -> NoSuchType {}

#[traceable(fmod_ret)]
fn example_hook(r#type: u32) -> Result {
    let _ = r#type;
    Ok(())
}

#[bpf::traceable(fmod_ret)]
#[bpf::kfunc(sleepable)]
#[bpf::may_panic("a test")]
fn bpf_traced() -> Result {
    let _: fn(u32) -> Result = example_hook;
    example_nothing();
    example_hook(1)
}

kfunc_set! {
    static TRACED = {
        prog_types: [Syscall],
        kfuncs: [bpf_traced],
        fmod_ret: [example_hook, bpf_traced],
    };
}
