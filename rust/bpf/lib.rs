// SPDX-License-Identifier: GPL-2.0

//! Kfuncs in safe Rust: functions of the kernel that BPF programs can call.
//!
//! The signature of a kfunc is its contract. The verifier reads the prototype from BTF, checks
//! every call of every program against the prototype, and rejects a program that breaks it. In C,
//! the contract is spread over the prototype, suffixes of parameter names, a list of flags and a
//! comment. In this crate, the contract is the Rust signature, and the macros generate the rest.
//!
//! The crate does not load programs, and it does not call functions of programs except through
//! [`struct_ops`](mod@struct_ops) and as [callbacks](callback).
//!
//! # A module
//!
//! ```
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
//! Each row shows a part of a contract in C, the Rust type that says the same, the value that the
//! program must pass or gets, and the programs that can call such a kfunc, if their set names their
//! type:
//!
//! | in C | in Rust | the program passes or gets | programs |
//! | --- | --- | --- | --- |
//! | `u32 n` | `n: u32`, and all integers to 64 bits | a scalar; the kfunc ignores the bits above the size | all |
//! | `bool b` | `b: bool` | a scalar; true if its lowest byte is not zero | all |
//! | `u32 n__k` | [`n: Const<u32>`](Const) | a scalar whose value the verifier knows | all |
//! | `u64 n__ign` | [`n: Ignored<u64>`](Ignored) | any value | all |
//! | `const void *p, u32 p__sz` | `p: &[u8]` | memory of that size; the kfunc works on [a private copy](mem) | all |
//! | `void *p, u32 p__sz` | `p: &mut [u8]` | the same; the crate writes the copy back | all |
//! | | [`p: &Mem`](Mem) | memory of that size; the kfunc works on the memory itself, which other CPUs can change | all |
//! | `const char *s__str` | `s: &CStr` | a string constant | all |
//! | `struct t *p`, all scalars | [`p: In<T>`](In) | memory of the size of `T`; the kfunc gets a copy | all |
//! | `struct t *p`, written to | [`p: Out<'_, T>`](Out) | memory of the size of `T` | all |
//! | `struct t *p`, read and written to | [`p: InOut<'_, T>`](InOut) | memory of the size of `T`; the kfunc gets a copy, which the crate writes back | all |
//! | `struct t *p` | [`p: &Object<T>`](object) | a trusted pointer | all |
//! | `struct t *p__nullable` | `p: Option<&Object<T>>` | the same, or null | all |
//! | `KF_RELEASE`, `struct t *p` | `p: ARef<Object<T>>`, first | a reference, which the call releases | all |
//! | `KF_RCU`, `struct t *p` | [`p: RcuPtr<'_, Object<T>>`](RcuPtr) | a trusted pointer, or an RCU pointer | all |
//! | `struct file *p` | [`p: Trusted<'_, File>`](mod@kernel_type), and other structs of the kernel | a trusted pointer | all that have one |
//! | `struct file *p__nullable` | `p: Option<Trusted<'_, File>>` | the same, or null | the same |
//! | `KF_RCU`, `struct cgroup *p` | [`p: RcuPtr<'_, Cgroup>`](cgroup), `p: RcuPtr<'_, File>` | a trusted pointer, or an RCU pointer | the same |
//! | `KF_RCU`, `struct t *p__nullable` | `p: Option<RcuPtr<'_, T>>` | the same, or null | the same |
//! | `struct sk_buff *p`, `struct xdp_buff *p` | [`p: Trusted<'_, SkBuff>`, `p: Trusted<'_, XdpBuff>`](net) | the context of a network program, or a trusted pointer | all; the first not with `Any` |
//! | `struct bpf_dynptr *p` | [`p: Dynptr<'_>`](Dynptr) | a dynptr; the crate checks each access | all |
//! | `struct bpf_dynptr *p__nullable` | `p: Option<Dynptr<'_>>` | a dynptr, or null | all |
//! | `p__arena`, `p__arena__nullable` | [`p: Arena<'_>`](Arena), `Option<Arena<'_>>` | any address in the arena of the program | all with an arena |
//! | `void *m__map` | [`m: &Map`](Map) | a map | all |
//! | `int (*c__async)(u32)`, `c__s_async` | [`c: Callback<'_, fn(u32) -> i32>`](callback), `Callback<'_, ..., Sleepable>` | a static function of the program, which is called later | all, on a kernel with the patches |
//! | `KF_IMPLICIT_ARGS`, `struct bpf_prog_aux *` | [`prog: &ProgAux`](ProgAux), last | nothing: the kernel adds the argument | all |
//! | `KF_RCU_PROTECTED` | `rcu: &rcu::Guard` | nothing; the program must be in an RCU read-side critical section | all, under RCU |
//! | a static | [`module: &ModuleRef`](ModuleRef) with [`ModuleState`] | nothing | all |
//! | `rqspinlock_t`, in the static | [`ResSpinLock`](lock) | nothing | all |
//! | `KF_REGION_NOFAULT`, `_PREEMPT`, `_RCU` with `KF_ACQUIRE` | returns `Option<`[`Lock<T>`](locked)`>` | a lock that the program holds and must release, or null | all; those that may sleep for a [`SleepLock`]; on a kernel with the patches |
//! | the same | [`p: &Locked<'_, T>`](locked), `p: &mut Locked<'_, T>` | a lock that the program holds | the same |
//! | the same with `KF_REGION_LEAVE`, `KF_RELEASE` | `p: Locked<'_, T>`, first | a lock, which the call releases | the same |
//! | a hash table under RCU | [`#[btf(object, registry = 64)]`](registry) | nothing | all |
//! | returns `void`, `u32`, `bool` | returns `()`, an integer, `bool`, an enum | a scalar without known bounds | all |
//! | returns `int`: 0 or errno | returns `Result<()>` | the same | all |
//! | returns `s64`: a value or errno | returns `Result<u32>` | the same | all |
//! | `KF_ACQUIRE` | returns `ARef<Object<T>>` | a reference that the program must release | all |
//! | `KF_ACQUIRE \| KF_RET_NULL` | returns `Option<ARef<Object<T>>>` | the same; the program must test for null | all |
//! | `KF_RCU_PROTECTED \| KF_RET_NULL` | returns `Option<RcuPtr<'_, Object<T>>>` | a pointer that is valid to the end of the RCU read-side critical section | all, under RCU |
//! | `u64 rdonly_buf_size` | [`RdonlyBufSize`], returns `Option<RdonlyBuf<'_>>` | read-only memory of that size | all |
//! | `u64 rdwr_buf_size` | [`RdwrBufSize`](rdwr_buf), returns `Option<RdwrBuf<'_>>` | memory of that size, which both sides may change | all |
//! | `KF_ITER_NEW`, `_NEXT`, `_DESTROY` | [`#[kfunc_iterator(name)]`](iterator) | a loop | all |
//! | `KF_ITER_RELEASE` | `#[kfunc_iterator(name, release)]` | a loop over items that the program holds locked | those that hold locks |
//! | `KF_SLEEPABLE`, `KF_DESTRUCTIVE`, `KF_PERFMON`, `KF_SPINLOCK_SAFE` | `#[kfunc(sleepable, destructive, perfmon, spinlock_safe)]` | flags that no type can express | `sleepable`: those that may sleep |
//! | `BTF_KFUNCS_START`, `BTF_ID_FLAGS`, `register_btf_kfunc_id_set()` | [`kfunc_set!`] and [`KfuncSet::register`] | | `prog_types` |
//! | `.filter` | [`kfunc_set!`] with `filter: function` | | those that the filter allows |
//! | `__kptr`, `register_btf_id_dtor_kfuncs()` | a kfunc returns `ARef<Object<T>>`, or [`kfunc_set!`] with `objects: [T]` | references in map values | all |
//! | a struct in BTF | [`#[derive(BtfType)]`](types) | | all |
//! | `__fentry__` | [`#[traceable]`](mod@traceable), on functions and kfuncs | nothing; `fentry` programs and kprobes can attach | tracing programs |
//! | `register_btf_fmodret_id_set()` | `#[traceable(fmod_ret)]`, and [`kfunc_set!`] with `fmod_ret: [function]` | nothing; `fmod_ret` programs can attach | tracing programs |
//!
//! Programs can also implement a table of functions that a module calls: see
//! [`struct_ops`](mod@struct_ops).
//!
//! A kfunc can start a [`work`], which a thread does after the kfunc has returned, and tell user
//! space its result through a [ring buffer](ring_buf). [`revocable`] is for kfuncs that use a
//! device which can be unbound at any time.
//!
//! A signature with any other type does not compile. The error points at the argument and names
//! the types to use instead. A kfunc has at most twelve arguments; a slice counts as two. Arguments
//! after the fifth are on the stack, which the kernel supports on x86-64 and arm64. An alias of a
//! type means the same as the type, but a kfunc with more than six arguments must not hide memory
//! or a token behind one.
//!
//! # Panics
//!
//! A panic stops the kernel, so the build rejects a module that can panic: `a + b`, `array[index]`
//! and `unwrap()` are build errors where the compiler cannot prove that they do not panic. The
//! error says which code to write instead. If the author knows that a panic is impossible, the
//! attribute [`#[bpf::may_panic("reason")]`](macro@may_panic) on the function gives the reason.
//!
//! # Not supported
//!
//! - `__uninit` for memory: the verifier of 7.3 rejects the call; see [`Out`].
//! - `__szk`: a constant size tells the kfunc nothing more than a size; use [`Const`] and a slice.
//! - `__irq_flag`, `struct bpf_res_spin_lock *`, lists, trees, `__alloc`, `__refcounted_kptr`,
//!   `__nonown_allowed`, timers, work queues and task work: the verifier finds the kfuncs for these
//!   by name, and only in the kernel itself.
//! - `KF_ARENA_RET` and results that point into an arena: the crate has no function that allocates
//!   arena memory. `KF_ARENA_ARG1` and `KF_ARENA_ARG2` mean the same as the suffix `__arena`.
//! - Callbacks that are called before the kfunc returns: the verifier knows the few functions that
//!   do by their names.
//! - `KF_FASTCALL`: the verifier would have to know how to inline the kfunc.
//! - `__const_map`: its additional promise is about maps in maps, which [`Map`] does not access.
//! - References and structs by value as items of an iterator: see [`iterator`].
//! - `&Task`, `ARef<Task>` and the like, and results that point to structs of the kernel: see
//!   [`kernel_type`](mod@kernel_type).
//! - Unregistering a set before the module is unloaded: the kernel has no function for it.
//!
//! # Kernels
//!
//! The crate supports Linux 7.3 and 7.2. In 7.2, the verifier or the JIT does not check, or does
//! not know, the following. The errors of the compiler say so.
//!
//! - [`Arena`], `Option<Arena<'_>>`, `Option<&Object<T>>` and a second [`Map`] as arguments, and
//!   `perfmon`, do not compile. Nor do a member of a table with more than six arguments and an
//!   iterator over empty arrays.
//! - A kfunc set in which a kfunc takes `&rcu::Guard` or an [`RcuPtr`] is not for programs that may
//!   not sleep and have callbacks that may (`bpf_wq`, task work), nor for extensions of programs.
//! - `spinlock_safe` has no effect: the verifier rejects the call under `bpf_spin_lock()`.
//! - [`RdonlyBufSize::lend`] returns [`None`] for the size 0.
//!
//! A module for both kernels can ask: `#[cfg(kernel_has_KF_PERFMON)]`,
//! `#[cfg(kernel_has_BTF_FMODEL_ARENA_ARG)]` for the rest. `rust/kernel.mk` sets both.
//!
//! `Documentation/contexts.rst` lists the contexts in which a kfunc can run, and the locks and
//! allocations that it may use there. `Documentation/threat-model.rst` lists the mistakes of
//! authors and the attacks of programs, and the check that stops each.
//!
//! All unsafe code is in this crate. A module that needs more can implement the unsafe traits
//! [`kfunc::KfuncArg`] and [`kfunc::KfuncRet`]. Each implementation makes a claim about
//! `kernel/bpf/verifier.c`, which its author must check.
//!
//! C headers: [`include/linux/btf.h`](srctree/include/linux/btf.h),
//! [`include/linux/btf_ids.h`](srctree/include/linux/btf_ids.h).
//!
//! Reference: <https://docs.kernel.org/bpf/kfuncs.html>

// The macros generate paths that begin with `::bpf::`, and this crate uses the macros.
extern crate self as bpf;

pub mod arena;
pub mod callback;
pub mod cgroup;
#[doc(hidden)]
pub mod compat;
#[doc(hidden)]
pub mod contract;
#[doc(hidden)]
pub mod describe;
pub mod dynptr;
pub mod fs;
#[doc(hidden)]
pub mod header;
mod helpers;
#[doc(hidden)]
pub mod init;
pub mod iterator;
pub mod kernel_type;
pub mod kfunc;
#[doc(hidden)]
pub mod kfunc_set;
#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
mod kunit;
pub mod lock;
pub mod locked;
pub mod mem;
pub mod mm;
pub mod net;
pub mod object;
pub mod pro_epilogue;
pub mod rcu;
pub mod rdonly_buf;
pub mod rdwr_buf;
pub mod register;
pub mod registry;
pub mod revocable;
pub mod ring_buf;
pub mod sleep_lock;
pub mod state;
pub mod struct_ops;
pub mod task;
pub mod timer;
pub mod traceable;
pub mod types;
pub mod value;
pub mod work;

pub use arena::Arena;
pub use bpf_macros::{
    bpf_helper,
    kernel_type,
    kfunc,
    kfunc_iterator,
    kfunc_set,
    may_panic,
    module_kfunc,
    struct_ops,
    traceable,
    BtfType, //
};
pub use dynptr::Dynptr;
pub use kernel_type::{
    KernelType,
    Trusted, //
};
pub use kfunc_set::{
    KfuncSet,
    Prog,
    ProgType, //
};
pub use lock::ResSpinLock;
pub use locked::{
    Lock,
    Locked, //
};
pub use mem::Mem;
pub use object::{
    Object,
    RcuPtr,
    Weak, //
};
pub use rcu::with_rcu;
pub use rdonly_buf::{
    RdonlyBuf,
    RdonlyBufSize, //
};
pub use ring_buf::RingBuf;
pub use sleep_lock::SleepLock;
pub use state::{
    ModuleRef,
    ModuleState,
    StateGuard, //
};
pub use types::{
    BtfType,
    In,
    InOut,
    Out, //
};
pub use value::{
    Const,
    Ignored,
    Map,
    ProgAux, //
};

/// The items that a module with kfuncs needs.
pub mod prelude {
    #[cfg(not(kernel_has_EILSEQ))]
    pub use crate::compat::code::*;
    pub use crate::{
        kernel_type,
        kfunc,
        kfunc_iterator,
        kfunc_set,
        traceable,
        with_rcu,
        BtfType,
        Const,
        Dynptr,
        In,
        InOut,
        Lock,
        Locked,
        Map,
        Mem,
        ModuleRef,
        ModuleState,
        Object,
        Out,
        RcuPtr,
        ResSpinLock,
        SleepLock,
        Trusted, //
    };
    pub use kernel::sync::{
        aref::ARef,
        rcu, //
    };
}

/// The prefix of this crate's log messages.
const __LOG_PREFIX: &[u8] = b"rust_bpf\0";
