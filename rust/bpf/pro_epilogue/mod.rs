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
//! The crate calls [`StructOps::prologue`] and [`StructOps::epilogue`], which fill in a prologue
//! and an epilogue:
//!
//! ```
//! # use bpf::{bpf_helper, prelude::*, struct_ops, struct_ops::{MemberProg, Slot, StructOps}};
//! # use bpf::pro_epilogue::{Cond, Epilogue, Helper, Input, Prologue};
//! # use kernel::prelude::*;
//! # #[derive(BtfType)]
//! # #[btf(object, name = "bpf_priced_request")]
//! # struct Request { #[btf] bound: u32, free: bool }
//! # #[struct_ops(bpf_cost_ops)]
//! # trait CostOps { fn cost(&self, request: &Object<Request>) -> u32; }
//! # static COSTS: Slot<CostOpsTable> = Slot::new();
//! # struct Costs;
//! bpf_helper! {
//!     /// Returns whether the request has a cost.
//!     static HAS_COST = fn(request: &Object<Request>) -> bool {
//!         !request.free
//!     };
//! }
//!
//! bpf_helper! {
//!     /// Bounds the result of the program.
//!     static BOUND = fn(request: &Object<Request>, cost: u32) -> u32 {
//!         cost.min(request.bound)
//!     };
//! }
//!
//! impl StructOps for Costs {
//!     const HELPERS: &'static [&'static Helper] = &[&HAS_COST, &BOUND];
//!
//!     /// A free request costs 0, and the program does not run.
//!     fn prologue(_prog: &MemberProg<'_>, code: &mut Prologue<'_>) {
//!         let has_cost = code.call(&HAS_COST, [Input::Arg(0)]);
//!         code.exit_unless(has_cost, Cond::Ne, 0, Input::Const(0));
//!     }
//!
//!     fn epilogue(_prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
//!         let result = code.result();
//!         let bounded = code.call(&BOUND, [Input::Arg(0), result.into()]);
//!         code.set_result(bounded);
//!     }
//! #   type Table = CostOpsTable;
//! #   type Slot = &'static Slot<Self::Table>;
//! #   fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> { Ok(&COSTS) }
//! }
//! ```
//!
//! A prologue and an epilogue can call
//!
//! - functions of the module: [`bpf_helper!`](crate::bpf_helper) makes a [`Helper`], and the
//!   subsystem lists the helper in [`StructOps::HELPERS`];
//! - kfuncs of the module, which programs call as well: [`module_kfunc!`](crate::module_kfunc) makes
//!   a [`ModuleKfunc`]. The kernel must have the patches of this tree.
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
//! - Instructions other than calls, conditional exits, and moves of results. A helper does
//!   everything else, for example accesses to memory.
//! - Local variables on the stack: the kernel does not give prologues and epilogues a stack frame
//!   of their own.
//! - Kfuncs of other modules.
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
mod module_kfunc;
mod operand;
mod prologue;

pub use code::{
    Callable,
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
pub use module_kfunc::ModuleKfunc;
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
