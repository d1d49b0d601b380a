// SPDX-License-Identifier: GPL-2.0

//! Objects: what BPF programs hold references to.
//!
//! An [`Object<T>`] is a `T` that is counted: Rust code and BPF programs hold it by `ARef`, and it
//! is freed when the last reference goes, after all RCU readers that could still see it. In the
//! signature of a kfunc
//!
//! | Rust | for a program | flags in C |
//! | --- | --- | --- |
//! | `&Object<T>` | a trusted pointer: one that it holds a reference to | |
//! | `Option<&Object<T>>` | the same, or `NULL` | `__nullable` |
//! | `ARef<Object<T>>` as the first argument | a reference that it gives up | `KF_RELEASE` |
//! | [`RcuPtr<'_, Object<T>>`](RcuPtr) | a pointer that is valid under RCU, or a trusted one | `KF_RCU` |
//! | returns `ARef<Object<T>>` | a reference that it must give up | `KF_ACQUIRE` |
//! | returns `Option<ARef<Object<T>>>` | the same, or `NULL`, which it must test for | `KF_ACQUIRE`, `KF_RET_NULL` |
//! | returns `Option<RcuPtr<'_, Object<T>>>` | a pointer that is valid until it leaves RCU, or `NULL` | `KF_RCU_PROTECTED`, `KF_RET_NULL` |
//!
//! Of the types of the kernel, there is `RcuPtr<'_, Task>`; see [`task`](crate::task).
//!
//! `T` derives [`BtfType`] with `#[btf(object)]`. Fields marked `#[btf]` can be
//! read by programs that have a pointer; the rest of `T` is not in BTF. Those marked
//! `#[btf(write)]`, which are atomics, can also be written by programs of the module's struct_ops
//! tables that are passed the object (see [`struct_ops`](mod@crate::struct_ops)). A program can keep a
//! reference in a map (`struct t __kptr *`), if the type is named in
//! [`kfunc_set!`](crate::kfunc_set).
//!
//! # Examples
//!
//! ```ignore
//! /// A counter that programs share.
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_counter")]
//! struct Counter {
//!     #[btf]
//!     id: u32,
//!     count: AtomicU64,
//! }
//!
//! #[kfunc]
//! fn bpf_counter_new(id: u32) -> Option<ARef<Object<Counter>>> {
//!     Object::new(Counter { id, count: AtomicU64::new(0) }).ok()
//! }
//!
//! #[kfunc]
//! fn bpf_counter_add(counter: &Object<Counter>, value: u64) -> u64 { ... }
//!
//! #[kfunc]
//! fn bpf_counter_release(counter: ARef<Object<Counter>>) {}
//! ```
//!
//! # Context
//!
//! An object can be made, and its last reference may go, wherever a program runs, NMIs included. The
//! `T` is dropped after that, in an RCU callback, so its `Drop` must not sleep, nor wait for a lock
//! that a program's caller may hold: see [`lock`](crate::lock).
//!
//! # Objects that can be found again
//!
//! A [`Weak`] reference does not keep an object. `#[btf(object, registry = 64)]` gives a type a
//! [`registry`](crate::registry), where programs find objects by a key.
//!
//! # What the verifier does not promise
//!
//! - A kfunc may return a pointer without a reference. The verifier takes it for valid until the
//!   program ends, so only [`RcuPtr`] can be returned so: its use is confined to where RCU protects
//!   it.
//! - A pointer to a struct that has only scalars in BTF may be memory that the program made up
//!   (`__btf_type_is_scalar_struct()`). So every object has a last member that is none,
//!   `__opaque`.
//! - A program may read at any offset behind a struct whose last member is an array of no integers
//!   or structs (`btf_struct_walk()` takes it for a flexible array). `__opaque` is an array of no
//!   pointers: the verifier lets no program read behind the struct.
//! - It releases what is in the first argument and nothing else, and another argument may be the
//!   same object, or point into it. Then the macro holds a reference until the call ends.
//!
//! C headers: [`include/linux/btf.h`](srctree/include/linux/btf.h),
//! [`include/linux/refcount.h`](srctree/include/linux/refcount.h)

use crate::{
    contract::Contract,
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

/// What can be the content of an [`Object`]. Implemented by `#[derive(BtfType)]`.
///
/// # Safety
///
/// The declaration of the type must name none but scalar fields, and have a member that is none.
/// `DTOR` must lead to the ids of the struct and of a function that drops a reference to an
/// `Object<Self>`. `WRITABLE` must name fields of it. `reclaim` must return a static of the module
/// that has the code of the type, made for it.
pub unsafe trait BtfObject: BtfType + Send + Sync + 'static {
    /// For the kernel, to drop references that maps hold.
    const DTOR: *const bindings::btf_id_dtor_kfunc;

    /// The fields that programs of struct_ops tables may write.
    const WRITABLE: &'static [Field];

    /// How objects of the type are freed.
    fn reclaim() -> &'static Reclaim;
}

/// A field of an object that programs may write.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// Where it is, in bytes.
    offset: usize,
    /// How long it is, in bytes.
    size: usize,
}

impl Field {
    /// For the code that `#[derive(BtfType)]` generates.
    ///
    /// # Safety
    ///
    /// There must be a `T` at `offset`.
    #[doc(hidden)]
    pub const unsafe fn new<T: Writable>(offset: usize) -> Self {
        Self {
            offset,
            size: size_of::<T>(),
        }
    }
}

/// A type of objects, where types are compared at run time.
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

    /// Whether there is any field that programs may write.
    pub(crate) const fn is_writable(&self) -> bool {
        !self.writable.is_empty()
    }

    /// Whether a program may write `size` bytes at `offset`: a field that is marked, all of it.
    pub(crate) fn may_write(&self, offset: usize, size: usize) -> bool {
        let mut fields = self.writable.iter();
        fields.any(|field| field.offset == offset && field.size == size)
    }
}

// Two types of one name, in two modules, are not the same.
impl PartialEq for ObjectType {
    fn eq(&self, other: &Self) -> bool {
        (self.id)() == (other.id)()
    }
}

impl Eq for ObjectType {}

/// A counted `T`.
#[repr(C)]
pub struct Object<T> {
    // First, so that a pointer to the object is one to the struct that BPF programs know.
    data: T,
    pub(crate) header: Header,
}

// SAFETY: `T` is what a reference gives access to; everything in the header that changes is atomic,
// but for `rcu`, which nobody touches but who drops the last reference.
unsafe impl<T: Sync> Sync for Object<T> {}

// SAFETY: The object is dropped on whichever CPU runs the callback.
unsafe impl<T: Send> Send for Object<T> {}

impl<T: BtfObject> Object<T> {
    /// The offset of the header in bytes.
    pub(crate) const HEADER: usize = offset_of!(Self, header);

    /// This type.
    pub(crate) const TYPE: &'static ObjectType = &ObjectType::new::<T>(T::WRITABLE);

    /// Makes an object of `data` and returns the first reference to it.
    ///
    /// May be called in any context, NMIs included. The memory comes from `kmalloc_nolock()`, which
    /// does not wait for anything, and therefore fails more often than other allocators.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`]: there is no memory, or 16 MiB of objects for each CPU wait for RCU readers before
    /// they can be freed.
    pub fn new(data: T) -> Result<ARef<Self>> {
        Self::pin_init(data)
    }

    /// The same, for a `T` that must not move: one with a lock or a node of a list in it.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new), and those of `init`.
    pub fn pin_init<E>(init: impl PinInit<T, E>) -> Result<ARef<Self>>
    where
        Error: From<E>,
    {
        const {
            // `kfree_rcu()` takes an offset of 4096 or more for a pointer to a function.
            assert!(
                Self::HEADER + Header::RCU < 4096,
                "an object has at most 4 KiB; put what is larger into a box"
            );
            assert!(
                align_of::<Self>() <= 8,
                "an object is aligned to 8 bytes; put what needs more into a box"
            );
        }
        let header = Header::allocate(T::reclaim()).ok_or(ENOMEM)?;
        // SAFETY: The header is at this place in the memory of an object.
        let object = unsafe { header.byte_sub(Self::HEADER) }.cast::<Self>();
        // SAFETY: There is room for a `T`, which does not move from there.
        if let Err(err) = unsafe { pin_init::raw_try_init(&raw mut (*object.as_ptr()).data, init) }
        {
            // SAFETY: The memory was just made, and nothing is in it.
            unsafe { Header::free_unused(header) };
            return Err(err.into());
        }
        // SAFETY: The first reference is taken over.
        Ok(unsafe { ARef::from_raw(object) })
    }

    /// Drops the value, and not the header.
    ///
    /// # Safety
    ///
    /// `object` must be an object whose value nobody uses any more.
    pub(crate) unsafe extern "C" fn drop_value(object: *mut c_void) {
        // SAFETY: The caller has the only pointer to the value.
        unsafe { (&raw mut (*object.cast::<Self>()).data).drop_in_place() };
    }

    /// Whether there still are references.
    pub(crate) fn is_alive(&self) -> bool {
        self.header.refs.as_atomic().load(Acquire) != 0
    }

    /// Adds a reference if there still is one.
    ///
    /// # Safety
    ///
    /// RCU, or a count of the memory, must keep the memory of the object.
    pub(crate) unsafe fn try_get(object: NonNull<Self>) -> Option<ARef<Self>> {
        // SAFETY: The caller keeps the memory of the object, in which the header is at this place.
        let object = unsafe { rust_bpf_helper_object_get(object.as_ptr().cast(), Self::HEADER) };
        // SAFETY: The reference that was just added, if it was, is taken over.
        NonNull::new(object.cast::<Self>()).map(|object| unsafe { ARef::from_raw(object) })
    }
}

impl<T> Deref for Object<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

// SAFETY: The count keeps the object alive, and it begins with 1.
unsafe impl<T: BtfObject> AlwaysRefCounted for Object<T> {
    fn inc_ref(&self) {
        self.header.refs.inc();
    }

    unsafe fn dec_ref(object: NonNull<Self>) {
        // SAFETY: The caller has a reference, which is given up. The last one leaves the object to
        // RCU. The function may be called in any context. The value is dropped by code of a module:
        // the notifier in `rust/helpers/free.c` keeps it until all that has begun here has ended.
        unsafe { rust_bpf_helper_object_put(&raw const (*object.as_ptr()).header) };
    }
}

/// A reference that does not keep what is in an object, only its memory.
///
/// [`upgrade`](Weak::upgrade) makes a reference of it as long as there is another one. It can be
/// made, kept and dropped in any context.
///
/// # Invariants
///
/// One of the counts in the object's `weak` belongs to it.
pub struct Weak<T: BtfObject>(NonNull<Object<T>>);

// SAFETY: It gives access to what all references do, from any thread.
unsafe impl<T: BtfObject> Send for Weak<T> {}

// SAFETY: As above.
unsafe impl<T: BtfObject> Sync for Weak<T> {}

impl<T: BtfObject> Weak<T> {
    /// A reference to the object, or [`None`] if its last one is gone.
    pub fn upgrade(&self) -> Option<ARef<Object<T>>> {
        // SAFETY: By the type invariants, there is a count of the memory.
        unsafe { Object::try_get(self.0) }
    }
}

impl<T: BtfObject> From<&Object<T>> for Weak<T> {
    fn from(object: &Object<T>) -> Self {
        object.header.get_memory();
        // INVARIANT: The count was just added.
        Self(NonNull::from(object))
    }
}

impl<T: BtfObject> Clone for Weak<T> {
    fn clone(&self) -> Self {
        // SAFETY: By the type invariants, the memory with the count is there.
        unsafe { (*self.0.as_ptr()).header.get_memory() };
        // INVARIANT: The count was just added.
        Self(self.0)
    }
}

impl<T: BtfObject> Drop for Weak<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, there is a count to give up, and the header with it.
        unsafe {
            let header = NonNull::new_unchecked(&raw mut (*self.0.as_ptr()).header);
            Header::put_memory(header);
        }
    }
}

/// A token, not an argument for the program: a kfunc that takes `&rcu::Guard` can be called only by a
/// program that is in an RCU read-side critical section (`KF_RCU_PROTECTED`).
// SAFETY: The program passes nothing. The verifier checks that it is in such a critical section
// (`in_rcu_cs()`), and takes what the function returns away from it at the end of the section.
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
        // SAFETY: The program is in a critical section, which does not end before the call.
        function(unsafe { rcu_guard(call) })
    }
}

/// A guard that somebody else drops.
///
/// # Safety
///
/// The code must be in an RCU read-side critical section until the call ends.
#[inline(always)]
pub(crate) unsafe fn rcu_guard(_: &Call) -> &rcu::Guard {
    const { assert!(size_of::<rcu::Guard>() == 0) };
    // SAFETY: Every pointer that is aligned is one to a type without a size. The type's invariant is
    // the safety requirement.
    unsafe { NonNull::dangling().as_ref() }
}

/// A type that BPF programs hold references to.
///
/// # Safety
///
/// An object must stay valid memory for as long as RCU readers can see it, even after the last
/// reference is gone, and `try_get` must return a reference only if there is one.
pub unsafe trait Referenced: BtfType {
    /// What holds a reference, and can be dropped in any context.
    type Held;

    /// Adds a reference if there still is one.
    ///
    /// # Safety
    ///
    /// RCU must keep the memory of the object.
    unsafe fn try_get(object: NonNull<Self>) -> Option<Self::Held>;
}

// SAFETY: The memory is freed after RCU readers.
unsafe impl<T: BtfObject> Referenced for Object<T> {
    type Held = ARef<Self>;

    unsafe fn try_get(object: NonNull<Self>) -> Option<ARef<Self>> {
        // SAFETY: RCU keeps the memory.
        unsafe { Object::try_get(object) }
    }
}

/// A pointer that RCU keeps valid, perhaps to an object whose last reference is gone.
///
/// [`try_get`](RcuPtr::try_get) makes a reference of it if it is not too late. An [`Object`] can be
/// looked at without one.
pub struct RcuPtr<'a, T> {
    ptr: NonNull<T>,
    _reader: PhantomData<&'a ()>,
}

impl<T: Referenced> RcuPtr<'_, T> {
    /// A reference to the object, or [`None`] if it is about to be freed.
    pub fn try_get(&self) -> Option<T::Held> {
        // SAFETY: RCU keeps the object valid.
        unsafe { T::try_get(self.ptr) }
    }

    pub(crate) fn as_ptr(&self) -> *const T {
        self.ptr.as_ptr()
    }
}

impl<'a, T: BtfObject> RcuPtr<'a, Object<T>> {
    /// Makes a pointer that outlives the borrow of `object`, and not the reader.
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
        // SAFETY: RCU keeps the object valid, and it is dropped only after that.
        &unsafe { self.ptr.as_ref() }.data
    }
}

// SAFETY: An object begins with its `T`.
unsafe impl<T: BtfObject> BtfType for Object<T> {
    const BTF: &'static str = T::BTF;
    const SCALARS: Option<u32> = None;
}

// SAFETY: The reference keeps the object while the call lasts.
unsafe impl<T: BtfObject> Register for &Object<T> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const CONTENT: Content = Content::Object(Object::<T>::TYPE);
    type Value<'a> = &'a Object<T>;
    type Abi = *const Object<T>;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> &'a Object<T> {
        // SAFETY: The object lives until the call ends.
        unsafe { &*(register as *const Object<T>) }
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self
    }
}

// SAFETY: The reference keeps the object while the call lasts.
unsafe impl<T: BtfObject> Register for Option<&Object<T>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const CONTENT: Content = Content::ObjectOrNull(Object::<T>::TYPE);
    type Value<'a> = Option<&'a Object<T>>;
    type Abi = *const Object<T>;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Option<&'a Object<T>> {
        // SAFETY: The object, if there is one, lives until the call ends.
        unsafe { (register as *const Object<T>).as_ref() }
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self.map_or(core::ptr::null(), core::ptr::from_ref)
    }
}

// SAFETY: The reference is given to the receiver.
unsafe impl<T: BtfObject> Register for ARef<Object<T>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const CONTENT: Content = Content::Reference(Object::<T>::TYPE);
    type Value<'a> = ARef<Object<T>>;
    type Abi = *const Object<T>;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> ARef<Object<T>> {
        // SAFETY: The pointer is not null, and the reference is given to the value.
        unsafe { ARef::from_raw(NonNull::new_unchecked(register as *mut Object<T>)) }
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        ARef::into_raw(self).as_ptr()
    }
}

// SAFETY: The reference, if there is one, is given to the receiver.
unsafe impl<T: BtfObject> Register for Option<ARef<Object<T>>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const CONTENT: Content = Content::ReferenceOrNull(Object::<T>::TYPE);
    type Value<'a> = Option<ARef<Object<T>>>;
    type Abi = *const Object<T>;

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Option<ARef<Object<T>>> {
        let object = NonNull::new(register as *mut Object<T>)?;
        // SAFETY: The reference is given to the value.
        Some(unsafe { ARef::from_raw(object) })
    }

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self.map_or(core::ptr::null(), Register::into_abi)
    }
}

// SAFETY: The verifier accepts a trusted pointer to the struct (`KF_ARG_PTR_TO_BTF_ID`). The
// struct has a member that is no scalar, so it cannot be memory of the program. All such pointers
// come from kfuncs that returned a reference which the program still holds, or from a map that
// does; the struct is this module's, so the kfuncs are, too. (For others, see `task`.)
kfunc_arg!({T: BtfObject} &Object<T> => Contract::pointer(<Self as Register>::BTF).trusted());

// SAFETY: The verifier accepts the same, and null (`is_kfunc_arg_nullable()`).
kfunc_arg!({T: BtfObject} Option<&Object<T>> =>
    Contract::pointer(<Self as Register>::BTF).suffix("__nullable").trusted());

// SAFETY: The verifier accepts a pointer with a reference that the program holds, and takes it away
// from the program (`release_reg()`).
kfunc_arg!({T: BtfObject} ARef<Object<T>> =>
    Contract::pointer(<Self as Register>::BTF).with_flags(bindings::KF_RELEASE).trusted(),

    #[inline(always)]
    fn keep(value: &Self::Value<'_>) -> Option<Kept> {
        /// # Safety
        ///
        /// To be called once, with the object below.
        unsafe fn put<T: BtfObject>(object: NonNull<c_void>) {
            // SAFETY: The reference that was added is given up.
            drop(unsafe { ARef::<Object<T>>::from_raw(object.cast()) });
        }

        let object = ARef::into_raw(value.clone()).cast();
        // SAFETY: The reference was just added.
        Some(unsafe { Kept::new(object, put::<T>) })
    }
);

// SAFETY: The verifier accepts a pointer that is trusted, or protected by RCU in a program that is
// in an RCU read-side critical section (`is_rcu_reg()`), which does not end before the call. It does
// not accept null.
unsafe impl<T: Referenced> KfuncArg for RcuPtr<'_, T> {
    const CONTRACT: Contract = Contract::pointer(Pointer::<T>::TEXT).with_flags(bindings::KF_RCU);
    type Value<'a> = RcuPtr<'a, T>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(RcuPtr<'_, T>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        function(RcuPtr {
            // SAFETY: The verifier does not accept null.
            ptr: unsafe { NonNull::new_unchecked(passed.register() as *mut T) },
            _reader: PhantomData,
        })
    }
}

// SAFETY: The verifier makes the program hold the reference (`acquire_reference()`).
kfunc_ret!({T: BtfObject} ARef<Object<T>> => bindings::KF_ACQUIRE);

// SAFETY: The verifier makes the program hold the reference after it has tested for null.
kfunc_ret!({T: BtfObject} Option<ARef<Object<T>>> =>
    bindings::KF_ACQUIRE | bindings::KF_RET_NULL);

// SAFETY: With `KF_RCU_PROTECTED` the verifier lets only programs call that are in an RCU
// read-side critical section, and the pointer is not valid after that (`MEM_RCU`).
unsafe impl<T: BtfObject> KfuncRet for Option<RcuPtr<'_, Object<T>>> {
    const BTF: &'static str = Pointer::<Object<T>>::TEXT;
    const FLAGS: u32 = bindings::KF_RCU_PROTECTED | bindings::KF_RET_NULL;
    type Abi = *const Object<T>;

    #[inline(always)]
    fn into_abi(self) -> Self::Abi {
        self.map_or(core::ptr::null(), |object| object.as_ptr())
    }
}

/// What runs when a map that holds a reference goes away. For the code that
/// `#[derive(BtfType)]` generates.
///
/// # Safety
///
/// The caller must give up a reference to the object.
#[doc(hidden)]
pub unsafe fn drop_reference<T: BtfObject>(object: *mut c_void) {
    if let Some(object) = NonNull::new(object.cast::<Object<T>>()) {
        // SAFETY: By the safety requirements.
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

    /// How many things were dropped.
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

    /// How many things were dropped, once all callbacks of RCU have run.
    fn drops() -> u32 {
        rcu::rcu_barrier();
        DROPS.load(Relaxed)
    }

    /// What a function gets of an argument.
    ///
    /// # Safety
    ///
    /// As for [`Register::from_register`].
    unsafe fn arg<'a, T: Register>(pointer: *const Object<Thing>) -> T::Value<'a> {
        // SAFETY: By the safety requirements.
        unsafe { T::from_register(pointer as u64, &Call) }
    }

    /// What a function gets of a pointer that RCU keeps valid.
    ///
    /// # Safety
    ///
    /// The object must live while it is used.
    unsafe fn rcu_arg<'a>(pointer: *const Object<Thing>) -> RcuPtr<'a, Object<Thing>> {
        RcuPtr {
            // SAFETY: By the safety requirements.
            ptr: unsafe { NonNull::new_unchecked(pointer.cast_mut()) },
            _reader: PhantomData,
        }
    }

    #[test]
    fn fields_are_written_whole() {
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
    fn programs_see_what_is_marked() {
        assert_eq!(
            Thing::DECLARATION,
            "struct bpf_kunit_thing 16 { id 8 u32, label 12 [3]u8, __opaque 16 [0]*void }"
        );
        assert_eq!(Thing::SCALARS, None);
        assert_eq!(Object::<Thing>::SCALARS, None);
        assert_eq!(<Object<Thing> as BtfType>::BTF, "struct bpf_kunit_thing");
        // A pointer to one is a pointer to the other.
        assert_eq!(offset_of!(Object<Thing>, data), 0);
    }

    #[test]
    fn the_last_reference_drops_once() -> Result {
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
    fn readers_are_waited_for() -> Result {
        let object = thing()?;

        // No assertion in here: one that fails does not leave the critical section.
        let reader = rcu::read_lock();
        // SAFETY: It is one, and what is made of it does not leave it.
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
    fn a_reference_is_added_where_there_is_one() -> Result {
        let object = thing()?;
        // SAFETY: The object is held.
        let rcu = unsafe { rcu_arg(&*object) };
        let count = object.header.refs.as_atomic();

        for before in [1, 2, i32::MAX - 1] {
            count.store(before, Relaxed);
            // It is not given up, as the count is not a true one.
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
    fn arguments_are_lent() -> Result {
        let object = thing()?;
        let pointer: *const Object<Thing> = &*object;
        // SAFETY: The object is held.
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
    fn references_are_taken_over() -> Result {
        let object = thing()?;
        let given = ARef::into_raw(object.clone()).as_ptr();
        // SAFETY: There is a reference to give.
        let taken = unsafe { arg::<ARef<Object<Thing>>>(given) };
        assert_eq!(refs(&object), 2);
        drop(taken);
        assert_eq!(refs(&object), 1);

        let given = ARef::into_raw(object).as_ptr();
        // SAFETY: As above; the dtor does this for a map.
        unsafe { drop_reference::<Thing>(given.cast()) };
        assert_eq!(drops(), 1);
        // SAFETY: There is nothing in the map.
        unsafe { drop_reference::<Thing>(core::ptr::null_mut()) };
        assert_eq!(drops(), 1);
        Ok(())
    }

    #[test]
    fn results_are_pointers_with_their_references() -> Result {
        let object = thing()?;
        let pointer: *const Object<Thing> = &*object;
        assert_eq!(KfuncRet::into_abi(object.clone()), pointer);
        assert_eq!(KfuncRet::into_abi(Some(object.clone())), pointer);
        assert_eq!(refs(&object), 3);
        assert!(KfuncRet::into_abi(None::<ARef<Object<Thing>>>).is_null());

        // SAFETY: The object is held as long as by a reader.
        let reader = unsafe { rcu_guard(&Call) };
        let rcu = Some(RcuPtr::new(&object, reader)).into_abi();
        assert_eq!(rcu, pointer);
        assert!(None::<RcuPtr<'_, Object<Thing>>>.into_abi().is_null());
        assert_eq!(refs(&object), 3);

        for _ in 0..2 {
            // SAFETY: This is what the program has to give up.
            drop(unsafe { arg::<ARef<Object<Thing>>>(pointer) });
        }
        assert_eq!(refs(&object), 1);
        drop(object);
        assert_eq!(drops(), 1);
        Ok(())
    }

    #[test]
    fn a_weak_reference_keeps_the_memory_only() -> Result {
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

    /// A value that knows where it is.
    #[pin_data]
    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_pinned")]
    struct Pinned {
        address: usize,
    }

    #[test]
    fn a_value_can_be_made_in_its_place() -> Result {
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

    /// One that has the last reference to another one, or nothing.
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
    fn what_callbacks_free_is_counted() -> Result {
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
            // In between, one is counted.
            assert!(waits() || DROPS.load(Relaxed) == 3);
        }
        rcu::rcu_barrier();
        assert_eq!(DROPS.load(Relaxed), 3);
        assert!(!waits());
        Ok(())
    }

    #[test]
    fn the_verifier_tells_null_from_the_suffix() {
        static OBJECT: Composed = <&Object<Thing> as KfuncArg>::CONTRACT.describe("p", true);
        static OR_NULL: Composed =
            <Option<&Object<Thing>> as KfuncArg>::CONTRACT.describe("p", true);
        assert_eq!(OBJECT.text(), "p *struct bpf_kunit_thing");
        assert_eq!(OR_NULL.text(), "p__nullable *struct bpf_kunit_thing");
    }
}
