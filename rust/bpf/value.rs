// SPDX-License-Identifier: GPL-2.0

//! Arguments that are neither memory nor objects: constants, strings, maps, and arguments that only
//! the verifier uses.
//!
//! This module does not handle memory (see [`mem`](crate::mem)), structs (see
//! [`types`](crate::types)) or references (see [`object`](crate::object)).
//!
//! C: the suffixes of `Documentation/bpf/kfuncs.rst`.

use crate::{
    contract::Contract,
    kfunc::{
        Call,
        KfuncArg,
        Passed, //
    },
    register::Register, //
};
use core::{
    convert::Infallible,
    ffi::CStr,
    marker::PhantomData,
    ops::Deref, //
};
use kernel::{
    bindings,
    prelude::*, //
};

/// A scalar whose value the verifier knows.
///
/// The verifier rejects a program if there is a path to the call on which the verifier does not
/// know the value (`process_const_arg()`). Two paths to one call can pass different values.
///
/// C: `arg__k`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Const<T>(T);

impl<T> Deref for Const<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

macro_rules! constant {
    ($($ty:ty),*) => {$(
        // SAFETY: The verifier accepts only a scalar with a known value (`KF_ARG_CONST`). The cast
        // ignores the upper bits of the register, as for every scalar.
        unsafe impl KfuncArg for Const<$ty> {
            const CONTRACT: Contract =
                Contract::value(<$ty as Register>::BTF).suffix("__k").constant();
            type Value<'a> = Const<$ty>;
            type Error = Infallible;

            #[inline(always)]
            fn receive<R>(
                passed: Passed<Self>,
                _call: &Call,
                function: impl FnOnce(Self) -> R,
                _fail: impl FnOnce(Infallible) -> R,
            ) -> R {
                function(Self(passed.register() as $ty))
            }
        }
    )*};
}

constant!(u8, u16, u32, u64, i8, i16, i32, i64);

/// An argument that the verifier does not check and the kfunc does not get.
///
/// This type keeps the place of an argument that the kfunc no longer uses, or does not use yet.
///
/// C: `arg__ign`.
pub struct Ignored<T>(PhantomData<T>);

// SAFETY: `receive()` does not use the register.
unsafe impl<T: KfuncArg> KfuncArg for Ignored<T> {
    const CONTRACT: Contract = T::CONTRACT.ignored();
    type Value<'a> = Ignored<T>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        _passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Self) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        function(Self(PhantomData))
    }
}

// SAFETY: For `__str`, the verifier accepts only a pointer into the value of a frozen read-only
// map, with a NUL byte after it (`check_arg_const_str()`). The value does not change, and the map
// lives as long as the program that uses it.
unsafe impl KfuncArg for &CStr {
    const CONTRACT: Contract = Contract::value("*const char").suffix("__str");
    type Value<'a> = &'a CStr;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(&CStr) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        let text = passed.register() as *const kernel::ffi::c_char;
        // SAFETY: The verifier checked that the text ends with a NUL byte, and the text is in a
        // frozen map, so it does not change.
        function(unsafe { CStr::from_char_ptr(text) })
    }
}

/// The program that calls the kfunc.
///
/// The program does not pass this argument: the kernel adds it (`KF_IMPLICIT_ARGS`). It must be the
/// last argument of the kfunc.
///
/// C: `struct bpf_prog_aux *` in [`include/linux/bpf.h`](srctree/include/linux/bpf.h).
#[repr(transparent)]
pub struct ProgAux(kernel::types::Opaque<bindings::bpf_prog_aux>);

impl ProgAux {
    /// Returns the id of the program, which `bpftool prog` shows.
    pub fn id(&self) -> u32 {
        // SAFETY: The struct is valid. The kernel sets the id before the program runs.
        unsafe { (*self.0.get()).id }
    }

    /// Returns the name that the loader gave the program: at most 15 bytes. libbpf cuts off a
    /// longer name.
    pub fn name(&self) -> &CStr {
        // SAFETY: The struct is valid. The kernel sets the name before the program runs, and does
        // not change it later.
        let name: &[u8] = unsafe { &*core::ptr::addr_of!((*self.0.get()).name) };
        CStr::from_bytes_until_nul(name).unwrap_or_default()
    }
}

// SAFETY: The verifier adds an instruction that puts the address of the calling program's
// `struct bpf_prog_aux` into the register. The kernel does not free a program that runs.
unsafe impl KfuncArg for &ProgAux {
    const CONTRACT: Contract =
        Contract::value("*struct bpf_prog_aux").with_flags(bindings::KF_IMPLICIT_ARGS);
    type Value<'a> = &'a ProgAux;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(&ProgAux) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        // SAFETY: The register has the address of a `struct bpf_prog_aux`, which outlives the call.
        // `ProgAux` has the same layout: it is `repr(transparent)`.
        function(unsafe { &*(passed.register() as *const ProgAux) })
    }
}

/// A map.
///
/// The program passes one of its own maps, or a trusted pointer to a `struct bpf_map`. A kfunc can
/// read the sizes and the id, but no element.
///
/// C: `void *map__map` and `struct bpf_map *` in
/// [`include/linux/bpf.h`](srctree/include/linux/bpf.h).
#[repr(transparent)]
pub struct Map(kernel::types::Opaque<bindings::bpf_map>);

impl Map {
    /// Returns the size of a key in bytes.
    pub fn key_size(&self) -> u32 {
        // SAFETY: The struct is valid, and the field does not change.
        unsafe { (*self.0.get()).key_size }
    }

    /// Returns the size of a value in bytes.
    pub fn value_size(&self) -> u32 {
        // SAFETY: The struct is valid, and the field does not change.
        unsafe { (*self.0.get()).value_size }
    }

    /// Returns the maximum number of elements.
    pub fn max_entries(&self) -> u32 {
        // SAFETY: The struct is valid, and the field does not change.
        unsafe { (*self.0.get()).max_entries }
    }

    /// Returns the id of the map, which `bpftool map` shows.
    pub fn id(&self) -> u32 {
        // SAFETY: The struct is valid. The kernel sets the id before a program can use the map.
        unsafe { (*self.0.get()).id }
    }
}

// SAFETY: For `__map`, the verifier accepts only a map of the program, which lives as long as the
// program, or a trusted pointer to a `struct bpf_map` (`is_kfunc_arg_map()`).
unsafe impl KfuncArg for &Map {
    const CONTRACT: Contract = Contract::value("*void").suffix("__map");
    type Value<'a> = &'a Map;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(&Map) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        // SAFETY: The verifier accepts only a map, which outlives the call. `Map` has the layout of
        // `struct bpf_map`: it is `repr(transparent)`.
        function(unsafe { &*(passed.register() as *const Map) })
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_value)]
mod tests {
    use super::*;
    use crate::{
        describe::Composed,
        kunit::receive, //
    };

    /// Returns the value that a kfunc gets for a constant in a register.
    fn constant<T: Copy>(register: u64) -> T
    where
        Const<T>: for<'a> KfuncArg<Value<'a> = Const<T>, Error = Infallible>,
    {
        // SAFETY: All values of the register are a valid constant.
        unsafe { receive::<Const<T>, _>(register, |value| *value) }
    }

    #[test]
    fn a_constant_ignores_the_bits_above_its_size() {
        assert_eq!(constant::<u8>(0xdead_beef_dead_be80), 0x80);
        assert_eq!(constant::<i8>(0xdead_beef_dead_be80), i8::MIN);
        assert_eq!(constant::<u16>(0xdead_beef_dead_8000), 0x8000);
        assert_eq!(constant::<i16>(0xdead_beef_dead_8000), i16::MIN);
        assert_eq!(constant::<u32>(0xdead_beef_8000_0000), 0x8000_0000);
        assert_eq!(constant::<i32>(0xdead_beef_8000_0000), i32::MIN);
        assert_eq!(constant::<u64>(0x8000_0000_0000_0000), 1 << 63);
        assert_eq!(constant::<i64>(0x8000_0000_0000_0000), i64::MIN);
    }

    #[test]
    fn a_parameter_has_the_suffix_of_its_type() {
        macro_rules! check {
            ($($ty:ty as $text:literal,)*) => {$({
                static PARAM: Composed = <$ty as KfuncArg>::CONTRACT.describe("p", true);
                assert_eq!(PARAM.text(), $text);
            })*};
        }

        check! {
            Const<u8> as "p__k u8",
            Const<i64> as "p__k s64",
            Ignored<u16> as "p__ign u16",
            Ignored<&Map> as "p__ign *void",
            &CStr as "p__str *const char",
            &Map as "p__map *void",
            &ProgAux as "p *struct bpf_prog_aux",
        }
    }

    #[test]
    fn a_string_ends_before_its_nul() {
        for text in [c"", c"a", c"gr\xc3\xb6\xc3\x9fe", c"not utf-8 \xff"] {
            // SAFETY: `text` ends with a NUL byte and does not change.
            let same = unsafe { receive::<&CStr, _>(text.as_char_ptr() as u64, |arg| arg == text) };
            assert!(same);
        }
    }

    #[test]
    fn a_program_has_an_id_and_a_name() -> Result {
        let mut raw = KBox::init(
            pin_init::init_zeroed::<bindings::bpf_prog_aux>(),
            GFP_KERNEL,
        )?;
        let mut check = |name: &[u8], shown: &[u8]| {
            raw.id = u32::MAX;
            raw.name = [0; 16];
            for (to, from) in raw.name.iter_mut().zip(name) {
                *to = *from;
            }
            // SAFETY: The fields that `ProgAux` reads are valid, and `raw` outlives the call.
            unsafe {
                receive::<&ProgAux, _>(&raw const *raw as u64, |prog| {
                    prog.id() == u32::MAX && prog.name().to_bytes() == shown
                })
            }
        };

        assert!(check(b"", b""));
        assert!(check(b"name", b"name"));
        assert!(check(b"fifteen letters", b"fifteen letters"));
        // The kernel never sets a name without a NUL byte.
        assert!(check(b"sixteen letters.", b""));
        Ok(())
    }

    #[test]
    fn a_map_has_sizes_and_an_id() -> Result {
        let mut raw = KBox::init(pin_init::init_zeroed::<bindings::bpf_map>(), GFP_KERNEL)?;
        raw.key_size = 1;
        raw.value_size = 2;
        raw.max_entries = u32::MAX;
        raw.id = 4;
        // SAFETY: The fields that `Map` reads are valid, and `raw` outlives the call.
        let sizes = unsafe {
            receive::<&Map, _>(&raw const *raw as u64, |map| {
                (
                    map.key_size(),
                    map.value_size(),
                    map.max_entries(),
                    map.id(),
                )
            })
        };
        assert_eq!(sizes, (1, 2, u32::MAX, 4));
        Ok(())
    }
}
