// SPDX-License-Identifier: GPL-2.0

//! Functions that cannot be traceable, for reasons other than the types of their arguments.

use bpf::{
    may_panic,
    prelude::*, //
};
use kernel::prelude::*;

#[traceable]
unsafe fn example_unsafe() {} //~ example_unsafe: a traceable function cannot be `unsafe`: the stub calls it from safe code; remove `unsafe`, or trace a safe function around it

#[traceable]
async fn example_async() {} //~ example_async: a traceable function cannot be `async`: a call does not run its body

#[traceable]
const fn example_const() {} //~ example_const: a traceable function cannot be `const`: the compiler cannot evaluate the stub

#[traceable]
extern "C" fn example_extern() {} //~ example_extern: remove the calling convention: `#[traceable]` defines the symbol that tracers find

#[traceable]
fn example_generic<T>(value: T) {} //~ example_generic: a traceable function cannot be generic: it has one symbol and one BTF prototype; write one function for each type

#[traceable]
fn example_const_generic<const N: usize>(value: u32) {} //~ example_const_generic: a traceable function cannot be generic

#[traceable]
fn example_where(value: u32) where u32: Copy {} //~^ example_where: a traceable function cannot be generic

#[traceable]
fn example_impl(value: impl Copy) {} //~ example_impl: the verifier takes a function with this ending for the prototype of a kfunc with implicit arguments (`KF_IMPLICIT_ARGS`); choose another ending

#[traceable]
fn example_impl_arg(value: impl Copy) {} //~ example_impl_arg: argument 1 (value): a function has one BTF prototype; name the type

#[traceable]
fn example_impl_ret() -> impl Copy {} //~ example_impl_ret: return type: a function has one BTF prototype; name the type

#[traceable]
fn example_never() -> ! { loop {} } //~ example_never: return type: tracers expect a function to return; return `()`

#[traceable]
fn example_pattern((a, b): (u32, u32)) {} //~ example_pattern: argument 1: write `name: type`: the name becomes the parameter's name in BTF

#[traceable]
fn example_suffix(data__sz: u32) {} //~ example_suffix: argument 1 (data__sz): the verifier interprets the part of a name after `__`

#[traceable]
fn example_seven(a: u8, b: u8, c: u8, d: u8, e: u8, f: u8, g: u8) {} //~ example_seven: a traceable function takes at most 6 arguments, which are in registers; put some into an object

#[traceable(fast)]
fn example_option() {} //~^ example_option: `#[traceable]` has no option `fast`; the options are fmod_ret, sleepable

#[traceable(sleepable)]
fn example_sleepable() {} //~^ example_sleepable: the kernel lets programs that may sleep attach only to functions that also allow `fmod_ret`; write `#[traceable(fmod_ret, sleepable)]`

#[kfunc]
#[traceable(fmod_ret, sleepable)]
fn bpf_sleepable() -> Result { //~^ bpf_sleepable: whether a kfunc may sleep is an option of `#[kfunc(sleepable)]`
    Ok(())
}

#[traceable(fmod_ret, sleepable)]
#[kfunc]
fn bpf_sleepable_first() -> Result { //~^^ bpf_sleepable_first: whether a kfunc may sleep is an option of `#[kfunc(sleepable)]`
    Ok(())
}

#[traceable]
#[traceable]
fn example_twice() {} //~^ example_twice: there is a second `#[traceable]`; remove one

#[traceable]
fn memcpy(to: u64, from: u64, len: u64) -> u64 { //~ memcpy: the name becomes a symbol, which must not be a symbol of the kernel or one that the compiler calls; begin the name with that of the module, `example_`
    to
}

#[traceable]
fn security_open(uid: u32) -> Result { //~ security_open: the name becomes a symbol
    Ok(())
}

#[traceable]
fn bpf_not_a_kfunc() {} //~ bpf_not_a_kfunc: the name becomes a symbol

#[traceable]
fn example__x64_sys() {} //~ example__x64_sys: the verifier interprets the part of a name after `__`

struct Object;

impl Object {
    #[traceable]
    fn example_method(&self) {} //~ example_method: a traceable function cannot be a method; write a function that takes the object as an argument
}

#[may_panic("")]
#[traceable]
fn example_no_reason() {} //~ give the reason why a panic never happens

#[traceable]
struct NotAFunction; //~ expected `fn`
