// SPDX-License-Identifier: GPL-2.0

//! The prototypes of callbacks.
//!
//! A prototype is a type `fn(A, B) -> R`. This module has the types that it can consist of, and
//! their meaning for the verifier, in the names of the parameters of a stub. It does not call
//! anything.
//!
//! C: `describe_async_cb()` in `kernel/bpf/verifier.c`, which the patches add.

use crate::{
    describe::Composed,
    object::{
        BtfObject,
        Object, //
    },
    register::{
        Call,
        Register, //
    }, //
};
use core::marker::PhantomData;
use kernel::sync::aref::ARef;

/// The largest number of arguments: a callback gets all of them in registers.
pub(super) const ARGS: usize = 5;

/// A type that a callback can get.
///
/// # Safety
///
/// The verifier sees an argument of the type `BTF`, whose name in the stub ends in `SUFFIX`. The
/// register that [`pass`](CallbackArg::pass) returns must be valid for everything that the verifier
/// lets a callback do with such an argument, as long as the value beside the register lives. A
/// scalar must be extended to 64 bits.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as an argument of a callback",
    label = "pass an integer, `bool`, a pointer to an object (`Lent<T>`, `Option<Lent<T>>`) or a reference (`ARef<Object<T>>`, `Option<ARef<Object<T>>>`)"
)]
pub unsafe trait CallbackArg: Send + 'static {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str;
    /// The end of the parameter's name in the stub.
    const SUFFIX: &'static str;
    /// What has to live until the callback returns.
    type Held;

    /// Converts the value to a register.
    fn pass(self) -> (u64, Self::Held);
}

/// A type that a callback can return.
///
/// # Safety
///
/// [`Register::from_register`] must be sound for each scalar.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as the result of a callback",
    label = "return nothing, an integer or `bool`"
)]
pub unsafe trait CallbackRet: for<'a> Register<Value<'a> = Self> + 'static {}

macro_rules! scalar {
    ($($ty:ty),*) => {$(
        // SAFETY: The verifier assumes a scalar in the range of the type (`set_async_cb_scalar()`),
        // and `into_register()` extends the value to 64 bits.
        unsafe impl CallbackArg for $ty {
            const BTF: &'static str = <$ty as Register>::BTF;
            const SUFFIX: &'static str = "";
            type Held = ();

            #[inline(always)]
            fn pass(self) -> (u64, ()) {
                (self.into_register(), ())
            }
        }

        // SAFETY: Every register is a valid number.
        unsafe impl CallbackRet for $ty {}
    )*};
}

scalar!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

// SAFETY: `from_register()` ignores the register.
unsafe impl CallbackRet for () {}

/// A reference to an object that the kernel keeps: the callback gets a pointer to the object.
pub struct Lent<T: BtfObject>(pub ARef<Object<T>>);

// SAFETY: The verifier takes the pointer for trusted and not null (`describe_async_cb_btf_id()`).
// The reference keeps the object until the callback returns.
unsafe impl<T: BtfObject> CallbackArg for Lent<T>
where
    ARef<Object<T>>: Send,
{
    const BTF: &'static str = <&Object<T> as Register>::BTF;
    const SUFFIX: &'static str = "";
    type Held = ARef<Object<T>>;

    #[inline(always)]
    fn pass(self) -> (u64, ARef<Object<T>>) {
        let object: &Object<T> = &self.0;
        (object.into_register(), self.0)
    }
}

// SAFETY: As for `Lent`, and the verifier makes the callback test the pointer for null.
unsafe impl<T: BtfObject> CallbackArg for Option<Lent<T>>
where
    ARef<Object<T>>: Send,
{
    const BTF: &'static str = <&Object<T> as Register>::BTF;
    const SUFFIX: &'static str = "__nullable";
    type Held = Option<ARef<Object<T>>>;

    #[inline(always)]
    fn pass(self) -> (u64, Option<ARef<Object<T>>>) {
        match self {
            Some(lent) => {
                let (register, held) = lent.pass();
                (register, Some(held))
            }
            None => (0, None),
        }
    }
}

// SAFETY: The callback owns a reference from the start (`set_async_cb_btf_id()`), which it takes
// over from the value. The verifier accepts the callback only if every path releases it.
unsafe impl<T: BtfObject> CallbackArg for ARef<Object<T>>
where
    ARef<Object<T>>: Send,
{
    const BTF: &'static str = <Self as Register>::BTF;
    const SUFFIX: &'static str = "__ref";
    type Held = ();

    #[inline(always)]
    fn pass(self) -> (u64, ()) {
        (self.into_register(), ())
    }
}

// SAFETY: As for `ARef`, and the verifier makes the callback test the pointer for null.
unsafe impl<T: BtfObject> CallbackArg for Option<ARef<Object<T>>>
where
    ARef<Object<T>>: Send,
{
    const BTF: &'static str = <Self as Register>::BTF;
    const SUFFIX: &'static str = "__ref__nullable";
    type Held = ();

    #[inline(always)]
    fn pass(self) -> (u64, ()) {
        (self.into_register(), ())
    }
}

/// A prototype of a callback: `fn(A, B) -> R`, with up to five arguments.
///
/// # Safety
///
/// `BTF` must describe a pointer to a function with the arguments `Args` and the result `Ret`.
/// [`pass`](Prototype::pass) must return the registers of these arguments.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no prototype of a callback",
    label = "a prototype is a type like `fn(u32, Lent<T>) -> i32`, with at most five arguments"
)]
pub unsafe trait Prototype: 'static {
    /// The type in BTF, in the language of `scripts/rust-btf`, with the names of the arguments.
    #[doc(hidden)]
    const BTF: &'static str;
    /// The arguments, as a tuple.
    type Args: Send + 'static;
    /// The result.
    type Ret: CallbackRet;
    /// What has to live until the callback returns.
    #[doc(hidden)]
    type Held;

    /// Converts the arguments to registers.
    #[doc(hidden)]
    fn pass(args: Self::Args) -> ([u64; ARGS], Self::Held);
}

/// Holds the text of a prototype.
struct Text<F>(PhantomData<F>);

macro_rules! prototype {
    ($($name:ident $arg:ident $comma:literal),*) => {
        impl<R: CallbackRet, $($arg: CallbackArg),*> Text<fn($($arg),*) -> R> {
            const COMPOSED: Composed = Composed::new(&[
                "*fn(",
                $($comma, stringify!($name), $arg::SUFFIX, " ", $arg::BTF,)*
                ") ",
                <R as Register>::BTF,
            ]);
        }

        // SAFETY: `BTF` has the types of the arguments in their order, and their suffixes. `pass()`
        // converts them in this order, and the other registers have no meaning.
        unsafe impl<R: CallbackRet, $($arg: CallbackArg),*> Prototype for fn($($arg),*) -> R {
            const BTF: &'static str = {
                let text: &'static Composed = &Text::<Self>::COMPOSED;
                text.text()
            };
            type Args = ($($arg,)*);
            type Ret = R;
            type Held = ($($arg::Held,)*);

            #[inline(always)]
            #[allow(clippy::unused_unit)]
            fn pass(args: Self::Args) -> ([u64; ARGS], Self::Held) {
                let ($($name,)*) = args;
                $(let $name = $name.pass();)*
                let mut registers = [0; ARGS];
                let passed: &[u64] = &[$($name.0),*];
                for (register, value) in registers.iter_mut().zip(passed) {
                    *register = *value;
                }
                (registers, ($($name.1,)*))
            }
        }
    };
}

prototype!();
prototype!(a A "");
prototype!(a A "", b B ", ");
prototype!(a A "", b B ", ", c C ", ");
prototype!(a A "", b B ", ", c C ", ", d D ", ");
prototype!(a A "", b B ", ", c C ", ", d D ", ", e E ", ");

/// Returns the result of a callback.
///
/// # Safety
///
/// The register must be the result of a callback that the verifier accepted for `R`.
#[inline(always)]
pub(super) unsafe fn returned<R: CallbackRet>(register: u64) -> R {
    // SAFETY: The verifier accepts only scalars, for which the function is sound.
    unsafe { R::from_register(register, &Call) }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_callback)]
mod tests {
    use super::*;
    use crate::BtfType;
    use kernel::prelude::*;

    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_lent")]
    struct Number {
        number: u32,
    }

    #[test]
    fn a_prototype_has_the_types_and_the_suffixes_of_its_arguments() {
        macro_rules! check {
            ($($ty:ty as $text:literal,)*) => {$(
                assert_eq!(<$ty as Prototype>::BTF, $text);
            )*};
        }

        check! {
            fn() as "*fn() void",
            fn(u32) -> i32 as "*fn(a u32) s32",
            fn(bool, i16, u64, u8, i64) -> bool
                as "*fn(a bool, b s16, c u64, d u8, e s64) bool",
            fn(Lent<Number>, Option<Lent<Number>>) -> u8
                as "*fn(a *struct bpf_kunit_lent, b__nullable *struct bpf_kunit_lent) u8",
            fn(ARef<Object<Number>>) as "*fn(a__ref *struct bpf_kunit_lent) void",
            fn(u8, Option<ARef<Object<Number>>>)
                as "*fn(a u8, b__ref__nullable *struct bpf_kunit_lent) void",
        }
    }

    #[test]
    fn scalars_are_extended() {
        let (registers, _) =
            <fn(i8, u8, i32, u32, bool) as Prototype>::pass((-1, 255, -2, u32::MAX, true));
        assert_eq!(
            registers,
            [u64::MAX, 255, u64::MAX - 1, u64::from(u32::MAX), 1]
        );
    }

    #[test]
    fn a_lent_object_lives_until_the_end_and_an_owned_one_is_given_away() -> Result {
        let object = Object::new(Number { number: 7 })?;
        let lent = Lent(object.clone());
        let ([pointer, ..], held) = <fn(Lent<Number>) as Prototype>::pass((lent,));
        assert_eq!(
            pointer,
            core::ptr::from_ref::<Object<Number>>(&object) as u64
        );
        assert_eq!(held.0.number, 7);
        drop(held);

        let ([pointer, ..], _) = <fn(ARef<Object<Number>>) as Prototype>::pass((object,));
        // SAFETY: The register has the reference.
        let object = unsafe { <ARef<Object<Number>>>::from_register(pointer, &Call) };
        assert_eq!(object.number, 7);
        Ok(())
    }
}
