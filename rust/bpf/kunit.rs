// SPDX-License-Identifier: GPL-2.0

//! Code that the KUnit suites of this crate share.
//!
//! This module has no tests: each suite is in the file that it tests. If the crate is a module, the
//! suites run when the kernel loads it. If the crate is built in, they run at boot. In both cases,
//! the tests pass one of the modules below to functions of the crate that take a kernel module.

use crate::kfunc::{
    Call,
    KfuncArg,
    Passed, //
};
use core::convert::Infallible;
use kernel::{
    bindings,
    prelude::*, //
};

/// Calls `function` with the value that a kfunc gets for a register. Returns the result.
///
/// # Safety
///
/// `register` must be a valid argument for a parameter of type `T`.
pub(crate) unsafe fn receive<T: KfuncArg<Error = Infallible>, R>(
    register: u64,
    function: impl FnOnce(T::Value<'_>) -> R,
) -> R {
    // SAFETY: The caller promises that `register` is valid for a `T`, as if the verifier accepted
    // it.
    let passed = unsafe { Passed::<T>::new([register], 0) };
    T::receive(passed, &Call, function, |err| match err {})
}

/// Returns a kernel module that is not loaded. If the name is empty, the module may register items
/// of another module.
const fn module(state: bindings::module_state, name: &[u8]) -> bindings::module {
    let mut module: bindings::module = pin_init::zeroed();
    module.state = state;
    let mut i = 0;
    while i < name.len() {
        module.name[i] = name[i];
        i += 1;
    }
    module
}

macro_rules! modules {
    ($($(#[$attr:meta])* $name:ident: $state:ident, $text:literal;)*) => {$(
        $(#[$attr])*
        pub(crate) static $name: ThisModule = {
            static mut MODULE: bindings::module = module(bindings::$state, $text);

            // SAFETY: This module has no code. The crate reads only its address, its name and its
            // state, which do not change.
            unsafe { ThisModule::from_ptr(&raw mut MODULE) }
        };
    )*};
}

modules! {
    /// A module in its `init`.
    COMING: module_state_MODULE_STATE_COMING, b"";
    /// A loaded module.
    LIVE: module_state_MODULE_STATE_LIVE, b"";
    /// A module in its `exit`, or after a failed `init`.
    GOING: module_state_MODULE_STATE_GOING, b"";
    /// A module in its `init`, with a name. It owns no item of this crate.
    OTHER: module_state_MODULE_STATE_COMING, b"other";
}

/// The `THIS_MODULE` of built-in code.
// SAFETY: Without `MODULE`, `THIS_MODULE` is null.
pub(crate) static BUILT_IN: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
