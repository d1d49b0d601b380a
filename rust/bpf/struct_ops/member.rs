// SPDX-License-Identifier: GPL-2.0

//! The types in the signature of a member, and their meaning for the verifier.
//!
//! The kernel passes the arguments of a member, and the program returns the result:
//!
//! - [`MemberArg`]: the argument must be valid for everything that the verifier lets the program do
//!   with it.
//! - [`MemberRet`]: every result that the verifier accepts must become a valid value.
//!
//! All arguments are whole registers: a trampoline saves whole registers, and a program reads them.
//!
//! This module does not describe kfuncs, to which a program passes the arguments: see
//! [`kfunc`](crate::kfunc).
//!
//! C: `prepare_arg_info()` in `kernel/bpf/bpf_struct_ops.c`.

use crate::{
    object::{
        BtfObject,
        Object, //
    },
    register::{
        Call,
        Content,
        Register, //
    }, //
};
use kernel::{
    prelude::*,
    sync::aref::ARef, //
};

/// A type that the kernel can pass to a member.
///
/// # Safety
///
/// The verifier sees an argument of the type `BTF`, whose name in the stub's prototype ends in
/// `SUFFIX`. A register with the type's [`Content`] must be valid for everything that the verifier
/// lets a program do with such an argument until the call ends.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as an argument of a struct_ops member",
    label = "pass an integer, `bool`, or an object (`&Object<T>`, `Option<&Object<T>>`, `ARef<Object<T>>`)"
)]
pub unsafe trait MemberArg: Register {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str = <Self as Register>::BTF;

    /// The content of the register, for prologues and epilogues.
    const CONTENT: Content = <Self as Register>::CONTENT;

    /// The end of the parameter's name in the stub, which the verifier reads
    /// (`prepare_arg_info()`).
    const SUFFIX: &'static str = match <Self as Register>::CONTENT {
        Content::ObjectOrNull(_) => "__nullable",
        Content::Reference(_) => "__ref",
        _ => "",
    };

    /// Returns the register for the program.
    #[inline(always)]
    fn pass(self) -> u64 {
        self.into_register()
    }
}

/// A type that a member can return.
///
/// # Safety
///
/// [`Register::from_register`] must be sound for
///
/// - every result of the type `BTF` that the verifier accepts (`check_return_code()`);
/// - 0;
/// - every number, if the type's [`Content`] is a scalar.
///
/// No other register can occur. A trampoline skips a program and returns an undefined register only
/// if the program uses a private stack (`bpf_prog_check_recur()`). Only `check_member` can request
/// such a stack, and this crate does not.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as the result of a struct_ops member",
    label = "return nothing, an integer, `bool`, `Result<()>`, or `Option<ARef<Object<T>>>`"
)]
pub unsafe trait MemberRet: for<'a> Register<Value<'a> = Self> {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str = <Self as Register>::BTF;

    /// The content of the register, for prologues and epilogues.
    const CONTENT: Content = <Self as Register>::CONTENT;

    /// Returns the value of the register that a program returned.
    ///
    /// # Safety
    ///
    /// The register must be 0, or the result of a program that the verifier accepted for a member
    /// that returns this type.
    #[inline(always)]
    unsafe fn returned(register: u64) -> Self {
        // SAFETY: The implementation of this trait guarantees that the function is sound for 0 and
        // for every result that the verifier accepts.
        unsafe { Self::from_register(register, &Call) }
    }
}

macro_rules! scalar {
    ($($ty:ty),*) => {$(
        // SAFETY: The verifier sees a scalar, and every operation on a scalar is valid.
        unsafe impl MemberArg for $ty {}

        // SAFETY: The verifier accepts every scalar, and every register is a valid number.
        unsafe impl MemberRet for $ty {}
    )*};
}

scalar!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

// SAFETY: `from_register` ignores the register.
unsafe impl MemberRet for () {}

// SAFETY: The verifier accepts every scalar, and every register becomes a valid result.
unsafe impl MemberRet for Result<()> {}

// SAFETY: The verifier takes a pointer to a struct in the context of a struct_ops program as
// trusted and not null (`btf_ctx_access()`). The borrow keeps the object until the call ends. The
// program can read the fields that are in BTF, and pass the pointer to kfuncs.
unsafe impl<T: BtfObject> MemberArg for &Object<T> {}

// SAFETY: The verifier lets the program use the pointer after a test for null (`PTR_MAYBE_NULL`).
// The pointer is then trusted, and the borrow keeps the object until the call ends.
unsafe impl<T: BtfObject> MemberArg for Option<&Object<T>> {}

// SAFETY: The program holds the reference from the start (`info->refcounted`). The verifier accepts
// the program only if every path releases the reference, by a kfunc, or returns it.
unsafe impl<T: BtfObject> MemberArg for ARef<Object<T>> {}

// SAFETY: The verifier accepts two results: null, and an unmodified pointer to an object of this
// type with a reference that the program holds.
unsafe impl<T: BtfObject> MemberRet for Option<ARef<Object<T>>> {}
