// SPDX-License-Identifier: GPL-2.0

//! The meaning of the types in a kfunc's signature to the verifier.
//!
//! For each type of an argument, [`KfuncArg`] has the contract for the verifier, and converts the
//! registers of a program to a value of the type. [`KfuncRet`] does the same for results. Each type
//! has one `impl`, in the module that defines the type. Memory, which takes two registers, and
//! guards, which take none, have an `impl` like the other types. An implementation is a claim about
//! `kernel/bpf/verifier.c`, so the traits are `unsafe`.
//!
//! The generated code uses types through these traits only, so an alias of a type works like the
//! type. This module does not generate prototypes and does not register kfuncs.
//!
//! C header: [`include/linux/btf.h`](srctree/include/linux/btf.h)

pub use crate::register::Call;
use crate::{
    contract::Contract,
    kfunc_set::Dtor,
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
use kernel::{
    bindings,
    prelude::*, //
};

/// A function that `#[kfunc]` made callable from BPF.
///
/// # Safety
///
/// `NAME` must be the symbol of the function `ENTRY`. `ENTRY` must have the prototype in the
/// description for the BTF step. `FLAGS` must have all flags that `ENTRY` relies on.
pub unsafe trait Kfunc {
    /// The name of the kfunc. An alias of this type can have another name.
    const NAME: &'static CStr;
    /// The address of the function that BPF programs call.
    const ENTRY: *const c_void;
    /// The `KF_*` flags of the kfunc.
    const FLAGS: u32;
    /// The contracts of the parameters.
    const CONTRACTS: &'static [Contract];
    /// The type of the result in BTF.
    const RET: &'static str;
    /// The destructor of the objects to which the kfunc returns references.
    const DTOR: Option<Dtor>;
}

/// The registers that a program filled for a parameter of type `T`.
///
/// # Invariants
///
/// The verifier accepted the registers for a parameter with the contract `T::CONTRACT`, in a call
/// that has not returned.
pub struct Passed<T> {
    registers: [u64; 2],
    _type: PhantomData<T>,
}

impl<T> Passed<T> {
    /// Takes the registers of a parameter, from index `first` on. For the code that the macros
    /// generate.
    ///
    /// # Safety
    ///
    /// The verifier must have accepted these registers for a parameter with the contract
    /// `T::CONTRACT`, and the call must not return before `Passed` is dropped.
    #[doc(hidden)]
    #[inline(always)]
    pub unsafe fn new<const N: usize>(registers: [u64; N], first: usize) -> Self {
        let at = |index: usize| registers.get(index).copied().unwrap_or(0);
        // INVARIANT: The caller promises that the verifier accepted the registers for a `T`.
        Self {
            registers: [at(first), at(first.wrapping_add(1))],
            _type: PhantomData,
        }
    }

    /// Returns all 64 bits of the first register.
    #[inline(always)]
    pub fn register(&self) -> u64 {
        self.registers[0]
    }

    /// Returns a pointer to memory and the size in bytes.
    #[inline(always)]
    pub fn memory(&self) -> (*mut u8, u32) {
        // The upper half of the size register has no meaning: the type in BTF is `u32`.
        (self.registers[0] as *mut u8, self.registers[1] as u32)
    }
}

/// A type that a kfunc can take as an argument.
///
/// # Safety
///
/// [`receive`](KfuncArg::receive) must be sound for all registers that the verifier accepts for a
/// parameter with the contract `CONTRACT`. `Value<'a>` must be `Self` with `'a` in place of each
/// lifetime.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as an argument of a kfunc",
    label = "take an integer, `bool`, memory (`&[u8]`, `&mut [u8]`, `&Mem`), a struct (`In<T>`, `Out<'_, T>`), an object (`&Object<T>`, `ARef<Object<T>>`, `&Locked<'_, T>`) or a struct of the kernel (`Trusted<'_, T>`)"
)]
pub unsafe trait KfuncArg: Sized {
    /// The contract of a parameter of this type.
    const CONTRACT: Contract;

    /// `Self` with the lifetime `'a`.
    ///
    /// `'a` is the time of the call. So a kfunc that keeps an argument after the call does not
    /// compile, also if its signature has an alias of the type.
    type Value<'a>;

    /// The error if there is no value: [`Infallible`], or [`Error`] for a copy of memory.
    type Error;

    /// Makes a value of the registers and calls `function` with it, or calls `fail` with the error.
    /// Returns the result of `function` or `fail`.
    fn receive<R>(
        passed: Passed<Self>,
        call: &Call,
        function: impl FnOnce(Self::Value<'_>) -> R,
        fail: impl FnOnce(Self::Error) -> R,
    ) -> R;

    /// Returns a second reference to the object of `value` if the kfunc can release the object.
    #[inline(always)]
    fn keep(value: &Self::Value<'_>) -> Option<Kept> {
        let _ = value;
        None
    }
}

/// A reference to an object, held while other arguments can point to the object.
///
/// # Invariants
///
/// `put` may be called once with `object`.
pub struct Kept {
    object: NonNull<c_void>,
    put: unsafe fn(NonNull<c_void>),
}

impl Kept {
    /// Takes over a reference to `object`.
    ///
    /// # Safety
    ///
    /// The caller must own a reference to `object`, and `put` must release such a reference.
    pub(crate) unsafe fn new(object: NonNull<c_void>, put: unsafe fn(NonNull<c_void>)) -> Self {
        // INVARIANT: The caller promises that it owns a reference, which `put` releases.
        Self { object, put }
    }
}

impl Drop for Kept {
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: By the type invariants, `put` may be called once with `object`, and this is the
        // only call.
        unsafe { (self.put)(self.object) };
    }
}

/// A type that a kfunc can return.
///
/// # Safety
///
/// Every conclusion of the verifier about the result register from `BTF` and `FLAGS` must be true
/// for every value of the type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to the BPF verifier as the result of a kfunc",
    label = "return nothing, an integer, `bool`, `Result<()>`, `Result<u32>`, a reference (`ARef<Object<T>>`) or a lock (`Option<Lock<T>>`)"
)]
pub unsafe trait KfuncRet: Sized {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str;

    /// The `KF_*` flags that a result of this type adds to the kfunc.
    const FLAGS: u32 = 0;

    /// The destructor of the object, if the result is a reference, which a program can keep in a
    /// map.
    const DTOR: Option<Dtor> = None;

    /// The C type of the result.
    type Abi: Abi;

    /// Converts a value to the C type.
    fn into_abi(self) -> Self::Abi;

    /// Makes the result what the verifier concludes from `FLAGS`, when the kfunc returns it: takes the
    /// lock that the program holds from here on.
    ///
    /// # Safety
    ///
    /// The result must come from `into_abi()`, and the caller must return it to a program that called
    /// the kfunc.
    #[inline(always)]
    unsafe fn give(result: Self::Abi) -> Self::Abi {
        result
    }
}

/// The error of a pointer to a struct of the kernel that is no pointer.
///
/// The verifier trusts some pointers that can be null: it has lists of the hooks and tracepoints
/// that pass null, and the lists are not complete. The kfunc does not run then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPointer;

/// Returns whether a register can be a pointer: it is not in the first page, where a field of a null
/// pointer is, and it is no error number.
#[inline(always)]
pub(crate) fn is_pointer(register: u64) -> bool {
    const LARGEST: u64 = bindings::MAX_ERRNO as u64;
    register.wrapping_add(LARGEST) > LARGEST.wrapping_mul(2)
}

/// A result type that can report that an argument has no value, with an error `E`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot report that an argument has no value",
    label = "a copy of `&[u8]` can fail, and the verifier can trust a null for `Trusted<'_, T>`: return `Result<()>` or `Result<u32>`, or take `&Mem` or `Option<Trusted<'_, T>>`"
)]
pub trait FromArgError<E> {
    /// Returns the result that reports `err`.
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

impl<T> FromArgError<NoPointer> for Result<T> {
    #[inline(always)]
    fn from_error(_: NoPointer) -> Self {
        Err(EFAULT)
    }
}

impl<T> FromArgError<NoPointer> for Option<T> {
    #[inline(always)]
    fn from_error(_: NoPointer) -> Self {
        None
    }
}

// As a program that reads a field of such a pointer: the load gives 0.
macro_rules! zero {
    ($($ty:ty),*) => {$(
        impl FromArgError<NoPointer> for $ty {
            #[inline(always)]
            fn from_error(_: NoPointer) -> Self {
                Default::default()
            }
        }
    )*};
}

zero!(u8, u16, u32, u64, i8, i16, i32, i64, bool, ());

/// Implements [`KfuncArg`] for a type that is a [`Register`].
macro_rules! kfunc_arg {
    ($({$param:ident: $bound:ident})? $ty:ty => $contract:expr $(, $keep:item)?) => {
        // SAFETY: The comment at the call of this macro gives the guarantee.
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
                // SAFETY: The verifier accepted the register for the contract of the type, which
                // guarantees the `CONTENT` of the type.
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
    ($({$param:ident: $bound:ident})? $ty:ty => $flags:expr $(, $dtor:item)?) => {
        // SAFETY: The comment at the call of this macro gives the guarantee.
        unsafe impl $(<$param: $bound>)? $crate::kfunc::KfuncRet for $ty {
            const BTF: &'static str = <Self as $crate::register::Register>::BTF;
            const FLAGS: u32 = $flags;
            type Abi = <Self as $crate::register::Register>::Abi;

            #[inline(always)]
            fn into_abi(self) -> Self::Abi {
                $crate::register::Register::into_abi(self)
            }

            $($dtor)?
        }
    };
}
pub(crate) use kfunc_ret;

macro_rules! scalar {
    ($($ty:ty),*) => {$(
        // SAFETY: The verifier accepts every scalar (`KF_ARG_ANYTHING` in `check_kfunc_args()`),
        // and does not check the size of the type. `from_register()` ignores the upper bits.
        kfunc_arg!($ty => Contract::value(<$ty as Register>::BTF));

        // SAFETY: For a returned scalar, the verifier knows only the size
        // (`mark_btf_func_reg_size()`), which is that of the BTF type.
        kfunc_ret!($ty => 0);
    )*};
}

scalar!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

// SAFETY: After a call of a kfunc that returns `void`, the verifier does not let the program read
// the result register.
kfunc_ret!(() => 0);

// SAFETY: The verifier concludes nothing about the value of a returned `int`.
kfunc_ret!(Result<()> => 0);

// SAFETY: The verifier concludes nothing about the value of a returned `s64`. An `s64` can hold
// every `u32` and the negative error numbers.
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
#[allow(dead_code)] // No set has the kfuncs of this suite.
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

    /// Returns the negation of its argument.
    #[kfunc]
    fn bpf_kunit_not(value: bool) -> bool {
        !value
    }

    /// Returns an error if @fail is true.
    #[kfunc]
    fn bpf_kunit_result(fail: bool) -> Result {
        if fail {
            Err(ENOENT)
        } else {
            Ok(())
        }
    }

    /// Returns @value, or an error if @fail is true.
    #[kfunc]
    fn bpf_kunit_result_u32(fail: bool, value: u32) -> Result<u32> {
        if fail {
            Err(ENOENT)
        } else {
            Ok(value)
        }
    }

    /// Returns the arguments as digits of a number. With the two sizes of memory, nine registers
    /// are arguments.
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

    /// The symbols of the kfuncs, as the JIT's code calls them.
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
    fn a_result_is_a_value_or_a_negative_error_number() {
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
    fn a_small_number_or_an_error_number_is_no_pointer() {
        for register in [0, 1, 8, 4095, u64::MAX, -4095_i64 as u64] {
            assert!(!is_pointer(register));
        }
        for register in [4096, 1 << 47, -4096_i64 as u64, 1 << 63] {
            assert!(is_pointer(register));
        }
        assert_eq!(<Result<u32>>::from_error(NoPointer), Err(EFAULT));
        assert_eq!(<Option<u8>>::from_error(NoPointer), None);
        assert!(!bool::from_error(NoPointer));
        assert_eq!(i64::from_error(NoPointer), 0);
    }

    #[test]
    fn a_type_has_the_name_of_the_kernel_in_btf() {
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
    fn a_kfunc_ignores_bits_above_the_argument_size() {
        // SAFETY: The verifier accepts every register as a scalar.
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
        // SAFETY: The pointers have valid memory of these sizes, and every register is a scalar.
        let digits = unsafe {
            entry::bpf_kunit_order(1, two.as_mut_ptr(), 2, 3, four.as_mut_ptr(), 1, 1, 6, 7)
        };
        assert_eq!(digits, 1_234_167);
    }
}
