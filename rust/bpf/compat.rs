// SPDX-License-Identifier: GPL-2.0

//! What differs between the kernels that the crate supports, 7.2 and 7.3.
//!
//! `rust/kernel.mk` looks at the headers of the kernel and sets `cfg(kernel_has_...)`, also for
//! modules that use the crate.

use crate::{
    helpers::rust_bpf_helper_calls_back_asleep,
    kfunc_set::Prog, //
};
use core::mem::MaybeUninit;
use kernel::{
    alloc::AllocError,
    bindings,
    error::code::EACCES,
    prelude::*, //
};

/// The error codes that `kernel::error::code` lacks.
#[cfg(not(kernel_has_EILSEQ))]
#[doc(hidden)]
#[allow(missing_docs)]
pub mod code {
    use kernel::{
        bindings,
        error::Error, //
    };

    const fn error(errno: u32) -> Error {
        assert!(0 < errno && errno <= bindings::MAX_ERRNO);
        // SAFETY: An `Error` has the size of its only field, a `NonZero<i32>`. The number is in the
        // range of error numbers.
        unsafe { core::mem::transmute::<i32, Error>(-(errno as i32)) }
    }

    macro_rules! codes {
        ($($code:ident)*) => {
            $(pub const $code: Error = error(bindings::$code);)*
        };
    }

    codes! {
        EDEADLK ENAMETOOLONG ENOLCK ENOSYS ENOTEMPTY ELOOP ENOMSG EIDRM ECHRNG EL2NSYNC
        EL3HLT EL3RST ELNRNG EUNATCH ENOCSI EL2HLT EBADE EBADR EXFULL ENOANO EBADRQC
        EBADSLT EBFONT ENOSTR ENODATA ETIME ENOSR ENONET ENOPKG EREMOTE ENOLINK EADV
        ESRMNT ECOMM EPROTO EMULTIHOP EDOTDOT EBADMSG EFSBADCRC ENOTUNIQ EBADFD EREMCHG
        ELIBACC ELIBBAD ELIBSCN ELIBMAX ELIBEXEC EILSEQ ERESTART ESTRPIPE EUSERS ENOTSOCK
        EDESTADDRREQ EPROTOTYPE ENOPROTOOPT EPROTONOSUPPORT ESOCKTNOSUPPORT EOPNOTSUPP
        EPFNOSUPPORT EAFNOSUPPORT EADDRINUSE EADDRNOTAVAIL ENETDOWN ENETUNREACH ENETRESET
        ECONNABORTED ECONNRESET ENOBUFS EISCONN ENOTCONN ESHUTDOWN ETOOMANYREFS
        ECONNREFUSED EHOSTDOWN EHOSTUNREACH EALREADY EINPROGRESS ESTALE EUCLEAN
        EFSCORRUPTED ENOTNAM ENAVAIL EISNAM EREMOTEIO EDQUOT ENOMEDIUM EMEDIUMTYPE
        ECANCELED ENOKEY EKEYEXPIRED EKEYREVOKED EKEYREJECTED EOWNERDEAD ENOTRECOVERABLE
        ERFKILL EHWPOISON EFTYPE
    }
}

#[cfg(not(kernel_has_EILSEQ))]
pub(crate) use code::{
    EALREADY,
    ECANCELED,
    EDEADLK,
    EINPROGRESS,
    EOPNOTSUPP, //
};
#[cfg(kernel_has_EILSEQ)]
pub(crate) use kernel::error::code::{
    EALREADY,
    ECANCELED,
    EINPROGRESS,
    EOPNOTSUPP, //
};

// The flags that the options of `#[kfunc(...)]` stand for.
#[doc(hidden)]
pub use kernel::bindings::{
    KF_DESTRUCTIVE,
    KF_SLEEPABLE, //
};

#[cfg(kernel_has_KF_PERFMON)]
#[doc(hidden)]
pub use kernel::bindings::KF_PERFMON;
#[cfg(not(kernel_has_KF_PERFMON))]
#[doc(hidden)]
pub const KF_PERFMON: u32 = REFUSED;

/// Not a flag of the kernel. An option that the kernel lacks sets it, and does not compile.
#[doc(hidden)]
pub const REFUSED: u32 = 1 << 31;

#[cfg(kernel_has_KF_SPINLOCK_SAFE)]
#[doc(hidden)]
pub use kernel::bindings::KF_SPINLOCK_SAFE;
/// The option `spinlock_safe` does nothing: the verifier accepts no call of a module's kfunc under
/// `bpf_spin_lock()`.
#[cfg(not(kernel_has_KF_SPINLOCK_SAFE))]
#[doc(hidden)]
pub const KF_SPINLOCK_SAFE: u32 = 0;

/// Whether the verifier and the JIT are those of 7.3. A kernel with arena arguments has them.
const IS_7_3: bool = cfg!(kernel_has_BTF_FMODEL_ARENA_ARG);

const fn before_7_3(why: &'static str) -> &'static str {
    if IS_7_3 {
        ""
    } else {
        why
    }
}

/// Why a kfunc cannot take an `Arena`. The verifier of 7.2 ignores the suffix `__arena`, and
/// accepts any memory of one byte.
pub(crate) const ARENA: &str =
    before_7_3("this kernel does not support arena arguments; Linux 7.3 does");

/// Why a kfunc cannot take a pointer or null. The verifier of 7.2 does not mark null as precise
/// (`mark_arg_precision()`), and accepts a path on which the argument is another number.
pub(crate) const NULLABLE: &str = before_7_3(
    "the verifier of this kernel accepts numbers in place of null; take a pointer that is not \
     null, or require Linux 7.3",
);

/// The largest number of maps that a kfunc can take. If it takes two, the verifier of 7.2 reads the
/// record of a map, which may be an error pointer.
pub(crate) const MAPS: usize = if IS_7_3 { 12 } else { 1 };

/// Why an iterator cannot yield empty arrays: the verifier of 7.2 takes the size 0 for an unknown
/// size, and rejects the call.
pub(crate) const EMPTY_ITEMS: Option<&str> = if IS_7_3 {
    None
} else {
    Some("the verifier of this kernel rejects empty arrays; yield a `u8`, or require Linux 7.3")
};

/// The largest number of arguments of a struct_ops member. The trampolines of 7.2 pass a wrong
/// word for an argument on the stack (`save_args()` on x86).
#[doc(hidden)]
pub const MEMBER_ARGS: usize = if IS_7_3 { 12 } else { 6 };

/// The largest number of members of a table. `btf_ctx_access()` takes the number of a member for an
/// `enum bpf_attach_type`, unless the kernel has the patches: for a number from
/// `BPF_TRACE_RAW_TP` on, it lets the program read the result of the function, which has not
/// returned yet. The patches for this declare nothing in headers, so the macro looks for the
/// declaration of another patch of the series.
#[doc(hidden)]
pub const MEMBERS: usize = if cfg!(kernel_has_bpf_insn_array_adjust_target) {
    64
} else {
    23
};

/// Whether a program may read a byte of lent memory that has the size 0. The verifier of 7.2
/// takes the size of the pointed type instead, which is 1.
pub(crate) const EMPTY_HAS_A_BYTE: bool = !IS_7_3;

const RCU: u32 = bindings::KF_RCU | bindings::KF_RCU_PROTECTED;

/// Returns whether `prog` may call kfuncs with `flags`.
///
/// In 7.2, the verifier takes a program that may not sleep for one RCU read-side critical section.
/// It verifies global functions of the program once, although a sleepable callback, which runs
/// without RCU, may call them. 7.3 verifies them for both cases (`called` in
/// `struct bpf_func_info_aux`).
#[doc(hidden)]
#[inline]
pub fn keeps_rcu(prog: &Prog, flags: u32) -> bool {
    if IS_7_3 || flags & RCU == 0 || prog.is_sleepable() {
        return true;
    }
    // SAFETY: The program is valid. The verifier calls filters in process context.
    !unsafe { rust_bpf_helper_calls_back_asleep(prog.as_raw().cast()) }
}

/// The mark of a kfunc whose contract the verifier of this kernel does not check, because the kernel
/// does not have the patches. So programs must not call the kfunc. Not a flag of the kernel.
#[doc(hidden)]
pub const UNCHECKED: u32 = 1 << 30;

/// The flags of a kfunc that takes a callback.
pub(crate) const CALLBACKS: u32 = if cfg!(kernel_has_bpf_callback_arm) {
    0
} else {
    UNCHECKED
};

/// The flags of kfuncs between which a program holds a lock.
#[cfg(kernel_has_KF_REGION_NOFAULT)]
mod regions {
    #[doc(hidden)]
    pub use kernel::bindings::KF_ITER_RELEASE;
    pub(crate) use kernel::bindings::{
        KF_REGION_LEAVE,
        KF_REGION_NOFAULT,
        KF_REGION_PREEMPT,
        KF_REGION_RCU, //
    };
}

#[cfg(not(kernel_has_KF_REGION_NOFAULT))]
mod regions {
    use super::UNCHECKED;

    pub(crate) const KF_REGION_LEAVE: u32 = UNCHECKED;
    pub(crate) const KF_REGION_NOFAULT: u32 = UNCHECKED;
    pub(crate) const KF_REGION_PREEMPT: u32 = UNCHECKED;
    pub(crate) const KF_REGION_RCU: u32 = UNCHECKED;
    #[doc(hidden)]
    pub const KF_ITER_RELEASE: u32 = UNCHECKED;
}

#[doc(hidden)]
pub use regions::KF_ITER_RELEASE;
pub(crate) use regions::{
    KF_REGION_LEAVE,
    KF_REGION_NOFAULT,
    KF_REGION_PREEMPT,
    KF_REGION_RCU, //
};

/// The flags of all regions, if the kernel has them.
#[doc(hidden)]
pub const REGIONS: u32 = if cfg!(kernel_has_KF_REGION_NOFAULT) {
    7 << 19
} else {
    0
};

/// Whether the verifier checks the contracts of all kfuncs.
pub(crate) const CHECKS_ALL: bool = (CALLBACKS | KF_REGION_NOFAULT) & UNCHECKED == 0;

/// Copies a list of kfuncs without those that have the mark [`UNCHECKED`]. Returns the copy, in the
/// format of the list, and the number of kfuncs that it lacks.
///
/// # Safety
///
/// `set` must point to a list of kfuncs.
pub(crate) unsafe fn without_unchecked(
    set: *const bindings::btf_id_set8,
) -> Result<(KVec<u32>, u32), AllocError> {
    // SAFETY: The caller passes a valid list.
    let (cnt, flags, pairs) = unsafe {
        let set = &*set;
        (set.cnt, set.flags, set.pairs.as_slice(set.cnt as usize))
    };
    let mut copy = KVec::new();
    let mut left: u32 = 0;
    copy.extend_from_slice(&[0, flags], GFP_KERNEL)?;
    for pair in pairs {
        if pair.flags & UNCHECKED == 0 {
            copy.extend_from_slice(&[pair.id, pair.flags], GFP_KERNEL)?;
            left = left.wrapping_add(1);
        }
    }
    if let Some(first) = copy.first_mut() {
        *first = left;
    }
    Ok((copy, cnt.wrapping_sub(left)))
}

/// Returns the filter of a set of kfuncs whose flags together are `flags`.
#[doc(hidden)]
pub const fn filter(flags: u32) -> bindings::btf_kfunc_filter_t {
    /// # Safety
    ///
    /// `prog` must be a valid program.
    unsafe extern "C" fn filter(prog: *const bindings::bpf_prog, _id: u32) -> kernel::ffi::c_int {
        // SAFETY: The caller promises that `prog` is a valid program.
        if keeps_rcu(unsafe { Prog::from_raw(prog) }, RCU) {
            0
        } else {
            EACCES.to_errno()
        }
    }

    if IS_7_3 || flags & RCU == 0 {
        None
    } else {
        Some(filter)
    }
}

/// Initializes `slot`, as `pin_init::raw_try_init()` does, which 7.2 lacks.
///
/// # Safety
///
/// - `slot` must be valid for writes, and no other code may use it during the call.
/// - If the function returns [`Ok`], the value must not move until it is dropped.
pub(crate) unsafe fn try_init<T: 'static, E>(
    slot: *mut T,
    init: impl PinInit<T, E>,
) -> Result<(), E> {
    // SAFETY: `slot` is valid for writes, and a `MaybeUninit` needs no value. Nothing keeps the
    // reference after `write_pin_init()`, so it may have any lifetime.
    let slot: &'static mut MaybeUninit<T> = unsafe { &mut *slot.cast() };
    slot.write_pin_init(init).map(drop)
}
