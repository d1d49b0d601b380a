// SPDX-License-Identifier: GPL-2.0

//! Arguments with a meaning beyond their value: constants, strings, what only the verifier or only
//! the kernel looks at.
//!
//! Memory is in [`mem`](crate::mem), structs are in [`types`](crate::types), references in
//! [`object`](crate::object).
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

/// A scalar that the verifier knows.
///
/// A program whose argument is not the same on every path to the call is refused, so what depends
/// on the value can be decided once for each call. C: `arg__k`.
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
        // SAFETY: The verifier accepts a scalar that it knows (`KF_ARG_CONST`), of which the upper
        // bits are cut off as for any other.
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

/// An argument that nobody looks at.
///
/// The verifier does not check it, so there is nothing that the function could do with it. It
/// keeps the place of an argument that is no longer, or not yet, used. C: `arg__ign`.
pub struct Ignored<T>(PhantomData<T>);

// SAFETY: Nothing is made of what arrives.
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

// SAFETY: For `__str` the verifier accepts a pointer into the value of a map that is frozen and
// read-only, if there is a NUL after it (`check_arg_const_str()`). Nobody changes it, and it lives
// as long as the program that uses the map.
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
        // SAFETY: The verifier checked that there is a NUL, and nobody changes the text.
        function(unsafe { CStr::from_char_ptr(text) })
    }
}

/// The program that calls.
///
/// It is not an argument for the program: the kernel adds it (`KF_IMPLICIT_ARGS`). It must be the
/// last argument of the function.
#[repr(transparent)]
pub struct ProgAux(kernel::types::Opaque<bindings::bpf_prog_aux>);

impl ProgAux {
    /// The id of the program, as `bpftool prog` shows it.
    pub fn id(&self) -> u32 {
        // SAFETY: The struct is valid, and the id is set before the program runs.
        unsafe { (*self.0.get()).id }
    }

    /// The name of the program, as its author gave it; it may be cut off after 15 bytes.
    pub fn name(&self) -> &CStr {
        // SAFETY: The struct is valid; the name is set before the program runs and does not
        // change after that.
        let name: &[u8] = unsafe { &*core::ptr::addr_of!((*self.0.get()).name) };
        CStr::from_bytes_until_nul(name).unwrap_or_default()
    }
}

// SAFETY: The verifier puts the address of the calling program's `struct bpf_prog_aux` in the
// register, whatever the program left there. The program cannot be freed while it runs.
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
        // SAFETY: The verifier wrote the address, and the program outlives the call. `ProgAux` is
        // transparent.
        function(unsafe { &*(passed.register() as *const ProgAux) })
    }
}

/// A map of the program.
///
/// C: `void *map__map` and `struct bpf_map *`.
#[repr(transparent)]
pub struct Map(kernel::types::Opaque<bindings::bpf_map>);

impl Map {
    /// The size of a key in bytes.
    pub fn key_size(&self) -> u32 {
        // SAFETY: The struct is valid, and the field does not change.
        unsafe { (*self.0.get()).key_size }
    }

    /// The size of a value in bytes.
    pub fn value_size(&self) -> u32 {
        // SAFETY: The struct is valid, and the field does not change.
        unsafe { (*self.0.get()).value_size }
    }

    /// The number of elements that the map has room for.
    pub fn max_entries(&self) -> u32 {
        // SAFETY: The struct is valid, and the field does not change.
        unsafe { (*self.0.get()).max_entries }
    }

    /// The id of the map, as `bpftool map` shows it.
    pub fn id(&self) -> u32 {
        // SAFETY: The struct is valid, and the id is set before a program can use the map.
        unsafe { (*self.0.get()).id }
    }
}

// SAFETY: For `__map` the verifier accepts a map of the program, which lives as long as the
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
        // SAFETY: The verifier accepts a map only, which outlives the call. `Map` is transparent.
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

    /// What a function gets of a constant.
    fn constant<T: Copy>(register: u64) -> T
    where
        Const<T>: for<'a> KfuncArg<Value<'a> = Const<T>, Error = Infallible>,
    {
        // SAFETY: The verifier accepts any number that it knows.
        unsafe { receive::<Const<T>, _>(register, |value| *value) }
    }

    #[test]
    fn constants_are_cut_to_their_size() {
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
    fn suffixes_tell_the_verifier() {
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
    fn strings_end_before_their_nul() {
        for text in [c"", c"a", c"gr\xc3\xb6\xc3\x9fe", c"not utf-8 \xff"] {
            // SAFETY: The verifier accepts strings with a NUL.
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
            // SAFETY: As far as it is looked at, it is that of a program, and lives long enough.
            unsafe {
                receive::<&ProgAux, _>(&raw const *raw as u64, |prog| {
                    prog.id() == u32::MAX && prog.name().to_bytes() == shown
                })
            }
        };

        assert!(check(b"", b""));
        assert!(check(b"name", b"name"));
        assert!(check(b"fifteen letters", b"fifteen letters"));
        // The kernel writes no such name.
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
        // SAFETY: As far as it is looked at, it is a map, and lives long enough.
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
