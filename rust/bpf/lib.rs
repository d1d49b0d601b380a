// SPDX-License-Identifier: GPL-2.0

//! Kfuncs in safe Rust: functions of the kernel that BPF programs may call.
//!
//! A kfunc's signature is its contract. The verifier reads the prototype from BTF, checks every
//! call of every program against it, and refuses the program that does not keep it. In C the
//! contract is spread over the prototype, magic ends of parameter names, a list of flags and a
//! comment. Here it is the Rust signature, and the rest is made from it.
//!
//! # A module
//!
//! ```ignore
//! use bpf::prelude::*;
//! use kernel::prelude::*;
//!
//! module! {
//!     type: Zeroes,
//!     name: "zeroes",
//!     description: "Counts zero bytes for BPF programs",
//!     license: "GPL",
//! }
//!
//! /// Returns how many bytes of @data are zero.
//! #[kfunc]
//! fn bpf_count_zeroes(data: &[u8]) -> Result<u32> {
//!     Ok(data.iter().filter(|&&byte| byte == 0).count() as u32)
//! }
//!
//! kfunc_set! {
//!     static ZEROES for [Tracing, Syscall] = [bpf_count_zeroes];
//! }
//!
//! struct Zeroes {
//!     _kfuncs: bpf::Registration,
//! }
//!
//! impl kernel::Module for Zeroes {
//!     fn init(module: &'static ThisModule) -> Result<Self> {
//!         Ok(Self { _kfuncs: ZEROES.register(module)? })
//!     }
//! }
//! ```
//!
//! # What a signature means to the verifier
//!
//! | Rust | BTF | what a program must pass, or gets |
//! | --- | --- | --- |
//! | `u8` … `u64`, `i8` … `i64` | the integer of that name | a scalar; bits above the type's size are cut off |
//! | `bool` | `bool` | a scalar; true if its lowest byte is not zero |
//! | `&[u8]` | `const void *data, u32 data__sz` | memory of that size; the function works on a private copy |
//! | `&mut [u8]` | `void *data, u32 data__sz` | the same, and the copy is written back |
//! | [`&Mem`](Mem) | `void *data, u32 data__sz` | the memory itself, which others may change meanwhile |
//! | returns `()` | `void` | nothing |
//! | returns an integer or `bool` | that type | a scalar of which the verifier knows no bounds |
//! | returns `Result<()>` | `int` | 0 or a negative errno |
//! | returns `Result<u32>` | `s64` | a value from 0 to 4294967295, or a negative errno |
//!
//! Everything else does not compile; the error points at the argument and says what to write.
//!
//! # What this crate does not do
//!
//! - Pointers to kernel objects, iterators, dynptrs, `KF_*` flags: not yet.
//! - More than five arguments (a slice counts as two).
//! - Unregistering a set before the module is unloaded: the kernel cannot either.
//!
//! C headers: [`include/linux/btf.h`](srctree/include/linux/btf.h),
//! [`include/linux/btf_ids.h`](srctree/include/linux/btf_ids.h).
//!
//! Reference: <https://docs.kernel.org/bpf/kfuncs.html>

#[doc(hidden)]
pub mod describe;
pub mod dynptr;
pub mod iterator;
pub mod kfunc;
#[doc(hidden)]
pub mod kfunc_set;
pub mod mem;
pub mod object;
pub mod state;
pub mod task;
pub mod types;
pub mod value;

pub use bpf_macros::{
    kfunc,
    kfunc_iterator,
    kfunc_set,
    BtfType, //
};
pub use dynptr::Dynptr;
pub use kfunc_set::{
    KfuncSet,
    Prog,
    ProgType,
    Registration, //
};
pub use mem::Mem;
pub use object::{
    Object,
    Rcu,
    RcuReader, //
};
pub use state::{
    KfuncCall,
    ModuleState,
    StateGuard, //
};
pub use types::{
    BtfType,
    In,
    Out, //
};
pub use value::{
    Const,
    Ignored,
    Map,
    ProgAux, //
};

/// What a module that offers kfuncs needs.
pub mod prelude {
    pub use crate::{
        kfunc,
        kfunc_iterator,
        kfunc_set,
        BtfType,
        Const,
        Dynptr,
        In,
        KfuncCall,
        Map,
        Mem,
        ModuleState,
        Object,
        Out,
        Rcu,
        RcuReader, //
    };
    pub use kernel::sync::aref::ARef;
}

/// Prefix of what this crate prints.
const __LOG_PREFIX: &[u8] = b"rust_bpf\0";
