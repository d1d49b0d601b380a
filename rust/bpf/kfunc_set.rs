// SPDX-License-Identifier: GPL-2.0

//! Sets of kfuncs and their registration.
//!
//! A [`KfuncSet`] is declared with [`kfunc_set!`](crate::kfunc_set) and registered by
//! [`KfuncSet::register`] from the `init` of a module. This module does not unregister: the kernel
//! forgets a module's sets when it frees the module's BTF, and a module whose kfuncs a loaded
//! program calls cannot be unloaded, because the verifier took a reference to it
//! (`btf_try_get_module()` in `__find_kfunc_desc_btf()`).
//!
//! C header: [`include/linux/btf.h`](srctree/include/linux/btf.h)

use crate::object::BtfObject;
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    types::Opaque, //
};

/// The types of BPF programs that can be allowed to call kfuncs.
///
/// The kernel does not tell all of them apart. Types that are named together below share one set:
/// what is registered for one may be called by all of them.
///
/// C: `enum bpf_prog_type` in `include/uapi/linux/bpf.h`, and `bpf_prog_type_to_kfunc_hook()`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ProgType {
    /// Every program, whatever its type.
    Any = bindings::bpf_prog_type_BPF_PROG_TYPE_UNSPEC,
    /// Shares a set with `CgroupSkb`, `CgroupSock`, `CgroupSockAddr`, `CgroupSockopt`,
    /// `CgroupSysctl` and `SockOps`.
    CgroupDevice = bindings::bpf_prog_type_BPF_PROG_TYPE_CGROUP_DEVICE,
    /// See `CgroupDevice`.
    CgroupSkb = bindings::bpf_prog_type_BPF_PROG_TYPE_CGROUP_SKB,
    /// See `CgroupDevice`.
    CgroupSock = bindings::bpf_prog_type_BPF_PROG_TYPE_CGROUP_SOCK,
    /// See `CgroupDevice`.
    CgroupSockAddr = bindings::bpf_prog_type_BPF_PROG_TYPE_CGROUP_SOCK_ADDR,
    /// See `CgroupDevice`.
    CgroupSockopt = bindings::bpf_prog_type_BPF_PROG_TYPE_CGROUP_SOCKOPT,
    /// See `CgroupDevice`.
    CgroupSysctl = bindings::bpf_prog_type_BPF_PROG_TYPE_CGROUP_SYSCTL,
    /// Kprobes and uprobes.
    Kprobe = bindings::bpf_prog_type_BPF_PROG_TYPE_KPROBE,
    /// See `Tracing`.
    Lsm = bindings::bpf_prog_type_BPF_PROG_TYPE_LSM,
    /// Shares a set with `LwtOut`, `LwtXmit` and `LwtSeg6Local`.
    LwtIn = bindings::bpf_prog_type_BPF_PROG_TYPE_LWT_IN,
    /// See `LwtIn`.
    LwtOut = bindings::bpf_prog_type_BPF_PROG_TYPE_LWT_OUT,
    /// See `LwtIn`.
    LwtSeg6Local = bindings::bpf_prog_type_BPF_PROG_TYPE_LWT_SEG6LOCAL,
    /// See `LwtIn`.
    LwtXmit = bindings::bpf_prog_type_BPF_PROG_TYPE_LWT_XMIT,
    /// Netfilter hooks.
    Netfilter = bindings::bpf_prog_type_BPF_PROG_TYPE_NETFILTER,
    /// See `Tracing`.
    PerfEvent = bindings::bpf_prog_type_BPF_PROG_TYPE_PERF_EVENT,
    /// See `Tracing`.
    RawTracepoint = bindings::bpf_prog_type_BPF_PROG_TYPE_RAW_TRACEPOINT,
    /// Actions of the traffic control.
    SchedAct = bindings::bpf_prog_type_BPF_PROG_TYPE_SCHED_ACT,
    /// Classifiers of the traffic control.
    SchedCls = bindings::bpf_prog_type_BPF_PROG_TYPE_SCHED_CLS,
    /// Stream parsers and verdicts of sockmaps.
    SkSkb = bindings::bpf_prog_type_BPF_PROG_TYPE_SK_SKB,
    /// See `CgroupDevice`.
    SockOps = bindings::bpf_prog_type_BPF_PROG_TYPE_SOCK_OPS,
    /// Filters on sockets.
    SocketFilter = bindings::bpf_prog_type_BPF_PROG_TYPE_SOCKET_FILTER,
    /// Implementations of a kernel subsystem's operations.
    StructOps = bindings::bpf_prog_type_BPF_PROG_TYPE_STRUCT_OPS,
    /// Programs run by the `bpf` system call.
    Syscall = bindings::bpf_prog_type_BPF_PROG_TYPE_SYSCALL,
    /// See `Tracing`.
    Tracepoint = bindings::bpf_prog_type_BPF_PROG_TYPE_TRACEPOINT,
    /// Entry and exit of functions, iterators, typed raw tracepoints. Shares a set with `Lsm`,
    /// `PerfEvent`, `RawTracepoint` and `Tracepoint`.
    Tracing = bindings::bpf_prog_type_BPF_PROG_TYPE_TRACING,
    /// Packets at the driver.
    Xdp = bindings::bpf_prog_type_BPF_PROG_TYPE_XDP,
}

/// A set of kfuncs, declared with [`kfunc_set!`](crate::kfunc_set).
///
/// C: `struct btf_kfunc_id_set`.
///
/// # Invariants
///
/// `ids` points to a `BTF_KFUNCS_START` ... `BTF_KFUNCS_END` list in the module that declares the
/// set, and each of its functions has the prototype that its BTF says. `prog_types` names no two
/// types that share a set.
pub struct KfuncSet {
    name: &'static str,
    ids: *const bindings::btf_id_set8,
    prog_types: &'static [ProgType],
    dtors: &'static [Dtor],
    filter: bindings::btf_kfunc_filter_t,
}

/// What drops the references to one type of objects that maps hold.
#[doc(hidden)]
pub struct Dtor(*const bindings::btf_id_dtor_kfunc);

impl Dtor {
    /// That of a type.
    pub const fn of<T: BtfObject>() -> Self {
        Self(T::DTOR)
    }
}

// SAFETY: Nobody writes to the ids after the module is linked.
unsafe impl Sync for Dtor {}

// SAFETY: Nobody writes to the set, nor to the list of ids, after the module is linked.
unsafe impl Sync for KfuncSet {}

impl KfuncSet {
    /// Makes a set of its parts. For the code that `kfunc_set!` generates.
    ///
    /// # Safety
    ///
    /// The arguments must be as the invariants of the type say.
    #[doc(hidden)]
    pub const unsafe fn from_raw(
        name: &'static str,
        ids: *const bindings::btf_id_set8,
        prog_types: &'static [ProgType],
        dtors: &'static [Dtor],
        filter: bindings::btf_kfunc_filter_t,
    ) -> Self {
        // INVARIANT: By the safety requirements.
        Self {
            name,
            ids,
            prog_types,
            dtors,
            filter,
        }
    }

    /// Lets BPF programs call the kfuncs of the set, once `module` is initialized.
    ///
    /// Call it from the module's `init`, and keep the result in the module. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: the module is not being initialized. The kernel changes a module's sets only
    ///   then, because no program can look at them.
    /// - [`EINVAL`]: the kernel refuses a kfunc. The kernel log names it if another one of that
    ///   name exists; else the module's BTF does not describe it.
    /// - [`ENOMEM`], [`E2BIG`]: no memory, or over 256 kfuncs for one type of program.
    pub fn register(&'static self, module: &'static ThisModule) -> Result<Registration> {
        let owner = module.as_ptr();
        // SAFETY: `owner` is null if the code is built in, else it is the module that the caller
        // has a reference to. The state of a module in its `init` changes only after that.
        let state = unsafe { owner.as_ref() }.map(|owner| owner.state);
        if state.is_some_and(|state| state != bindings::module_state_MODULE_STATE_COMING) {
            pr_err!("{}: register the set from the module's init\n", self.name);
            return Err(EBUSY);
        }

        let set = bindings::btf_kfunc_id_set {
            owner,
            set: self.ids.cast_mut(),
            filter: self.filter,
        };
        for &prog_type in self.prog_types {
            // SAFETY: By the type invariants, `ids` is a list of kfuncs of the module whose code
            // this is, and by the check above this is its `init`, as the function demands. It
            // copies what it needs and does not write to the list.
            let ret = unsafe { bindings::register_btf_kfunc_id_set(prog_type as u32, &set) };
            to_result(ret).inspect_err(|err| self.explain(*err))?;
        }
        self.register_dtors(owner)
            .inspect_err(|err| self.explain(*err))?;
        Ok(Registration(()))
    }

    fn register_dtors(&self, owner: *mut bindings::module) -> Result {
        if self.dtors.is_empty() {
            return Ok(());
        }
        let mut dtors = KVec::with_capacity(self.dtors.len(), GFP_KERNEL)?;
        for dtor in self.dtors {
            // SAFETY: `DTOR` leads to such a struct, which does not change.
            dtors.push(unsafe { dtor.0.read() }, GFP_KERNEL)?;
        }
        // SAFETY: As for the set. The ids are those of structs and functions of the module, by
        // the safety requirements of `BtfObject`. The function copies them.
        to_result(unsafe {
            bindings::register_btf_id_dtor_kfuncs(dtors.as_ptr(), dtors.len() as u32, owner)
        })
    }

    fn explain(&self, err: Error) {
        if err == EINVAL {
            pr_err!(
                "{}: the kernel refused a kfunc: its name is taken (see above), or the module was \
                 built without scripts/pahole, which writes its BTF\n",
                self.name
            );
        }
    }
}

/// A set of kfuncs that BPF programs can call.
///
/// The registration ends when the module is unloaded, not when the value is dropped: see the
/// [module documentation](self). It is a value so that a module shows in its type what it offers.
#[must_use = "keep the registration in the module that offers the kfuncs"]
pub struct Registration(());

/// A BPF program, for the filter of a [`KfuncSet`].
///
/// C: `struct bpf_prog`.
#[repr(transparent)]
pub struct Prog(Opaque<bindings::bpf_prog>);

impl Prog {
    /// For the code that `kfunc_set!` generates.
    ///
    /// # Safety
    ///
    /// `prog` must be valid for `'a`.
    #[doc(hidden)]
    pub unsafe fn from_raw<'a>(prog: *const bindings::bpf_prog) -> &'a Self {
        // SAFETY: By the safety requirements; `Prog` is transparent.
        unsafe { &*prog.cast() }
    }

    /// Whether it is a program of this type.
    pub fn is(&self, prog_type: ProgType) -> bool {
        // SAFETY: The program is valid, and its type does not change.
        unsafe { (*self.0.get()).type_ == prog_type as u32 }
    }

    /// Whether it may sleep.
    pub fn is_sleepable(&self) -> bool {
        // SAFETY: The program is valid. The verifier sets this before it looks at calls.
        unsafe { (*self.0.get()).sleepable() != 0 }
    }
}
