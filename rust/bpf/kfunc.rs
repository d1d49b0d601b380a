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

use core::{
    ffi::{
        c_void,
        CStr, //
    },
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

    /// Why the verifier would refuse each program that passes such an argument, if it would.
    const REFUSED: &'static str = "";

    /// Whether the verifier must know the value, which it remembers of one argument only.
    const CONSTANT: bool = false;

    /// Whether it must come in a register, and not on the stack.
    const IN_REGISTER: bool = Self::FLAGS & kernel::bindings::KF_IMPLICIT_ARGS != 0;

    /// Whether what the function lends to the program belongs to another argument.
    const LENDS: bool = false;

    /// Whether it may point to an object, or into one, that another argument gives up. The verifier
    /// does not look for that.
    const POINTS: bool = true;

    /// A reference to what the function may give up.
    #[inline(always)]
    fn keep(value: &Self::Value<'_>) -> Option<Kept> {
        let _ = value;
        None
    }

    /// Makes a value of what arrived: all 64 bits of a BPF register.
    ///
    /// # Safety
    ///
    /// The verifier must have accepted `register` for a parameter described by `BTF` and `SUFFIX`.
    unsafe fn from_register<'a>(register: u64, call: &'a Call) -> Self::Value<'a>;
}

/// Whether one of them is true. For the code that the macros generate.
#[doc(hidden)]
pub const fn any(conditions: &[bool]) -> bool {
    let mut rest = conditions;
    while let [condition, others @ ..] = rest {
        if *condition {
            return true;
        }
        rest = others;
    }
    false
}

/// How many of them are true. For the code that the macros generate.
#[doc(hidden)]
pub const fn count(conditions: &[bool]) -> usize {
    let mut count: usize = 0;
    let mut rest = conditions;
    while let [condition, others @ ..] = rest {
        count = count.saturating_add(*condition as usize);
        rest = others;
    }
    count
}

/// Whether a program passes a pointer. For the code that the macros generate.
#[doc(hidden)]
pub const fn is_pointer<T: KfuncArg>() -> bool {
    T::FLAGS & kernel::bindings::KF_IMPLICIT_ARGS == 0 && matches!(T::BTF.as_bytes(), [b'*', ..])
}

/// Whether two names are the same. For the code that the macros generate.
#[doc(hidden)]
pub const fn are_equal(one: &CStr, other: &CStr) -> bool {
    let (mut one, mut other) = (one.to_bytes(), other.to_bytes());
    while let ([a, rest @ ..], [b, others @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (rest, others);
    }
    one.is_empty() && other.is_empty()
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
            const POINTS: bool = false;

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
    const POINTS: bool = false;

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

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_kfunc)]
mod tests {
    use super::*;
    use crate::{
        kfunc,
        BtfType,
        LentSize,
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

    /// What a function gets of a scalar.
    fn scalar<T: for<'a> KfuncArg<Value<'a> = T>>(register: u64) -> T {
        // SAFETY: To the verifier, a register is a scalar whatever is in it.
        unsafe { T::from_register(register, &Call) }
    }

    #[test]
    fn integers_are_cut_to_their_size() {
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
    fn a_bool_is_its_lowest_byte() {
        assert!(!scalar::<bool>(0));
        assert!(!scalar::<bool>(0xffff_ffff_ffff_ff00));
        assert!(scalar::<bool>(1));
        assert!(scalar::<bool>(2));
        assert!(scalar::<bool>(0x80));
        assert!(scalar::<bool>(0xffff_ffff_ffff_ff01));
        assert!(scalar::<bool>(0xff));
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
        assert_eq!(unit(KfuncRetError::from_error(E2BIG)), -7);
        assert_eq!(number(KfuncRetError::from_error(E2BIG)), -7);
    }

    #[test]
    fn values_leave_as_they_are() {
        assert_eq!(u8::MAX.into_abi(), u8::MAX);
        assert_eq!(i8::MIN.into_abi(), i8::MIN);
        assert_eq!(u64::MAX.into_abi(), u64::MAX);
        assert_eq!(i64::MIN.into_abi(), i64::MIN);
        assert!(true.into_abi());
        assert!(!false.into_abi());
    }

    #[test]
    fn types_have_the_names_of_the_kernel() {
        macro_rules! check {
            ($($ty:ty as $name:literal,)*) => {$(
                assert_eq!(<$ty as KfuncArg>::BTF, $name);
                assert_eq!(<$ty as KfuncRet>::BTF, $name);
                assert_eq!(<$ty as BtfType>::BTF, $name);
                assert_eq!(<$ty as KfuncArg>::SUFFIX, "");
                assert_eq!(<$ty as KfuncArg>::FLAGS | <$ty as KfuncRet>::FLAGS, 0);
            )*};
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
    fn a_type_can_name_its_parameter() {
        assert_eq!(name::<u32>("given"), "given");
        assert_eq!(name::<LentSize<'_>>("given"), "rdonly_buf_size");
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
