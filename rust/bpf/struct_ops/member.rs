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
    insn::Kind,
    object::{
        BtfObject,
        Object, //
    },
    types::Pointer, //
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*,
    sync::aref::ARef, //
};

/// A type that the kernel can pass to a member.
///
/// # Safety
///
/// What [`into_register`](MemberArg::into_register) returns must be all that the verifier lets a
/// program do with an argument of the type `BTF`, whose name in the stub's prototype ends in
/// `SUFFIX`, while the call lasts.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as an argument of a struct_ops member",
    label = "pass an integer, `bool`, or an object (`&Object<T>`, `Option<&Object<T>>`, `ARef<Object<T>>`)"
)]
pub unsafe trait MemberArg: Sized {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str;

    /// What the verifier wants at the end of the parameter's name.
    const SUFFIX: &'static str = "";

    /// What it is for functions that a prologue or an epilogue calls.
    const KIND: Kind = Kind::Number;

    /// Makes of a value what the program gets.
    fn into_register(self) -> u64;
}

/// A type that a member can return.
///
/// # Safety
///
/// [`from_register`](MemberRet::from_register) must be sound for whatever the verifier lets a
/// program return for the type `BTF` (`check_return_code()`), and for 0; if `ANY` is true, for every
/// number. `KIND` of an argument must be true of it. There is nothing else: the trampoline skips a
/// program, and returns what happens to be there, only if it has asked for a private stack
/// (`bpf_prog_check_recur()`), which `check_member` would have to do for it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as what a struct_ops member returns",
    label = "return nothing, an integer, `bool`, `Result<()>`, or `Option<ARef<Object<T>>>`"
)]
pub unsafe trait MemberRet: Sized {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str;

    /// Whether a value can be made of any number.
    const ANY: bool = true;

    /// Makes a value of what the program left in its register.
    ///
    /// # Safety
    ///
    /// The register must come from a program that the verifier accepted for a member that returns
    /// this type, or be 0.
    unsafe fn from_register(register: u64) -> Self;
}

macro_rules! integer {
    ($($ty:ident as $btf:literal),* $(,)?) => {$(
        // SAFETY: A program may do with a scalar whatever it likes.
        unsafe impl MemberArg for $ty {
            const BTF: &'static str = $btf;

            // One line for all sizes and signs, of which some could be said with `From`.
            #[allow(clippy::cast_lossless)]
            #[inline(always)]
            fn into_register(self) -> u64 {
                self as u64
            }
        }

        // SAFETY: Any scalar may be returned, and the bits above the size are cut off.
        unsafe impl MemberRet for $ty {
            const BTF: &'static str = $btf;

            #[inline(always)]
            unsafe fn from_register(register: u64) -> Self {
                register as $ty
            }
        }
    )*};
}

integer! {
    u8 as "u8", u16 as "u16", u32 as "u32", u64 as "u64",
    i8 as "s8", i16 as "s16", i32 as "s32", i64 as "s64",
}

// SAFETY: A scalar, as integers are.
unsafe impl MemberArg for bool {
    const BTF: &'static str = "bool";

    #[inline(always)]
    fn into_register(self) -> u64 {
        u64::from(self)
    }
}

// SAFETY: Any scalar may be returned; it is tested and not reinterpreted.
unsafe impl MemberRet for bool {
    const BTF: &'static str = "bool";

    #[inline(always)]
    unsafe fn from_register(register: u64) -> Self {
        register as u8 != 0
    }
}

// SAFETY: Nothing is made of the register.
unsafe impl MemberRet for () {
    const BTF: &'static str = "void";
    const ANY: bool = false;

    #[inline(always)]
    unsafe fn from_register(_register: u64) {}
}

// SAFETY: Any scalar may be returned. A negative one that is no error number is one.
unsafe impl MemberRet for Result<()> {
    const BTF: &'static str = "int";

    #[inline(always)]
    unsafe fn from_register(register: u64) -> Self {
        const LEAST: i32 = -(bindings::MAX_ERRNO as i32);
        match register as i32 {
            0.. => Ok(()),
            errno @ LEAST..0 => Err(Error::from_errno(errno)),
            _ => Err(EINVAL),
        }
    }
}

// SAFETY: A pointer to a struct in the context of a struct_ops program is trusted and not null
// (`btf_ctx_access()`); the reference keeps the object while the call lasts. A program can read the
// fields that are in BTF, and pass the pointer on.
unsafe impl<T: BtfObject> MemberArg for &Object<T> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const KIND: Kind = Kind::Object(Object::<T>::TYPE);

    #[inline(always)]
    fn into_register(self) -> u64 {
        core::ptr::from_ref(self) as u64
    }
}

// SAFETY: As for a reference, after the program has tested for null (`PTR_MAYBE_NULL`).
unsafe impl<T: BtfObject> MemberArg for Option<&Object<T>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const SUFFIX: &'static str = "__nullable";
    const KIND: Kind = Kind::Nullable(Object::<T>::TYPE);

    #[inline(always)]
    fn into_register(self) -> u64 {
        self.map_or(0, |object| core::ptr::from_ref(object) as u64)
    }
}

// SAFETY: The verifier makes the program hold the reference from the start (`info->refcounted`), and
// accepts it only if it gives it up on every path, by a kfunc or by returning it.
unsafe impl<T: BtfObject> MemberArg for ARef<Object<T>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const SUFFIX: &'static str = "__ref";
    const KIND: Kind = Kind::Reference(Object::<T>::TYPE);

    #[inline(always)]
    fn into_register(self) -> u64 {
        ARef::into_raw(self).as_ptr() as u64
    }
}

// SAFETY: The verifier lets a program return a reference that it holds, in unmodified form and of
// this type, or null.
unsafe impl<T: BtfObject> MemberRet for Option<ARef<Object<T>>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const ANY: bool = false;

    #[inline(always)]
    unsafe fn from_register(register: u64) -> Self {
        let object = NonNull::new(register as *mut Object<T>)?;
        // SAFETY: The program's reference is taken over.
        Some(unsafe { ARef::from_raw(object) })
    }
}
