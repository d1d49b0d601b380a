// SPDX-License-Identifier: GPL-2.0

//! Types that Rust and BPF programs share.
//!
//! BPF programs know types by BTF. A type of the kernel has it already; one that only Rust knows
//! gets it from `#[derive(BtfType)]`, which describes its fields to the BTF step of the build:
//!
//! ```ignore
//! /// A limit and what is left of it. `struct bpf_quota` for BPF programs.
//! #[derive(BtfType, FromBytes, IntoBytes)]
//! #[btf(name = "bpf_quota")]
//! #[repr(C)]
//! struct Quota {
//!     limit: u64,
//!     left: u64,
//! }
//!
//! /// Takes one off @quota and returns what is left.
//! #[kfunc]
//! fn bpf_quota_take(quota: In<Quota>, out: Out<'_, Quota>) -> Result<()> { ... }
//! ```
//!
//! A struct or union must be `repr(C)`, an enum must say its integer (`repr(u32)`), and every field
//! must be a [`BtfType`]: integers, `bool`, arrays, and other such types. The name in BTF is the
//! one that `#[btf(name = "...")]` gives, else the Rust name in snake case. A type whose name is
//! taken, with another layout, stops the build.
//!
//! This module is about data without an identity. For things with one, which BPF programs hold
//! references to, see [`object`](crate::object).

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
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::atomic::Atomic, //
};

/// A type that has a name in BTF.
///
/// # Safety
///
/// `BTF` must name a type with the layout of this one: one of the kernel, or one that `DECLARATION`
/// declares. `SCALARS` must be true of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` has no type in BTF",
    label = "use an integer, `bool`, an array, or a type with `#[derive(BtfType)]`"
)]
pub unsafe trait BtfType {
    /// The type, in the language of `scripts/rust-btf`.
    const BTF: &'static str;

    /// Its declaration in that language, or nothing if there is none to make.
    const DECLARATION: &'static str = "";

    /// The levels of structs in it if it is made of nothing but scalars, as
    /// `__btf_type_is_scalar_struct()` in `kernel/bpf/verifier.c` has it; else [`None`].
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
        // SAFETY: An atomic has the layout of what is in it. Programs read it as C code does.
        unsafe impl BtfType for Atomic<$ty> {
            const BTF: &'static str = <$ty as BtfType>::BTF;
            const SCALARS: Option<u32> = Some(0);
        }
    )*};
}

atomic!(u32, u64, i32, i64);

/// A type of fields that programs may write while Rust code uses them.
///
/// # Safety
///
/// Whatever bytes a program stores must be a value, at any time and from any CPU, in one access or
/// in several.
#[diagnostic::on_unimplemented(
    message = "programs cannot write a `{Self}`",
    label = "programs write whenever they like; use `Atomic<u32>`, or one of `u64`, `i32`, `i64`"
)]
pub unsafe trait Writable: BtfType {}

macro_rules! writable {
    ($($ty:ty),* $(,)?) => {$(
        // SAFETY: Any bytes are a number, and Rust code reads the field by the kernel's atomics,
        // for which stores of C code are what those of programs are.
        unsafe impl Writable for Atomic<$ty> {}
    )*};
}

writable!(u32, u64, i32, i64);

impl<T: BtfType, const N: usize> Array<T, N> {
    const TEXT: Composed = Composed::new(&["[", Number::<N>::TEXT, "]", T::BTF]);
}

/// Carries the text of an array's type.
struct Array<T, const N: usize>(PhantomData<T>);

// SAFETY: The text says the same in the language of the BTF step. The verifier takes an array of
// scalars for a scalar, if it is not empty, and does not look into an array of structs.
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

/// The levels of a struct with such fields. For the code that `#[derive(BtfType)]` generates.
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
    // The verifier looks at four levels.
    if levels >= 4 {
        None
    } else {
        Some(levels.saturating_add(1))
    }
}

/// The same for a union, which the verifier never takes for scalars.
#[doc(hidden)]
pub const fn union_scalars(_fields: &[Option<u32>]) -> Option<u32> {
    None
}

/// Carries the text of a pointer to a type.
pub(crate) struct Pointer<T: ?Sized>(PhantomData<T>);

impl<T: BtfType> Pointer<T> {
    const COMPOSED: Composed = Composed::new(&["*", T::BTF]);
    pub(crate) const TEXT: &'static str = {
        let text: &'static Composed = &Self::COMPOSED;
        text.text()
    };
}

/// Why the verifier does not take memory of the size of a type.
const fn refused<T: BtfType>() -> &'static str {
    if matches!(T::BTF.as_bytes(), [b'[', ..]) {
        "the verifier does not accept memory for an array; put it into a struct, or take `&[u8]` or \
         `&mut [u8]`"
    } else if T::SCALARS.is_none() {
        "the verifier accepts memory only for a type of scalars, in at most four levels of structs, \
         and no unions"
    } else {
        ""
    }
}

/// An argument that the program passes by pointer and the function gets by value.
///
/// The program may pass any memory of at least the size of `T`. As it may be changed by others at
/// any time, it is copied before the function runs; then it is the function's own.
///
/// C: `struct t *arg`, for a struct of scalars.
pub struct In<T>(T);

impl<T> In<T> {
    /// The value.
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
// (`KF_ARG_PTR_TO_BTF_ID` and its fall-through in `check_kfunc_args()`). Either can be read.
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
        // SAFETY: The memory is valid for reads of the size of `T`, and `value` for writes.
        unsafe { fetch(value.as_mut_ptr().cast(), from, size_of::<T>()) };
        // SAFETY: All bytes were written, and any bytes are a `T`.
        function(Self(unsafe { value.assume_init() }))
    }
}

/// An argument to which the function writes a value.
///
/// The program may pass any memory of at least the size of `T`, whatever is in it. If the function
/// does not write, nothing changes.
///
/// C: `struct t *arg`, for a struct of scalars. Not `arg__uninit`: for memory, 7.3 takes that for a
/// promise to write every byte (`bpf_kfunc_stack_access_bytes()`), forgets what the program wrote
/// before, and then refuses the call because it checks for reading as well.
pub struct Out<'a, T> {
    data: NonNull<T>,
    _lent: PhantomData<&'a ()>,
}

impl<T: IntoBytes> Out<'_, T> {
    /// Writes the value.
    #[inline]
    pub fn write(&mut self, value: T) {
        // SAFETY: The verifier checked that the program may write so many bytes there, and they
        // are not given up before the call returns. All bytes of `value` are initialized. The call
        // is to the kernel's function, as for `In`.
        unsafe {
            bindings::memcpy(
                self.data.as_ptr().cast(),
                core::ptr::from_ref(&value).cast(),
                size_of::<T>(),
            )
        };
    }
}

// SAFETY: As for `In`, the memory may be read and written. It may be a field of an object that is
// `Writable`, of which any bytes are a value; the object stays until the call ends. A trusted
// pointer to a struct passes as well, and one into a struct that has such a struct in it. The struct
// is the module's own, because the BTF step refuses one whose name the kernel has; no object has a
// struct that programs know.
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
            // SAFETY: The verifier does not accept null.
            data: unsafe { NonNull::new_unchecked(passed.register() as *mut T) },
            _lent: PhantomData,
        })
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

    /// What a field is called, if a word of Rust is its name in C, and an array of arrays.
    #[derive(BtfType, Clone, Copy, FromBytes, IntoBytes, PartialEq, Eq)]
    #[btf(name = "bpf_kunit_pair")]
    #[repr(C)]
    struct Pair {
        r#type: u16,
        table: [[u8; 3]; 2],
    }

    /// Without a name for BTF, and with gaps.
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
        // C has no way to write the number below.
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
    fn declarations_have_the_layout_of_the_compiler() {
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
    fn enums_have_their_numbers() {
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
    fn numbers_become_enums_and_back() {
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
    fn the_verifier_looks_at_four_levels() {
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
    fn unions_and_empty_arrays_are_no_scalars() {
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
    fn structs_are_passed_by_pointer() {
        static IN: Composed = <In<Pair> as KfuncArg>::CONTRACT.describe("p", true);
        static OUT: Composed = <Out<'_, Pair> as KfuncArg>::CONTRACT.describe("p", true);
        assert_eq!(IN.text(), "p *struct bpf_kunit_pair");
        assert_eq!(OUT.text(), "p *struct bpf_kunit_pair");
        assert_eq!(Pointer::<[u64; 2]>::TEXT, "*[2]u64");
    }

    #[test]
    fn what_comes_in_is_a_copy() {
        // A program may pass memory that is not aligned.
        let mut memory = [9_u8, 1, 2, 3, 4, 5, 6, 7, 8, 9];
        let register = memory[1..].as_ptr() as u64;
        // SAFETY: The eight bytes are there.
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
    fn what_goes_out_is_what_was_written_last() {
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
        // SAFETY: The eight bytes are there, and nobody else looks at them.
        unsafe { receive::<Out<'_, Pair>, _>(register, |_| ()) };
        assert_eq!(memory, BEFORE);
        // SAFETY: The eight bytes are there, and nobody else looks at them.
        unsafe { receive::<Out<'_, Pair>, _>(register, write) };
        assert_eq!(memory, [9, 2, 2, 2, 2, 2, 2, 2, 2, 9]);
    }
}
