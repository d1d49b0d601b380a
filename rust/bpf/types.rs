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
    describe::{
        Composed,
        Number, //
    },
    kfunc::{
        Call,
        KfuncArg, //
    },
    mem::fetch, //
};
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*, //
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
    let mut levels = 0;
    let mut field = 0;
    while field < fields.len() {
        match fields[field] {
            None => return None,
            Some(below) if below > levels => levels = below,
            Some(_) => {}
        }
        field += 1;
    }
    // The verifier looks at four levels.
    if levels >= 4 {
        None
    } else {
        Some(levels + 1)
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
    type Value<'a> = In<T>;
    const BTF: &'static str = Pointer::<T>::TEXT;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Self::Value<'a> {
        const {
            assert!(T::SCALARS.is_some(), "In<T>: the verifier accepts memory only for a T of scalars, in at most four levels of structs, and no unions")
        };
        let mut value = core::mem::MaybeUninit::<T>::uninit();
        // SAFETY: The memory is valid for reads of the size of `T`, and `value` for writes.
        unsafe {
            fetch(
                value.as_mut_ptr().cast(),
                register as *const u8,
                size_of::<T>(),
            )
        };
        // SAFETY: All bytes were written, and any bytes are a `T`.
        Self(unsafe { value.assume_init() })
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

// SAFETY: As for `In`, the memory may be read and written. A trusted pointer to a struct passes as
// well, and one into a struct that has such a struct in it. The struct is the module's own, because
// the BTF step refuses one whose name the kernel has; no object has a struct that programs know.
unsafe impl<T: BtfType + IntoBytes> KfuncArg for Out<'_, T> {
    type Value<'a> = Out<'a, T>;
    const BTF: &'static str = Pointer::<T>::TEXT;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Self::Value<'a> {
        const {
            assert!(T::SCALARS.is_some(), "Out<T>: the verifier accepts memory only for a T of scalars, in at most four levels of structs, and no unions")
        };
        Out {
            // SAFETY: The verifier does not accept null.
            data: unsafe { NonNull::new_unchecked(register as *mut T) },
            _lent: PhantomData,
        }
    }
}
