// SPDX-License-Identifier: GPL-2.0

//! Sets of kfuncs and their registration.
//!
//! [`kfunc_set!`](crate::kfunc_set) declares a [`KfuncSet`], and the `init` of a kernel module
//! calls [`KfuncSet::register`]. This module does not unregister a set: the kernel forgets the sets
//! of a kernel module when it frees the module's BTF. The kernel does not unload a module while a
//! loaded program calls one of its kfuncs, because the verifier acquired a reference to the module
//! (`btf_try_get_module()` in `__find_kfunc_desc_btf()`).
//!
//! C header: [`include/linux/btf.h`](srctree/include/linux/btf.h)

use crate::{
    compat::{
        self,
        EOPNOTSUPP, //
    },
    header::Reclaim,
    helpers::rust_bpf_helper_check_symbols,
    init,
    object::BtfObject, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    types::Opaque, //
};

/// The types of BPF programs that a kfunc set can name.
///
/// Some types share one set in the kernel, as noted below: if a module registers a kfunc for one of
/// these types, programs of the other types can call the kfunc, too.
///
/// C: `enum bpf_prog_type` in `include/uapi/linux/bpf.h`, and `bpf_prog_type_to_kfunc_hook()`.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub enum ProgType {
    /// All types.
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
    /// Actions of traffic control.
    SchedAct = bindings::bpf_prog_type_BPF_PROG_TYPE_SCHED_ACT,
    /// Classifiers of traffic control.
    SchedCls = bindings::bpf_prog_type_BPF_PROG_TYPE_SCHED_CLS,
    /// Stream parsers and verdicts of sockmaps.
    SkSkb = bindings::bpf_prog_type_BPF_PROG_TYPE_SK_SKB,
    /// See `CgroupDevice`.
    SockOps = bindings::bpf_prog_type_BPF_PROG_TYPE_SOCK_OPS,
    /// Socket filters.
    SocketFilter = bindings::bpf_prog_type_BPF_PROG_TYPE_SOCKET_FILTER,
    /// Implementations of the members of a struct_ops table.
    StructOps = bindings::bpf_prog_type_BPF_PROG_TYPE_STRUCT_OPS,
    /// Programs that the `bpf` system call runs (`BPF_PROG_RUN`).
    Syscall = bindings::bpf_prog_type_BPF_PROG_TYPE_SYSCALL,
    /// See `Tracing`.
    Tracepoint = bindings::bpf_prog_type_BPF_PROG_TYPE_TRACEPOINT,
    /// Entry and exit of functions, iterators, typed raw tracepoints. Shares a set with `Lsm`,
    /// `PerfEvent`, `RawTracepoint` and `Tracepoint`.
    Tracing = bindings::bpf_prog_type_BPF_PROG_TYPE_TRACING,
    /// Programs that network drivers run for each packet (XDP).
    Xdp = bindings::bpf_prog_type_BPF_PROG_TYPE_XDP,
}

/// A set of kfuncs, declared with [`kfunc_set!`](crate::kfunc_set).
///
/// C: `struct btf_kfunc_id_set`.
///
/// # Invariants
///
/// - `ids` points to a list (`BTF_KFUNCS_START` ... `BTF_KFUNCS_END`) in the module that declares
///   the set.
/// - Each function in the list has the prototype that is in BTF.
/// - `fmod_ret` points to such a list of functions that implement
///   [`FmodRet`](crate::traceable::FmodRet), each with its `FLAGS`.
/// - No two types in `prog_types` share a set in the kernel.
/// - All sets of the module have the same `dtors.registered`.
pub struct KfuncSet {
    name: &'static str,
    ids: *const bindings::btf_id_set8,
    entries: &'static [Entry],
    prog_types: &'static [ProgType],
    dtors: Dtors,
    fmod_ret: Option<*const bindings::btf_id_set8>,
    filter: bindings::btf_kfunc_filter_t,
    /// Whether [`register`](Self::register) was called.
    registered: Atomic<bool>,
}

/// A kfunc of a set: its name, and the address of its function.
#[doc(hidden)]
#[repr(C)]
pub struct Entry {
    name: *const kernel::ffi::c_char,
    function: *const core::ffi::c_void,
}

impl Entry {
    /// Makes an entry. For the code that `kfunc_set!` generates.
    pub const fn new(name: &'static CStr, function: *const core::ffi::c_void) -> Self {
        Self {
            name: name.to_bytes_with_nul().as_ptr().cast(),
            function,
        }
    }
}

// SAFETY: The name and the function do not change.
unsafe impl Sync for Entry {}

/// The ids of an object type and of its destructor, which releases the references in map values.
#[doc(hidden)]
#[derive(Clone, Copy)]
pub struct Dtor {
    ids: *const bindings::btf_id_dtor_kfunc,
    reclaim: fn() -> &'static Reclaim,
}

impl Dtor {
    /// Returns the destructor of `T`.
    pub const fn of<T: BtfObject>() -> Self {
        Self {
            ids: T::DTOR,
            reclaim: T::reclaim,
        }
    }
}

// SAFETY: The ids do not change after the build.
unsafe impl Sync for Dtor {}

/// The destructors of a set.
#[doc(hidden)]
pub struct Dtors {
    list: &'static [Option<Dtor>],
    /// Whether a set of the module has registered destructors.
    registered: &'static Atomic<bool>,
}

impl Dtors {
    /// Makes a list. For the code that `kfunc_set!` generates.
    pub const fn new(list: &'static [Option<Dtor>], registered: &'static Atomic<bool>) -> Self {
        Self { list, registered }
    }
}

// SAFETY: The list of ids does not change after the build. `registered` is atomic, and the other
// fields do not change.
unsafe impl Sync for KfuncSet {}

impl KfuncSet {
    /// Makes a set. For the code that `kfunc_set!` generates.
    ///
    /// # Safety
    ///
    /// The arguments must fulfil the invariants of [`KfuncSet`].
    #[doc(hidden)]
    pub const unsafe fn from_raw(
        name: &'static str,
        ids: *const bindings::btf_id_set8,
        entries: &'static [Entry],
        prog_types: &'static [ProgType],
        dtors: Dtors,
        fmod_ret: Option<*const bindings::btf_id_set8>,
        filter: bindings::btf_kfunc_filter_t,
    ) -> Self {
        // INVARIANT: The caller promises that the arguments fulfil the invariants.
        Self {
            name,
            ids,
            entries,
            prog_types,
            dtors,
            fmod_ret,
            filter,
            registered: Atomic::new(false),
        }
    }

    /// Registers the set. BPF programs can call its kfuncs after the `init` of `module` returns.
    ///
    /// The `init` of `module` calls this function. The module does not undo the registration: the
    /// kernel forgets the set when it unloads the module.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: the `init` of `module` is not running. The kernel changes the sets without a
    ///   lock, so a module can register only during its `init`, while no program can use the sets.
    /// - [`EEXIST`]: the set is registered already, or the kernel has a symbol with the name of a
    ///   kfunc, which programs would call instead, also if the symbol is not in BTF. The kernel log
    ///   names the set or the kfunc.
    /// - [`EINVAL`]: the set belongs to another module, or the kernel rejects a kfunc. If the
    ///   kernel or another module has a kfunc of the same name, the kernel log names it; otherwise
    ///   the module's BTF does not describe the kfunc. Or an earlier set has registered objects and
    ///   does not name those of this set in `objects`; the kernel log says so.
    /// - [`ENOMEM`]: an allocation failed.
    /// - [`E2BIG`]: over 256 kfuncs for one type of program.
    ///
    /// # Context
    ///
    /// May sleep.
    ///
    /// C: `register_btf_kfunc_id_set()` and `register_btf_fmodret_id_set()` in
    /// [`include/linux/btf.h`](srctree/include/linux/btf.h).
    pub fn register(&'static self, module: &'static ThisModule) -> Result {
        init::check_owner(self, module)?;
        // SAFETY: `Entry` has the layout of `struct rust_bpf_symbol`, and each name ends with a
        // NUL.
        to_result(unsafe {
            rust_bpf_helper_check_symbols(self.entries.as_ptr(), self.entries.len() as u32)
        })?;
        let _lock = init::Lock::in_init(module).inspect_err(|_| {
            pr_err!("{}: call register() from the module's init\n", self.name);
        })?;
        if self.registered.xchg(true, Relaxed) {
            pr_err!(
                "{}: the set is registered already; register it once\n",
                self.name
            );
            return Err(EEXIST);
        }
        // SAFETY: `Lock::in_init()` checked that `module`, which owns the set, is in its `init`.
        unsafe { self.register_for(module.as_ptr()) }?;
        Ok(())
    }

    /// Registers the set for each type of programs, and then the destructors.
    ///
    /// # Safety
    ///
    /// The caller must be in the `init` of `owner`, and `owner` must own the set; or the list of
    /// the set must have no functions.
    unsafe fn register_for(&self, owner: *mut bindings::module) -> Result {
        let mut set = bindings::btf_kfunc_id_set {
            owner,
            set: self.ids.cast_mut(),
            filter: self.filter,
        };
        let checked = self.checked()?;
        if let Some(checked) = &checked {
            set.set = checked.as_ptr().cast_mut().cast();
        }
        for &prog_type in self.prog_types {
            // SAFETY: By the type invariants, `ids` is a list of kfuncs of the module, and so is the
            // copy of a part of it. The caller promises that the module is in its `init`, as the
            // function requires. The function copies the list and does not write to it.
            let ret = unsafe { bindings::register_btf_kfunc_id_set(prog_type as u32, &set) };
            to_result(ret).inspect_err(|err| self.explain(*err))?;
        }
        if let Some(ids) = self.fmod_ret {
            set.set = ids.cast_mut();
            // SAFETY: As above. By the type invariants, programs can replace the results of the
            // functions in the list, and may sleep in those with `KF_SLEEPABLE`.
            let ret = unsafe { bindings::register_btf_fmodret_id_set(&set) };
            to_result(ret).inspect_err(|err| self.explain(*err))?;
        }
        self.register_dtors(owner)
    }

    /// Returns a copy of the list without the kfuncs whose contracts this kernel does not check, if
    /// there are any.
    fn checked(&self) -> Result<Option<KVec<u32>>> {
        if compat::CHECKS_ALL {
            return Ok(None);
        }
        // SAFETY: By the type invariants, `ids` is a list of kfuncs.
        let (checked, refused) = unsafe { compat::without_unchecked(self.ids) }?;
        if refused == 0 {
            return Ok(None);
        }
        pr_warn!(
            "{}: programs cannot call {} kfuncs that take callbacks or hold locks, because this \
             kernel does not check that (errno {}); boot a kernel with the patches of this tree\n",
            self.name,
            refused,
            EOPNOTSUPP.to_errno()
        );
        Ok(Some(checked))
    }

    /// Registers the destructors that no earlier set has registered.
    fn register_dtors(&self, owner: *mut bindings::module) -> Result {
        let mut dtors = KVec::new();
        for dtor in self.dtors.list.iter().flatten() {
            // Several kfuncs can return references to objects of one type.
            if !(dtor.reclaim)().has_dtor.xchg(true, Relaxed) {
                // SAFETY: `DTOR` points to a `struct btf_id_dtor_kfunc`, which does not change.
                dtors.push(unsafe { dtor.ids.read() }, GFP_KERNEL)?;
            }
        }
        if dtors.is_empty() {
            return Ok(());
        }
        // The kernel takes the destructors of a module once.
        if self.dtors.registered.xchg(true, Relaxed) {
            pr_err!(
                "{}: an earlier set of the module has registered objects, and the kernel takes \
                 the objects of a module once; name those of both sets in `objects` of the set \
                 that is registered first\n",
                self.name
            );
            return Err(EINVAL);
        }
        // SAFETY: The module is in its `init`. By the safety requirements of `BtfObject`, the ids
        // are those of structs and functions of the module. The function copies the ids.
        to_result(unsafe {
            bindings::register_btf_id_dtor_kfuncs(dtors.as_ptr(), dtors.len() as u32, owner)
        })
    }

    fn explain(&self, err: Error) {
        if err == EINVAL {
            pr_err!(
                "{}: the kernel rejected a kfunc: its name is taken (the line before names the \
                 owner), or the build did not use scripts/pahole, which writes the module's BTF\n",
                self.name
            );
        }
    }
}

/// A BPF program, for the filter of a [`KfuncSet`].
///
/// C: `struct bpf_prog`.
#[repr(transparent)]
pub struct Prog(Opaque<bindings::bpf_prog>);

impl Prog {
    /// Makes a reference to a program. For the code that `kfunc_set!` generates.
    ///
    /// # Safety
    ///
    /// `prog` must be valid for `'a`.
    #[doc(hidden)]
    pub unsafe fn from_raw<'a>(prog: *const bindings::bpf_prog) -> &'a Self {
        // SAFETY: The caller promises that `prog` is valid for `'a`. `Prog` has the layout of
        // `struct bpf_prog`: it is `repr(transparent)`.
        unsafe { &*prog.cast() }
    }

    pub(crate) fn as_raw(&self) -> *const bindings::bpf_prog {
        self.0.get()
    }

    /// Returns the instructions of the program. For callbacks of the verifier.
    pub(crate) fn insns(&self) -> &[bindings::bpf_insn] {
        let prog = self.0.get();
        // SAFETY: The program is valid. The instructions are at the end of `struct bpf_prog`. The
        // verifier does not change them while it runs the callback that calls this function.
        unsafe {
            core::slice::from_raw_parts(
                core::ptr::addr_of!((*prog).__bindgen_anon_2).cast(),
                (*prog).len as usize,
            )
        }
    }

    /// Returns the name that the loader gave the program: at most 15 bytes. libbpf cuts off a
    /// longer name.
    pub fn name(&self) -> &CStr {
        // SAFETY: The program and its `struct bpf_prog_aux` are valid. The kernel sets the name
        // before it verifies the program, and does not change the name later.
        let name: &[u8] = unsafe { &*core::ptr::addr_of!((*(*self.0.get()).aux).name) };
        CStr::from_bytes_until_nul(name).unwrap_or_default()
    }

    /// Returns whether the program has the type `prog_type`.
    pub fn is(&self, prog_type: ProgType) -> bool {
        // SAFETY: The program is valid, and its type does not change.
        unsafe { (*self.0.get()).type_ == prog_type as u32 }
    }

    /// Returns whether the program may sleep.
    pub fn is_sleepable(&self) -> bool {
        // SAFETY: The program is valid. The verifier sets the field before it checks calls.
        unsafe { (*self.0.get()).sleepable() != 0 }
    }
}

/// Returns whether two names are the same. For the code that the macros generate.
#[doc(hidden)]
pub const fn are_equal(one: &CStr, other: &CStr) -> bool {
    let (mut one, mut other) = (one.to_bytes(), other.to_bytes());
    while let ([a, rest @ ..], [b, others @ ..]) = (one, other) {
        if *a != *b {
            return false;
        }
        (one, other) = (rest, others);
    }
    one.is_empty() && other.is_empty()
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_kfunc_set)]
mod tests {
    use super::*;
    use crate::{
        kfunc, kfunc::Kfunc, kfunc_iterator, kfunc_set, kunit, BtfType, Object, ProgAux, RcuPtr,
        RdonlyBuf, RdonlyBufSize,
    };
    use kernel::{
        bindings::{
            BTF_SET8_KFUNCS,
            KF_ACQUIRE,
            KF_DESTRUCTIVE,
            KF_IMPLICIT_ARGS,
            KF_ITER_DESTROY,
            KF_ITER_NEW,
            KF_ITER_NEXT,
            KF_PERFMON,
            KF_RCU,
            KF_RCU_PROTECTED,
            KF_RELEASE,
            KF_RET_NULL,
            KF_SLEEPABLE,
            KF_SPINLOCK_SAFE, //
        },
        sync::{
            aref::ARef,
            rcu, //
        }, //
    };

    /// A type of objects.
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_member")]
    struct Member;

    // One kfunc for each flag, and some kfuncs with several flags. The tests do not call them.

    #[kfunc]
    fn bpf_kunit_plain(value: u32) -> u32 {
        value
    }

    #[kfunc(sleepable)]
    fn bpf_kunit_sleepable() {}

    #[kfunc(destructive)]
    fn bpf_kunit_destructive() {}

    #[kfunc(perfmon)]
    fn bpf_kunit_perfmon() {}

    #[kfunc(spinlock_safe)]
    fn bpf_kunit_spinlock_safe() {}

    #[kfunc(sleepable, destructive, perfmon)]
    fn bpf_kunit_options() {}

    #[kfunc]
    fn bpf_kunit_acquire(member: &Object<Member>) -> ARef<Object<Member>> {
        member.into()
    }

    #[kfunc]
    fn bpf_kunit_new() -> Option<ARef<Object<Member>>> {
        Object::new(Member).ok()
    }

    #[kfunc]
    fn bpf_kunit_release(_member: ARef<Object<Member>>) {}

    #[kfunc]
    fn bpf_kunit_rcu(_member: RcuPtr<'_, Object<Member>>) {}

    #[kfunc]
    fn bpf_kunit_reader(_reader: &rcu::Guard) {}

    #[kfunc]
    fn bpf_kunit_find<'a>(_reader: &'a rcu::Guard) -> Option<RcuPtr<'a, Object<Member>>> {
        None
    }

    #[kfunc]
    fn bpf_kunit_lend<'a>(size: RdonlyBufSize<'a>) -> Option<RdonlyBuf<'a>> {
        size.lend(b"lent")
    }

    #[kfunc(sleepable)]
    fn bpf_kunit_implicit(prog: &ProgAux) -> u32 {
        prog.id()
    }

    struct Members;

    #[kfunc_iterator(kunit_members)]
    impl Members {
        fn new(_first: RcuPtr<'_, Object<Member>>) -> Result<Self> {
            Ok(Self)
        }

        fn next<'a>(&mut self, _reader: &'a rcu::Guard) -> Option<RcuPtr<'a, Object<Member>>> {
            None
        }
    }

    const fn flags<T: Kfunc>() -> u32 {
        T::FLAGS
    }

    /// The flags of each kfunc, and the expected flags.
    const FLAGS: &[(u32, u32)] = &[
        (flags::<bpf_kunit_plain>(), 0),
        (flags::<bpf_kunit_sleepable>(), KF_SLEEPABLE),
        (flags::<bpf_kunit_destructive>(), KF_DESTRUCTIVE),
        (flags::<bpf_kunit_perfmon>(), KF_PERFMON),
        (flags::<bpf_kunit_spinlock_safe>(), KF_SPINLOCK_SAFE),
        (
            flags::<bpf_kunit_options>(),
            KF_SLEEPABLE | KF_DESTRUCTIVE | KF_PERFMON,
        ),
        (flags::<bpf_kunit_acquire>(), KF_ACQUIRE),
        (flags::<bpf_kunit_new>(), KF_ACQUIRE | KF_RET_NULL),
        (flags::<bpf_kunit_release>(), KF_RELEASE),
        (flags::<bpf_kunit_rcu>(), KF_RCU),
        (flags::<bpf_kunit_reader>(), KF_RCU_PROTECTED),
        (flags::<bpf_kunit_find>(), KF_RCU_PROTECTED | KF_RET_NULL),
        (flags::<bpf_kunit_lend>(), KF_RET_NULL),
        (
            flags::<bpf_kunit_implicit>(),
            KF_IMPLICIT_ARGS | KF_SLEEPABLE,
        ),
        (
            flags::<bpf_iter_kunit_members_new>(),
            KF_ITER_NEW | KF_RCU | KF_RCU_PROTECTED,
        ),
        (
            flags::<bpf_iter_kunit_members_next>(),
            KF_ITER_NEXT | KF_RET_NULL,
        ),
        (flags::<bpf_iter_kunit_members_destroy>(), KF_ITER_DESTROY),
    ];

    fn only_xdp(prog: &Prog) -> bool {
        prog.is(ProgType::Xdp)
    }

    macro_rules! set_for {
        ($($prog_type:ident),* $(,)?) => {
            /// All types of programs.
            const ALL: &[ProgType] = &[$(ProgType::$prog_type),*];

            kfunc_set! {
                static SET = {
                    prog_types: [$($prog_type),*],
                    kfuncs: [
                        bpf_kunit_plain,
                        bpf_kunit_sleepable,
                        bpf_kunit_destructive,
                        bpf_kunit_perfmon,
                        bpf_kunit_spinlock_safe,
                        bpf_kunit_options,
                        bpf_kunit_acquire,
                        bpf_kunit_new,
                        bpf_kunit_release,
                        bpf_kunit_rcu,
                        bpf_kunit_reader,
                        bpf_kunit_find,
                        bpf_kunit_lend,
                        bpf_kunit_implicit,
                        bpf_iter_kunit_members_new,
                        bpf_iter_kunit_members_next,
                        bpf_iter_kunit_members_destroy,
                    ],
                    filter: only_xdp,
                };
            }
        };
    }

    set_for! {
        Any, CgroupDevice, CgroupSkb, CgroupSock, CgroupSockAddr, CgroupSockopt, CgroupSysctl,
        Kprobe, Lsm, LwtIn, LwtOut, LwtSeg6Local, LwtXmit, Netfilter, PerfEvent, RawTracepoint,
        SchedAct, SchedCls, SkSkb, SockOps, SocketFilter, StructOps, Syscall, Tracepoint, Tracing,
        Xdp,
    }

    #[test]
    fn a_signature_gives_the_flags() {
        for (flags, expected) in FLAGS {
            assert_eq!(flags, expected);
        }
    }

    #[test]
    fn a_set_is_a_list_of_ids_and_flags() {
        // SAFETY: By the type invariants, `ids` points to a list, which does not change.
        let (set, pairs) = unsafe {
            let set = &*SET.ids;
            (set, set.pairs.as_slice(set.cnt as usize))
        };

        assert_eq!(set.flags, BTF_SET8_KFUNCS);
        assert_eq!(pairs.len(), FLAGS.len());
        // `resolve_btfids` sorts the pairs by id, and moves the flags with the ids.
        assert!(pairs.iter().all(|pair| pair.id != 0));
        assert!(pairs.is_sorted_by(|one, next| one.id < next.id));
        for (_, flags) in FLAGS {
            assert_eq!(pairs.iter().filter(|pair| pair.flags == *flags).count(), 1);
        }
    }

    #[test]
    fn a_set_has_a_destructor_for_each_object_type() -> Result {
        // `bpf_kunit_acquire` and `bpf_kunit_new` return references.
        let mut dtors = SET.dtors.list.iter().flatten();
        assert_eq!(dtors.clone().count(), 2);
        assert!(dtors.clone().all(|dtor| dtor.ids == Member::DTOR));
        let dtor = dtors.next().ok_or(EINVAL)?;
        // SAFETY: `DTOR` points to a `struct btf_id_dtor_kfunc`, which does not change.
        let dtor = unsafe { &*dtor.ids };
        assert!(dtor.btf_id != 0);
        assert!(dtor.kfunc_btf_id != 0);
        assert!(dtor.btf_id != dtor.kfunc_btf_id);
        Ok(())
    }

    #[test]
    fn a_set_is_registered_once_for_each_hook() {
        use ProgType::*;

        // The first type of each group in `bpf_prog_type_to_kfunc_hook()`.
        let hooks = [
            Any,
            CgroupDevice,
            Kprobe,
            Lsm,
            LwtIn,
            Netfilter,
            SchedAct,
            SchedCls,
            SkSkb,
            SocketFilter,
            StructOps,
            Syscall,
            Xdp,
        ];
        assert!(SET.prog_types == hooks);
    }

    /// A list with at most one pair: the count, the flags, the id of the pair, the flags of the
    /// pair.
    struct List([u32; 4]);

    static EMPTY: List = List([0, BTF_SET8_KFUNCS, 0, 0]);
    /// The id of a type that is no function: the first type in BTF is an integer.
    static NO_FUNCTION: List = List([1, BTF_SET8_KFUNCS, 1, 0]);
    static UNRESOLVED: List = List([1, BTF_SET8_KFUNCS, 0, 0]);

    const fn set_of(list: &'static List, prog_types: &'static [ProgType]) -> KfuncSet {
        static HAS_DTORS: Atomic<bool> = Atomic::new(false);

        let ids = list.0.as_ptr().cast();
        let dtors = Dtors::new(&[], &HAS_DTORS);
        // SAFETY: `list` has the layout of `struct btf_id_set8`, and names no functions. For a list
        // without functions, types in `prog_types` may share a set.
        unsafe { KfuncSet::from_raw("SET", ids, &[], prog_types, dtors, None, None) }
    }

    #[test]
    fn the_kernel_has_a_hook_for_each_prog_type() {
        static SET: KfuncSet = set_of(&EMPTY, ALL);

        // SAFETY: The list of the set has no functions.
        assert_eq!(unsafe { SET.register_for(core::ptr::null_mut()) }, Ok(()));
    }

    #[test]
    fn the_kernel_rejects_an_id_that_is_no_function() {
        static FIRST: KfuncSet = set_of(&UNRESOLVED, &[ProgType::Syscall]);
        static SECOND: KfuncSet = set_of(&NO_FUNCTION, &[ProgType::Syscall]);

        for set in [&FIRST, &SECOND] {
            // SAFETY: The list of the set has no functions.
            let result = unsafe { set.register_for(core::ptr::null_mut()) };
            assert_eq!(result, Err(EINVAL));
        }
    }

    #[test]
    fn a_module_registers_a_set_once_from_its_init() {
        let register = |module| SET.register(module).err();
        assert_eq!(register(&kunit::LIVE), Some(EBUSY));
        // The kernel finds no BTF of this module, logs that, and returns no error.
        assert_eq!(register(&kunit::COMING), None);
        assert_eq!(register(&kunit::COMING), Some(EEXIST));
        assert_eq!(register(&kunit::GOING), Some(EBUSY));
    }

    #[test]
    fn a_kfunc_with_the_name_of_a_kernel_symbol_is_eexist() {
        fn check(name: &CStr, function: *const core::ffi::c_void) -> Result {
            let entry = Entry {
                name: name.as_char_ptr(),
                function,
            };
            // SAFETY: `entry` is one valid entry.
            to_result(unsafe { rust_bpf_helper_check_symbols(&entry, 1) })
        }

        let entry = bpf_kunit_plain::ENTRY;
        assert_eq!(check(c"bpf_kunit_plain", entry), Ok(()));
        assert_eq!(check(c"bpf_kunit_nobody", entry), Ok(()));
        // The names of another kfunc, of a kernel function without BTF, and of kernel data.
        assert_eq!(check(c"bpf_kunit_acquire", entry), Err(EEXIST));
        assert_eq!(check(c"bpf_jit_alloc_exec", entry), Err(EEXIST));
        assert_eq!(check(c"bpf_jit_limit", entry), Err(EEXIST));
    }

    fn program(prog_type: ProgType) -> bindings::bpf_prog {
        bindings::bpf_prog {
            type_: prog_type as u32,
            ..Default::default()
        }
    }

    #[test]
    fn a_filter_returns_zero_or_eacces() -> Result {
        let filter = SET.filter.ok_or(EINVAL)?;
        // SAFETY: The fields that the filter reads are valid.
        let (xdp, other) = unsafe {
            (
                filter(&program(ProgType::Xdp), 1),
                filter(&program(ProgType::Syscall), 1),
            )
        };
        assert_eq!(xdp, 0);
        assert_eq!(other, -13);
        Ok(())
    }

    #[test]
    fn prog_types_have_the_numbers_of_uapi() {
        // In the order of `ALL`.
        let numbers = [
            0, 15, 8, 9, 18, 25, 23, 2, 29, 10, 11, 19, 12, 32, 7, 17, 4, 3, 14, 13, 1, 27, 31, 5,
            26, 6,
        ];
        assert!(ALL.iter().map(|&prog_type| prog_type as u32).eq(numbers));
    }

    #[test]
    fn a_program_has_a_type_and_a_sleepable_flag() {
        for &prog_type in ALL {
            let mut raw = program(prog_type);
            // SAFETY: The fields that `Prog` reads are valid.
            let prog = unsafe { Prog::from_raw(&raw) };
            assert!(ALL
                .iter()
                .all(|&other| prog.is(other) == (other == prog_type)));
            assert!(!prog.is_sleepable());

            raw.set_sleepable(1);
            // SAFETY: The fields that `Prog` reads are valid.
            assert!(unsafe { Prog::from_raw(&raw) }.is_sleepable());
        }
    }
}
