// SPDX-License-Identifier: GPL-2.0

//! Objects: values with a reference count, to which BPF programs hold pointers.
//!
//! An [`Object<T>`] is a `T` with a reference count. Rust code holds a reference as an `ARef`; a
//! program holds a reference in a register or in a map. After the last reference is released and an
//! RCU grace period has passed, the crate drops the `T` and frees the object.
//!
//! This module does not find objects by a key (see [`registry`](crate::registry)) and does not lock
//! their fields (see [`lock`](crate::lock)).
//!
//! A kfunc takes and returns objects as these types:
//!
//! | parameter of the kfunc | argument that the program passes | in C |
//! | --- | --- | --- |
//! | `&Object<T>` | a trusted pointer: the program holds a reference | |
//! | `Option<&Object<T>>` | a trusted pointer or `NULL` | `__nullable` |
//! | `ARef<Object<T>>`, first parameter only | a reference, which the kfunc releases | `KF_RELEASE` |
//! | [`RcuPtr<'_, Object<T>>`](RcuPtr) | an RCU pointer or a trusted pointer | `KF_RCU` |
//!
//! | result of the kfunc | result that the program gets | in C |
//! | --- | --- | --- |
//! | `ARef<Object<T>>` | a reference, which the program must release | `KF_ACQUIRE` |
//! | `Option<ARef<Object<T>>>` | a reference or `NULL`; the program must test for `NULL` | `KF_ACQUIRE`, `KF_RET_NULL` |
//! | `Option<RcuPtr<'_, Object<T>>>` | a pointer that is valid until the program leaves its RCU read-side critical section, or `NULL` | `KF_RCU_PROTECTED`, `KF_RET_NULL` |
//!
//! For pointers to structs of the kernel, see [`kernel_type`](mod@crate::kernel_type).
//!
//! `T` derives [`BtfType`] with `#[btf(object)]`. A program that has a pointer to the object can
//! read the fields marked `#[btf]`; the other fields of `T` are not in BTF. A field marked
//! `#[btf(write)]` is an atomic. A program that implements a struct_ops table of the module, and to
//! which the module passes the object, can also write that field (see
//! [`struct_ops`](mod@crate::struct_ops)). A program can store a reference in a map value
//! (`struct t __kptr *`) if [`kfunc_set!`](crate::kfunc_set) names the type.
//!
//! # Examples
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
//! /// A counter that programs share.
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_counter")]
//! struct Counter {
//!     #[btf]
//!     id: u32,
//!     count: Atomic<u64>,
//! }
//!
//! #[kfunc]
//! fn bpf_counter_new(id: u32) -> Option<ARef<Object<Counter>>> {
//!     Object::new(Counter { id, count: Atomic::new(0) }).ok()
//! }
//!
//! #[kfunc]
//! fn bpf_counter_add(counter: &Object<Counter>, value: u64) -> u64 {
//!     counter.count.fetch_add(value, Relaxed)
//! }
//!
//! #[kfunc]
//! fn bpf_counter_release(counter: ARef<Object<Counter>>) {
//!     drop(counter);
//! }
//! ```
//!
//! # Context
//!
//! Code can create an object and release its last reference in any context, NMI included. The crate
//! drops the `T` later, in an RCU callback. So the `Drop` of `T` must not sleep, and must not wait
//! for a lock that the code that runs a program may hold: see [`lock`](crate::lock).
//!
//! # Weak references and registries
//!
//! A [`Weak`] reference does not keep an object alive. `#[btf(object, registry = 64)]` gives a type
//! a [`registry`](crate::registry), in which programs find objects by a key.
//!
//! # Gaps in the verifier's checks
//!
//! - The verifier treats a pointer that a kfunc returns without a reference as valid until the
//!   program ends. So a kfunc can return a pointer without a reference only as an [`RcuPtr`], which
//!   the program can use only in its RCU read-side critical section.
//! - The verifier accepts any memory of the program for a pointer to a struct that has only scalars
//!   in BTF (`__btf_type_is_scalar_struct()`). So the last member of every object, `__opaque`, is
//!   not a scalar.
//! - The verifier lets a program read at any offset behind a struct whose last member is an array
//!   of zero integers or structs, because `btf_struct_walk()` treats the array as a flexible array.
//!   So `__opaque` is an array of zero pointers, which `btf_struct_walk()` does not treat so.
//! - The verifier releases the reference in the first argument and nothing else. Another argument
//!   may point to the same object, or into the object. The `#[kfunc]` macro therefore holds one
//!   more reference until the call ends, if the kfunc has such an argument.
//!
//! C headers: [`include/linux/btf.h`](srctree/include/linux/btf.h),
//! [`include/linux/refcount.h`](srctree/include/linux/refcount.h)

use crate::{
    compat,
    contract::{
        Contract,
        Programs, //
    },
    header::{
        Header,
        Reclaim, //
    },
    helpers::{
        rust_bpf_helper_object_get,
        rust_bpf_helper_object_put, //
    },
    kfunc::{
        kfunc_arg,
        kfunc_ret,
        Kept,
        KfuncArg,
        KfuncRet,
        Passed, //
    },
    kfunc_set::Dtor,
    register::{
        Call,
        Content,
        Register, //
    },
    types::{
        BtfType,
        Pointer,
        Writable, //
    }, //
};
use core::{
    any::TypeId,
    convert::Infallible,
    ffi::c_void,
    marker::PhantomData,
    mem::offset_of,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    sync::{
        aref::{
            ARef,
            AlwaysRefCounted, //
        },
        atomic::{
            Acquire, //
        },
        rcu, //
    }, //
};

/// A type whose values can be in an [`Object`]. `#[derive(BtfType)]` implements the trait.
///
/// # Safety
///
/// - The BTF declaration of the type must name only scalar fields, and one member that is not a
///   scalar.
/// - `DTOR` must point to the BTF ids of the struct and of a function that releases a reference to
///   an `Object<Self>`.
/// - `WRITABLE` must name fields of the type.
/// - `reclaim` must return a static that was made for the type, in the module that contains the
///   code of the type.
pub unsafe trait BtfObject: BtfType + Send + Sync + 'static {
    /// The destructor by which the kernel releases references that maps hold.
    const DTOR: *const bindings::btf_id_dtor_kfunc;

    /// The fields that programs of struct_ops tables may write.
    const WRITABLE: &'static [Field];

    /// Returns the static by which the crate frees objects of the type.
    fn reclaim() -> &'static Reclaim;
}

/// A field of an object that programs may write.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The offset of the field in the object, in bytes.
    offset: usize,
    /// The size of the field in bytes.
    size: usize,
}

impl Field {
    /// Describes the field of type `T` at `offset` bytes. For the code that `#[derive(BtfType)]`
    /// generates.
    ///
    /// # Safety
    ///
    /// The object must have a field of type `T` at `offset`.
    #[doc(hidden)]
    pub const unsafe fn new<T: Writable>(offset: usize) -> Self {
        Self {
            offset,
            size: size_of::<T>(),
        }
    }
}

/// The type of an object, for comparisons at run time.
#[derive(Clone, Copy, Debug)]
pub struct ObjectType {
    id: fn() -> TypeId,
    writable: &'static [Field],
}

impl ObjectType {
    pub(crate) const fn new<T: 'static>(writable: &'static [Field]) -> Self {
        Self {
            id: TypeId::of::<T>,
            writable,
        }
    }

    /// Returns whether programs may write a field of the type.
    pub(crate) const fn is_writable(&self) -> bool {
        !self.writable.is_empty()
    }

    /// Returns whether a program may write `size` bytes at `offset` (in bytes). Only a write of one
    /// whole writable field is allowed.
    pub(crate) fn may_write(&self, offset: usize, size: usize) -> bool {
        let mut fields = self.writable.iter();
        fields.any(|field| field.offset == offset && field.size == size)
    }
}

// Types are compared by their `TypeId`: two modules may have different types of the same name.
impl PartialEq for ObjectType {
    fn eq(&self, other: &Self) -> bool {
        (self.id)() == (other.id)()
    }
}

impl Eq for ObjectType {}

/// A `T` with a reference count.
///
/// `ARef<Object<T>>` is a reference to the object.
#[repr(C)]
pub struct Object<T> {
    // The first field, so that a pointer to the object is also a pointer to the struct in BTF.
    data: T,
    pub(crate) header: Header,
}

// SAFETY: A `&Object<T>` gives access to the `T`, which is `Sync`, and to the header. The fields of
// the header that change are atomic, except `rcu`, which is in use only after the release of the
// last reference.
unsafe impl<T: Sync> Sync for Object<T> {}

// SAFETY: Any CPU may run the RCU callback that drops the `T`, which is `Send`.
unsafe impl<T: Send> Send for Object<T> {}

impl<T: BtfObject> Object<T> {
    /// The offset of the header in bytes.
    pub(crate) const HEADER: usize = offset_of!(Self, header);

    /// The type of this object, for comparisons at run time.
    pub(crate) const TYPE: &'static ObjectType = &ObjectType::new::<T>(T::WRITABLE);

    /// Creates an object with the value `data`. Returns the first reference to the object.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]: the allocation fails, or too many objects without references wait for a grace
    /// period (16 MiB for each CPU).
    ///
    /// # Context
    ///
    /// Any, NMI included. Does not sleep. The memory comes from `kmalloc_nolock()`, which does not
    /// wait for a lock, and therefore fails more often than other allocators.
    pub fn new(data: T) -> Result<ARef<Self>> {
        Self::pin_init(data)
    }

    /// Creates an object whose value `init` initializes in its place. Returns the first reference
    /// to the object. Use it for a `T` that must not move, for example a `T` with a lock or a list
    /// node.
    ///
    /// # Errors
    ///
    /// - [`ENOMEM`], as for [`new`](Self::new).
    /// - The errors of `init`.
    ///
    /// # Context
    ///
    /// Any context that `init` allows.
    pub fn pin_init<E>(init: impl PinInit<T, E>) -> Result<ARef<Self>>
    where
        Error: From<E>,
    {
        const {
            // `kfree_rcu()` takes an offset of 4096 or more for the address of a function.
            assert!(
                Self::HEADER + Header::RCU < 4096,
                "an object with its counts has at most 4 KiB; put larger data into a box"
            );
            assert!(
                align_of::<Self>() <= 8,
                "an object is aligned to 8 bytes; put data with a larger alignment into a box"
            );
        }
        let header = Header::allocate(T::reclaim()).ok_or(ENOMEM)?;
        // SAFETY: `allocate` returns the header of an object of this type, at offset `HEADER`.
        let object = unsafe { header.byte_sub(Self::HEADER) }.cast::<Self>();
        // SAFETY: The memory has room for the `T`, which stays there until it is dropped.
        if let Err(err) = unsafe { compat::try_init(&raw mut (*object.as_ptr()).data, init) } {
            // SAFETY: `allocate` just returned the header, and the object has no value.
            unsafe { Header::free_unused(header) };
            return Err(err.into());
        }
        // SAFETY: `allocate` set the count to 1; the `ARef` takes over this reference.
        Ok(unsafe { ARef::from_raw(object) })
    }

    /// Drops the value, but not the header.
    ///
    /// # Safety
    ///
    /// `object` must point to an object whose value no other code uses any more.
    pub(crate) unsafe extern "C" fn drop_value(object: *mut c_void) {
        // SAFETY: The caller has the only pointer to the value.
        unsafe { (&raw mut (*object.cast::<Self>()).data).drop_in_place() };
    }

    /// Returns whether the object has a reference.
    pub(crate) fn is_alive(&self) -> bool {
        self.header.refs.as_atomic().load(Acquire) != 0
    }

    /// Acquires a reference. Returns [`None`] if the last reference was released.
    ///
    /// # Safety
    ///
    /// RCU, or a count in `weak`, must keep the memory of the object allocated.
    pub(crate) unsafe fn try_get(object: NonNull<Self>) -> Option<ARef<Self>> {
        // SAFETY: The caller keeps the memory allocated, and the header is at offset `HEADER`.
        let object = unsafe { rust_bpf_helper_object_get(object.as_ptr().cast(), Self::HEADER) };
        // SAFETY: The pointer is not null, so the helper added a reference; the `ARef` takes it
        // over.
        NonNull::new(object.cast::<Self>()).map(|object| unsafe { ARef::from_raw(object) })
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

// SAFETY: The crate drops the value and frees the memory only after the count, which begins with 1,
// is 0.
unsafe impl<T: BtfObject> AlwaysRefCounted for Object<T> {
    fn inc_ref(&self) {
        self.header.refs.inc();
    }

    unsafe fn dec_ref(object: NonNull<Self>) {
        // SAFETY: The caller gives up a reference. The helper may be called in any context. For the
        // last reference, the helper queues an RCU callback, which runs code of a module. The
        // notifier in `rust/helpers/free.c` delays the unload of the module until all its callbacks
        // have ended.
        unsafe { rust_bpf_helper_object_put(&raw const (*object.as_ptr()).header) };
    }
}

/// A weak reference: it keeps the memory of an object allocated, but not the value alive.
///
/// [`upgrade`](Weak::upgrade) returns a reference while the object has another reference.
///
/// # Context
///
/// A weak reference can be created, upgraded and dropped in any context, NMI included.
///
/// # Invariants
///
/// The weak reference owns one of the counts in the object's `weak`.
pub struct Weak<T: BtfObject>(NonNull<Object<T>>);

// SAFETY: `upgrade` gives any thread access to the `Object<T>`, which is `Send` and `Sync`.
unsafe impl<T: BtfObject> Send for Weak<T> {}

// SAFETY: `upgrade` gives any thread access to the `Object<T>`, which is `Send` and `Sync`.
unsafe impl<T: BtfObject> Sync for Weak<T> {}

impl<T: BtfObject> Weak<T> {
    /// Returns a reference to the object, or [`None`] if the last reference was released.
    pub fn upgrade(&self) -> Option<ARef<Object<T>>> {
        // SAFETY: By the type invariants, `self` owns a count in `weak`.
        unsafe { Object::try_get(self.0) }
    }
}

impl<T: BtfObject> From<&Object<T>> for Weak<T> {
    fn from(object: &Object<T>) -> Self {
        object.header.get_memory();
        // INVARIANT: `get_memory` added the count in `weak`.
        Self(NonNull::from(object))
    }
}

impl<T: BtfObject> Clone for Weak<T> {
    fn clone(&self) -> Self {
        // SAFETY: By the type invariants, `self` owns a count, so the memory is allocated.
        unsafe { (*self.0.as_ptr()).header.get_memory() };
        // INVARIANT: `get_memory` added the count in `weak`.
        Self(self.0)
    }
}

impl<T: BtfObject> Drop for Weak<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, `self` owns a count, which is given up here; until then
        // the header is valid.
        unsafe {
            let header = NonNull::new_unchecked(&raw mut (*self.0.as_ptr()).header);
            Header::put_memory(header, false);
        }
    }
}

/// A token, for which the program passes no argument. The verifier lets a program call a kfunc that
/// takes `&rcu::Guard` only in an RCU read-side critical section (`KF_RCU_PROTECTED`).
// SAFETY: The program passes no argument. The verifier checks that the program is in an RCU
// read-side critical section (`in_rcu_cs()`), and invalidates the result of the kfunc at the end of
// the section.
unsafe impl KfuncArg for &rcu::Guard {
    const CONTRACT: Contract = Contract::nothing().with_flags(bindings::KF_RCU_PROTECTED);
    type Value<'a> = &'a rcu::Guard;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        _passed: Passed<Self>,
        call: &Call,
        function: impl FnOnce(&rcu::Guard) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        // SAFETY: The program is in an RCU read-side critical section until the call ends.
        function(unsafe { rcu_guard(call) })
    }
}

/// Returns a guard for an RCU read-side critical section that the caller has entered and leaves.
///
/// # Safety
///
/// The caller must be in an RCU read-side critical section until the call ends.
#[inline(always)]
pub(crate) unsafe fn rcu_guard(_: &Call) -> &rcu::Guard {
    const { assert!(size_of::<rcu::Guard>() == 0) };
    // SAFETY: `Guard` has size 0, so any aligned pointer is valid. The invariant of `Guard` holds
    // because the caller is in an RCU read-side critical section.
    unsafe { NonNull::dangling().as_ref() }
}

/// A type to which BPF programs have pointers under RCU.
///
/// # Safety
///
/// `POINTER` must be the pointer to a struct that has a member which is not a scalar, and that is
/// no context of the programs in `PROGRAMS` other than this struct. The memory of a value must stay
/// valid until all RCU readers to which the verifier gave an RCU pointer have left their critical
/// sections.
pub unsafe trait Pointee: Sized {
    /// The pointer to the type in BTF, in the language of `scripts/rust-btf`.
    const POINTER: &'static str;

    /// The programs that can pass such a pointer.
    const PROGRAMS: Programs = Programs::All;

    /// The error if the register is no pointer: [`Infallible`], or
    /// [`NoPointer`](crate::kfunc::NoPointer).
    type Error;

    /// Returns the pointer in a register.
    ///
    /// # Safety
    ///
    /// The verifier must have accepted the register for a pointer of this type that is not null.
    unsafe fn pointer(register: u64) -> Result<NonNull<Self>, Self::Error>;
}

// SAFETY: The last member of the struct, `__opaque`, is no scalar. The struct is the module's, and
// no context. The crate frees the memory of an object after a grace period.
unsafe impl<T: BtfObject> Pointee for Object<T> {
    const POINTER: &'static str = Pointer::<Object<T>>::TEXT;
    type Error = Infallible;

    #[inline(always)]
    unsafe fn pointer(register: u64) -> Result<NonNull<Self>, Infallible> {
        // SAFETY: All pointers to the struct come from kfuncs of this crate, and the verifier makes
        // the program test them for null.
        Ok(unsafe { NonNull::new_unchecked(register as *mut Self) })
    }
}

/// A type to which BPF programs hold references.
///
/// # Safety
///
/// `try_get` must return a reference only if it acquired one.
pub unsafe trait Referenced: Pointee {
    /// The owner of a reference. It can be dropped in any context, NMI included.
    type Held;

    /// Acquires a reference. Returns [`None`] if the last reference was released.
    ///
    /// # Safety
    ///
    /// RCU must keep the memory of the object allocated.
    unsafe fn try_get(object: NonNull<Self>) -> Option<Self::Held>;
}

// SAFETY: `Object::try_get` returns a reference only if it acquired one.
unsafe impl<T: BtfObject> Referenced for Object<T> {
    type Held = ARef<Self>;

    unsafe fn try_get(object: NonNull<Self>) -> Option<ARef<Self>> {
        // SAFETY: The caller says that RCU keeps the memory of the object allocated.
        unsafe { Object::try_get(object) }
    }
}

/// A pointer to an object, valid until the end of the RCU read-side critical section `'a`.
///
/// The last reference to the object may have been released already. [`try_get`](RcuPtr::try_get)
/// acquires a reference if the object still has one. Code can read the value of an [`Object`], and
/// the fields of a [struct of the kernel](mod@crate::kernel_type), without a reference.
pub struct RcuPtr<'a, T> {
    ptr: NonNull<T>,
    _reader: PhantomData<&'a ()>,
}

impl<T: Referenced> RcuPtr<'_, T> {
    /// Acquires a reference to the object. Returns [`None`] if the last reference was released.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn try_get(&self) -> Option<T::Held> {
        // SAFETY: The critical section of the pointer has not ended, so RCU keeps the memory of the
        // object allocated.
        unsafe { T::try_get(self.ptr) }
    }
}

impl<T> RcuPtr<'_, T> {
    pub(crate) fn as_ptr(&self) -> *const T {
        self.ptr.as_ptr()
    }
}

impl<'a, T: BtfObject> RcuPtr<'a, Object<T>> {
    /// Returns a pointer to `object` that is valid until the critical section of `_guard` ends,
    /// even after the borrow of `object` has ended.
    pub fn new(object: &Object<T>, _guard: &'a rcu::Guard) -> Self {
        Self {
            ptr: NonNull::from(object),
            _reader: PhantomData,
        }
    }
}

impl<T: BtfObject> Deref for RcuPtr<'_, Object<T>> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The critical section of the pointer has not ended, and the value is dropped only
        // after a grace period.
        &unsafe { self.ptr.as_ref() }.data
    }
}

// SAFETY: An object begins with its `T`.
unsafe impl<T: BtfObject> BtfType for Object<T> {
    const BTF: &'static str = T::BTF;
    const SCALARS: Option<u32> = None;
}

// SAFETY: The caller holds a reference to the object until the call ends.
unsafe impl<T: BtfObject> Register for &Object<T> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const CONTENT: Content = Content::Object(Object::<T>::TYPE);
    type Value<'a> = &'a Object<T>;
    type Abi = *const Object<T>;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> &'a Object<T> {
        // SAFETY: The caller passes a pointer to an object that lives until the call ends.
        unsafe { &*(register as *const Object<T>) }
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self
    }
}

// SAFETY: The caller holds a reference to the object until the call ends.
unsafe impl<T: BtfObject> Register for Option<&Object<T>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const CONTENT: Content = Content::ObjectOrNull(Object::<T>::TYPE);
    type Value<'a> = Option<&'a Object<T>>;
    type Abi = *const Object<T>;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Option<&'a Object<T>> {
        // SAFETY: The caller passes null, or a pointer to an object that lives until the call ends.
        unsafe { (register as *const Object<T>).as_ref() }
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self.map_or(core::ptr::null(), core::ptr::from_ref)
    }
}

// SAFETY: The receiver of the register takes over the reference.
unsafe impl<T: BtfObject> Register for ARef<Object<T>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const CONTENT: Content = Content::Reference(Object::<T>::TYPE);
    type Value<'a> = ARef<Object<T>>;
    type Abi = *const Object<T>;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> ARef<Object<T>> {
        // SAFETY: The caller passes a pointer that is not null, with a reference for the `ARef`.
        unsafe { ARef::from_raw(NonNull::new_unchecked(register as *mut Object<T>)) }
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        ARef::into_raw(self).as_ptr()
    }
}

// SAFETY: The receiver of the register takes over the reference, unless the register is null.
unsafe impl<T: BtfObject> Register for Option<ARef<Object<T>>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const CONTENT: Content = Content::ReferenceOrNull(Object::<T>::TYPE);
    type Value<'a> = Option<ARef<Object<T>>>;
    type Abi = *const Object<T>;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Option<ARef<Object<T>>> {
        let object = NonNull::new(register as *mut Object<T>)?;
        // SAFETY: The caller passes a pointer with a reference, which the `ARef` takes over.
        Some(unsafe { ARef::from_raw(object) })
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self.map_or(core::ptr::null(), Register::into_abi)
    }
}

// SAFETY: The verifier accepts a trusted pointer to the struct (`KF_ARG_PTR_TO_BTF_ID`). The struct
// has a member that is not a scalar, so the pointer cannot point to memory of the program. Every
// trusted pointer to the struct comes from a kfunc that returned a reference, and the program or a
// map still holds the reference. The struct is this module's, so these kfuncs are this module's,
// too. (For types of the kernel, see `task`.)
kfunc_arg!({T: BtfObject} &Object<T> => Contract::pointer(<Self as Register>::BTF).trusted());

// SAFETY: The verifier accepts a trusted pointer to the struct, as for `&Object<T>`, and null
// (`is_kfunc_arg_nullable()`).
kfunc_arg!({T: BtfObject} Option<&Object<T>> =>
    Contract::pointer(<Self as Register>::BTF).suffix("__nullable").trusted()
        .refused(compat::NULLABLE));

// SAFETY: The verifier accepts a pointer with a reference that the program holds. After the call,
// the program does not hold the reference any more (`release_reg()`).
kfunc_arg!({T: BtfObject} ARef<Object<T>> =>
    Contract::pointer(<Self as Register>::BTF).with_flags(bindings::KF_RELEASE).trusted(),

    #[inline(always)]
    fn keep(value: &Self::Value<'_>) -> Option<Kept> {
        /// # Safety
        ///
        /// The caller must call the function once, with the pointer that `Kept` below contains.
        unsafe fn put<T: BtfObject>(object: NonNull<c_void>) {
            // SAFETY: `Kept` owns a reference to the object, which is released here.
            drop(unsafe { ARef::<Object<T>>::from_raw(object.cast()) });
        }

        let object = ARef::into_raw(value.clone()).cast();
        // SAFETY: `clone` added a reference, which `put` releases.
        Some(unsafe { Kept::new(object, put::<T>) })
    }
);

// SAFETY: The verifier accepts a trusted pointer, or an RCU pointer if the program is in an RCU
// read-side critical section (`is_rcu_reg()`), which does not end before the call. The verifier
// does not accept null.
unsafe impl<T: Pointee> KfuncArg for RcuPtr<'_, T> {
    const CONTRACT: Contract = Contract::pointer(T::POINTER)
        .with_flags(bindings::KF_RCU)
        .only_for(T::PROGRAMS);
    type Value<'a> = RcuPtr<'a, T>;
    type Error = T::Error;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(RcuPtr<'_, T>) -> R,
        fail: impl FnOnce(T::Error) -> R,
    ) -> R {
        // SAFETY: The verifier accepted the register for a pointer that is not null.
        match unsafe { T::pointer(passed.register()) } {
            Ok(ptr) => function(RcuPtr {
                ptr,
                _reader: PhantomData,
            }),
            Err(err) => fail(err),
        }
    }
}

// SAFETY: The verifier accepts a pointer as for `RcuPtr`, also if it can be null, and a constant
// null (`is_kfunc_arg_nullable()`).
unsafe impl<T: Pointee> KfuncArg for Option<RcuPtr<'_, T>> {
    const CONTRACT: Contract = Contract::pointer(T::POINTER)
        .suffix("__nullable")
        .with_flags(bindings::KF_RCU)
        .only_for(T::PROGRAMS)
        .refused(compat::NULLABLE);
    type Value<'a> = Option<RcuPtr<'a, T>>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Option<RcuPtr<'_, T>>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        let register = passed.register();
        let ptr = if register == 0 {
            None
        } else {
            // SAFETY: The verifier accepted the register, which is not null.
            unsafe { T::pointer(register) }.ok()
        };
        function(ptr.map(|ptr| RcuPtr {
            ptr,
            _reader: PhantomData,
        }))
    }
}

// SAFETY: The verifier records that the program holds the reference (`acquire_reference()`).
kfunc_ret!({T: BtfObject} ARef<Object<T>> => bindings::KF_ACQUIRE,
    const DTOR: Option<Dtor> = Some(Dtor::of::<T>());
);

// SAFETY: The verifier records that the program holds the reference if the result is not null, and
// makes the program test for null.
kfunc_ret!({T: BtfObject} Option<ARef<Object<T>>> =>
    bindings::KF_ACQUIRE | bindings::KF_RET_NULL,
    const DTOR: Option<Dtor> = Some(Dtor::of::<T>());
);

// SAFETY: With `KF_RCU_PROTECTED`, the verifier accepts the call only in an RCU read-side critical
// section, and does not let the program use the pointer after the section (`MEM_RCU`).
unsafe impl<T: BtfObject> KfuncRet for Option<RcuPtr<'_, Object<T>>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const FLAGS: u32 = bindings::KF_RCU_PROTECTED | bindings::KF_RET_NULL;
    type Abi = *const Object<T>;

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self.map_or(core::ptr::null(), |object| object.as_ptr())
    }
}

/// Releases a reference that a map held. For the destructor that `#[derive(BtfType)]` generates.
///
/// # Safety
///
/// `object` must be null or point to an object of which the caller gives up a reference.
#[doc(hidden)]
pub unsafe fn drop_reference<T: BtfObject>(object: *mut c_void) {
    if let Some(object) = NonNull::new(object.cast::<Object<T>>()) {
        // SAFETY: The caller gives up a reference to the object.
        drop(unsafe { ARef::from_raw(object) });
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_object)]
mod tests {
    use super::*;
    use crate::{
        describe::Composed,
        BtfType, //
    };
    use kernel::sync::atomic::{
        Atomic,
        Relaxed, //
    };

    /// The number of values that were dropped.
    static DROPS: Atomic<u32> = Atomic::new(0);

    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_thing")]
    struct Thing {
        secret: u64,
        #[btf]
        id: u32,
        #[btf]
        label: [u8; 3],
    }

    impl Drop for Thing {
        fn drop(&mut self) {
            DROPS.add(1, Relaxed);
        }
    }

    fn thing() -> Result<ARef<Object<Thing>>> {
        DROPS.store(0, Relaxed);
        let thing = Thing {
            secret: u64::MAX,
            id: 7,
            label: [1, 2, 3],
        };
        Object::new(thing)
    }

    fn refs(object: &Object<Thing>) -> i32 {
        object.header.refs.as_atomic().load(Relaxed)
    }

    /// Returns the number of dropped values after all pending RCU callbacks have run.
    fn drops() -> u32 {
        rcu::rcu_barrier();
        DROPS.load(Relaxed)
    }

    /// Returns the Rust value that a function gets for `pointer` in a register.
    ///
    /// # Safety
    ///
    /// `pointer` must meet the requirements of [`Register::from_register`].
    unsafe fn arg<'a, T: Register>(pointer: *const Object<Thing>) -> T::Value<'a> {
        // SAFETY: The caller meets the requirements of `from_register`.
        unsafe { T::from_register(pointer as u64, &Call) }
    }

    /// Returns the [`RcuPtr`] that a function gets for `pointer`.
    ///
    /// # Safety
    ///
    /// The object must live as long as the [`RcuPtr`] is used.
    unsafe fn rcu_arg<'a>(pointer: *const Object<Thing>) -> RcuPtr<'a, Object<Thing>> {
        RcuPtr {
            // SAFETY: The caller passes a pointer to an object, so it is not null.
            ptr: unsafe { NonNull::new_unchecked(pointer.cast_mut()) },
            _reader: PhantomData,
        }
    }

    #[test]
    fn a_program_writes_only_whole_writable_fields() {
        const TYPE: ObjectType = ObjectType::new::<u8>(&[
            Field { offset: 8, size: 4 },
            Field {
                offset: 16,
                size: 8,
            },
        ]);
        assert!(TYPE.is_writable());
        for (offset, size) in [(8, 4), (16, 8)] {
            assert!(TYPE.may_write(offset, size));
        }
        for (offset, size) in [
            (0, 4),
            (8, 1),
            (8, 2),
            (8, 8),
            (9, 4),
            (12, 4),
            (16, 4),
            (20, 4),
        ] {
            assert!(!TYPE.may_write(offset, size));
        }
        assert!(!Object::<Thing>::TYPE.is_writable());
    }

    #[test]
    fn btf_contains_only_the_marked_fields() {
        assert_eq!(
            Thing::DECLARATION,
            "struct bpf_kunit_thing 16 { id 8 u32, label 12 [3]u8, __opaque 16 [0]*void }"
        );
        assert_eq!(Thing::SCALARS, None);
        assert_eq!(Object::<Thing>::SCALARS, None);
        assert_eq!(<Object<Thing> as BtfType>::BTF, "struct bpf_kunit_thing");
        // A pointer to the object is a pointer to the value.
        assert_eq!(offset_of!(Object<Thing>, data), 0);
    }

    #[test]
    fn releasing_the_last_reference_drops_the_value_once() -> Result {
        let first = thing()?;
        assert_eq!(refs(&first), 1);
        assert_eq!(
            (first.secret, first.id, first.label),
            (u64::MAX, 7, [1, 2, 3])
        );
        let second = first.clone();
        let third: ARef<Object<Thing>> = (&*second).into();
        assert_eq!(refs(&first), 3);
        drop(first);
        drop(third);
        assert_eq!(refs(&second), 1);
        assert_eq!(drops(), 0);
        drop(second);
        assert_eq!(drops(), 1);
        Ok(())
    }

    #[test]
    fn the_value_is_dropped_after_the_rcu_readers() -> Result {
        let object = thing()?;

        // No assertions in the critical section: a failed assertion would not leave it.
        let reader = rcu::read_lock();
        // SAFETY: The code is in an RCU read-side critical section, until the last use of `rcu`.
        let rcu = RcuPtr::new(&object, unsafe { rcu_guard(&Call) });
        let held = rcu.try_get();
        let counted = refs(&object);
        drop(held);
        drop(object);
        let late = rcu.try_get().is_some();
        let seen = (rcu.secret, rcu.id, DROPS.load(Relaxed));
        drop(reader);

        assert_eq!(counted, 2);
        assert!(!late);
        assert_eq!(seen, (u64::MAX, 7, 0));
        assert_eq!(drops(), 1);
        Ok(())
    }

    #[test]
    fn try_get_succeeds_only_while_the_count_is_not_zero() -> Result {
        let object = thing()?;
        // SAFETY: `object` is a reference.
        let rcu = unsafe { rcu_arg(&*object) };
        let count = object.header.refs.as_atomic();

        for before in [1, 2, i32::MAX - 1] {
            count.store(before, Relaxed);
            // The test does not release this reference, because it sets the count by hand.
            let held = rcu.try_get().map(ARef::into_raw);
            assert_eq!(held, Some(NonNull::from(&*object)));
            assert_eq!(count.load(Relaxed), before + 1);
        }
        count.store(0, Relaxed);
        assert!(rcu.try_get().is_none());
        assert_eq!(count.load(Relaxed), 0);

        count.store(1, Relaxed);
        drop(object);
        assert_eq!(drops(), 1);
        Ok(())
    }

    #[test]
    fn a_borrowed_argument_leaves_the_count_unchanged() -> Result {
        let object = thing()?;
        let pointer: *const Object<Thing> = &*object;
        // SAFETY: `object` is a reference.
        let (lent, nullable, null, rcu) = unsafe {
            (
                arg::<&Object<Thing>>(pointer),
                arg::<Option<&Object<Thing>>>(pointer),
                arg::<Option<&Object<Thing>>>(core::ptr::null()),
                rcu_arg(pointer),
            )
        };
        assert_eq!(&raw const *lent, pointer);
        assert_eq!(nullable.map(core::ptr::from_ref), Some(pointer));
        assert!(null.is_none());
        assert_eq!(rcu.as_ptr(), pointer);
        assert_eq!(refs(&object), 1);
        drop(object);
        assert_eq!(drops(), 1);
        Ok(())
    }

    #[test]
    fn a_reference_argument_takes_over_the_reference() -> Result {
        let object = thing()?;
        let given = ARef::into_raw(object.clone()).as_ptr();
        // SAFETY: `given` comes with the reference that `clone` added.
        let taken = unsafe { arg::<ARef<Object<Thing>>>(given) };
        assert_eq!(refs(&object), 2);
        drop(taken);
        assert_eq!(refs(&object), 1);

        let given = ARef::into_raw(object).as_ptr();
        // SAFETY: `given` comes with a reference, as the pointer in a map value does.
        unsafe { drop_reference::<Thing>(given.cast()) };
        assert_eq!(drops(), 1);
        // SAFETY: The pointer is null, as in a map value without a reference.
        unsafe { drop_reference::<Thing>(core::ptr::null_mut()) };
        assert_eq!(drops(), 1);
        Ok(())
    }

    #[test]
    fn a_returned_reference_goes_to_the_program() -> Result {
        let object = thing()?;
        let pointer: *const Object<Thing> = &*object;
        assert_eq!(KfuncRet::into_abi(object.clone()), pointer);
        assert_eq!(KfuncRet::into_abi(Some(object.clone())), pointer);
        assert_eq!(refs(&object), 3);
        assert!(KfuncRet::into_abi(None::<ARef<Object<Thing>>>).is_null());

        // SAFETY: The guard protects only `object`, to which the test holds a reference.
        let reader = unsafe { rcu_guard(&Call) };
        let rcu = Some(RcuPtr::new(&object, reader)).into_abi();
        assert_eq!(rcu, pointer);
        assert!(None::<RcuPtr<'_, Object<Thing>>>.into_abi().is_null());
        assert_eq!(refs(&object), 3);

        for _ in 0..2 {
            // SAFETY: `into_abi` gave these two references to the program, which releases them.
            drop(unsafe { arg::<ARef<Object<Thing>>>(pointer) });
        }
        assert_eq!(refs(&object), 1);
        drop(object);
        assert_eq!(drops(), 1);
        Ok(())
    }

    #[test]
    fn a_weak_reference_does_not_keep_the_value_alive() -> Result {
        let object = thing()?;
        let weak = Weak::from(&*object);
        let other = weak.clone();
        assert_eq!(refs(&object), 1);
        let strong = weak.upgrade();
        assert_eq!(refs(&object), 2);
        drop(object);
        assert_eq!(drops(), 0);
        assert!(weak.upgrade().is_some());
        drop(strong);
        assert!(weak.upgrade().is_none());
        assert_eq!(drops(), 1);
        drop(weak);
        assert!(other.upgrade().is_none());
        Ok(())
    }

    /// A value that contains its own address.
    #[pin_data]
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_pinned")]
    struct Pinned {
        address: usize,
    }

    #[test]
    fn pin_init_initializes_the_value_in_its_final_place() -> Result {
        let init = pin_init!(&this in Pinned {
            address: this.as_ptr() as usize,
        });
        let object = Object::pin_init(init)?;
        assert_eq!(object.address, &raw const *object as usize);

        let failing = try_pin_init!(Pinned {
            address: Err(ENOENT)?,
        }? Error);
        assert_eq!(Object::<Pinned>::pin_init(failing).err(), Some(ENOENT));
        drop(object);
        rcu::rcu_barrier();
        Ok(())
    }

    /// An object that may hold the last reference to another object of the same type.
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_chain")]
    struct Chain {
        _next: Option<ARef<Object<Chain>>>,
    }

    impl Drop for Chain {
        fn drop(&mut self) {
            DROPS.add(1, Relaxed);
        }
    }

    #[test]
    fn callbacks_that_callbacks_start_are_counted() -> Result {
        fn waits() -> bool {
            Chain::reclaim().chained() != 0
        }

        DROPS.store(0, Relaxed);
        let mut next = None;
        for _ in 0..3 {
            next = Some(Object::new(Chain { _next: next.take() })?);
        }
        drop(next);
        let mut barriers = 0;
        while DROPS.load(Relaxed) < 3 && barriers < 10 {
            rcu::rcu_barrier();
            barriers += 1;
            // Until the last callback has ended, the count is not 0.
            assert!(waits() || DROPS.load(Relaxed) == 3);
        }
        rcu::rcu_barrier();
        assert_eq!(DROPS.load(Relaxed), 3);
        assert!(!waits());
        Ok(())
    }

    #[test]
    fn only_an_optional_object_has_the_nullable_suffix() {
        static OBJECT: Composed = <&Object<Thing> as KfuncArg>::CONTRACT.describe("p", true);
        static OR_NULL: Composed =
            <Option<&Object<Thing>> as KfuncArg>::CONTRACT.describe("p", true);
        assert_eq!(OBJECT.text(), "p *struct bpf_kunit_thing");
        assert_eq!(OR_NULL.text(), "p__nullable *struct bpf_kunit_thing");
    }
}
