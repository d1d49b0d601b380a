// SPDX-License-Identifier: GPL-2.0

//! Functions that tracers can attach to.
//!
//! rustc generates no call of `__fentry__`, so ftrace does not know Rust functions. With
//! [`#[traceable]`](macro@crate::traceable), the symbol of a function is a stub that has the place
//! for ftrace and jumps to the function. `fentry` and `fexit` programs, kprobes and multi-kprobes
//! find the stub by its name. A kfunc keeps its name; the name of any other function begins with
//! the name of the module, here `example`:
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
//! #
//! # #[derive(BtfType)]
//! # #[btf(object, name = "bpf_request")]
//! # struct Request {
//! #     left: Atomic<u64>,
//! # }
//! #
//! /// Tracers see `int example_charge(struct bpf_request *request, u64 bytes)`.
//! #[traceable]
//! fn example_charge(request: &Object<Request>, bytes: u64) -> Result {
//!     let left = request.left.load(Relaxed);
//!     request.left.store(left.checked_sub(bytes).ok_or(ENOSPC)?, Relaxed);
//!     Ok(())
//! }
//!
//! /// A kfunc that can be traced.
//! #[kfunc]
//! #[traceable]
//! fn bpf_charge(request: &Object<Request>, bytes: u64) -> Result {
//!     example_charge(request, bytes)
//! }
//! ```
//!
//! A tracer of a kfunc sees the calls of programs. Rust code that calls the kfunc calls the function
//! behind the stub, because the arguments need no registers then.
//!
//! A function without the attribute has no stub. A call of a function with the attribute takes two
//! or three instructions more, and the compiler cannot inline the function into its callers.
//!
//! # What a tracer can do
//!
//! A tracer runs in the context of the caller: in an NMI, or while the caller holds a
//! [`ResSpinLock`](crate::ResSpinLock). It reads the arguments and the result. Pointers in the
//! context of an `fentry` program are not trusted: the program can read the fields of an object that
//! have `#[btf]`, and cannot pass the pointer to a kfunc. The kernel does not unload a module while a
//! program is attached to one of its functions.
//!
//! # Replace the result
//!
//! A `fmod_ret` program runs before the function. If the program returns a number other than 0, the
//! function does not run, and its caller gets the number as the result. This works only for functions
//! that allow it, with `#[traceable(fmod_ret)]`, and that a [`kfunc_set!`](crate::kfunc_set) lists:
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::prelude::*;
//! #
//! /// Returns whether a user may open the device. By default, every user may.
//! #[traceable(fmod_ret)]
//! fn example_may_open(uid: u32) -> Result {
//!     let _ = uid;
//!     Ok(())
//! }
//!
//! kfunc_set! {
//!     static HOOKS = {
//!         fmod_ret: [example_may_open],
//!     };
//! }
//! ```
//!
//! Such a function must return [`Result<()>`](kernel::error::Result), because every number is a valid
//! one: a positive number becomes `Ok(())`, and a number that is no error number becomes [`EINVAL`].
//! Safe code cannot rely on a `Result<()>` for memory safety. Unsafe code must not do so, either: an
//! `Ok(())` of the function does not mean that the function has run.
//!
//! With `#[traceable(fmod_ret, sleepable)]`, or on a `#[kfunc(sleepable)]`, `fmod_ret`, `fentry` and
//! `fexit` programs may sleep. All callers must be allowed to sleep. [`might_sleep()`] checks this in
//! a kernel with `CONFIG_DEBUG_ATOMIC_SLEEP`.
//!
//! This module does not attach programs, and does not add places for ftrace within a function.
//!
//! C: `btf_ctx_access()` in `kernel/bpf/btf.c`, `check_attach_modify_return()` in
//! `kernel/bpf/verifier.c`, and [`include/linux/ftrace.h`](srctree/include/linux/ftrace.h).
//!
//! [`might_sleep()`]: kernel::task::might_sleep

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
use kernel::prelude::*;

/// A type that a traceable function can take.
///
/// # Safety
///
/// A tracer sees an argument of the type `BTF`, whose name ends in `SUFFIX`. The register must be
/// valid for everything that the verifier lets a tracer do with such an argument.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to a tracer as an argument of a function",
    label = "take an integer, `bool`, `&Object<T>` or `Option<&Object<T>>`"
)]
pub unsafe trait TraceArg: Register {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str = <Self as Register>::BTF;

    /// The end of the parameter's name in BTF, which the verifier reads (`btf_ctx_access()`).
    const SUFFIX: &'static str = match <Self as Register>::CONTENT {
        Content::ObjectOrNull(_) => "__nullable",
        _ => "",
    };

    /// Returns the register for the stub. For the code that the macros generate.
    #[doc(hidden)]
    #[inline(always)]
    fn pass(self) -> u64 {
        self.into_register()
    }

    /// Returns the value in a register that the stub passed on. For the code that the macros
    /// generate.
    ///
    /// # Safety
    ///
    /// The register must be the result of [`pass`](Self::pass) for a value of this type that is
    /// valid until the call returns.
    #[doc(hidden)]
    #[inline(always)]
    unsafe fn receive(register: u64, call: &Call) -> Self::Value<'_> {
        // SAFETY: The value in the register is valid until the call returns.
        unsafe { Self::from_register(register, call) }
    }
}

/// A type that a traceable function can return.
///
/// # Safety
///
/// [`Register::from_register`] must be sound for every register that the function returns.
#[diagnostic::on_unimplemented(
    message = "`{Self}` means nothing to a tracer as the result of a function",
    label = "return nothing, an integer, `bool` or `Result<()>`"
)]
pub unsafe trait TraceRet: for<'a> Register<Value<'a> = Self> {
    /// The type in BTF, in the language of `scripts/rust-btf`.
    const BTF: &'static str = <Self as Register>::BTF;

    /// Returns the value of the register that the stub returned. For the code that the macros
    /// generate.
    ///
    /// # Safety
    ///
    /// The register must be the result of a traceable function that returns this type.
    #[doc(hidden)]
    #[inline(always)]
    unsafe fn returned(register: u64) -> Self {
        // SAFETY: The caller promises that the function returned the register.
        unsafe { Self::from_register(register, &Call) }
    }
}

macro_rules! scalar {
    ($($ty:ty),*) => {$(
        // SAFETY: A tracer sees a scalar, and every operation on a scalar is valid.
        unsafe impl TraceArg for $ty {}

        // SAFETY: Every register is a valid number.
        unsafe impl TraceRet for $ty {}
    )*};
}

scalar!(u8, u16, u32, u64, i8, i16, i32, i64, bool);

// SAFETY: `from_register` ignores the register.
unsafe impl TraceRet for () {}

// SAFETY: Every register becomes a valid result.
unsafe impl TraceRet for Result<()> {}

// SAFETY: The verifier lets a tracer read the fields in BTF, with loads that may fault
// (`PTR_TO_BTF_ID` without `PTR_TRUSTED` in `btf_ctx_access()`). The caller's borrow keeps the
// object during the call.
unsafe impl<T: BtfObject> TraceArg for &Object<T> {}

// SAFETY: As for `&Object<T>`. By the suffix, the tracer must test the pointer for null
// (`PTR_MAYBE_NULL`).
unsafe impl<T: BtfObject> TraceArg for Option<&Object<T>> {}

/// A result that `fmod_ret` programs can replace.
///
/// # Safety
///
/// The type in BTF must be `int`, and every register must become a valid value.
#[diagnostic::on_unimplemented(
    message = "a `fmod_ret` program cannot replace a `{Self}`",
    label = "return `Result<()>`, for which every number is valid"
)]
pub unsafe trait ReplaceableRet {}

// SAFETY: The type in BTF is `int`, and `Register::from_register()` is sound for every scalar.
unsafe impl ReplaceableRet for Result<()> {}

/// A function with `#[traceable(fmod_ret)]`.
///
/// # Safety
///
/// `NAME` must be the symbol of the function. The function must accept that it does not run, and
/// that its caller gets any number as the result. `FLAGS` must have `KF_SLEEPABLE` only if all
/// callers may sleep; for a kfunc, `FLAGS` must be the flags of the kfunc.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not allow `fmod_ret` programs",
    label = "write `#[traceable(fmod_ret)]` on the function"
)]
pub unsafe trait FmodRet {
    /// The name of the function. An alias of this type can have another name.
    const NAME: &'static CStr;
    /// The `KF_*` flags of the function.
    const FLAGS: u32;
}

/// Options of the kernel that the code of a stub depends on, for the assembler.
#[doc(hidden)]
pub mod stub {
    /// Whether the function has a place for ftrace.
    pub const FTRACE: i32 = cfg!(CONFIG_DYNAMIC_FTRACE) as i32;

    /// Whether this code adds the place to `__mcount_loc`; otherwise, objtool does.
    pub const RECORD: i32 =
        (cfg!(CONFIG_DYNAMIC_FTRACE) && !cfg!(CONFIG_FTRACE_MCOUNT_USE_OBJTOOL)) as i32;

    /// Whether the target of an indirect call needs a mark: `endbr64`, or `bti c`.
    pub const MARK: i32 = (cfg!(CONFIG_X86_KERNEL_IBT) || cfg!(CONFIG_ARM64_BTI_KERNEL)) as i32;

    /// Whether ftrace keeps a pointer before the function.
    pub const CALL_OPS: i32 = cfg!(CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS) as i32;

    /// `CONFIG_FUNCTION_ALIGNMENT`, and at least the size of the pointer before the function.
    pub const ALIGN: i32 = if cfg!(CONFIG_FUNCTION_ALIGNMENT_64B) {
        64
    } else if cfg!(CONFIG_FUNCTION_ALIGNMENT_32B) {
        32
    } else if cfg!(CONFIG_FUNCTION_ALIGNMENT_16B) {
        16
    } else {
        8
    };

    /// The number of bytes before the function that the kernel may overwrite at boot.
    pub const PADDING: i32 = if cfg!(CONFIG_CALL_PADDING) { ALIGN } else { 0 };
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_traceable)]
#[allow(dead_code)] // No set has the kfunc of this suite.
mod tests {
    use super::*;
    use crate::{
        kfunc,
        traceable,
        BtfType, //
    };

    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_traced")]
    struct Traced {
        #[btf]
        id: u32,
    }

    /// Returns the arguments as digits of a number.
    #[traceable]
    fn rust_bpf_kunit_order(a: u8, b: i16, c: u32, d: i64, e: bool, f: u64) -> i64 {
        let digits = [a.into(), b.into(), c.into(), d, e.into(), f as i64];
        digits.iter().fold(0, |number, digit| number * 10 + digit)
    }

    /// Returns its argument.
    #[traceable]
    fn rust_bpf_kunit_s8(value: i8) -> i8 {
        value
    }

    /// Returns its argument.
    #[traceable]
    fn rust_bpf_kunit_bool(value: bool) -> bool {
        value
    }

    /// Returns the number of the object.
    #[traceable]
    fn rust_bpf_kunit_object(object: &Object<Traced>, other: Option<&Object<Traced>>) -> u32 {
        object.id ^ other.map_or(0, |other| other.id)
    }

    /// Returns an error with this number.
    #[traceable(fmod_ret)]
    fn rust_bpf_kunit_result(errno: i32) -> Result {
        if errno == 0 {
            return Ok(());
        }
        Err(Error::from_errno(errno))
    }

    /// Returns its argument.
    #[kfunc]
    #[traceable]
    fn bpf_kunit_traced_kfunc(value: u16) -> u16 {
        value
    }

    #[test]
    fn arguments_and_results_pass_through_the_stub() {
        assert_eq!(rust_bpf_kunit_order(1, 2, 3, 4, true, 6), 123_416);
        for value in [i8::MIN, -1, 0, i8::MAX] {
            assert_eq!(rust_bpf_kunit_s8(value), value);
        }
        assert!(rust_bpf_kunit_bool(true));
        assert!(!rust_bpf_kunit_bool(false));
    }

    #[test]
    fn objects_pass_through_the_stub() -> Result {
        let object = Object::new(Traced { id: 6 })?;
        let other = Object::new(Traced { id: 3 })?;
        assert_eq!(rust_bpf_kunit_object(&object, None), 6);
        assert_eq!(rust_bpf_kunit_object(&object, Some(&other)), 5);
        Ok(())
    }

    #[test]
    fn errors_pass_through_the_stub() {
        assert_eq!(rust_bpf_kunit_result(0), Ok(()));
        assert_eq!(rust_bpf_kunit_result(-1), Err(EPERM));
        assert_eq!(rust_bpf_kunit_result(-4095), Err(Error::from_errno(-4095)));
    }

    #[test]
    fn each_register_is_a_valid_replaced_result() {
        let returned = |register: i64| {
            // SAFETY: Programs can replace a `Result<()>` with any register.
            unsafe { <Result<()> as TraceRet>::returned(register as u64) }
        };
        assert_eq!(returned(-13), Err(EACCES));
        // The upper half is not part of an `int`.
        assert_eq!(returned(0x1234_5678_ffff_fff3), Err(EACCES));
        assert_eq!(returned(0x1234_5678_0000_0000), Ok(()));
        assert_eq!(returned(-4096), Err(EINVAL));
        assert_eq!(returned(i64::MIN), Ok(()));
        assert_eq!(returned(i64::MAX), Err(EPERM));
        assert_eq!(returned(i32::MIN.into()), Err(EINVAL));
        assert_eq!(returned(i32::MAX.into()), Ok(()));
    }

    #[test]
    fn the_stub_of_a_kfunc_takes_registers() {
        let stub = <bpf_kunit_traced_kfunc as crate::kfunc::Kfunc>::ENTRY;
        // SAFETY: The kfunc takes one register and returns a `u16`.
        let stub: extern "C" fn(u64) -> u16 = unsafe { core::mem::transmute(stub) };
        assert_eq!(stub(0xdead_beef_dead_8001), 0x8001);
        assert_eq!(bpf_kunit_traced_kfunc(7), 7);
    }

    #[test]
    fn only_an_option_is_nullable() {
        assert_eq!(<u32 as TraceArg>::SUFFIX, "");
        assert_eq!(<&Object<Traced> as TraceArg>::SUFFIX, "");
        assert_eq!(<Option<&Object<Traced>> as TraceArg>::SUFFIX, "__nullable");
        assert_eq!(
            <&Object<Traced> as TraceArg>::BTF,
            "*struct bpf_kunit_traced"
        );
    }
}
