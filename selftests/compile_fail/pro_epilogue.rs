// SPDX-License-Identifier: GPL-2.0

//! Prologues and epilogues with other instructions than calls of typed functions.

use bpf::{
    pro_epilogue::*,
    register::Content, //
};

unsafe extern "C" fn follows(pointer: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    // SAFETY: The caller passes a valid pointer.
    unsafe { *(pointer as *const u64) }
}

/// Safe code makes a helper with `bpf_helper!` only, which derives the contents from the types.
static FOLLOWS: Helper = Helper::new("follows", follows, &[Content::Scalar]); //~ call to unsafe function `bpf::pro_epilogue::Helper::new` is unsafe

/// The instructions of a prologue are private.
fn any_instruction(prologue: &mut Prologue<'_>) {
    prologue.0; //~ field `0` of struct `bpf::pro_epilogue::Prologue` is private
}

/// Only the crate completes an epilogue.
fn finished_twice(epilogue: Epilogue<'_>) {
    epilogue.finish(); //~ method `finish` is private
}

/// A value comes from a call.
fn no_call() -> Value {
    Value(0) //~ cannot initialize a tuple struct which contains private fields
}

/// A prologue calls kfuncs only that an author declared to accept any numbers.
static ANY_KFUNC: KernelKfunc = KernelKfunc::new(c"bpf_throw", 1, ResultSize::DW); //~ call to unsafe function `bpf::pro_epilogue::KernelKfunc::new` is unsafe
