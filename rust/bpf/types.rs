// SPDX-License-Identifier: GPL-2.0

//! Types that Rust and BPF programs share.
//!
//! BPF programs find types in BTF. A type of the kernel is in the kernel's BTF. For a type of Rust,
//! `#[derive(BtfType)]` describes the fields to the BTF step of the build, which adds the type to
//! the BTF of the module:
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::prelude::*;
//! #
//! /// A limit and the amount that is left. BPF programs see `struct bpf_quota`.
//! #[derive(BtfType, FromBytes, IntoBytes)]
//! #[btf(name = "bpf_quota")]
//! #[repr(C)]
//! struct Quota {
//!     limit: u64,
//!     left: u64,
//! }
//!
//! /// Writes @quota, reduced by one, to @out.
//! #[kfunc]
//! fn bpf_quota_take(quota: In<Quota>, mut out: Out<'_, Quota>) -> Result {
//!     let limit = quota.limit;
//!     let left = quota.left.checked_sub(1).ok_or(ENOSPC)?;
//!     out.write(Quota { limit, left });
//!     Ok(())
//! }
//! ```
//!
//! A struct or union must be `repr(C)`, an enum must name its integer type (`repr(u32)`), and the
//! type of every field must be a [`BtfType`]: an integer, `bool`, an array, or a type with the
//! derive. `#[btf(name = "...")]` gives the name in BTF; without it, the name is the Rust name in
//! snake case. The build fails if BTF has a type of the same name with another layout.
//!
//! This module handles plain data, which is copied. It does not handle objects to which BPF
//! programs hold references: see [`object`](crate::object).

use crate::{
    contract::Contract,
    describe::{
        Composed,
        Number, //
    },
    kfunc::{
        Call,
        KfuncArg,
        Passed, //
    },
    mem::fetch, //
};
use core::{
    convert::Infallible,
    marker::PhantomData,
    ops::{
        Deref,
        DerefMut, //
    },
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::Atomic, //
};

/// A type that is in BTF.
///
/// # Safety
///
/// `BTF` must name a type with the layout of `Self`: a type of the kernel, or the type that
/// `DECLARATION` declares. `SCALARS` must be correct for `Self`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no type in BTF",
    label = "use an integer, `bool`, an array, or a type with `#[derive(BtfType)]`"
)]
pub unsafe trait BtfType {
    /// The name of the type, in the language of `scripts/rust-btf`.
    const BTF: &'static str;

    /// The declaration of the type in that language; empty if the kernel's BTF has the type.
    const DECLARATION: &'static str = "";

    /// The number of nested levels of structs if all fields are scalars; [`None`] if not.
    ///
    /// The rules are those of `__btf_type_is_scalar_struct()` in `kernel/bpf/verifier.c`.
    const SCALARS: Option<u32>;
}

macro_rules! scalar {
    ($($ty:ty as $btf:literal),* $(,)?) => {$(
        // SAFETY: The kernel has a scalar type of this name and layout.
        unsafe impl BtfType for $ty {
            const BTF: &'static str = $btf;
            const SCALARS: Option<u32> = Some(0);
        }
    )*};
}

scalar! {
    u8 as "u8", u16 as "u16", u32 as "u32", u64 as "u64",
    i8 as "s8", i16 as "s16", i32 as "s32", i64 as "s64",
    bool as "bool",
}

macro_rules! atomic {
    ($($ty:ty),* $(,)?) => {$(
        // SAFETY: An atomic has the layout of the integer in it. Programs read the integer as C
        // code does.
        unsafe impl BtfType for Atomic<$ty> {
            const BTF: &'static str = <$ty as BtfType>::BTF;
            const SCALARS: Option<u32> = Some(0);
        }
    )*};
}

atomic!(u32, u64, i32, i64);

/// A type of fields that programs can write while Rust code uses the fields.
///
/// # Safety
///
/// All bytes that a program can store must be a valid value, also if several CPUs store at the same
/// time, and if a store takes several accesses.
#[diagnostic::on_unimplemented(
    message = "programs cannot write a `{Self}`",
    label = "a program can write the field at any time; use an `Atomic` of `u32`, `u64`, `i32` or `i64`"
)]
pub unsafe trait Writable: BtfType {}

macro_rules! writable {
    ($($ty:ty),* $(,)?) => {$(
        // SAFETY: All bytes are a valid integer. Rust code reads the field with the kernel's
        // atomics, which allow concurrent stores of programs as they allow those of C code.
        unsafe impl Writable for Atomic<$ty> {}
    )*};
}

writable!(u32, u64, i32, i64);

impl<T: BtfType, const N: usize> Array<T, N> {
    const TEXT: Composed = Composed::new(&["[", Number::<N>::TEXT, "]", T::BTF]);
}

/// Holds the text of an array type.
struct Array<T, const N: usize>(PhantomData<T>);

// SAFETY: The text is the array type in the language of the BTF step. For the verifier, an array of
// scalars that is not empty is a scalar, and an array of structs is not.
unsafe impl<T: BtfType, const N: usize> BtfType for [T; N] {
    const BTF: &'static str = {
        let text: &'static Composed = &Array::<T, N>::TEXT;
        text.text()
    };
    const SCALARS: Option<u32> = match T::SCALARS {
        Some(0) if N > 0 => Some(0),
        _ => None,
    };
}

/// Returns `BtfType::SCALARS` of a struct. `fields` are the values of its fields. For the code that
/// `#[derive(BtfType)]` generates.
#[doc(hidden)]
pub const fn scalars(fields: &[Option<u32>]) -> Option<u32> {
    let mut levels: u32 = 0;
    let mut rest = fields;
    while let [field, others @ ..] = rest {
        match *field {
            None => return None,
            Some(below) if below > levels => levels = below,
            Some(_) => {}
        }
        rest = others;
    }
    // The verifier accepts at most four levels.
    if levels >= 4 {
        None
    } else {
        Some(levels.saturating_add(1))
    }
}

/// Returns `BtfType::SCALARS` of a union. The verifier accepts memory for a union of scalars, but
/// this crate does not: the program and Rust code could disagree about the field that is valid.
#[doc(hidden)]
pub const fn union_scalars(_fields: &[Option<u32>]) -> Option<u32> {
    None
}

/// Holds the text of the pointer to a type.
pub(crate) struct Pointer<T: ?Sized>(PhantomData<T>);

impl<T: BtfType> Pointer<T> {
    const COMPOSED: Composed = Composed::new(&["*", T::BTF]);
    pub(crate) const TEXT: &'static str = {
        let text: &'static Composed = &Self::COMPOSED;
        text.text()
    };
}

/// The largest size in bytes of a value that a kfunc gets or writes: as large as the stack of a
/// program. The stack of the kernel, which has the value, is 16 KiB for all functions together.
const LARGEST: usize = 512;

/// Returns why an argument cannot point to a `T`; empty if it can.
const fn refused<T: BtfType>() -> &'static str {
    if matches!(T::BTF.as_bytes(), [b'[', ..]) {
        "the verifier does not accept memory for an array; put it into a struct, or take `&[u8]` or \
         `&mut [u8]`"
    } else if T::SCALARS.is_none() {
        "the verifier accepts memory only for a type of scalars, with at most four levels of \
         structs and without unions"
    } else if size_of::<T>() > LARGEST {
        "a value of over 512 bytes takes too much of the kernel's stack; take `&[u8]`, `&mut [u8]` or \
         `&Mem`"
    } else {
        ""
    }
}

/// An argument that the program passes by pointer and the kfunc gets by value.
///
/// The program may pass any memory of at least the size of `T`. Other CPUs can change the memory at
/// any time, so the crate copies the value before the kfunc runs.
///
/// C: `struct t *arg`, for a struct of scalars.
pub struct In<T>(T);

impl<T> In<T> {
    /// Returns the value.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T> Deref for In<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

// SAFETY: For a pointer to a struct of scalars, the verifier accepts memory of the struct's size
// that the program may read and write, or a trusted pointer to such a struct of the kernel
// (`KF_ARG_PTR_TO_BTF_ID` and its fall-through in `check_kfunc_args()`). Both are valid for reads.
unsafe impl<T: BtfType + FromBytes> KfuncArg for In<T> {
    const CONTRACT: Contract = Contract::value(Pointer::<T>::TEXT).refused(refused::<T>());
    type Value<'a> = In<T>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Self) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        let from = passed.register() as *const u8;
        let mut value = core::mem::MaybeUninit::<T>::uninit();
        // SAFETY: The verifier checked that `from` is valid for reads of the size of `T`. `value`
        // is valid for writes, and is a new variable, so they do not overlap.
        unsafe { fetch(value.as_mut_ptr().cast(), from, size_of::<T>()) };
        // SAFETY: `fetch()` wrote all bytes, and all bytes are a valid `T`, which is `FromBytes`.
        function(Self(unsafe { value.assume_init() }))
    }
}

/// An argument to which the kfunc writes a value.
///
/// The program may pass any memory of at least the size of `T`, with any content. If the kfunc does
/// not call [`write`](Out::write), the memory does not change.
///
/// C: `struct t *arg`, for a struct of scalars. The suffix `__uninit` does not work for memory: for
/// the verifier of 7.3, it is a promise to write every byte (`bpf_kfunc_stack_access_bytes()`), so
/// the verifier forgets the bytes that the program wrote before. The verifier then rejects the
/// call, because it also checks that the program may read the memory.
pub struct Out<'a, T> {
    data: NonNull<T>,
    _lent: PhantomData<&'a ()>,
}

impl<T: IntoBytes> Out<'_, T> {
    /// Writes `value` to the memory of the program. A second call replaces the value.
    #[inline]
    pub fn write(&mut self, value: T) {
        // SAFETY: The verifier checked that the program may write that many bytes, and the program
        // cannot release the memory before the call returns. All bytes of `value` are initialized.
        // The kernel's memory model covers races with its own `memcpy()`.
        unsafe {
            bindings::memcpy(
                self.data.as_ptr().cast(),
                core::ptr::from_ref(&value).cast(),
                size_of::<T>(),
            )
        };
    }
}

// SAFETY: The verifier checks that the program may read and write the memory, as for `In`. The
// memory can be a `Writable` field of an object, for which all bytes are a valid value; the object
// stays until the call ends. The verifier also accepts a trusted pointer to a struct `T`, or to a
// struct that contains a `T`. `T` is a struct of the module, because the BTF step rejects a struct
// whose name the kernel has, and no object has a field of a struct type that programs know.
unsafe impl<T: BtfType + IntoBytes> KfuncArg for Out<'_, T> {
    const CONTRACT: Contract = Contract::pointer(Pointer::<T>::TEXT).refused(refused::<T>());
    type Value<'a> = Out<'a, T>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Out<'_, T>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        function(Out {
            // SAFETY: The verifier rejects a null pointer for this argument.
            data: unsafe { NonNull::new_unchecked(passed.register() as *mut T) },
            _lent: PhantomData,
        })
    }
}

/// An argument whose value the kfunc reads and changes.
///
/// The crate copies the value before the kfunc runs, and writes the copy back after the kfunc has
/// returned, also if the kfunc fails. Other CPUs can change the memory meanwhile; the copy
/// overwrites these changes. For a struct whose fields the program and the kfunc change at the same
/// time, use [`&Mem`](crate::Mem) or an [`Object`](crate::Object) with atomics.
///
/// C: `struct t *arg`, for a struct of scalars.
pub struct InOut<'a, T>(&'a mut T);

impl<T> Deref for InOut<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0
    }
}

impl<T> DerefMut for InOut<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0
    }
}

// SAFETY: The verifier checks that the program may read and write the memory, as for `In` and
// `Out`, so the memory is valid for both.
unsafe impl<T: BtfType + FromBytes + IntoBytes + 'static> KfuncArg for InOut<'_, T> {
    const CONTRACT: Contract = <Out<'_, T> as KfuncArg>::CONTRACT;
    type Value<'a> = InOut<'a, T>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        call: &Call,
        function: impl FnOnce(InOut<'_, T>) -> R,
        fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        let register = passed.register();
        // SAFETY: The verifier accepted the register for the same contract.
        let (input, output) = unsafe {
            (
                Passed::<In<T>>::new([register], 0),
                Passed::<Out<'_, T>>::new([register], 0),
            )
        };
        In::receive(
            input,
            call,
            |In(mut value)| {
                let result = function(InOut(&mut value));
                Out::receive(output, call, |mut out| out.write(value), |err| match err {});
                result
            },
            fail,
        )
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_types)]
mod tests {
    use super::*;
    use crate::{
        kfunc::KfuncRet,
        kunit::receive,
        BtfType, //
    };

    /// A field whose C name is a keyword of Rust, and an array of arrays.
    #[derive(BtfType, Clone, Copy, FromBytes, IntoBytes, PartialEq, Eq)]
    #[btf(name = "bpf_kunit_pair")]
    #[repr(C)]
    struct Pair {
        r#type: u16,
        table: [[u8; 3]; 2],
    }

    /// A struct with padding, and without `#[btf(name)]`.
    #[derive(BtfType)]
    #[repr(C, align(32))]
    struct BpfKunitGaps {
        small: u8,
        big: u64,
        nested: Pair,
        last: bool,
    }

    #[derive(BtfType)]
    #[btf(name = "bpf_kunit_either")]
    #[repr(C)]
    union Either {
        number: i64,
        bytes: [i8; 12],
    }

    #[derive(BtfType)]
    #[btf(name = "bpf_kunit_color")]
    #[repr(u8)]
    enum Color {
        Red,
        DarkBlue = 255,
    }

    #[derive(BtfType, Clone, Copy, Debug, PartialEq, Eq)]
    #[btf(name = "bpf_kunit_level")]
    #[repr(i64)]
    enum Level {
        // C cannot write the number below as a literal.
        Lowest = i64::MIN + 1,
        Low = -1,
        Highest = i64::MAX,
    }

    #[derive(BtfType)]
    #[btf(name = "bpf_kunit_bits")]
    #[repr(u64)]
    enum Bits {
        None,
        All = u64::MAX,
    }

    macro_rules! levels {
        ($($name:ident: $btf:literal of $below:ty;)*) => {$(
            #[derive(BtfType)]
            #[btf(name = $btf)]
            #[repr(C)]
            struct $name {
                beside: u32,
                below: $below,
            }
        )*};
    }

    levels! {
        One: "bpf_kunit_one" of Level;
        Two: "bpf_kunit_two" of One;
        Three: "bpf_kunit_three" of Two;
        Four: "bpf_kunit_four" of Three;
        Five: "bpf_kunit_five" of Four;
        OfUnion: "bpf_kunit_of_union" of Either;
        OfArray: "bpf_kunit_of_array" of [u64; 2];
        OfNothing: "bpf_kunit_of_nothing" of [u64; 0];
        OfStructs: "bpf_kunit_of_structs" of [One; 1];
    }

    #[test]
    fn a_declaration_has_the_layout_of_the_compiler() {
        assert_eq!(<Pair as BtfType>::BTF, "struct bpf_kunit_pair");
        assert_eq!(
            Pair::DECLARATION,
            "struct bpf_kunit_pair 8 { type 0 u16, table 2 [2][3]u8 }"
        );
        assert_eq!(
            BpfKunitGaps::DECLARATION,
            "struct bpf_kunit_gaps 32 { small 0 u8, big 8 u64, \
             nested 16 struct bpf_kunit_pair, last 24 bool }"
        );
        assert_eq!(
            Either::DECLARATION,
            "union bpf_kunit_either 16 { number 0 s64, bytes 0 [12]s8 }"
        );
        assert_eq!(
            OfNothing::DECLARATION,
            "struct bpf_kunit_of_nothing 8 { beside 0 u32, below 8 [0]u64 }"
        );
        assert_eq!(
            OfStructs::DECLARATION,
            "struct bpf_kunit_of_structs 24 { beside 0 u32, below 8 [1]struct bpf_kunit_one }"
        );
    }

    #[test]
    fn an_enum_declaration_has_the_variant_numbers() {
        assert_eq!(
            Color::DECLARATION,
            "enum bpf_kunit_color 1 unsigned { \
             BPF_KUNIT_COLOR_RED = 0, BPF_KUNIT_COLOR_DARK_BLUE = 255 }"
        );
        assert_eq!(
            Level::DECLARATION,
            "enum bpf_kunit_level 8 signed { BPF_KUNIT_LEVEL_LOWEST = -9223372036854775807, \
             BPF_KUNIT_LEVEL_LOW = -1, BPF_KUNIT_LEVEL_HIGHEST = 9223372036854775807 }"
        );
        assert_eq!(
            Bits::DECLARATION,
            "enum bpf_kunit_bits 8 unsigned { \
             BPF_KUNIT_BITS_NONE = 0, BPF_KUNIT_BITS_ALL = 18446744073709551615 }"
        );
    }

    #[test]
    fn a_number_converts_to_an_enum_and_back() {
        for level in [Level::Lowest, Level::Low, Level::Highest] {
            assert_eq!(Level::try_from(level as i64), Ok(level));
            assert_eq!(level.into_abi(), level as i64);
        }
        for number in [i64::MIN, -2, 0, i64::MAX - 1] {
            assert_eq!(Level::try_from(number), Err(EINVAL));
        }
        assert!(matches!(Color::try_from(0), Ok(Color::Red)));
        assert!(matches!(Color::try_from(255), Ok(Color::DarkBlue)));
        assert_eq!(Color::try_from(1).err(), Some(EINVAL));
        assert_eq!(Color::DarkBlue.into_abi(), 255);
        assert!(matches!(Bits::try_from(0), Ok(Bits::None)));
        assert!(matches!(Bits::try_from(u64::MAX), Ok(Bits::All)));
        assert_eq!(Bits::try_from(u64::MAX - 1).err(), Some(EINVAL));
    }

    #[test]
    fn a_struct_of_scalars_has_at_most_four_levels() {
        assert_eq!(u8::SCALARS, Some(0));
        assert_eq!(bool::SCALARS, Some(0));
        assert_eq!(Level::SCALARS, Some(0));
        assert_eq!(One::SCALARS, Some(1));
        assert_eq!(Two::SCALARS, Some(2));
        assert_eq!(Three::SCALARS, Some(3));
        assert_eq!(Four::SCALARS, Some(4));
        assert_eq!(Five::SCALARS, None);
        assert_eq!(scalars(&[]), Some(1));
        assert_eq!(scalars(&[Some(0), Some(2), Some(1)]), Some(3));
        assert_eq!(scalars(&[Some(0), None, Some(0)]), None);
    }

    #[test]
    fn a_union_or_an_empty_array_is_no_scalar() {
        assert_eq!(<[u8; 1]>::SCALARS, Some(0));
        assert_eq!(<[[u8; 1]; 1]>::SCALARS, Some(0));
        assert_eq!(<[u8; 0]>::SCALARS, None);
        assert_eq!(<[[u8; 0]; 1]>::SCALARS, None);
        assert_eq!(<[One; 1]>::SCALARS, None);
        assert_eq!(Either::SCALARS, None);
        assert_eq!(OfArray::SCALARS, Some(1));
        assert_eq!(OfNothing::SCALARS, None);
        assert_eq!(OfStructs::SCALARS, None);
        assert_eq!(OfUnion::SCALARS, None);
    }

    #[test]
    fn in_and_out_are_pointers_in_btf() {
        static IN: Composed = <In<Pair> as KfuncArg>::CONTRACT.describe("p", true);
        static OUT: Composed = <Out<'_, Pair> as KfuncArg>::CONTRACT.describe("p", true);
        assert_eq!(IN.text(), "p *struct bpf_kunit_pair");
        assert_eq!(OUT.text(), "p *struct bpf_kunit_pair");
        assert_eq!(Pointer::<[u64; 2]>::TEXT, "*[2]u64");
    }

    #[test]
    fn in_copies_the_memory_of_the_program() {
        // A program may pass memory without alignment.
        let mut memory = [9_u8, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let register = memory[1..].as_ptr() as u64;
        // SAFETY: `register` points to eight valid bytes.
        let pair = unsafe { receive::<In<Pair>, _>(register, |pair| pair) };
        memory.fill(0);

        let expected = Pair {
            r#type: u16::from_ne_bytes([1, 2]),
            table: [[3, 4, 5], [6, 7, 8]],
        };
        assert!(*pair == expected);
        assert!(pair.into_inner() == expected);
        assert_eq!(memory, [0; 10]);
    }

    #[test]
    fn in_out_reads_the_value_and_writes_it_back() {
        let mut memory = [9_u8, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let register = memory[1..].as_mut_ptr() as u64;
        let change = |mut pair: InOut<'_, Pair>| {
            let old = pair.table[1][2];
            pair.table[1][2] = 70;
            old
        };
        // SAFETY: `register` points to eight valid bytes, and no other code accesses them.
        let old = unsafe { receive::<InOut<'_, Pair>, _>(register, change) };
        assert_eq!(old, 8);
        assert_eq!(memory, [9, 1, 2, 3, 4, 5, 6, 7, 70, 9]);
    }

    #[test]
    fn out_keeps_the_value_of_the_last_write() {
        const BEFORE: [u8; 10] = [9; 10];
        let mut memory = BEFORE;
        let register = memory[1..].as_mut_ptr() as u64;
        let pair = |number: u8| Pair {
            r#type: u16::from_ne_bytes([number; 2]),
            table: [[number; 3]; 2],
        };

        let write = |mut out: Out<'_, Pair>| {
            out.write(pair(1));
            out.write(pair(2));
        };
        // SAFETY: `register` points to eight valid bytes, and no other code accesses them.
        unsafe { receive::<Out<'_, Pair>, _>(register, |_| ()) };
        assert_eq!(memory, BEFORE);
        // SAFETY: `register` points to eight valid bytes, and no other code accesses them.
        unsafe { receive::<Out<'_, Pair>, _>(register, write) };
        assert_eq!(memory, [9, 2, 2, 2, 2, 2, 2, 2, 2, 9]);
    }
}
