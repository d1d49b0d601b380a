// SPDX-License-Identifier: GPL-2.0

//! What the types in a kfunc's signature mean to the verifier.
//!
//! [`KfuncArg`] says for each type of an argument what the verifier is told, and how the registers
//! that a program fills become a value of the type. [`KfuncRet`] does the same for results. A type is
//! described by one `impl`, in the module that has the type; memory, which takes two registers, and
//! tokens, which take none, are types like the others. An implementation is a claim about
//! `kernel/bpf/verifier.c`, so it is `unsafe`.
//!
//! The macros know types by these traits only. An alias of a type is described like the type.
//!
//! C header: [`include/linux/btf.h`](srctree/include/linux/btf.h)

pub use crate::register::Call;
use crate::{
    contract::Contract,
    register::{
        Abi,
        Register, //
    }, //
};
use core::{
    convert::Infallible,
    ffi::{
        c_void,
        CStr, //
    },
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::prelude::*;

/// A function that `#[kfunc]` made callable from BPF.
///
/// # Safety
///
/// `NAME` must be the symbol of the function `ENTRY`, whose prototype is the one described for the
/// BTF step, and `FLAGS` must be what the verifier has to enforce for it.
pub unsafe trait Kfunc {
    /// Its name: that of the function, whatever a path to the type says.
    const NAME: &'static CStr;
    /// The function.
    const ENTRY: *const c_void;
    /// The `KF_*` flags.
    const FLAGS: u32;
}

/// Registers that a program filled for a parameter of type `T`.
///
/// # Invariants
///
/// The verifier accepted them for a parameter that `T::CONTRACT` describes, in a call that has not
/// ended.
pub struct Passed<T> {
    registers: [u64; 2],
    _type: PhantomData<T>,
}

impl<T> Passed<T> {
    /// The registers from the one numbered `first` on. For the code that the macros generate.
    ///
    /// # Safety
    ///
    /// The verifier must have accepted them for a parameter that `T::CONTRACT` describes.
    #[doc(hidden)]
    #[inline(always)]
    pub unsafe fn new<const N: usize>(registers: [u64; N], first: usize) -> Self {
        let at = |index: usize| registers.get(index).copied().unwrap_or(0);
        // INVARIANT: By the safety requirements.
        Self {
            registers: [at(first), at(first.wrapping_add(1))],
            _type: PhantomData,
        }
    }

    /// The first register, all 64 bits.
    #[inline(always)]
    pub fn register(&self) -> u64 {
        self.registers[0]
    }

    /// The pointer and the size of memory.
    #[inline(always)]
    pub fn memory(&self) -> (*mut u8, u32) {
        // The upper half of a size has no meaning: the type in BTF is `u32`.
        (self.registers[0] as *mut u8, self.registers[1] as u32)
    }
}

/// A type that a kfunc can take.
///
/// # Safety
///
/// What the verifier lets through for a parameter that `CONTRACT` describes must be enough for
/// [`receive`](KfuncArg::receive) to be sound. `Value<'a>` must be the type itself, with `'a` in place
/// of each lifetime.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as an argument of a kfunc",
    label = "take an integer, `bool`, memory (`&[u8]`, `&mut [u8]`, `&Mem`), a struct (`In<T>`, `Out<'_, T>`) or an object (`&Object<T>`, `ARef<Object<T>>`)"
)]
pub unsafe trait KfuncArg: Sized {
    /// What the verifier is told.
    const CONTRACT: Contract;

    /// The same type, lent for `'a`.
    ///
    /// An argument is lent for the time of the call. A function that wants to have it for longer,
    /// by whatever name it calls the type, does not get a value of this type to compile.
    type Value<'a>;

    /// Why there may be no value: [`Infallible`], or [`Error`] for a copy of memory.
    type Error;

    /// Calls `function` with a value of what the program passed, or `fail` with the error.
    fn receive<R>(
        passed: Passed<Self>,
        call: &Call,
        function: impl FnOnce(Self::Value<'_>) -> R,
        fail: impl FnOnce(Self::Error) -> R,
    ) -> R;

    /// A reference to what the function may give up.
    #[inline(always)]
    fn keep(value: &Self::Value<'_>) -> Option<Kept> {
        let _ = value;
        None
    }
}

/// A reference to an object, held while other arguments may point to it.
pub struct Kept {
    object: NonNull<c_void>,
    put: unsafe fn(NonNull<c_void>),
}

impl Kept {
    /// # Safety
    ///
    /// `put` gives up a reference to `object`, which is taken over.
    pub(crate) unsafe fn new(object: NonNull<c_void>, put: unsafe fn(NonNull<c_void>)) -> Self {
        Self { object, put }
    }
}

impl Drop for Kept {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: By the safety requirements of `new`.
        unsafe { (self.put)(self.object) };
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
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str;

    /// The `KF_*` flags that returning this type brings.
    const FLAGS: u32 = 0;

    /// The type of C that the function returns.
    type Abi: Abi;

    /// Makes of a value what the function returns.
    fn into_abi(self) -> Self::Abi;
}

/// A return type that can say that an argument could not be taken, for a reason `E`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot say that copying a `&[u8]` or `&mut [u8]` argument failed",
    label = "return `Result<()>` or `Result<u32>`, or take `&Mem`, which is not copied"
)]
pub trait FromArgError<E> {
    /// The value that says so.
    fn from_error(err: E) -> Self;
}

impl<R> FromArgError<Infallible> for R {
    #[inline(always)]
    fn from_error(err: Infallible) -> Self {
        match err {}
    }
}

impl<T> FromArgError<Error> for Result<T> {
    #[inline(always)]
    fn from_error(err: Error) -> Self {
        Err(err)
    }
}

/// Implements [`KfuncArg`] for a type that is a [`Register`].
macro_rules! kfunc_arg {
    ($({$param:ident: $bound:ident})? $ty:ty => $contract:expr $(, $keep:item)?) => {
        // SAFETY: The caller of the macro says why.
        unsafe impl $(<$param: $bound>)? $crate::kfunc::KfuncArg for $ty {
            const CONTRACT: $crate::contract::Contract = $contract;
            type Value<'a> = <Self as $crate::register::Register>::Value<'a>;
            type Error = core::convert::Infallible;

            #[inline(always)]
            fn receive<R>(
                passed: $crate::kfunc::Passed<Self>,
                call: &$crate::register::Call,
                function: impl FnOnce(Self::Value<'_>) -> R,
                _fail: impl FnOnce(Self::Error) -> R,
            ) -> R {
                let register = passed.register();
                // SAFETY: What the verifier accepts is what the type's `CONTENT` says.
                function(unsafe {
                    <Self as $crate::register::Register>::from_register(register, call)
                })
            }

            $($keep)?
        }
    };
}
pub(crate) use kfunc_arg;

/// Implements [`KfuncRet`] for a type that is a [`Register`].
macro_rules! kfunc_ret {
    ($({$param:ident: $bound:ident})? $ty:ty => $flags:expr) => {
        // SAFETY: The caller of the macro says why.
        unsafe impl $(<$param: $bound>)? $crate::kfunc::KfuncRet for $ty {
            const BTF: &'static str = <Self as $crate::register::Register>::BTF;
            const FLAGS: u32 = $flags;
            type Abi = <Self as $crate::register::Register>::Abi;

            #[inline(always)]
            fn into_abi(self) -> Self::Abi {
                $crate::register::Register::into_abi(self)
            }
        }
    };
}
pub(crate) use kfunc_ret;

macro_rules! scalar {
    ($($ty:ty),*) => {$(
        // SAFETY: The verifier lets any scalar through (`KF_ARG_ANYTHING` in
        // `check_kfunc_args()`), without regard to the size of the type.
        kfunc_arg!($ty => Contract::value(<$ty as Register>::BTF));

        // SAFETY: The verifier concludes nothing about a returned scalar but its size
        // (`mark_btf_func_reg_size()`), which is that of the BTF type.
        kfunc_ret!($ty => 0);
    )*};
}

scalar!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

// SAFETY: After a kfunc that returns `void` the verifier lets no program read the register.
kfunc_ret!(() => 0);

// SAFETY: The verifier concludes nothing about the value of an `int`.
kfunc_ret!(Result<()> => 0);

// SAFETY: The verifier concludes nothing about the value of an `s64`. It has room for every `u32`
// beside the negative error numbers.
unsafe impl KfuncRet for Result<u32> {
    const BTF: &'static str = "s64";
    type Abi = i64;

    #[inline(always)]
    fn into_abi(self) -> i64 {
        match self {
            Ok(value) => i64::from(value),
            Err(err) => i64::from(err.to_errno()),
        }
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_kfunc)]
mod tests {
    use super::*;
    use crate::{
        describe::Composed,
        kfunc,
        BtfType,
        Mem, //
    };

    /// Returns its argument.
    #[kfunc]
    fn bpf_kunit_u8(value: u8) -> u8 {
        value
    }

    /// Returns its argument.
    #[kfunc]
    fn bpf_kunit_s16(value: i16) -> i16 {
        value
    }

    /// Returns its argument.
    #[kfunc]
    fn bpf_kunit_u64(value: u64) -> u64 {
        value
    }

    /// Returns the opposite of its argument.
    #[kfunc]
    fn bpf_kunit_not(value: bool) -> bool {
        !value
    }

    /// Does nothing, or fails.
    #[kfunc]
    fn bpf_kunit_result(fail: bool) -> Result {
        if fail {
            Err(ENOENT)
        } else {
            Ok(())
        }
    }

    /// Returns @value, or fails.
    #[kfunc]
    fn bpf_kunit_result_u32(fail: bool, value: u32) -> Result<u32> {
        if fail {
            Err(ENOENT)
        } else {
            Ok(value)
        }
    }

    /// Returns the arguments as digits. With the lengths of memory, they are nine.
    #[kfunc]
    fn bpf_kunit_order(a: u8, b: &[u8], c: i16, d: &Mem, e: bool, f: u64, g: u8) -> Result<u32> {
        let b = b.first().copied().ok_or(EINVAL)?;
        let d = d.get(0).ok_or(EINVAL)?;
        let digits = [
            a.into(),
            b.into(),
            c.into(),
            d.into(),
            e.into(),
            f as i64,
            g.into(),
        ];
        Ok(digits
            .iter()
            .fold(0, |number: i64, digit: &i64| number * 10 + digit) as u32)
    }

    /// The same functions as the JIT's code calls them.
    mod entry {
        extern "C" {
            pub(super) fn bpf_kunit_u8(value: u64) -> u8;
            pub(super) fn bpf_kunit_s16(value: u64) -> i16;
            pub(super) fn bpf_kunit_u64(value: u64) -> u64;
            pub(super) fn bpf_kunit_not(value: u64) -> bool;
            pub(super) fn bpf_kunit_result(fail: u64) -> i32;
            pub(super) fn bpf_kunit_result_u32(fail: u64, value: u64) -> i64;
            pub(super) fn bpf_kunit_order(
                a: u64,
                b: *mut u8,
                b_len: u32,
                c: u64,
                d: *mut u8,
                d_len: u32,
                e: u64,
                f: u64,
                g: u64,
            ) -> i64;
        }
    }

    #[test]
    fn results_tell_values_from_errors() {
        let unit: fn(Result) -> i32 = KfuncRet::into_abi;
        let number: fn(Result<u32>) -> i64 = KfuncRet::into_abi;
        let last = Error::from_errno(-4095);

        assert_eq!(unit(Ok(())), 0);
        assert_eq!(unit(Err(EPERM)), -1);
        assert_eq!(unit(Err(last)), -4095);
        assert_eq!(number(Ok(0)), 0);
        assert_eq!(number(Ok(0x7fff_ffff)), 0x7fff_ffff);
        assert_eq!(number(Ok(0x8000_0000)), 0x8000_0000);
        assert_eq!(number(Ok(u32::MAX)), 0xffff_ffff);
        assert_eq!(number(Err(EPERM)), -1);
        assert_eq!(number(Err(last)), -4095);
        assert_eq!(unit(FromArgError::from_error(E2BIG)), -7);
        assert_eq!(number(FromArgError::from_error(E2BIG)), -7);
    }

    #[test]
    fn types_have_the_names_of_the_kernel() {
        macro_rules! check {
            ($($ty:ty as $name:literal,)*) => {$({
                assert_eq!(<$ty as KfuncArg>::CONTRACT.flags(), 0);
                static PARAM: Composed = <$ty as KfuncArg>::CONTRACT.describe("", true);
                assert_eq!(PARAM.text(), concat!(" ", $name));
                assert_eq!(<$ty as KfuncRet>::BTF, $name);
                assert_eq!(<$ty as BtfType>::BTF, $name);
                assert_eq!(<$ty as KfuncRet>::FLAGS, 0);
            })*};
        }

        check! {
            u8 as "u8", u16 as "u16", u32 as "u32", u64 as "u64",
            i8 as "s8", i16 as "s16", i32 as "s32", i64 as "s64",
            bool as "bool",
        }
        assert_eq!(<() as KfuncRet>::BTF, "void");
        assert_eq!(<Result as KfuncRet>::BTF, "int");
        assert_eq!(<Result<u32> as KfuncRet>::BTF, "s64");
    }

    #[test]
    fn functions_are_called_with_whole_registers() {
        // SAFETY: The verifier accepts any register for these.
        unsafe {
            assert_eq!(entry::bpf_kunit_u8(0xdead_beef_dead_be80), 0x80);
            assert_eq!(entry::bpf_kunit_s16(0xdead_beef_dead_8000), i16::MIN);
            assert_eq!(entry::bpf_kunit_u64(u64::MAX), u64::MAX);
            assert!(entry::bpf_kunit_not(0xffff_ffff_ffff_ff00));
            assert!(!entry::bpf_kunit_not(0x80));
            assert_eq!(entry::bpf_kunit_result(0x100), 0);
            assert_eq!(entry::bpf_kunit_result(1), -2);
            assert_eq!(
                entry::bpf_kunit_result_u32(0, 0xdead_beef_ffff_ffff),
                0xffff_ffff
            );
            assert_eq!(entry::bpf_kunit_result_u32(1, 0), -2);
        }
    }

    #[test]
    fn arguments_keep_their_order() {
        let mut two = [2, 0];
        let mut four = [4];
        // SAFETY: The memory is there, and any register is a scalar.
        let digits = unsafe {
            entry::bpf_kunit_order(1, two.as_mut_ptr(), 2, 3, four.as_mut_ptr(), 1, 1, 6, 7)
        };
        assert_eq!(digits, 1_234_167);
    }
}
