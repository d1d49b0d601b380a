// SPDX-License-Identifier: GPL-2.0

//! struct_ops: tables of functions that BPF programs implement and a subsystem calls.
//!
//! A trait declares the table. Its signatures are the contract between the subsystem, which passes
//! arguments, and the programs, which return results:
//!
//! ```
//! # use bpf::{prelude::*, struct_ops};
//! # use kernel::prelude::*;
//! # #[derive(BtfType)]
//! # #[btf(object, name = "bpf_request")]
//! # struct Request { #[btf] size: u64 }
//! /// The decisions of programs about requests. `struct bpf_admission_ops` for programs.
//! #[struct_ops(bpf_admission_ops)]
//! pub trait AdmissionOps {
//!     /// The number of the queue to which the table belongs.
//!     #[data]
//!     fn queue(&self) -> u32;
//!
//!     /// Returns whether the request may enter the queue.
//!     fn admit(&self, request: &Object<Request>) -> bool;
//!
//!     /// A request left the queue after this time.
//!     fn left(&self, request: &Object<Request>, nanoseconds: u64) {
//!         let (_, _) = (request, nanoseconds);
//!     }
//! }
//! ```
//!
//! - A function without a body is mandatory: every table must implement it. A function with a body is
//!   optional: the body runs if the table does not implement the function.
//! - `#[sleepable]` before a function lets its program sleep. Only the owner of an [`Attached`] can
//!   call members of such a table, because the caller must not be in an RCU read-side critical
//!   section. The call is a [`might_sleep()`](kernel::task::might_sleep), so the build refuses it in a
//!   kfunc that is not `sleepable`.
//! - `#[data]` declares a value that the author of the table gives: an integer, or an array of
//!   integers.
//!
//! | in C | in Rust | for the program |
//! | --- | --- | --- |
//! | `u32 n`, `bool b` | the same | a scalar |
//! | `struct t *p` | `p: &Object<T>` | a trusted pointer |
//! | `struct t *p__nullable` in the stub | `p: Option<&Object<T>>` | the same, or `NULL` |
//! | `struct t *p__ref` in the stub | `p: ARef<Object<T>>` | a reference that the program must release |
//! | returns `void`, `u32`, `bool` | the same | any scalar |
//! | returns `int`: 0 or errno | returns `Result<()>` | any scalar; a negative number that is no error number becomes `EINVAL` |
//! | returns `struct t *` | returns `Option<ARef<Object<T>>>` | a reference that the program holds, or `NULL` |
//! | `struct bpf_struct_ops`, `cfi_stubs` | [`StructOpsType`] and [`StructOps`] | |
//! | `.init`, `.reg`, `.unreg`, `.update`, `.validate`, `.init_member`, `.check_member` | methods of [`StructOps`] | |
//! | `.btf_struct_access` | `#[btf(write)]` on fields of objects | the fields that the program may write |
//! | RCU and a pointer, or a mutex | [`Slot`] | |
//!
//! A subsystem implements [`StructOps`]. Its module registers a static [`StructOpsType`]:
//!
//! ```
//! # use bpf::{prelude::*, struct_ops, struct_ops::{Slot, StructOps, StructOpsType}};
//! # use kernel::prelude::*;
//! # #[struct_ops(bpf_admission_ops)]
//! # pub trait AdmissionOps { fn admit(&self, size: u64) -> bool; }
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
//! /// Is called where requests arrive.
//! pub fn may_enter(size: u64) -> bool {
//!     POLICY.with(|policy| policy.admit(size)).unwrap_or(true)
//! }
//!
//! /// Is called from the module's `init`.
//! pub fn register(module: &'static ThisModule) -> Result {
//!     ADMISSION.register(module)
//! }
//! ```
//!
//! A [`Slot`] is the place of one table. The data members of a table may say to which slot it
//! belongs, for example to the slot of the queue with a number; a slot need not be a static. The
//! crate puts a table into its slot and takes it out, whether a link (`SEC(".struct_ops.link")`) or
//! the map itself (`SEC(".struct_ops")`) attaches the table. A link can replace a table by another
//! one in one step. The crate puts a table into its slot as the last step, because the kernel
//! frees the trampolines of a map immediately if it refuses the map, and no CPU must be able to call
//! them by then.
//!
//! # Fields that programs may write
//!
//! A program may write the fields of an object that are marked `#[btf(write)]` if a member of any
//! table of the module takes the object. These fields are atomics, because Rust code may read them
//! at the same time. A store must cover the whole field; atomic operations are allowed. The
//! verifier rejects other stores: "cannot write into ptr_...". A program can also pass the field as
//! memory, to a kfunc or to a global function of its own, and these may write a part of the field:
//! a reader may see half of one value and half of another.
//!
//! # Prologues and epilogues
//!
//! A subsystem can add instructions that run before each program of a member, and when the program
//! returns: [`StructOps::prologue`] and [`StructOps::epilogue`]. The instructions call functions
//! that [`bpf_helper!`](crate::bpf_helper) defines. These take arguments of the program, and may
//! keep the program from running or change its result. A program cannot avoid them. See
//! [`pro_epilogue`](crate::pro_epilogue).
//!
//! ```
//! # use bpf::{bpf_helper, prelude::*, struct_ops, struct_ops::{MemberProg, Slot, StructOps}};
//! # use bpf::pro_epilogue::{Epilogue, Helper, Input};
//! # use kernel::prelude::*;
//! # #[struct_ops(bpf_price_ops)]
//! # pub trait PriceOps { fn cost(&self, bound: u32) -> u32; }
//! # static PRICES: Slot<PriceOpsTable> = Slot::new();
//! # struct Prices;
//! bpf_helper! {
//!     /// Limits the cost that a program returns to `bound`.
//!     static BOUND = fn(bound: u32, cost: u32) -> u32 {
//!         cost.min(bound)
//!     };
//! }
//!
//! impl StructOps for Prices {
//!     const HELPERS: &'static [&'static Helper] = &[&BOUND];
//!
//!     fn epilogue(prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
//!         if prog.member().name == "cost" {
//!             let result = code.result();
//!             let bounded = code.call(&BOUND, [Input::Arg(0), result.into()]);
//!             code.set_result(bounded);
//!         }
//!     }
//! #   type Table = PriceOpsTable;
//! #   type Slot = &'static Slot<Self::Table>;
//! #   fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> { Ok(&PRICES) }
//! }
//! ```
//!
//! # Lifetimes
//!
//! A struct_ops map holds a reference to its programs and to the module that declares the table
//! (`bpf_struct_ops_map_alloc()`). A program runs only from a map, and only from a map of the table
//! for which the verifier accepted the program; the crate checks that when user space fills the
//! map. An [`Attached`] is a reference to the map. The helpers of prologues and epilogues are in
//! the same module, or in a module on which it depends. So no code that can still run is unloaded:
//! neither a program while the subsystem calls it, nor the subsystem while it runs a program. A
//! module whose table is attached, or is in a map, cannot be unloaded (`EAGAIN`).
//!
//! # Costs
//!
//! On x86-64, a call through a slot of a program that does nothing takes 135 instructions in all.
//! An epilogue with a helper that bounds the result adds 9, a prologue with a helper adds 15. The
//! instructions call helpers directly; if a helper is too far away for a direct call, the table
//! cannot be registered. An indirect call would cost four more instructions.
//! `selftests/bench/README.md` has the numbers, beside the numbers of C.
//!
//! # Nested calls
//!
//! A program may call a kfunc that calls a member again. The kernel does not limit that. The crate
//! limits nested calls on a CPU to eight in threads and to four in interrupts, and needs a third of
//! the thread's stack. Beyond that it runs the default of the member in place of the program.
//!
//! # Not supported
//!
//! - Arguments that are pointers to structs other than an [`Object`](crate::Object), memory, or
//!   pointers into arenas.
//! - Tail calls between programs of tables: the kernel does not compare all properties of
//!   arguments.
//! - In programs with a prologue or an epilogue: `bpf_throw()` and `bpf_throw_reason()`, which would
//!   skip the epilogue, and jumps through tables (`gotox`), which could run the prologue again.
//! - Different rules for programs of different members about the fields that they may read or
//!   write.
//! - Tables of more than 23 members, on kernels without the patches, which take the number of a
//!   member for something else. With the patches, a table can have 64.
//! - Calls of a member of one table by a program of another table.
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
