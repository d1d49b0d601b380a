// SPDX-License-Identifier: GPL-2.0

//! Functions that prologues and epilogues call, with types.
//!
//! [`bpf_call!`](crate::bpf_call) makes a [`Native`] of a Rust function. The instructions call it as
//! they call a helper: five registers of 64 bits in, one out, no trampoline. Numbers may come from
//! anywhere. An object can only come from an argument of the program that is one, which is checked
//! when the list of instructions is made.
//!
//! It runs where the program runs, which may be anywhere and in an RCU read-side critical section:
//! it must not sleep.
//!
//! C: `BPF_CALL_0()` to `BPF_CALL_5()` and `BPF_EMIT_CALL()` in `include/linux/filter.h`.

use super::call_imm;
use crate::{
    kfunc::Call,
    object::{
        BtfObject,
        Object,
        ObjectType, //
    }, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// The five-register convention of BPF.
pub type NativeFn = unsafe extern "C" fn(u64, u64, u64, u64, u64) -> u64;

/// What a parameter of a [`Native`], or an argument of a member, is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A number, of which the bits above its size are any.
    Number,
    /// An object of this type.
    Object(&'static ObjectType),
    /// The same, or null.
    Nullable(&'static ObjectType),
    /// A reference of the program. It is an object until the program begins.
    Reference(&'static ObjectType),
}

impl Kind {
    /// Whether what is `self` can be passed as a `param`, before or after the program has run.
    pub(super) fn can_be(self, param: Kind, program_has_run: bool) -> bool {
        match (self, param) {
            (_, Kind::Number) => true,
            (Kind::Object(have), Kind::Object(want) | Kind::Nullable(want))
            | (Kind::Nullable(have), Kind::Nullable(want)) => have == want,
            (Kind::Reference(have), Kind::Object(want) | Kind::Nullable(want)) => {
                !program_has_run && have == want
            }
            _ => false,
        }
    }

    /// The type of the object that it is.
    pub(crate) const fn object(self) -> Option<&'static ObjectType> {
        match self {
            Kind::Number => None,
            Kind::Object(object) | Kind::Nullable(object) | Kind::Reference(object) => Some(object),
        }
    }
}

/// A function that prologues and epilogues can call. Made by [`bpf_call!`](crate::bpf_call).
///
/// # Invariants
///
/// `function` may be called with any numbers where `params` has [`Kind::Number`] or nothing, and
/// with what the other kinds say elsewhere. It is `proto.func`.
pub struct Native {
    name: &'static str,
    params: &'static [Kind],
    proto: bindings::bpf_func_proto,
}

// SAFETY: Nobody writes to it.
unsafe impl Sync for Native {}

impl Native {
    /// For the code that `bpf_call!` generates.
    ///
    /// # Safety
    ///
    /// The arguments must be as the invariants of the type say.
    #[doc(hidden)]
    pub const unsafe fn new(
        name: &'static str,
        function: NativeFn,
        params: &'static [Kind],
    ) -> Self {
        // SAFETY: All members are integers, pointers and functions that may be absent. The verifier
        // does not see it: a program cannot call a function with such an id.
        let mut proto: bindings::bpf_func_proto = unsafe { core::mem::zeroed() };
        proto.func = Some(function);
        // INVARIANT: By the safety requirements.
        Self {
            name,
            params,
            proto,
        }
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn params(&self) -> &'static [Kind] {
        self.params
    }

    pub(super) fn function(&self) -> Option<NativeFn> {
        self.proto.func
    }

    pub(crate) fn proto(&self) -> &bindings::bpf_func_proto {
        &self.proto
    }

    /// The number by which an instruction calls it.
    ///
    /// # Errors
    ///
    /// [`ERANGE`] if it is 2 GiB or more away from the kernel's own functions, or so near that the
    /// number is one of a helper.
    pub(crate) fn imm(&self) -> Result<i32> {
        let function = self.proto.func.ok_or(EINVAL)?;
        let imm = call_imm(function as usize).map_err(|_| ERANGE)?;
        if (0..bindings::bpf_func_id___BPF_FUNC_MAX_ID as i32).contains(&imm) {
            return Err(ERANGE);
        }
        Ok(imm)
    }
}

/// A type that a [`Native`] can take.
///
/// # Safety
///
/// [`from_register`](NativeArg::from_register) must be sound for what `KIND` says.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed by a prologue or an epilogue",
    label = "take an integer, `bool`, `&Object<T>` or `Option<&Object<T>>`"
)]
pub unsafe trait NativeArg: Sized {
    /// The same type, lent for `'a`.
    type Value<'a>;

    /// What it is.
    const KIND: Kind;

    /// Makes a value of a register.
    ///
    /// # Safety
    ///
    /// The register must be what `KIND` says, until the call ends.
    unsafe fn from_register<'a>(register: u64, call: &'a Call) -> Self::Value<'a>;
}

/// A type that a [`Native`] can return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned to a prologue or an epilogue",
    label = "return nothing, an integer, `bool` or `Result<()>`"
)]
pub trait NativeRet {
    /// Makes a register of a value.
    fn into_register(self) -> u64;
}

macro_rules! number {
    ($($ty:ty),*) => {$(
        // SAFETY: Any number can be cut to the size.
        unsafe impl NativeArg for $ty {
            type Value<'a> = $ty;
            const KIND: Kind = Kind::Number;

            #[inline(always)]
            unsafe fn from_register<'a>(register: u64, _: &'a Call) -> $ty {
                register as $ty
            }
        }

        impl NativeRet for $ty {
            // One line for all sizes and signs, of which some could be said with `From`.
            #[allow(clippy::cast_lossless)]
            #[inline(always)]
            fn into_register(self) -> u64 {
                self as u64
            }
        }
    )*};
}

number!(u8, u16, u32, u64, i8, i16, i32, i64);

// SAFETY: Any number is tested.
unsafe impl NativeArg for bool {
    type Value<'a> = bool;
    const KIND: Kind = Kind::Number;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> bool {
        register as u8 != 0
    }
}

impl NativeRet for bool {
    #[inline(always)]
    fn into_register(self) -> u64 {
        u64::from(self)
    }
}

impl NativeRet for () {
    #[inline(always)]
    fn into_register(self) -> u64 {
        0
    }
}

/// 0, or the error number, which is negative.
impl NativeRet for Result<()> {
    #[inline(always)]
    fn into_register(self) -> u64 {
        match self {
            Ok(()) => 0,
            Err(err) => i64::from(err.to_errno()) as u64,
        }
    }
}

// SAFETY: The register is an argument of the program that is such an object, which lives while the
// member runs.
unsafe impl<T: BtfObject> NativeArg for &Object<T> {
    type Value<'a> = &'a Object<T>;
    const KIND: Kind = Kind::Object(Object::<T>::TYPE);

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> &'a Object<T> {
        // SAFETY: By the safety requirements.
        unsafe { &*(register as *const Object<T>) }
    }
}

// SAFETY: As above, and null.
unsafe impl<T: BtfObject> NativeArg for Option<&Object<T>> {
    type Value<'a> = Option<&'a Object<T>>;
    const KIND: Kind = Kind::Nullable(Object::<T>::TYPE);

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Option<&'a Object<T>> {
        // SAFETY: By the safety requirements.
        unsafe { (register as *const Object<T>).as_ref() }
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_insn_native)]
mod tests {
    use super::*;

    extern "C" {
        fn __bpf_call_base(r1: u64, r2: u64, r3: u64, r4: u64, r5: u64) -> u64;
    }

    /// The number of a function that is so far behind the one that numbers are counted from.
    fn imm(distance: i64) -> Result<i32> {
        let base = __bpf_call_base as NativeFn as usize;
        let address = base.wrapping_add(distance as usize);
        // SAFETY: It is not null, and is not called.
        let native = unsafe {
            let function = core::mem::transmute::<usize, NativeFn>(address);
            Native::new("nobody", function, &[])
        };
        native.imm()
    }

    #[test]
    fn what_is_too_far_has_no_number() {
        let (min, max) = (i64::from(i32::MIN), i64::from(i32::MAX));
        assert_eq!(imm(min), Ok(i32::MIN));
        assert_eq!(imm(max), Ok(i32::MAX));
        assert_eq!(imm(min - 1), Err(ERANGE));
        assert_eq!(imm(max + 1), Err(ERANGE));
    }

    #[test]
    fn no_number_is_one_of_a_helper() {
        let helpers = i64::from(bindings::bpf_func_id___BPF_FUNC_MAX_ID);
        assert_eq!(imm(-1), Ok(-1));
        assert_eq!(imm(0), Err(ERANGE));
        assert_eq!(imm(helpers - 1), Err(ERANGE));
        assert_eq!(imm(helpers), Ok(helpers as i32));
    }
}
