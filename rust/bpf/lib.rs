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
//!     static ZEROES = {
//!         prog_types: [Tracing, Syscall],
//!         kfuncs: [bpf_count_zeroes],
//!     };
//! }
//!
//! struct Zeroes;
//!
//! impl kernel::Module for Zeroes {
//!     fn init(module: &'static ThisModule) -> Result<Self> {
//!         ZEROES.register(module)?;
//!         Ok(Self)
//!     }
//! }
//! ```
//!
//! # The signature is the contract
//!
//! What a C author writes, and where, beside the Rust type that says the same:
//!
//! | in C | in Rust | what a program must pass, or gets |
//! | --- | --- | --- |
//! | `u32 n` | `n: u32`, and all integers to 64 bits | a scalar; bits above the size are cut off |
//! | `bool b` | `b: bool` | a scalar; true if its lowest byte is not zero |
//! | `u32 n__k` | [`n: Const<u32>`](Const) | a scalar that the verifier knows |
//! | `u64 n__ign` | [`n: Ignored<u64>`](Ignored) | anything |
//! | `const void *p, u32 p__sz` | `p: &[u8]` | memory of that size; the function has [a private copy](mem) |
//! | `void *p, u32 p__sz` | `p: &mut [u8]` | the same, and the copy is written back |
//! | | [`p: &Mem`](Mem) | the memory itself, which others may change meanwhile |
//! | `const char *s__str` | `s: &CStr` | a string constant |
//! | `struct t *p`, all scalars | [`p: In<T>`](In) | memory of that size; the function has a copy |
//! | `struct t *p`, written to | [`p: Out<'_, T>`](Out) | memory of that size |
//! | `struct t *p` | [`p: &Object<T>`](object) | a trusted pointer |
//! | `struct t *p__nullable` | `p: Option<&Object<T>>` | the same, or `NULL` |
//! | `KF_RELEASE`, `struct t *p` | `p: ARef<Object<T>>`, first | a reference, which it has no more |
//! | `KF_RCU`, `struct t *p` | [`p: RcuPtr<'_, Object<T>>`](RcuPtr) | a trusted pointer, or one valid under RCU |
//! | `KF_RCU`, `struct task_struct *p` | `p: RcuPtr<'_, Task>` | [the same](task) |
//! | `struct bpf_dynptr *p` | [`p: Dynptr<'_>`](Dynptr) | a dynptr; accesses are checked by the crate |
//! | `p__arena`, `p__arena__nullable` | [`p: Arena<'_>`](Arena), `Option<Arena<'_>>` | any address of its arena |
//! | `void *m__map` | [`m: &Map`](Map) | a map |
//! | `KF_IMPLICIT_ARGS`, `struct bpf_prog_aux *` | [`prog: &ProgAux`](ProgAux), last | nothing: the kernel adds it |
//! | `KF_RCU_PROTECTED` | `rcu: &rcu::Guard` | nothing; it must be in an RCU read-side critical section |
//! | a static | [`module: &ModuleRef`](ModuleRef) with [`ModuleState`] | nothing |
//! | `rqspinlock_t`, in the static | [`ResSpinLock`](lock) | nothing |
//! | a hash table under RCU | [`#[btf(object, registry = 64)]`](registry) | nothing |
//! | returns `void`, `u32`, `bool` | returns `()`, an integer, `bool`, an enum | a scalar of which the verifier knows no bounds |
//! | returns `int`: 0 or errno | returns `Result<()>` | the same |
//! | returns `s64`: a value or errno | returns `Result<u32>` | the same |
//! | `KF_ACQUIRE` | returns `ARef<Object<T>>` | a reference that it must give up |
//! | `KF_ACQUIRE \| KF_RET_NULL` | returns `Option<ARef<Object<T>>>` | the same; it must test for `NULL` |
//! | `KF_RCU_PROTECTED \| KF_RET_NULL` | returns `Option<RcuPtr<'_, Object<T>>>` | a pointer that is valid until it leaves RCU |
//! | `u64 rdonly_buf_size` | [`RdonlyBufSize`], returns `Option<RdonlyBuf<'_>>` | memory of that size to read |
//! | `KF_ITER_NEW`, `_NEXT`, `_DESTROY` | [`#[kfunc_iterator(name)]`](iterator) | a loop |
//! | `KF_SLEEPABLE`, `KF_DESTRUCTIVE`, `KF_PERFMON`, `KF_SPINLOCK_SAFE` | `#[kfunc(sleepable, destructive, perfmon, spinlock_safe)]` | what no type can say |
//! | `BTF_KFUNCS_START`, `BTF_ID_FLAGS`, `register_btf_kfunc_id_set()` | [`kfunc_set!`] and [`KfuncSet::register`] | |
//! | `.filter` | `kfunc_set! { ... if function; }` | |
//! | `__kptr`, `register_btf_id_dtor_kfuncs()` | `kfunc_set! { ... with objects [T]; }` | a reference in a map |
//! | a struct in BTF | [`#[derive(BtfType)]`](types) | |
//!
//! The other way round, programs implement tables of functions that a module calls: see
//! [`struct_ops`](mod@struct_ops).
//!
//! Everything else does not compile; the error points at the argument and says what to write. More
//! than five arguments (a slice counts as two) are passed on the stack, to twelve; the kernel can
//! do that on x86-64 and arm64.
//!
//! # Panics
//!
//! A panic stops the kernel, so a module that can panic is not built: `a + b`, `array[index]` and
//! `unwrap()` become errors of the build where the compiler cannot prove that they do not panic. The
//! error says what to write instead. Where the author knows better, the function says why:
//! [`#[bpf::may_panic("reason")]`](macro@may_panic).
//!
//! # What is not supported, and why
//!
//! - `__uninit` for memory: 7.3 refuses what a program wrote there before; see [`Out`].
//! - `rdwr_buf_size`: Rust code would share memory with the program for an unknown time.
//! - `__szk`: a constant size says nothing more to the function; take [`Const`] beside a slice.
//! - `__irq_flag`, `struct bpf_res_spin_lock *`, lists, trees, `__alloc`, `__refcounted_kptr`,
//!   `__nonown_allowed`, timers, work queues and task work: the verifier knows the kernel's own
//!   functions for these by name, and no module's.
//! - `KF_ARENA_RET` and pointers into an arena as results: the crate has nothing that allocates
//!   there. `KF_ARENA_ARG1` and `_ARG2` say the same as the suffix.
//! - Callbacks: the verifier follows those of the kernel's own functions only.
//! - `KF_FASTCALL`: the JIT would have to know how to inline the function.
//! - `__const_map`: what it promises beyond [`Map`] is about maps in maps, which [`Map`] does not
//!   touch.
//! - References as items of an iterator, structs by value as items: see [`iterator`].
//! - `&Task`, `ARef<Task>` and other pointers to structs of the kernel: see [`task`].
//! - A set cannot be unregistered before the module is unloaded: the kernel cannot either.
//!
//! Where a kfunc may run, and which locks and allocations it may use there, is in
//! `Documentation/contexts.rst`; what stops which mistake of an author, and which attempt of a
//! program, in `Documentation/threat-model.rst`.
//!
//! What is unsafe is in this crate. Where a module needs more than it offers, the raw layer is
//! [`kfunc::KfuncArg`] and [`kfunc::KfuncRet`]: to implement them is `unsafe`, and a claim about
//! `kernel/bpf/verifier.c`.
//!
//! C headers: [`include/linux/btf.h`](srctree/include/linux/btf.h),
//! [`include/linux/btf_ids.h`](srctree/include/linux/btf_ids.h).
//!
//! Reference: <https://docs.kernel.org/bpf/kfuncs.html>

// The macros write `::bpf::`, and the tests in this crate use them, too.
#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
extern crate self as bpf;

pub mod arena;
#[doc(hidden)]
pub mod contract;
#[doc(hidden)]
pub mod describe;
pub mod dynptr;
#[doc(hidden)]
pub mod header;
mod helpers;
mod init;
pub mod iterator;
pub mod kfunc;
#[doc(hidden)]
pub mod kfunc_set;
#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
mod kunit;
pub mod lock;
pub mod mem;
pub mod object;
pub mod pro_epilogue;
pub mod rdonly_buf;
pub mod register;
pub mod registry;
pub mod state;
pub mod struct_ops;
pub mod task;
pub mod types;
pub mod value;

pub use arena::Arena;
pub use bpf_macros::{
    bpf_helper,
    kfunc,
    kfunc_iterator,
    kfunc_set,
    may_panic,
    struct_ops,
    BtfType, //
};
pub use dynptr::Dynptr;
pub use kfunc_set::{
    KfuncSet,
    Prog,
    ProgType, //
};
pub use lock::ResSpinLock;
pub use mem::Mem;
pub use object::{
    Object,
    RcuPtr,
    Weak, //
};
pub use rdonly_buf::{
    RdonlyBuf,
    RdonlyBufSize, //
};
pub use state::{
    ModuleRef,
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
        Map,
        Mem,
        ModuleRef,
        ModuleState,
        Object,
        Out,
        RcuPtr,
        ResSpinLock, //
    };
    pub use kernel::sync::{
        aref::ARef,
        rcu, //
    };
}

/// Prefix of what this crate prints.
const __LOG_PREFIX: &[u8] = b"rust_bpf\0";
