// SPDX-License-Identifier: GPL-2.0

//! Functions that prologues and epilogues call, with types.
//!
//! [`bpf_helper!`](crate::bpf_helper) makes a [`Helper`] of a Rust function. The instructions call it as
//! they call a helper: five registers of 64 bits in, one out, no trampoline. Numbers may come from
//! anywhere. An object can only come from an argument of the program that is one, which is checked
//! when the list of instructions is made.
//!
//! It runs where the program runs, which may be anywhere and in an RCU read-side critical section:
//! it must not sleep.
//!
//! C: `BPF_CALL_0()` to `BPF_CALL_5()` and `BPF_EMIT_CALL()` in `include/linux/filter.h`.

use super::insn::call_imm;
use crate::{
    object::{
        BtfObject,
        Object, //
    },
    register::{
        Call,
        Content,
        Register, //
    }, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// The five-register convention of BPF.
pub(super) type HelperFn = unsafe extern "C" fn(u64, u64, u64, u64, u64) -> u64;

/// A function that prologues and epilogues can call. Made by [`bpf_helper!`](crate::bpf_helper).
///
/// # Invariants
///
/// `function` may be called with any numbers where `params` has [`Content::Scalar`] or nothing,
/// and with what other contents say elsewhere. It is `proto.func`.
pub struct Helper {
    name: &'static str,
    function: HelperFn,
    params: &'static [Content],
    proto: bindings::bpf_func_proto,
}

// SAFETY: Nobody writes to it.
unsafe impl Sync for Helper {}

impl Helper {
    /// For the code that `bpf_helper!` generates.
    ///
    /// # Safety
    ///
    /// The arguments must be as the invariants of the type say.
    #[doc(hidden)]
    pub const unsafe fn new(
        name: &'static str,
        function: HelperFn,
        params: &'static [Content],
    ) -> Self {
        // SAFETY: All members are integers, pointers and functions that may be absent. The verifier
        // does not see it: a program cannot call a function with such an id.
        let mut proto: bindings::bpf_func_proto = unsafe { core::mem::zeroed() };
        proto.func = Some(function);
        // INVARIANT: By the safety requirements.
        Self {
            name,
            function,
            params,
            proto,
        }
    }

    /// Its name.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn params(&self) -> &'static [Content] {
        self.params
    }

    pub(super) fn function(&self) -> HelperFn {
        self.function
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
        let imm = call_imm(self.function as usize).map_err(|_| ERANGE)?;
        if (0..bindings::bpf_func_id___BPF_FUNC_MAX_ID as i32).contains(&imm) {
            return Err(ERANGE);
        }
        Ok(imm)
    }
}

/// A type that a [`Helper`] can take.
///
/// # Safety
///
/// The instruction builder must be able to tell that a register contains what the type's [`Content`]
/// says: it compares the content with that of the member's argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed by a prologue or an epilogue",
    label = "take an integer, `bool`, `&Object<T>` or `Option<&Object<T>>`"
)]
pub unsafe trait HelperArg: Register {
    /// The content that a register must have.
    const CONTENT: Content = <Self as Register>::CONTENT;

    /// The value of a register.
    ///
    /// # Safety
    ///
    /// The register must contain what `CONTENT` says, until the call ends.
    #[inline(always)]
    unsafe fn receive<'a>(register: u64, call: &'a Call) -> Self::Value<'a> {
        // SAFETY: By the safety requirements.
        unsafe { Self::from_register(register, call) }
    }
}

/// A type that a [`Helper`] can return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned to a prologue or an epilogue",
    label = "return nothing, an integer, `bool` or `Result<()>`"
)]
pub trait HelperRet: Register {
    /// The register that the prologue or epilogue gets.
    #[inline(always)]
    fn give(self) -> u64 {
        self.into_register()
    }
}

macro_rules! scalar {
    ($($ty:ty),*) => {$(
        // SAFETY: Every register contains a scalar.
        unsafe impl HelperArg for $ty {}

        impl HelperRet for $ty {}
    )*};
}

scalar!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

impl HelperRet for () {}

impl HelperRet for Result<()> {}

// SAFETY: The builder accepts an argument of the member that is such an object, which lives while
// the member runs.
unsafe impl<T: BtfObject> HelperArg for &Object<T> {}

// SAFETY: The builder accepts the same, and an argument that may be null.
unsafe impl<T: BtfObject> HelperArg for Option<&Object<T>> {}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_helper)]
mod tests {
    use super::*;

    extern "C" {
        fn __bpf_call_base(r1: u64, r2: u64, r3: u64, r4: u64, r5: u64) -> u64;
    }

    /// The number of a function that is so far behind the one that numbers are counted from.
    fn imm(distance: i64) -> Result<i32> {
        let base = __bpf_call_base as HelperFn as usize;
        let address = base.wrapping_add(distance as usize);
        // SAFETY: It is not null, and is not called.
        let native = unsafe {
            let function = core::mem::transmute::<usize, HelperFn>(address);
            Helper::new("nobody", function, &[])
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
