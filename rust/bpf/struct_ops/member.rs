// SPDX-License-Identifier: GPL-2.0

//! What the types in a member's signature mean to the verifier.
//!
//! For a kfunc, a program passes arguments and the kernel returns; see [`kfunc`](crate::kfunc).
//! Here the kernel passes and the program returns, so the promises are the other way round: what
//! [`MemberArg`] passes must be what the verifier lets a program take it for, and what
//! [`MemberRet`] makes of the program's register must be right whatever the verifier lets through.
//!
//! All arguments go in whole registers, which is how a trampoline saves them and a program sees
//! them.
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
/// What the type's [`Content`] promises must be all that the verifier lets a program do with an
/// argument of the type `BTF`, whose name in the stub's prototype ends in `SUFFIX`, while the call
/// lasts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as an argument of a struct_ops member",
    label = "pass an integer, `bool`, or an object (`&Object<T>`, `Option<&Object<T>>`, `ARef<Object<T>>`)"
)]
pub unsafe trait MemberArg: Register {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str = <Self as Register>::BTF;

    /// What prologues and epilogues can pass on.
    const CONTENT: Content = <Self as Register>::CONTENT;

    /// What the verifier wants at the end of the parameter's name (`prepare_arg_info()`).
    const SUFFIX: &'static str = match <Self as Register>::CONTENT {
        Content::ObjectOrNull(_) => "__nullable",
        Content::Reference(_) => "__ref",
        _ => "",
    };

    /// The register that the program gets.
    #[inline(always)]
    fn pass(self) -> u64 {
        self.into_register()
    }
}

/// A type that a member can return.
///
/// # Safety
///
/// [`Register::from_register`] must be sound for whatever the verifier lets a program return for the
/// type `BTF` (`check_return_code()`), and for 0; if the type's [`Content`] is a scalar, for every
/// number. There is nothing else: the trampoline skips a program, and returns what happens to be
/// there, only if it has asked for a private stack (`bpf_prog_check_recur()`), which `check_member`
/// would have to do for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as what a struct_ops member returns",
    label = "return nothing, an integer, `bool`, `Result<()>`, or `Option<ARef<Object<T>>>`"
)]
pub unsafe trait MemberRet: for<'a> Register<Value<'a> = Self> {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str = <Self as Register>::BTF;

    /// What a prologue or an epilogue can return for the program.
    const CONTENT: Content = <Self as Register>::CONTENT;

    /// The value of what the program left in its register.
    ///
    /// # Safety
    ///
    /// The register must come from a program that the verifier accepted for a member that returns
    /// this type, or be 0.
    #[inline(always)]
    unsafe fn returned(register: u64) -> Self {
        // SAFETY: The implementation of this trait says that the verifier's checks are enough.
        unsafe { Self::from_register(register, &Call) }
    }
}

macro_rules! scalar {
    ($($ty:ty),*) => {$(
        // SAFETY: A program may do with a scalar whatever it likes.
        unsafe impl MemberArg for $ty {}

        // SAFETY: Any scalar may be returned, and is a value.
        unsafe impl MemberRet for $ty {}
    )*};
}

scalar!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

// SAFETY: Nothing is made of the register.
unsafe impl MemberRet for () {}

// SAFETY: Any scalar may be returned, and is a value.
unsafe impl MemberRet for Result<()> {}

// SAFETY: A pointer to a struct in the context of a struct_ops program is trusted and not null
// (`btf_ctx_access()`); the reference keeps the object while the call lasts. A program can read the
// fields that are in BTF, and pass the pointer on.
unsafe impl<T: BtfObject> MemberArg for &Object<T> {}

// SAFETY: As for a reference, after the program has tested for null (`PTR_MAYBE_NULL`).
unsafe impl<T: BtfObject> MemberArg for Option<&Object<T>> {}

// SAFETY: The verifier makes the program hold the reference from the start (`info->refcounted`), and
// accepts it only if it gives it up on every path, by a kfunc or by returning it.
unsafe impl<T: BtfObject> MemberArg for ARef<Object<T>> {}

// SAFETY: The verifier lets a program return a reference that it holds, in unmodified form and of
// this type, or null.
unsafe impl<T: BtfObject> MemberRet for Option<ARef<Object<T>>> {}
