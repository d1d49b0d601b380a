// SPDX-License-Identifier: GPL-2.0

//! Types that a traceable function cannot take or return, and results that programs cannot replace.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "bpf_example_thing")]
struct Thing {
    #[btf]
    id: u64,
}

#[traceable]
fn example_slice(data: &[u8]) {} //~ `&[u8]` means nothing to a tracer as an argument of a function | take an integer, `bool`, `&Object<T>` or `Option<&Object<T>>`
//~^ `&[u8]` does not fit into a BPF register

#[traceable]
fn example_exclusive(thing: &mut Object<Thing>) {} //~ `&mut bpf::Object<Thing>` means nothing to a tracer as an argument of a function
//~^ `&mut bpf::Object<Thing>` does not fit into a BPF register

#[traceable]
fn example_reference(number: &u32) {} //~ `&u32` means nothing to a tracer as an argument of a function
//~^ `&u32` does not fit into a BPF register

#[traceable]
fn example_raw(number: *const u32) {} //~ `*const u32` means nothing to a tracer as an argument of a function
//~^ `*const u32` does not fit into a BPF register

// If a program replaced the result, nothing would release the reference.
#[traceable]
fn example_owned(thing: ARef<Object<Thing>>) {} //~ `bpf::prelude::ARef<bpf::Object<Thing>>` means nothing to a tracer as an argument of a function

#[traceable]
fn example_tuple(pair: (u32, u32)) {} //~ `(u32, u32)` means nothing to a tracer as an argument of a function

#[traceable]
fn example_size(size: usize) {} //~ `usize` means nothing to a tracer as an argument of a function

#[traceable]
fn example_returns_size() -> usize { //~ `usize` means nothing to a tracer as the result of a function | return nothing, an integer, `bool` or `Result<()>`
    //~^ `usize` does not fit into a BPF register
    0
}

#[traceable]
fn example_returns_thing<'a>(thing: &'a Object<Thing>) -> &'a Object<Thing> { //~ `&'static bpf::Object<Thing>` means nothing to a tracer as the result of a function
    //~^^ `__bpf_call` does not live long enough /or/ temporary value dropped while borrowed
    thing
}

// The alias hides the type from the macro.
type Bytes<'a> = &'a [u8];

#[traceable]
fn example_alias(data: Bytes<'_>) {} //~ `&[u8]` means nothing to a tracer as an argument of a function
//~^ `&[u8]` does not fit into a BPF register

static KEPT: kernel::sync::SetOnce<&'static Object<Thing>> = kernel::sync::SetOnce::new();

// A function cannot keep an argument after the call.
#[traceable]
fn example_keeps(thing: &'static Object<Thing>) { //~^ `__bpf_call` does not live long enough /or/ temporary value dropped while borrowed
    KEPT.populate(thing);
}

#[traceable(fmod_ret)]
fn example_bool() -> bool { //~ a `fmod_ret` program cannot replace a `bool` | return `Result<()>`, for which every number is valid
    true
}

#[traceable(fmod_ret)]
fn example_number() -> i32 { //~ a `fmod_ret` program cannot replace a `i32`
    0
}

#[kfunc]
#[traceable(fmod_ret)]
fn bpf_value() -> Result<u32> { //~ a `fmod_ret` program cannot replace a `core::result::Result<u32, kernel::error::Error>`
    Ok(0)
}

#[kfunc]
#[traceable(fmod_ret)]
fn bpf_acquires() -> Option<ARef<Object<Thing>>> { //~ a `fmod_ret` program cannot replace a `Option<bpf::prelude::ARef<bpf::Object<Thing>>>`
    None
}

#[kfunc]
#[traceable(fmod_ret)] //~ evaluation of constant value failed | bpf_releases: if a `fmod_ret` program replaces the result, the reference in the first argument is never released; remove `fmod_ret`, or take `RcuPtr<'_, ...>`
fn bpf_releases(thing: ARef<Object<Thing>>) -> Result {
    drop(thing);
    Ok(())
}

#[traceable]
fn example_fixed() -> Result {
    Ok(())
}

kfunc_set! {
    static HOOKS = {
        fmod_ret: [example_fixed], //~ `example_fixed` does not allow `fmod_ret` programs | write `#[traceable(fmod_ret)]` on the function
    };
}
