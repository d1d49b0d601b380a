// SPDX-License-Identifier: GPL-2.0

//! Tables of functions that programs implement, and handles to those that are attached.
//!
//! `#[struct_ops]` makes a [`Table`] of a trait. [`Ops`] is such a table with a program behind each
//! member, on which the trait is implemented; [`Attached`] owns one, [`Slot`] is where a subsystem
//! keeps it.
//!
//! C: the struct of function pointers, and `bpf_struct_ops_get()`.

use super::member::MemberRet;
use crate::{
    insn::{
        self,
        Signature, //
    },
    types::BtfType, //
};
use core::{
    marker::PhantomData,
    ops::Deref,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    str::CStr,
    sync::{
        atomic::{
            Acquire,
            Atomic,
            Full,
            Release, //
        },
        rcu, //
    },
};

/// What a member of a table is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A value, which the program's author gives.
    Data,
    /// A function that every table must implement.
    Mandatory,
    /// A function without which there is a default.
    Optional,
}

/// A member of a table.
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// Where it is in the table, in bytes.
    pub offset: usize,
    /// Its size in bytes.
    pub size: usize,
    /// What it is.
    pub kind: Kind,
    /// Whether its program may sleep.
    pub sleepable: bool,
    /// What a function takes and returns, for prologues and epilogues.
    pub signature: Signature,
}

/// A table of functions and values. Implemented by `#[struct_ops]`.
///
/// # Safety
///
/// `Self` must have the layout of the struct `NAME` in the module's BTF, whose members are
/// `MEMBERS`. Functions are `Option`s of pointers to functions with registers for arguments; any
/// bytes must be a value of the others. `stubs` must have for each function one with the prototype
/// in BTF that the crate's documentation asks for.
pub unsafe trait Table: Sized + 'static {
    /// The name of the struct in BTF.
    const NAME: &'static CStr;
    /// Its members.
    const MEMBERS: &'static [Member];
    /// For each function, one that does nothing: with its type, trampolines are made.
    fn stubs() -> &'static Stubs<Self>;

    /// Whether a member may sleep.
    const SLEEPS: bool = {
        let mut sleeps = false;
        let mut member = 0;
        while member < Self::MEMBERS.len() {
            sleeps |= Self::MEMBERS[member].sleepable;
            member += 1;
        }
        sleeps
    };
}

/// A table of stubs, and the BTF by which the kernel knows it. For the code that `#[struct_ops]`
/// generates.
#[doc(hidden)]
#[repr(C)]
pub struct Stubs<T: Table> {
    // First, because the kernel takes a pointer to this for one to the table.
    table: T,
    btf: Atomic<*mut bindings::btf>,
}

// SAFETY: Nobody writes to the stubs, and `btf` is atomic.
unsafe impl<T: Table> Sync for Stubs<T> {}

impl<T: Table> Stubs<T> {
    /// # Safety
    ///
    /// The table must have a stub for each function, as [`Table`] asks for.
    pub const unsafe fn new(table: T) -> Self {
        Self {
            table,
            btf: Atomic::new(core::ptr::null_mut()),
        }
    }

    pub(super) fn set_btf(&self, btf: *mut bindings::btf) {
        self.btf.store(btf, Release);
    }

    /// The BTF that has the table; null before the kernel was told of it.
    pub(super) fn btf(&self) -> *mut bindings::btf {
        self.btf.load(Acquire)
    }
}

/// A value in a table: whatever its author writes is one.
pub trait Data: BtfType + FromBytes + Copy {}

impl<T: BtfType + FromBytes + Copy> Data for T {}

/// What functions of a member's prologue and epilogue can take and return. For the code that
/// `#[struct_ops]` generates.
#[doc(hidden)]
pub const fn signature<R: MemberRet>(args: &'static [insn::Kind]) -> Signature {
    let mut returns_any = R::ANY;
    let mut arg = 0;
    while arg < args.len() {
        returns_any &= !matches!(args[arg], insn::Kind::Reference(_));
        arg += 1;
    }
    Signature { args, returns_any }
}

/// The value of a table of stubs. For the code that `#[struct_ops]` generates.
#[doc(hidden)]
pub const fn zero<T: Data>() -> T {
    const {
        assert!(
            align_of::<T>() <= 8 && size_of::<T>() > 0,
            "a value in a table has a size, and no more than the alignment of integers"
        )
    };
    // SAFETY: Any bytes are a value.
    unsafe { core::mem::zeroed() }
}

/// Where the table is in the value of its map, in bytes (`struct bpf_struct_ops_value`).
#[doc(hidden)]
pub const VALUE_OFFSET: usize = bindings::L1_CACHE_BYTES as usize;

/// The size of that value. For the code that `#[struct_ops]` generates.
#[doc(hidden)]
pub const fn value_size(table: usize) -> usize {
    VALUE_OFFSET + table.next_multiple_of(VALUE_OFFSET)
}

/// The member at an offset.
pub(super) fn member<T: Table>(offset: usize) -> Option<&'static Member> {
    T::MEMBERS.iter().find(|member| member.offset == offset)
}

/// A table with programs behind its members. The trait of the table is implemented on it.
#[repr(transparent)]
pub struct Ops<T>(T);

impl<T: Table> Ops<T> {
    /// The functions themselves. For the code that `#[struct_ops]` generates.
    #[doc(hidden)]
    #[inline(always)]
    pub fn table(&self) -> &T {
        &self.0
    }

    /// # Safety
    ///
    /// `kdata` must be the table of a struct_ops map that is kept for `'a`.
    pub(super) unsafe fn from_raw<'a>(kdata: *const core::ffi::c_void) -> &'a Self {
        // SAFETY: By the safety requirements; `Ops` is transparent. The kernel does not write to a
        // table after it was checked, but for one that is attached without a link and refused;
        // those are not handed out. Before that it writes on no other thread.
        unsafe { &*kdata.cast() }
    }
}

/// A table that is kept, with its programs, until this is dropped.
///
/// It is what a subsystem gets when a table is attached. To keep it longer than the table is
/// attached makes no sense but is safe: its programs, and the module, stay.
///
/// # Invariants
///
/// `ops` is the table of a struct_ops map, to which this is a reference.
pub struct Attached<T: Table> {
    ops: NonNull<Ops<T>>,
    _owns: PhantomData<T>,
}

// SAFETY: Programs can be called from any thread, and tables do not change.
unsafe impl<T: Table> Send for Attached<T> {}

// SAFETY: As above.
unsafe impl<T: Table> Sync for Attached<T> {}

impl<T: Table> Attached<T> {
    /// Adds a reference, unless the table is about to be freed.
    ///
    /// # Safety
    ///
    /// `ops` must be the table of a struct_ops map that is valid memory, at least until the end of
    /// an RCU read-side critical section that the caller is in.
    pub(super) unsafe fn try_get(ops: NonNull<Ops<T>>) -> Option<Self> {
        // SAFETY: By the safety requirements.
        if !unsafe { bindings::bpf_struct_ops_get(ops.as_ptr().cast()) } {
            return None;
        }
        // INVARIANT: The reference was just added.
        Some(Self {
            ops,
            _owns: PhantomData,
        })
    }

    fn into_raw(self) -> *mut Ops<T> {
        let ops = self.ops.as_ptr();
        core::mem::forget(self);
        ops
    }

    /// # Safety
    ///
    /// `ops` must come from [`Attached::into_raw`], once, or be null.
    unsafe fn from_raw(ops: *mut Ops<T>) -> Option<Self> {
        // INVARIANT: By the safety requirements, a reference is taken over.
        Some(Self {
            ops: NonNull::new(ops)?,
            _owns: PhantomData,
        })
    }
}

impl<T: Table> Deref for Attached<T> {
    type Target = Ops<T>;

    fn deref(&self) -> &Ops<T> {
        // SAFETY: By the type invariants.
        unsafe { self.ops.as_ref() }
    }
}

impl<T: Table> Drop for Attached<T> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the reference is given up here.
        unsafe { bindings::bpf_struct_ops_put(self.ops.as_ptr().cast()) };
    }
}

/// A place for one table, which many threads read and few change.
///
/// Reading takes no lock. Whoever calls a member while the table is replaced calls one of the two,
/// whole: tables are put here only after they are complete.
///
/// # Invariants
///
/// `ops` is null or comes from `Attached::into_raw`. Who takes it away drops it; the kernel frees
/// a table only after RCU readers (`bpf_struct_ops_map_free()`).
pub struct Slot<T: Table> {
    ops: Atomic<*mut Ops<T>>,
}

// SAFETY: As for `Attached`.
unsafe impl<T: Table> Send for Slot<T> {}

// SAFETY: As for `Attached`.
unsafe impl<T: Table> Sync for Slot<T> {}

impl<T: Table> Slot<T> {
    /// An empty slot.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // INVARIANT: It is null.
        Self {
            ops: Atomic::new(core::ptr::null_mut()),
        }
    }

    /// Puts a table into the slot if it is empty.
    ///
    /// # Errors
    ///
    /// `EBUSY` if it is not.
    pub fn set(&self, ops: Attached<T>) -> Result {
        let new = ops.into_raw();
        // INVARIANT: As `into_raw` returned it.
        match self.ops.cmpxchg(core::ptr::null_mut(), new, Full) {
            Ok(_) => Ok(()),
            Err(_) => {
                // SAFETY: It was made above, and nobody has seen it.
                drop(unsafe { Attached::from_raw(new) });
                Err(EBUSY)
            }
        }
    }

    /// Replaces a table by another in one step.
    ///
    /// # Errors
    ///
    /// `ENOENT` if `old` is not in the slot; then nothing changes.
    pub fn replace(&self, old: &Ops<T>, new: Attached<T>) -> Result {
        let new = new.into_raw();
        let old = core::ptr::from_ref(old).cast_mut();
        // INVARIANT: As `into_raw` returned it.
        let (gone, result) = match self.ops.cmpxchg(old, new, Full) {
            Ok(old) => (old, Ok(())),
            Err(_) => (new, Err(ENOENT)),
        };
        // SAFETY: The old one was taken away, or nobody has seen the new one.
        drop(unsafe { Attached::from_raw(gone) });
        result
    }

    /// Empties the slot if this table is in it. Whether it was.
    ///
    /// Calls that have begun go on; the table stays until they have ended.
    pub fn clear(&self, ops: &Ops<T>) -> bool {
        let ops = core::ptr::from_ref(ops).cast_mut();
        let gone = self.ops.cmpxchg(ops, core::ptr::null_mut(), Full);
        match gone {
            Ok(gone) => {
                // SAFETY: It was taken away just now.
                drop(unsafe { Attached::from_raw(gone) });
                true
            }
            Err(_) => false,
        }
    }

    /// The table, kept for as long as the caller wants.
    pub fn get(&self) -> Option<Attached<T>> {
        let _rcu = rcu::read_lock();
        let ops = NonNull::new(self.ops.load(Acquire))?;
        // SAFETY: By the type invariants the memory is valid in this critical section.
        unsafe { Attached::try_get(ops) }
    }

    /// Calls `f` with the table, in an RCU read-side critical section; [`None`] if there is none.
    ///
    /// It is the fast way, for tables without members that may sleep.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce(&Ops<T>) -> R) -> Option<R> {
        const {
            assert!(
                !T::SLEEPS,
                "Slot::with: the table has members that may sleep; take Slot::get"
            )
        };
        let _rcu = rcu::read_lock();
        let ops = NonNull::new(self.ops.load(Acquire))?;
        // SAFETY: By the type invariants the memory is valid in this critical section.
        Some(f(unsafe { ops.as_ref() }))
    }
}

impl<T: Table> Drop for Slot<T> {
    fn drop(&mut self) {
        let ops = self.ops.xchg(core::ptr::null_mut(), Full);
        // SAFETY: By the type invariants.
        drop(unsafe { Attached::from_raw(ops) });
    }
}
