// SPDX-License-Identifier: GPL-2.0

//! Prologues and epilogues: instructions that the kernel adds to a BPF program.
//!
//! A subsystem of struct_ops can add a prologue and an epilogue to each program that implements a
//! member of its table:
//!
//! - A [`Prologue`] runs before the program. It calls functions with the arguments of the program,
//!   and can stop the program.
//! - An [`Epilogue`] runs when the program exits. It calls functions with the arguments and the
//!   result of the program, and can replace the result.
//!
//! [`StructOps::prologue`] and [`StructOps::epilogue`] get one to fill in:
//!
//! ```ignore
//! bpf_helper! {
//!     /// Returns 0 if the program may run, or an error number.
//!     static ADMIT = fn(request: &Object<Request>) -> Result<()> {
//!         request.admit()
//!     };
//! }
//!
//! bpf_helper! {
//!     /// Bounds the result of the program.
//!     static BOUND = fn(request: &Object<Request>, cost: u32) -> u32 {
//!         cost.min(request.bound())
//!     };
//! }
//!
//! fn prologue(_prog: &MemberProg<'_>, code: &mut Prologue<'_>) {
//!     let errno = code.call(&ADMIT, [Input::Arg(0)]);
//!     code.exit_unless(errno, Cond::Eq, 0, errno);
//! }
//!
//! fn epilogue(_prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
//!     let result = code.result();
//!     let bounded = code.call(&BOUND, [Input::Arg(0), result.into()]);
//!     code.set_result(bounded);
//! }
//! ```
//!
//! A prologue and an epilogue can call
//!
//! - functions of the module: [`bpf_helper!`](crate::bpf_helper) makes a [`Helper`], and the
//!   subsystem lists the helper in [`StructOps::HELPERS`];
//! - kfuncs of the kernel that take and return numbers: a [`KernelKfunc`].
//!
//! # Errors
//!
//! The verifier does not check the instructions of prologues and epilogues. So this module compares
//! the argument types of each call with the types of the function, and bounds the number of
//! instructions. A subsystem does not handle errors: the kernel log gets a message with the reason,
//! and the verifier rejects the program.
//!
//! # What this module does not do
//!
//! - Other instructions than calls, one kind of conditional exit, and the result. A helper does
//!   everything else; to access memory, for example.
//! - Local variables on the stack: the kernel does not give prologues and epilogues a stack frame
//!   of their own.
//! - Kfuncs of modules. The kernel finds such a kfunc through an index into a list that the loader
//!   of the program chooses.
//!
//! C header: [`include/linux/filter.h`](srctree/include/linux/filter.h)
//!
//! C: `gen_prologue` and `gen_epilogue` in `struct bpf_verifier_ops`.
//!
//! [`StructOps::HELPERS`]: crate::struct_ops::StructOps::HELPERS
//! [`StructOps::epilogue`]: crate::struct_ops::StructOps::epilogue
//! [`StructOps::prologue`]: crate::struct_ops::StructOps::prologue

mod builder;
mod code;
mod epilogue;
mod error;
mod helper;
mod insn;
mod kernel_kfunc;
#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
mod kunit;
mod operand;
mod prologue;

pub use code::{
    Input,
    Value, //
};
pub use epilogue::Epilogue;
pub use helper::{
    Helper,
    HelperArg,
    HelperRet, //
};
pub use kernel_kfunc::{
    KernelKfunc,
    ResultSize,
    SCX_BPF_NOW,
    SCX_BPF_NR_CPU_IDS, //
};
pub use operand::Cond;
pub use prologue::Prologue;

pub(crate) use builder::Builder;
pub(crate) use code::Signature;
pub(crate) use error::{
    InsnError,
    Problem, //
};
pub(crate) use insn::{
    exit,
    mov64,
    Insn, //
};
pub(crate) use operand::{
    Reg,
    Src, //
};

/// The number of instructions in the buffers that the kernel passes to `gen_prologue` and
/// `gen_epilogue`. A prologue or an epilogue must have fewer instructions.
///
/// C: `INSN_BUF_SIZE` in `include/linux/bpf_verifier.h`.
pub(crate) const INSN_BUF_SIZE: usize = 32;
