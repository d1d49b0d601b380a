// SPDX-License-Identifier: GPL-2.0

//! What the types in a kfunc's signature mean to the verifier.
//!
//! [`KfuncArg`] and [`KfuncRet`] say for each type how it is spelled in BTF, and how a BPF register
//! becomes a value of it. They are implemented here, once for every type that the verifier can
//! check, and by nobody else: an implementation is a claim about `kernel/bpf/verifier.c`.
//!
//! Memory takes two registers and has no implementation here; see [`mem`](crate::mem).
//!
//! C header: [`include/linux/btf.h`](srctree/include/linux/btf.h)

use kernel::prelude::*;

/// A function that `#[kfunc]` made callable from BPF.
///
/// # Safety
///
/// The symbol with the name of the type must be a function whose prototype is the one described
/// for the BTF step, and `FLAGS` must be what the verifier has to enforce for it.
pub unsafe trait Kfunc {
    /// The `KF_*` flags.
    const FLAGS: u32;
}

/// A call of a kfunc: what arguments are lent for. For the code that the macros generate.
#[doc(hidden)]
pub struct Call;

/// A type that a kfunc can take in one register.
///
/// # Safety
///
/// What the verifier lets through for a parameter of type `BTF` whose name ends in `SUFFIX` must
/// be enough for [`from_register`](KfuncArg::from_register) to be sound. `Value<'a>` must be the
/// type itself, with `'a` in place of each lifetime.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as an argument of a kfunc",
    label = "take an integer, `bool`, memory (`&[u8]`, `&mut [u8]`, `&Mem`), a struct (`In<T>`, `Out<'_, T>`) or an object (`&Object<T>`, `ARef<Object<T>>`)"
)]
pub unsafe trait KfuncArg: Sized {
    /// The same type, lent for `'a`.
    ///
    /// An argument is lent for the time of the call. A function that wants to have it for longer,
    /// by whatever name it calls the type, does not get a value of this type to compile.
    type Value<'a>;

    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str;

    /// What the verifier wants at the end of the parameter's name.
    const SUFFIX: &'static str = "";

    /// The name that the verifier wants the parameter to have, if it wants one.
    const NAME: &'static str = "";

    /// The `KF_*` flags that such an argument brings to the whole function.
    const FLAGS: u32 = 0;

    /// Whether the type relies on the verifier to accept trusted pointers only, which it does not
    /// for a function with `KF_RCU`.
    const TRUSTS: bool = false;

    /// Makes a value of what arrived: all 64 bits of a BPF register.
    ///
    /// # Safety
    ///
    /// The verifier must have accepted `register` for a parameter described by `BTF` and `SUFFIX`.
    unsafe fn from_register<'a>(register: u64, call: &'a Call) -> Self::Value<'a>;
}

/// The name of a parameter in BTF. For the code that the macros generate.
#[doc(hidden)]
pub const fn name<T: KfuncArg>(given: &'static str) -> &'static str {
    if T::NAME.is_empty() {
        given
    } else {
        T::NAME
    }
}

/// A type that a kfunc can return.
///
/// # Safety
///
/// Whatever the verifier concludes about the returned register from `BTF` and `FLAGS` must be true
/// of every value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as what a kfunc returns",
    label = "return nothing, an integer, `bool`, `Result<()>`, `Result<u32>` or a reference (`ARef<Object<T>>`)"
)]
pub unsafe trait KfuncRet: Sized {
    /// What leaves in the register.
    type Abi;

    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str;

    /// The `KF_*` flags that returning this type brings.
    const FLAGS: u32 = 0;

    /// Makes of a value what leaves.
    fn into_abi(self) -> Self::Abi;
}

/// A return type that can say that an argument could not be taken.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that copying a `&[u8]` or `&mut [u8]` argument failed",
    label = "return `Result<()>` or `Result<u32>`, or take `&Mem`, which is not copied"
)]
pub trait KfuncRetError: KfuncRet {
    /// The value that says so.
    fn from_error(err: Error) -> Self;
}

macro_rules! integer {
    ($($ty:ident as $btf:literal),* $(,)?) => {$(
        // SAFETY: The verifier lets any scalar through (`KF_ARG_ANYTHING` in
        // `check_kfunc_args()`), without regard to the size of the type: a program may leave
        // anything in the upper bits, and the JIT does not extend the value on every architecture.
        // So the whole register is taken and cut here, and every result is a valid value.
        unsafe impl KfuncArg for $ty {
            type Value<'a> = $ty;
            const BTF: &'static str = $btf;

            #[inline(always)]
            unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Self::Value<'a> {
                register as $ty
            }
        }

        // SAFETY: The verifier concludes nothing about a returned scalar but its size
        // (`mark_btf_func_reg_size()`), which is that of the BTF type.
        unsafe impl KfuncRet for $ty {
            type Abi = $ty;
            const BTF: &'static str = $btf;

            #[inline(always)]
            fn into_abi(self) -> $ty {
                self
            }
        }
    )*};
}

integer! {
    u8 as "u8", u16 as "u16", u32 as "u32", u64 as "u64",
    i8 as "s8", i16 as "s16", i32 as "s32", i64 as "s64",
}

// SAFETY: Any scalar may arrive, as for integers. Of those, only 0 and 1 are a `bool` to Rust, so
// the value is tested and not reinterpreted. Its lowest byte is what a C function would look at.
unsafe impl KfuncArg for bool {
    type Value<'a> = bool;
    const BTF: &'static str = "bool";

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Self::Value<'a> {
        register as u8 != 0
    }
}

// SAFETY: The verifier concludes nothing about the value.
unsafe impl KfuncRet for bool {
    type Abi = bool;
    const BTF: &'static str = "bool";

    #[inline(always)]
    fn into_abi(self) -> bool {
        self
    }
}

// SAFETY: After a kfunc that returns `void` the verifier lets no program read the register.
unsafe impl KfuncRet for () {
    type Abi = ();
    const BTF: &'static str = "void";

    #[inline(always)]
    fn into_abi(self) {}
}

// SAFETY: The verifier concludes nothing about the value of an `int`.
unsafe impl KfuncRet for Result<()> {
    type Abi = i32;
    const BTF: &'static str = "int";

    #[inline(always)]
    fn into_abi(self) -> i32 {
        match self {
            Ok(()) => 0,
            Err(err) => err.to_errno(),
        }
    }
}

impl KfuncRetError for Result<()> {
    #[inline(always)]
    fn from_error(err: Error) -> Self {
        Err(err)
    }
}

// SAFETY: The verifier concludes nothing about the value of an `s64`. It has room for every `u32`
// beside the negative error numbers.
unsafe impl KfuncRet for Result<u32> {
    type Abi = i64;
    const BTF: &'static str = "s64";

    #[inline(always)]
    fn into_abi(self) -> i64 {
        match self {
            Ok(value) => i64::from(value),
            Err(err) => i64::from(err.to_errno()),
        }
    }
}

impl KfuncRetError for Result<u32> {
    #[inline(always)]
    fn from_error(err: Error) -> Self {
        Err(err)
    }
}
