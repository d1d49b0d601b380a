// SPDX-License-Identifier: GPL-2.0

//! The representation of Rust values in the registers of BPF.
//!
//! Values pass between Rust and BPF in five directions: a kfunc takes arguments and returns a
//! result, a struct_ops member takes arguments and returns a result, and a prologue or an epilogue
//! calls a helper. The representation is the same in each direction, and [`Register`] defines it.
//! The trait of each direction adds the information for the verifier:
//!
//! | direction | trait | result of the conversion | information for the verifier |
//! | --- | --- | --- | --- |
//! | program → kfunc | [`KfuncArg`](crate::kfunc::KfuncArg) | a Rust value | a [`Contract`](crate::contract::Contract) |
//! | kfunc → program | [`KfuncRet`](crate::kfunc::KfuncRet) | a register | `KF_*` flags |
//! | subsystem → member | [`MemberArg`](crate::struct_ops::MemberArg) | a register | a suffix in the stub's prototype |
//! | member → subsystem | [`MemberRet`](crate::struct_ops::MemberRet) | a Rust value | the type in BTF |
//! | prologue → helper | [`HelperArg`](crate::pro_epilogue::HelperArg), [`HelperRet`](crate::pro_epilogue::HelperRet) | both | nothing; [`Prologue::call`](crate::pro_epilogue::Prologue::call) compares [`Content`]s |
//!
//! This module does not handle types that pass in one direction only, such as memory, dynptrs and
//! constants: they implement only the trait of that direction.
//!
//! C: the registers `R0` to `R5` of `include/linux/filter.h`.

use crate::object::ObjectType;
use kernel::{
    bindings,
    prelude::*, //
};

/// A call from BPF: arguments are valid as long as this value lives. For the code that the macros
/// generate.
#[doc(hidden)]
pub struct Call;

/// The content of a register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// No content: the type has only one value.
    Nothing,
    /// A number. The bits above the size of the type have no meaning.
    Scalar,
    /// A pointer to an object of this type, which lives until the call returns.
    Object(&'static ObjectType),
    /// Null, or a pointer to an object of this type, which lives until the call returns.
    ObjectOrNull(&'static ObjectType),
    /// A pointer to an object of this type, and a reference to the object.
    Reference(&'static ObjectType),
    /// Null, or a pointer to an object of this type, and a reference to the object.
    ReferenceOrNull(&'static ObjectType),
}

impl Content {
    /// Returns the type of the object to which the register can point.
    pub(crate) const fn object(self) -> Option<&'static ObjectType> {
        match self {
            Content::Nothing | Content::Scalar => None,
            Content::Object(object)
            | Content::ObjectOrNull(object)
            | Content::Reference(object)
            | Content::ReferenceOrNull(object) => Some(object),
        }
    }

    /// Returns whether a register with this content can be an argument for `param`.
    ///
    /// `program_has_run` is true in an epilogue. A program releases its references before the
    /// epilogue, so the objects may be freed.
    pub(crate) fn can_be(self, param: Content, program_has_run: bool) -> bool {
        use Content::*;

        match (self, param) {
            (_, Scalar) => true,
            (Object(have), Object(want) | ObjectOrNull(want))
            | (ObjectOrNull(have), ObjectOrNull(want)) => have == want,
            (Reference(have), Object(want) | ObjectOrNull(want)) => {
                !program_has_run && have == want
            }
            _ => false,
        }
    }
}

/// A type whose values fit into one register, in all directions.
///
/// # Safety
///
/// [`into_abi`](Register::into_abi) must return a value with the content `CONTENT`. Every value of
/// the type must be a valid value of the type `BTF` for C code.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not fit into a BPF register",
    label = "take an integer, `bool`, `&Object<T>` or `Option<&Object<T>>`"
)]
pub unsafe trait Register: Sized {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str;

    /// The content of the register.
    const CONTENT: Content;

    /// `Self` with the lifetime `'a`.
    ///
    /// `'a` is the time of the call. So a function that keeps an argument after the call does not
    /// compile, also if its signature has an alias of the type.
    type Value<'a>;

    /// The C type with the same representation.
    type Abi: Abi;

    /// Converts all 64 bits of a register to a value.
    ///
    /// # Safety
    ///
    /// `register` must have the content `CONTENT` until the call returns. If the content is a
    /// reference, the caller must own it, and the value takes it over.
    unsafe fn from_register<'a>(register: u64, call: &'a Call) -> Self::Value<'a>;

    /// Converts a value to the C type. The receiver takes over the reference in the value.
    fn into_abi(self) -> Self::Abi;

    /// Converts a value to all 64 bits of a register.
    #[inline(always)]
    fn into_register(self) -> u64 {
        self.into_abi().extend()
    }
}

/// A C type that a function can return.
pub trait Abi {
    /// Returns the value as all 64 bits of a register, extended according to its sign.
    fn extend(self) -> u64;
}

impl<T> Abi for *const T {
    #[inline(always)]
    fn extend(self) -> u64 {
        self as u64
    }
}

impl Abi for () {
    #[inline(always)]
    fn extend(self) -> u64 {
        0
    }
}

macro_rules! integer {
    ($($ty:ident as $btf:literal),* $(,)?) => {$(
        impl Abi for $ty {
            // The macro uses one expression for all types; only some of them have `From`.
            #[allow(clippy::cast_lossless)]
            #[inline(always)]
            fn extend(self) -> u64 {
                self as u64
            }
        }

        // SAFETY: `CONTENT` promises a scalar, and every integer is one. Every value is valid in C.
        unsafe impl Register for $ty {
            const BTF: &'static str = $btf;
            const CONTENT: Content = Content::Scalar;
            type Value<'a> = $ty;
            type Abi = $ty;

            #[inline(always)]
            unsafe fn from_register<'a>(register: u64, _: &'a Call) -> $ty {
                register as $ty
            }

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

impl Abi for bool {
    #[inline(always)]
    fn extend(self) -> u64 {
        u64::from(self)
    }
}

// SAFETY: `CONTENT` promises a scalar, and a `bool` is 0 or 1. In Rust, only 0 and 1 are a valid
// `bool`, so `from_register()` compares the lowest byte with 0. A C function would read the same
// byte.
unsafe impl Register for bool {
    const BTF: &'static str = "bool";
    const CONTENT: Content = Content::Scalar;
    type Value<'a> = bool;
    type Abi = bool;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> bool {
        register as u8 != 0
    }

    #[inline(always)]
    fn into_abi(self) -> bool {
        self
    }
}

// SAFETY: `CONTENT` promises nothing, and `from_register()` does not use the register.
unsafe impl Register for () {
    const BTF: &'static str = "void";
    const CONTENT: Content = Content::Nothing;
    type Value<'a> = ();
    type Abi = ();

    #[inline(always)]
    unsafe fn from_register<'a>(_register: u64, _: &'a Call) {}

    #[inline(always)]
    fn into_abi(self) {}
}

/// 0, or a negative error number. From BPF, every other negative number is [`EINVAL`].
// SAFETY: `CONTENT` promises a scalar, and every `i32` is one.
unsafe impl Register for Result<()> {
    const BTF: &'static str = "int";
    const CONTENT: Content = Content::Scalar;
    type Value<'a> = Result<()>;
    type Abi = i32;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Result<()> {
        const LEAST: i32 = -(bindings::MAX_ERRNO as i32);
        match register as i32 {
            0.. => Ok(()),
            errno @ LEAST..0 => Err(Error::from_errno(errno)),
            _ => Err(EINVAL),
        }
    }

    #[inline(always)]
    fn into_abi(self) -> i32 {
        match self {
            Ok(()) => 0,
            Err(err) => err.to_errno(),
        }
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_register)]
mod tests {
    use super::*;

    /// Converts a scalar in a register to a value.
    fn scalar<T: for<'a> Register<Value<'a> = T>>(register: u64) -> T {
        assert_eq!(T::CONTENT, Content::Scalar);
        // SAFETY: Every register is a scalar.
        unsafe { T::from_register(register, &Call) }
    }

    #[test]
    fn an_integer_ignores_the_bits_above_its_size() {
        assert_eq!(scalar::<u8>(0xdead_beef_dead_be00), 0);
        assert_eq!(scalar::<u8>(0xdead_beef_dead_beff), u8::MAX);
        assert_eq!(scalar::<i8>(0xdead_beef_dead_be7f), i8::MAX);
        assert_eq!(scalar::<i8>(0x80), i8::MIN);
        assert_eq!(scalar::<u16>(0xdead_beef_dead_0000), 0);
        assert_eq!(scalar::<u16>(0xdead_beef_dead_ffff), u16::MAX);
        assert_eq!(scalar::<i16>(0xdead_beef_dead_7fff), i16::MAX);
        assert_eq!(scalar::<i16>(0x8000), i16::MIN);
        assert_eq!(scalar::<u32>(0xdead_beef_0000_0000), 0);
        assert_eq!(scalar::<u32>(0xdead_beef_ffff_ffff), u32::MAX);
        assert_eq!(scalar::<i32>(0xdead_beef_7fff_ffff), i32::MAX);
        assert_eq!(scalar::<i32>(0x8000_0000), i32::MIN);
        assert_eq!(scalar::<u64>(0), 0);
        assert_eq!(scalar::<u64>(0xffff_ffff_ffff_ffff), u64::MAX);
        assert_eq!(scalar::<i64>(0x7fff_ffff_ffff_ffff), i64::MAX);
        assert_eq!(scalar::<i64>(0x8000_0000_0000_0000), i64::MIN);
    }

    #[test]
    fn a_bool_is_true_for_any_nonzero_lowest_byte() {
        assert!(!scalar::<bool>(0));
        assert!(!scalar::<bool>(0xffff_ffff_ffff_ff00));
        assert!(scalar::<bool>(1));
        assert!(scalar::<bool>(2));
        assert!(scalar::<bool>(0x80));
        assert!(scalar::<bool>(0xffff_ffff_ffff_ff01));
        assert!(scalar::<bool>(0xff));
    }

    #[test]
    fn a_value_is_extended_to_a_register_by_its_sign() {
        assert_eq!(u8::MAX.into_register(), 0xff);
        assert_eq!(i8::MIN.into_register(), 0xffff_ffff_ffff_ff80);
        assert_eq!(u32::MAX.into_register(), 0xffff_ffff);
        assert_eq!((-1_i32).into_register(), u64::MAX);
        assert_eq!(u64::MAX.into_register(), u64::MAX);
        assert_eq!(i64::MIN.into_register(), 1 << 63);
        assert_eq!(true.into_register(), 1);
        assert_eq!(false.into_register(), 0);
        assert_eq!(().into_register(), 0);
    }

    #[test]
    fn a_result_is_zero_or_an_error_number() {
        let last = Error::from_errno(-4095);
        for (result, number) in [(Ok(()), 0), (Err(EPERM), -1), (Err(last), -4095)] {
            assert_eq!(result.into_abi(), number);
            assert_eq!(result.into_register(), i64::from(number) as u64);
            assert_eq!(scalar::<Result<()>>(number as u32 as u64), result);
        }
        assert_eq!(scalar::<Result<()>>(1), Ok(()));
        assert_eq!(scalar::<Result<()>>(0xffff_ffff_0000_0000), Ok(()));
        assert_eq!(scalar::<Result<()>>(-4096_i64 as u64), Err(EINVAL));
        assert_eq!(scalar::<Result<()>>(i32::MIN as u64), Err(EINVAL));
    }
}
