// SPDX-License-Identifier: GPL-2.0

//! Helpers: functions of a module that prologues and epilogues call.
//!
//! [`bpf_helper!`](crate::bpf_helper) makes a [`Helper`] from a Rust function. A call passes up to
//! five registers of 64 bits and returns one register, as for the kernel's own helpers. The call is
//! direct.
//!
//! A number can come from an argument of the program, a constant or a value. An object can only
//! come from an argument of the program with the same type.
//! [`Prologue::call`](super::Prologue::call) compares the types when the prologue is made.
//!
//! A helper runs in the context of the program, which is usually an RCU read-side critical section.
//! A helper must not sleep.
//!
//! Programs cannot call a helper of this kind. For a function that programs call, see
//! [`kfunc`](macro@crate::kfunc).
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

/// The calling convention of BPF: five registers for arguments, one for the result.
pub(super) type HelperFn = unsafe extern "C" fn(u64, u64, u64, u64, u64) -> u64;

/// A function that prologues and epilogues can call. [`bpf_helper!`](crate::bpf_helper) defines a
/// static of this type.
///
/// # Invariants
///
/// - `function` accepts every number in a register for which `params` has [`Content::Scalar`] or no
///   element. In the other registers, `function` accepts the content that `params` names.
/// - `proto.func` is `function`.
pub struct Helper {
    name: &'static str,
    function: HelperFn,
    params: &'static [Content],
    proto: bindings::bpf_func_proto,
}

// SAFETY: No code writes to a helper after its definition, and all pointers in a helper point to
// statics and functions.
unsafe impl Sync for Helper {}

impl Helper {
    /// Makes a helper. For the code that `bpf_helper!` generates.
    ///
    /// # Safety
    ///
    /// `function` must accept every number in a register for which `params` has
    /// [`Content::Scalar`] or no element. In the other registers, `function` must accept the
    /// content that `params` names.
    #[doc(hidden)]
    pub const unsafe fn new(
        name: &'static str,
        function: HelperFn,
        params: &'static [Content],
    ) -> Self {
        // SAFETY: All fields are integers, pointers and optional functions, for which zero is a
        // valid value. The verifier does not use the fields: a program cannot call a function with
        // such an id.
        let mut proto: bindings::bpf_func_proto = unsafe { core::mem::zeroed() };
        proto.func = Some(function);
        // INVARIANT: The caller guarantees that `function` accepts the content that `params`
        // names; `proto.func` was set to `function` above.
        Self {
            name,
            function,
            params,
            proto,
        }
    }

    /// Returns the name of the function.
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the content of each parameter.
    pub(super) fn params(&self) -> &'static [Content] {
        self.params
    }

    /// Returns the function.
    pub(super) fn function(&self) -> HelperFn {
        self.function
    }

    /// Returns the `struct bpf_func_proto` of the function, for `get_func_proto()` of the table.
    pub(crate) fn proto(&self) -> &bindings::bpf_func_proto {
        &self.proto
    }

    /// Returns the number by which an instruction calls the function.
    ///
    /// # Errors
    ///
    /// [`ERANGE`] if the function is 2 GiB or more away from the kernel's text, or if the number is
    /// the id of one of the kernel's helpers.
    pub(crate) fn imm(&self) -> Result<i32> {
        let imm = call_imm(self.function as usize).map_err(|_| ERANGE)?;
        if (0..bindings::bpf_func_id___BPF_FUNC_MAX_ID as i32).contains(&imm) {
            return Err(ERANGE);
        }
        Ok(imm)
    }
}

/// A type that a [`Helper`] can take as an argument.
///
/// # Safety
///
/// A register with the content [`CONTENT`](HelperArg::CONTENT) must hold a valid value of the type
/// for the time of a call. Prologues and epilogues compare this content with the content of the
/// argument that they pass, and check nothing else.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be passed by a prologue or an epilogue",
    label = "take an integer, `bool`, `&Object<T>` or `Option<&Object<T>>`"
)]
pub unsafe trait HelperArg: Register {
    /// The content that the register must have.
    const CONTENT: Content = <Self as Register>::CONTENT;

    /// Returns the value of a register.
    ///
    /// # Safety
    ///
    /// The register must have the content `CONTENT` until the call ends.
    #[inline(always)]
    unsafe fn receive<'a>(register: u64, call: &'a Call) -> Self::Value<'a> {
        // SAFETY: The caller guarantees that the register has the content `CONTENT` until the call
        // ends.
        unsafe { Self::from_register(register, call) }
    }
}

/// A type that a [`Helper`] can return.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be returned to a prologue or an epilogue",
    label = "return nothing, an integer, `bool` or `Result<()>`"
)]
pub trait HelperRet: Register {
    /// Returns the register for the prologue or the epilogue.
    #[inline(always)]
    fn give(self) -> u64 {
        self.into_register()
    }
}

macro_rules! scalar {
    ($($ty:ty),*) => {$(
        // SAFETY: Every content of a register is a valid number of this type.
        unsafe impl HelperArg for $ty {}

        impl HelperRet for $ty {}
    )*};
}

scalar!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

impl HelperRet for () {}

impl HelperRet for Result<()> {}

// SAFETY: `Content::can_be()` accepts only an object of the type `T` that the subsystem lends to
// the member, or a reference before the program runs. The object is valid until the member returns,
// and the reference until the program runs. Both are after the call of the helper.
unsafe impl<T: BtfObject> HelperArg for &Object<T> {}

// SAFETY: `Content::can_be()` accepts the same objects as for `&Object<T>`, which are valid until
// the helper returns, and an argument that may be null, which is `None`.
unsafe impl<T: BtfObject> HelperArg for Option<&Object<T>> {}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_helper)]
mod tests {
    use super::*;

    extern "C" {
        fn __bpf_call_base(r1: u64, r2: u64, r3: u64, r4: u64, r5: u64) -> u64;
    }

    /// Returns the number of a function at this distance from `__bpf_call_base()`.
    fn imm(distance: i64) -> Result<i32> {
        let base = __bpf_call_base as HelperFn as usize;
        let address = base.wrapping_add(distance as usize);
        // SAFETY: The address is not null, and nothing calls the function.
        let helper = unsafe {
            let function = core::mem::transmute::<usize, HelperFn>(address);
            Helper::new("nobody", function, &[])
        };
        helper.imm()
    }

    #[test]
    fn a_distant_function_has_no_number() {
        let (min, max) = (i64::from(i32::MIN), i64::from(i32::MAX));
        assert_eq!(imm(min), Ok(i32::MIN));
        assert_eq!(imm(max), Ok(i32::MAX));
        assert_eq!(imm(min - 1), Err(ERANGE));
        assert_eq!(imm(max + 1), Err(ERANGE));
    }

    #[test]
    fn a_number_is_not_the_id_of_a_kernel_helper() {
        let helpers = i64::from(bindings::bpf_func_id___BPF_FUNC_MAX_ID);
        assert_eq!(imm(-1), Ok(-1));
        assert_eq!(imm(0), Err(ERANGE));
        assert_eq!(imm(helpers - 1), Err(ERANGE));
        assert_eq!(imm(helpers), Ok(helpers as i32));
    }
}
