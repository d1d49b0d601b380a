// SPDX-License-Identifier: GPL-2.0

//! Kfuncs of the module that its prologues and epilogues call.
//!
//! [`module_kfunc!`](crate::module_kfunc) makes a [`ModuleKfunc`] of a kfunc, so that programs and
//! prologues call the same function:
//!
//! ```
//! # use bpf::{module_kfunc, prelude::*};
//! # use kernel::prelude::*;
//! # #[derive(BtfType)]
//! # #[btf(object, name = "bpf_priced_request")]
//! # struct Request { #[btf] bound: u32 }
//! /// Bounds @cost.
//! #[kfunc]
//! fn bpf_bound(request: &Object<Request>, cost: u32) -> u32 {
//!     cost.min(request.bound)
//! }
//!
//! module_kfunc! {
//!     static BOUND = bpf_bound(request: &Object<Request>, cost: u32) -> u32;
//! }
//! # kfunc_set! { static KFUNCS = { prog_types: [StructOps], kfuncs: [bpf_bound] }; }
//! ```
//!
//! The set of the kfunc must be for `StructOps`. The kernel finds the kfunc in the module of the
//! table, and the program holds the module.
//!
//! A call costs what a call of a [`Helper`](super::Helper) costs, on a machine whose modules are
//! near the kernel. The kernel must have the patches of this tree; on another kernel, the prologue
//! is an error.
//!
//! # What this module does not do
//!
//! - It does not call kfuncs for which the verifier does more than to check arguments: those that
//!   acquire or release, that need RCU, that may sleep, and so on.
//! - It does not call kfuncs of other modules.
//!
//! C: `BPF_CALL_KFUNC(BPF_KFUNC_OWN_BTF, id)`, in `include/linux/bpf_verifier.h` of the patches.

use super::kernel_kfunc::ResultSize;
use crate::register::Content;

/// A kfunc of the module. [`module_kfunc!`](crate::module_kfunc) defines a static of this type.
///
/// # Invariants
///
/// `id` has the BTF id of the kfunc, as `BTF_ID()` does. The kfunc takes registers with the content
/// of `params`, in every context in which programs run, and returns a number of the size `result`.
pub struct ModuleKfunc {
    name: &'static str,
    id: *const u32,
    params: &'static [Content],
    result: ResultSize,
    is_built_in: bool,
}

// SAFETY: The id does not change when the module is linked.
unsafe impl Sync for ModuleKfunc {}

impl ModuleKfunc {
    /// For the code that `module_kfunc!` generates.
    ///
    /// # Safety
    ///
    /// As the invariants of the type say.
    #[doc(hidden)]
    pub const unsafe fn new(
        name: &'static str,
        id: *const u32,
        params: &'static [Content],
        result: ResultSize,
        is_built_in: bool,
    ) -> Self {
        // INVARIANT: The caller promises the same.
        Self {
            name,
            id,
            params,
            result,
            is_built_in,
        }
    }

    /// Returns the name.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the content of each parameter.
    pub(super) fn params(&self) -> &'static [Content] {
        self.params
    }

    /// Returns the size of the result.
    pub(super) fn result(&self) -> ResultSize {
        self.result
    }

    /// Returns whether the kfunc is in the BTF of the kernel itself.
    pub(super) fn is_built_in(&self) -> bool {
        self.is_built_in
    }

    /// Returns the id in the BTF of the module, before it is relocated; [`None`] if the kernel cannot
    /// call the kfunc.
    pub(super) fn id(&self) -> Option<u32> {
        // SAFETY: By the type invariants, the pointer is that of the id.
        cfg!(kernel_has_BPF_KFUNC_OWN_BTF).then(|| unsafe { self.id.read() })
    }
}
