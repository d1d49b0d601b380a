// SPDX-License-Identifier: GPL-2.0

//! struct_ops: tables of functions that BPF programs implement and a subsystem calls.
//!
//! A trait declares the table. Its signatures are the contract between the subsystem, which passes
//! arguments, and the programs, which return:
//!
//! ```ignore
//! /// What programs decide about requests. `struct bpf_admission_ops` for them.
//! #[struct_ops(bpf_admission_ops)]
//! pub trait AdmissionOps {
//!     /// The queue that the table is for.
//!     #[data]
//!     fn queue(&self) -> u32;
//!
//!     /// Whether the request may enter.
//!     fn admit(&self, request: &Object<Request>) -> bool;
//!
//!     /// A request has left.
//!     fn left(&self, request: &Object<Request>, nanoseconds: u64) {}
//! }
//! ```
//!
//! - A function without a body must be implemented by every table. One with a body is optional, and
//!   the body is what happens without it.
//! - `#[sleepable]` before a function lets its program sleep. Only who owns the table
//!   ([`Attached`]) can call members of such a table, because it must not be in an RCU read-side
//!   critical section.
//! - `#[data]` is a value that the table's author gives: an integer, or an array of them.
//!
//! | in C | in Rust | for the program |
//! | --- | --- | --- |
//! | `u32 n`, `bool b` | the same | a scalar |
//! | `struct t *p` | `p: &Object<T>` | a trusted pointer |
//! | `struct t *p__nullable` in the stub | `p: Option<&Object<T>>` | the same, or `NULL` |
//! | `struct t *p__ref` in the stub | `p: ARef<Object<T>>` | a reference that it has to give up |
//! | returns `void`, `u32`, `bool` | the same | any scalar |
//! | returns `int`: 0 or errno | returns `Result<()>` | any scalar; what is no error number is `EINVAL` |
//! | returns `struct t *` | returns `Option<ARef<Object<T>>>` | a reference that it holds, or `NULL` |
//! | `struct bpf_struct_ops`, `cfi_stubs` | [`StructOpsType`] and [`StructOps`] | |
//! | `.init`, `.reg`, `.unreg`, `.update`, `.validate`, `.init_member`, `.check_member` | methods of [`StructOps`] | |
//! | `.btf_struct_access` | `#[btf(write)]` on fields of objects | what it may write |
//! | RCU and a pointer, or a mutex | [`Slot`] | |
//!
//! A subsystem implements [`StructOps`], and has a static [`StructOpsType`] that its module registers:
//!
//! ```ignore
//! struct Admission;
//!
//! static POLICY: Slot<AdmissionOpsTable> = Slot::new();
//!
//! impl StructOps for Admission {
//!     type Table = AdmissionOpsTable;
//!     type Slot = &'static Slot<Self::Table>;
//!
//!     fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
//!         Ok(&POLICY)
//!     }
//! }
//!
//! static ADMISSION: StructOpsType<Admission> = StructOpsType::new();
//!
//! // In the module's init: ADMISSION.register(module)?
//! // Where requests come in: POLICY.with(|policy| policy.admit(&request)).unwrap_or(true)
//! ```
//!
//! A [`Slot`] is where one table is. A table's values may say in which slot it belongs: that of the
//! queue with this number, say, which need not be a static. The crate puts tables in and takes them
//! out, whether they are attached by a link (`SEC(".struct_ops.link")`), which can replace one by
//! another in one step, or by their map (`SEC(".struct_ops")`). That it is the crate which does,
//! and as the last step, is not for convenience: when a map is refused, the kernel frees its
//! trampolines at once, so that nobody must have seen them.
//!
//! # What programs may write
//!
//! The fields of an object that are marked `#[btf(write)]`, by programs of all tables of the module
//! of which a member gets the object. They are atomics, because Rust code may look at them at the
//! same time. A store has to be of the whole field; atomic operations are allowed. All other
//! stores are refused: "cannot write into ptr_...". But a program can pass the field on as memory,
//! to a kfunc or to a global function of its own, and those may write less than all of it: what is
//! read may be half of one value and half of another.
//!
//! # Prologues and epilogues
//!
//! A subsystem can have instructions of its own run before each program of a member, and when it
//! returns: [`StructOps::prologue`] and [`StructOps::epilogue`]. They call functions that
//! [`bpf_helper!`](crate::bpf_helper) makes, which get the program's arguments and may stop it or change
//! what it returned; a program cannot leave them out. See [`pro_epilogue`](crate::pro_epilogue).
//!
//! ```ignore
//! bpf_helper! {
//!     /// No request costs more than the bound, whatever the program says.
//!     static BOUND = fn(request: &Object<Request>, cost: u32) -> u32 {
//!         cost.min(request.bound())
//!     };
//! }
//!
//! impl StructOps for Admission {
//!     const HELPERS: &'static [&'static Helper] = &[&BOUND];
//!
//!     fn epilogue(prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
//!         if prog.member().name == "cost" {
//!             let result = code.result();
//!             let bounded = code.call(&BOUND, [Input::Arg(0), result.into()]);
//!             code.set_result(bounded);
//!         }
//!     }
//!     ...
//! }
//! ```
//!
//! # Lifetimes
//!
//! A struct_ops map keeps its programs and the module that declared the table
//! (`bpf_struct_ops_map_alloc()`); a program runs only from a map, and only from one of the table
//! that it was verified for, which is checked when the map is filled.
//! An [`Attached`] is a reference to the map. What prologues and epilogues call is in the same
//! module, or in one that it depends on. So no code that can still run goes away: neither a
//! program's while the subsystem calls it, nor the subsystem's while a program does. A module with
//! a table that is attached, or whose program is still in a map, cannot be unloaded (`EAGAIN`).
//!
//! # What calls cost
//!
//! In instructions, on x86-64, of a program that does nothing and is called through a slot: 135 in
//! all. An epilogue that has a helper bound the result adds 9, a prologue with one adds
//! 15. The functions are called directly; if one is too far away for that, the table is not
//! registered. Would the kernel call it through a pointer, it would be 4 more each time.
//! `selftests/bench/README.md` has the numbers, beside the same in C.
//!
//! # Calls inside of calls
//!
//! A program may call a kfunc that calls a member again. The kernel does not end that; the crate does,
//! before the stack is full, and after eight calls on a CPU: a member that would be called then does
//! what it does without a program.
//!
//! # What it does not do
//!
//! - Pointers to structs that are no [`Object`](crate::Object), memory, and pointers into arenas as
//!   arguments.
//! - Tail calls between programs of tables: the kernel does not tell all kinds of arguments apart.
//! - In programs with a prologue or an epilogue: `bpf_throw()`, which would leave the epilogue out,
//!   and jumps through tables (`gotox`), which could run the prologue again.
//! - Different rules for what programs of different members may read or write.
//! - Tables of more than 23 members: the kernel would take the number of one for something else.
//! - Tables of which one member is called by another's program.
//!
//! C header: [`include/linux/bpf.h`](srctree/include/linux/bpf.h)

mod callbacks;
mod depth;
mod generate;
mod member;
mod prog;
mod slot;
mod subsystem;
mod table;

pub use callbacks::StructOpsType;
#[doc(hidden)]
pub use depth::Depth;
pub use member::{
    MemberArg,
    MemberRet, //
};
pub use prog::MemberProg;
pub use slot::{
    Attached,
    Ops,
    Slot, //
};
pub use subsystem::StructOps;
pub use table::{
    signature,
    value_size,
    zero,
    Data,
    Member,
    MemberKind,
    Stubs,
    Table,
    VALUE_OFFSET, //
};
