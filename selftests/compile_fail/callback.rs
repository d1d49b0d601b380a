// SPDX-License-Identifier: GPL-2.0

//! Callbacks that the verifier would not check for what the module does with them.

use bpf::{
    callback::{
        Callback,
        Kept,
        Scheduled,
        Sleepable, //
    },
    prelude::*,
    timer,
    work, //
};
use kernel::prelude::*;

#[kfunc] //~ means nothing to the BPF verifier as an argument of a callback
fn bpf_memory(callback: Callback<'_, fn(KVec<u8>)>) {} //~ means nothing to the BPF verifier as an argument of a callback | pass an integer, `bool`, a pointer to an object (`Lent<T>`, `Option<Lent<T>>`) or a reference

#[kfunc] //~ means nothing to the BPF verifier as the result of a callback
fn bpf_result(callback: Callback<'_, fn() -> Option<u32>>) {} //~ `Option<u32>` means nothing to the BPF verifier as the result of a callback | return nothing, an integer or `bool`

#[kfunc] //~ `u32` is no prototype of a callback
fn bpf_no_prototype(callback: Callback<'_, u32>) {} //~ `u32` is no prototype of a callback | a prototype is a type like `fn(u32, Lent<T>) -> i32`, with at most five arguments

#[kfunc] //~ is no prototype of a callback
fn bpf_many(callback: Callback<'_, fn(u8, u8, u8, u8, u8, u8)>) {} //~ is no prototype of a callback

#[kfunc] //~ the trait bound `u32: bpf::callback::Context` is not satisfied
fn bpf_context(callback: Callback<'_, fn(), u32>) {} //~ the trait bound `u32: bpf::callback::Context` is not satisfied

#[kfunc]
fn bpf_keep(callback: Callback<'static, fn(u32)>) {} //~ borrowed data escapes outside of closure

static KEPT: ModuleState<Callback<'static, fn(u32)>> = ModuleState::new(); //~ cannot be sent between threads safely
//~^ cannot be shared between threads safely

// A kfunc cannot call the function: only the thread of a work can.
#[kfunc]
fn bpf_call(owner: &Map, callback: Callback<'_, fn(u32) -> u32>) -> u32 {
    let Ok(scheduled) = callback.schedule(owner, (1,)) else {
        return 0;
    };
    scheduled.call(&work::Running(())).unwrap_or(0) //~ tuple struct constructor `Running` is private
}

// One that may sleep is another contract than one that may not.
#[kfunc]
fn bpf_other_context(owner: &Map, callback: Callback<'_, fn(u32) -> u32>) {
    let _: Result<Scheduled<fn(u32) -> u32, Sleepable>> = callback.schedule(owner, (1,)); //~ mismatched types
}

// Only a softirq is no place for one that may sleep.
fn in_softirq(may_not: Kept<fn(u32)>, may: Kept<fn(u32), Sleepable>, softirq: &timer::Softirq) {
    let _ = may_not.call(softirq, (1,));
    let _ = may.call(softirq, (1,)); //~ a callback with the context `bpf::callback::Sleepable` cannot be called here
}

fn in_thread(may_not: Kept<fn(u32)>, may: Kept<fn(u32), Sleepable>, thread: &work::Running) {
    let _ = may_not.call(thread, (1,));
    let _ = may.call(thread, (1,));
}
