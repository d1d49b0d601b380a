// SPDX-License-Identifier: GPL-2.0

//! What several of this crate's KUnit suites need.
//!
//! The suites are in the files that they test. Those in a module run when the module is loaded, and
//! those in the kernel at boot; where the crate asks for a module and its state, both are told one
//! of the modules below.

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

/// Calls `function` with the value that a kfunc gets of a register.
///
/// # Safety
///
/// The verifier would accept `register` for a parameter of type `T`.
pub(crate) unsafe fn receive<T: KfuncArg<Error = Infallible>, R>(
    register: u64,
    function: impl FnOnce(T::Value<'_>) -> R,
) -> R {
    // SAFETY: By the safety requirements.
    let passed = unsafe { Passed::<T>::new([register], 0) };
    T::receive(passed, &Call, function, |err| match err {})
}

/// A module that is nowhere but here. Without a name, it may register what is another's.
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

            // SAFETY: No code is in this module. All that is looked at are its address and its
            // state, which does not change.
            unsafe { ThisModule::from_ptr(&raw mut MODULE) }
        };
    )*};
}

modules! {
    /// In its `init`.
    COMING: module_state_MODULE_STATE_COMING, b"";
    /// Loaded, and not about to go.
    LIVE: module_state_MODULE_STATE_LIVE, b"";
    /// In its `exit`, or after an `init` that failed.
    GOING: module_state_MODULE_STATE_GOING, b"";
    /// In its `init`, and with a name: nothing of this crate is in it.
    OTHER: module_state_MODULE_STATE_COMING, b"other";
}

/// What code that is built in is told.
// SAFETY: Without `MODULE`, `THIS_MODULE` is null.
pub(crate) static BUILT_IN: ThisModule = unsafe { ThisModule::from_ptr(core::ptr::null_mut()) };
