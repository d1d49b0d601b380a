// SPDX-License-Identifier: GPL-2.0

//! Structs of the kernel to which programs pass pointers: tasks, files, packets, sockets.
//!
//! The verifier knows the structs of the kernel from BTF, and follows the pointers to them in a
//! program. A kfunc takes such a pointer as one of these types:
//!
//! | parameter of the kfunc | argument that the program passes | in C |
//! | --- | --- | --- |
//! | [`Trusted<'_, T>`](Trusted) | a trusted pointer: from a tracepoint, an LSM hook, a member of a table, or an acquired reference; the context of a network program | |
//! | `Option<Trusted<'_, T>>` | a trusted pointer or `NULL` | `__nullable` |
//! | [`RcuPtr<'_, T>`](RcuPtr), for some types | an RCU pointer or a trusted pointer | `KF_RCU` |
//! | `Option<RcuPtr<'_, T>>`, for some types | the same or `NULL` | `KF_RCU`, `__nullable` |
//!
//! A member of a [`struct_ops`](mod@crate::struct_ops) table takes `Trusted<'_, T>` and
//! `Option<Trusted<'_, T>>`.
//!
//! `T` is a type of this crate, or a type that a module declares with
//! [`kernel_type!`](crate::kernel_type!):
//!
//! | `T` | in C | fields |
//! | --- | --- | --- |
//! | [`Task`](kernel::task::Task) | `struct task_struct` | [`task::Fields`](crate::task::Fields) |
//! | [`Credential`](kernel::cred::Credential) | `struct cred` | [`fs::CredFields`](crate::fs::CredFields) |
//! | [`File`](kernel::fs::File) | `struct file` | [`fs::FileFields`](crate::fs::FileFields) |
//! | [`fs::Inode`](crate::fs::Inode) | `struct inode` | its methods |
//! | [`fs::Dentry`](crate::fs::Dentry) | `struct dentry` | its methods |
//! | [`mm::Vma`](crate::mm::Vma) | `struct vm_area_struct` | its methods |
//! | [`mm::Mm`](crate::mm::Mm) | `struct mm_struct` | none |
//! | [`cgroup::Cgroup`](crate::cgroup::Cgroup) | `struct cgroup` | its methods |
//! | [`net::SkBuff`](crate::net::SkBuff) | `struct sk_buff` | its methods |
//! | [`net::XdpBuff`](crate::net::XdpBuff) | `struct xdp_buff` | its methods |
//! | [`net::Sock`](crate::net::Sock) | `struct sock` | its methods |
//! | [`net::NetDevice`](crate::net::NetDevice) | `struct net_device` | its methods |
//!
//! The verifier trusts some arguments of hooks and tracepoints that can be null. A kfunc with such
//! an argument does not run: its result is [`EFAULT`], `None` or 0.
//!
//! # RCU pointers
//!
//! A module cannot take RCU pointers to every type: the verifier has lists of fields that hold them,
//! and the lists promise too much.
//!
//! | `T` | RCU pointers | `RcuPtr<'_, T>` |
//! | --- | --- | --- |
//! | `Cgroup` | from the sets of a task; the kernel frees it after a grace period | yes |
//! | `File` | the executable of an address space; the memory stays a `struct file` | yes |
//! | `Task` | `real_parent` and `group_leader`: a task that is reaped keeps them, and the parent is freed before it | no |
//! | `Sock` | the socket of a packet: not every socket waits for a grace period | no |
//! | others | the verifier has none in a kernel that GCC compiled | no |
//!
//! # Trusted is not counted
//!
//! The struct stays allocated until the call returns, but its last reference may be gone: a
//! tracepoint can pass a task that is being freed. So [`Trusted`] gives no `&Task` and no `&File`,
//! from which safe code could make an [`ARef`](kernel::sync::aref::ARef) of a struct that nobody
//! holds. It gives the fields, by value. [`Trusted::try_get`] acquires a reference to a task that
//! still has one.
//!
//! A kfunc takes and returns `ARef` only for [`Object`](crate::Object)s. For a type of the kernel,
//! the verifier does not distinguish the references of this module from those of the kernel's
//! kfuncs, and a program may release one with the function for the other. So both must count the
//! same:
//!
//! | `T` | Rust counts | the kernel's kfuncs count | `ARef<T>` |
//! | --- | --- | --- | --- |
//! | `Task` | `usage` | `rcu_users` | no: another count; use [`TaskRef`](crate::task::TaskRef) |
//! | `File` | `f_ref` | `f_ref` | no: `fput()` must not run in an NMI, and the verifier lets every program drop a kfunc's `ARef` |
//! | `Credential` | `usage` | nothing | no: no kfunc of the kernel releases it |
//! | `Cgroup` | nothing | `self.refcnt` | no: the kernel crate has no `ARef` of it |
//! | others | nothing | nothing | no |
//!
//! # What this module does not do
//!
//! - It does not read a pointer in a struct: the lifetime of the target is a rule of the subsystem,
//!   which only an abstraction of the kernel crate knows. The program follows the pointer, and the
//!   verifier checks that.
//! - It does not write fields.
//! - It does not return pointers to structs of the kernel from kfuncs.
//!
//! C: `KF_ARG_PTR_TO_BTF_ID` in `kernel/bpf/verifier.c`; "Trusted pointers" in
//! `Documentation/bpf/kfuncs.rst`.

use crate::{
    compat,
    contract::{
        self,
        Contract,
        Programs, //
    },
    describe::Composed,
    kfunc::{
        is_pointer,
        kfunc_arg,
        KfuncArg,
        NoPointer,
        Passed, //
    },
    mem::fetch,
    object::{
        ObjectType,
        Pointee,
        RcuPtr, //
    },
    register::{
        Call,
        Content,
        Register, //
    },
    struct_ops::MemberArg, //
};
use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    prelude::*,
    types::Opaque, //
};

/// A struct of the kernel to which programs pass pointers.
///
/// # Safety
///
/// - The object file must have a description `pointer` of `BTF` for `scripts/rust-btf`, which
///   checks that the struct is the kernel's, that no program can make one in its own memory, and
///   that no program has it as its context, except `struct sk_buff` and `struct xdp_buff`.
/// - A `&Fields` that points to the struct must be valid while the memory of the struct is, for any
///   content.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no struct of the kernel",
    label = "use a type that `bpf::kernel_type` lists, or declare one with `kernel_type!`"
)]
pub unsafe trait KernelType: 'static {
    /// The type in BTF: `struct inode`.
    const BTF: &'static str;

    /// The programs that can pass a pointer to the struct.
    const PROGRAMS: Programs = contract::programs_of(Self::BTF);

    /// The fields that code can read without a reference.
    type Fields: 'static;
}

/// The memory of a struct of the kernel. For the code that `kernel_type!` generates.
#[doc(hidden)]
#[repr(transparent)]
pub struct Raw<T>(Opaque<T>);

impl<T> Raw<T> {
    /// Returns a pointer to the struct.
    #[inline(always)]
    pub fn get(&self) -> *const T {
        self.0.get()
    }
}

/// Reads a field, which other CPUs can write at the same time. For the code that `kernel_type!`
/// generates.
///
/// # Safety
///
/// `field` must be valid for reads. It can be unaligned.
#[doc(hidden)]
#[inline(always)]
pub unsafe fn read<T: FromBytes>(field: *const T) -> T {
    let mut value = MaybeUninit::<T>::uninit();
    // SAFETY: The caller promises that the field is valid. `value` is a new variable, so the two do
    // not overlap.
    unsafe { fetch(value.as_mut_ptr().cast(), field.cast(), size_of::<T>()) };
    // SAFETY: `fetch()` wrote all bytes, and all bytes are a valid `T`, which is `FromBytes`.
    unsafe { value.assume_init() }
}

/// A trusted pointer to a struct of the kernel.
///
/// The struct stays allocated until the call returns. The pointer holds no reference, and the last
/// reference to the struct may be gone. Reading fields does not sleep and takes no lock.
///
/// C: `struct t *arg`.
pub struct Trusted<'a, T: KernelType> {
    fields: &'a T::Fields,
}

impl<T: KernelType> Clone for Trusted<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: KernelType> Copy for Trusted<'_, T> {}

impl<T: KernelType> Deref for Trusted<'_, T> {
    type Target = T::Fields;

    fn deref(&self) -> &T::Fields {
        self.fields
    }
}

impl<'a, T: KernelType> Trusted<'a, T> {
    /// Makes a trusted pointer of the address of a struct.
    ///
    /// # Safety
    ///
    /// `ptr` must point to a struct `T::BTF` whose memory stays allocated for `'a`, as for the
    /// argument of a tracepoint.
    pub(crate) unsafe fn from_raw(ptr: *const T::Fields) -> Self {
        // SAFETY: By the safety requirements of `KernelType`, the reference is valid while the
        // memory of the struct is.
        let fields = unsafe { &*ptr };
        Self { fields }
    }
}

impl<T: RcuType> Deref for RcuPtr<'_, T> {
    type Target = T::Fields;

    fn deref(&self) -> &T::Fields {
        // SAFETY: The critical section of the pointer has not ended, so the memory of the struct is
        // allocated. By the safety requirements of `KernelType`, the reference is then valid.
        unsafe { &*self.as_ptr().cast() }
    }
}

/// Holds the text of a pointer to a struct of the kernel.
struct Pointer<T: KernelType>(PhantomData<T>);

impl<T: KernelType> Pointer<T> {
    const COMPOSED: Composed = Composed::new(&["*const ", T::BTF]);
    const TEXT: &'static str = {
        let text: &'static Composed = &Self::COMPOSED;
        text.text()
    };
}

/// A struct of the kernel of which the verifier's RCU pointers are valid.
///
/// # Safety
///
/// Every RCU pointer to the struct that the verifier gives to a program (`BTF_TYPE_SAFE_RCU` and
/// `BTF_TYPE_SAFE_RCU_OR_NULL` in `kernel/bpf/verifier.c`, `rcu_protected_types` in
/// `kernel/bpf/btf.c`) must point to memory that stays a struct of this type until the RCU
/// read-side critical section ends.
#[diagnostic::on_unimplemented(
    message = "the verifier has no RCU pointers to a `{Self}` that are always valid",
    label = "take `Trusted<'_, T>`; `bpf::kernel_type` lists the types with RCU pointers"
)]
pub unsafe trait RcuType: KernelType {}

// SAFETY: The safety requirements of `KernelType` and `RcuType` are those of `Pointee`.
unsafe impl<T: RcuType> Pointee for T {
    const POINTER: &'static str = Pointer::<T>::TEXT;
    const PROGRAMS: Programs = T::PROGRAMS;
    type Error = NoPointer;

    #[inline(always)]
    unsafe fn pointer(register: u64) -> Result<NonNull<T>, NoPointer> {
        match NonNull::new(register as *mut T) {
            Some(ptr) if is_pointer(register) => Ok(ptr),
            _ => Err(NoPointer),
        }
    }
}

// SAFETY: The caller keeps the memory of the struct until the call ends.
unsafe impl<T: KernelType> Register for Trusted<'_, T> {
    const BTF: &'static str = Pointer::<T>::TEXT;
    const CONTENT: Content = Content::Object(&ObjectType::new::<T>(&[]));
    type Value<'a> = Trusted<'a, T>;
    type Abi = *const T::Fields;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Trusted<'a, T> {
        // SAFETY: The caller passes a pointer to a struct that is allocated until the call ends.
        unsafe { Trusted::from_raw(register as *const T::Fields) }
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self.fields
    }
}

// SAFETY: The caller keeps the memory of the struct until the call ends.
unsafe impl<T: KernelType> Register for Option<Trusted<'_, T>> {
    const BTF: &'static str = Pointer::<T>::TEXT;
    const CONTENT: Content = Content::ObjectOrNull(&ObjectType::new::<T>(&[]));
    type Value<'a> = Option<Trusted<'a, T>>;
    type Abi = *const T::Fields;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Option<Trusted<'a, T>> {
        is_pointer(register).then(|| {
            // SAFETY: The caller passes null, or a pointer to a struct that is allocated until the
            // call ends. The register is not null.
            unsafe { Trusted::from_raw(register as *const T::Fields) }
        })
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self.map_or(core::ptr::null(), Register::into_abi)
    }
}

// SAFETY: The verifier accepts a trusted pointer to the struct, or to a struct that begins with it
// (`process_kf_arg_ptr_to_btf_id()`). A trusted pointer is valid until the program ends, or until
// the program releases the reference that it came from, or it is null or an error number, which the
// code below rejects. `scripts/rust-btf` checks that the struct has a member that is no scalar, so
// the pointer cannot point to memory of the program, and that the struct is no program's context.
// For the two structs that are, `PROGRAMS` excludes the programs with another context.
unsafe impl<T: KernelType> KfuncArg for Trusted<'_, T> {
    const CONTRACT: Contract = Contract::pointer(<Self as Register>::BTF)
        .trusted()
        .only_for(T::PROGRAMS);
    type Value<'a> = Trusted<'a, T>;
    type Error = NoPointer;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        call: &Call,
        function: impl FnOnce(Trusted<'_, T>) -> R,
        fail: impl FnOnce(NoPointer) -> R,
    ) -> R {
        let register = passed.register();
        if !is_pointer(register) {
            return fail(NoPointer);
        }
        // SAFETY: The verifier accepted the register, and it is a pointer.
        function(unsafe { <Self as Register>::from_register(register, call) })
    }
}

// SAFETY: The verifier accepts a trusted pointer to the struct, as for `Trusted`, and null
// (`is_kfunc_arg_nullable()`).
kfunc_arg!({T: KernelType} Option<Trusted<'_, T>> =>
    Contract::pointer(<Self as Register>::BTF)
        .suffix("__nullable")
        .trusted()
        .only_for(T::PROGRAMS)
        .refused(compat::NULLABLE));

// SAFETY: The verifier takes a pointer to a struct in the context of a struct_ops program as
// trusted and not null (`btf_ctx_access()`). The lifetime of the argument keeps the memory until
// the call ends.
unsafe impl<T: KernelType> MemberArg for Trusted<'_, T> {}

// SAFETY: The verifier lets the program use the pointer after a test for null (`PTR_MAYBE_NULL`).
// The lifetime of the argument keeps the memory until the call ends.
unsafe impl<T: KernelType> MemberArg for Option<Trusted<'_, T>> {}
