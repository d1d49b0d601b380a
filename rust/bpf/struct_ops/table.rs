// SPDX-License-Identifier: GPL-2.0

//! Tables of functions that programs implement: their members and their layout.
//!
//! `#[struct_ops]` makes a struct of a trait, and implements [`Table`] for the struct. This module
//! describes types of tables. It does not handle the tables that user space has filled with
//! programs: see [`Ops`](super::Ops).
//!
//! C: the struct of function pointers, and its `cfi_stubs`.

use super::member::MemberRet;
use crate::{
    pro_epilogue::Signature,
    register::Content,
    types::BtfType, //
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
        }, //
    },
};

/// The kind of a member of a table.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
    /// A value that the author of the table gives.
    Data,
    /// A function that every table must implement.
    Mandatory,
    /// A function with a default, which runs if the table does not implement the function.
    Optional,
}

/// A member of a table: a function or a value.
pub struct Member {
    /// The name of the member.
    pub name: &'static str,
    /// The offset of the member in the table, in bytes.
    pub offset: usize,
    /// The size of the member in bytes.
    pub size: usize,
    /// The kind of the member.
    pub kind: MemberKind,
    /// Whether a program of the member may sleep.
    pub sleepable: bool,
    /// The arguments and the result of a function, for prologues and epilogues.
    pub signature: Signature,
}

/// A table of functions and values. `#[struct_ops]` implements this trait.
///
/// # Safety
///
/// - `Self` must have the layout of the struct `NAME` in the module's BTF. `MEMBERS` must be the
///   members of that struct.
/// - A member that is a function must be an `Option` of a pointer to a function whose arguments are
///   registers. For every other member, any bytes must be a valid value.
/// - `stubs` must have a stub for each function, with the prototype in BTF that the documentation
///   of [`struct_ops`](super) requires.
pub unsafe trait Table: Sized + 'static {
    /// The name of the struct in BTF.
    const NAME: &'static CStr;
    /// The members of the struct.
    const MEMBERS: &'static [Member];
    /// Returns the stubs: for each function, a function that does nothing. The kernel gives each
    /// trampoline the type of a stub.
    fn stubs() -> &'static Stubs<Self>;

    /// Whether a program of any member may sleep.
    const SLEEPS: bool = {
        let mut sleeps = false;
        let mut rest = Self::MEMBERS;
        while let [member, others @ ..] = rest {
            sleeps |= member.sleepable;
            rest = others;
        }
        sleeps
    };
}

/// A table of stubs, and the BTF that describes the table. For the code that `#[struct_ops]`
/// generates.
#[doc(hidden)]
#[repr(C)]
pub struct Stubs<T: Table> {
    // The first field, because the kernel takes a pointer to `Stubs` as a pointer to the table.
    table: T,
    btf: Atomic<*mut bindings::btf>,
    ty: Atomic<*mut bindings::btf_type>,
    registered: Atomic<bool>,
}

// SAFETY: No code writes to `table`, and the other fields are atomic.
unsafe impl<T: Table> Sync for Stubs<T> {}

impl<T: Table> Stubs<T> {
    /// Makes the stubs of a table that is not registered.
    ///
    /// # Safety
    ///
    /// `table` must have a stub for each function, as [`Table`] requires.
    pub const unsafe fn new(table: T) -> Self {
        Self {
            table,
            btf: Atomic::new(core::ptr::null_mut()),
            ty: Atomic::new(core::ptr::null_mut()),
            registered: Atomic::new(false),
        }
    }

    /// Claims the table for one registration. Returns whether this call is the first one. The
    /// kernel itself accepts a second registration of a table, and never uses it.
    pub(super) fn claim(&self) -> bool {
        !self.registered.xchg(true, Full)
    }

    /// Stores the BTF that has the table.
    pub(super) fn set_btf(&self, btf: *mut bindings::btf) {
        self.btf.store(btf, Release);
    }

    /// Returns the BTF that has the table, or null if the table is not registered.
    pub(super) fn btf(&self) -> *mut bindings::btf {
        self.btf.load(Acquire)
    }

    /// Stores the type of the table in its BTF.
    pub(super) fn set_type(&self, ty: *const bindings::btf_type) {
        self.ty.store(ty.cast_mut(), Release);
    }

    /// Returns the type of the table in its BTF, or null before the verifier checks the first
    /// program.
    pub(super) fn ty(&self) -> *const bindings::btf_type {
        self.ty.load(Acquire)
    }
}

/// The type of a value in a table. The author of the table may write any bytes.
pub trait Data: BtfType + FromBytes + Copy {}

impl<T: BtfType + FromBytes + Copy> Data for T {}

/// Returns the signature of a member with the arguments `args` and the result `R`. For the code
/// that `#[struct_ops]` generates.
#[doc(hidden)]
pub const fn signature<R: MemberRet>(args: &'static [Content]) -> Signature {
    let mut returns_any = matches!(<R as MemberRet>::CONTENT, Content::Scalar);
    let mut rest = args;
    while let [arg, others @ ..] = rest {
        returns_any &= !matches!(arg, Content::Reference(_));
        rest = others;
    }
    Signature { args, returns_any }
}

/// Returns a value for a table of stubs. For the code that `#[struct_ops]` generates.
#[doc(hidden)]
pub const fn zero<T: Data>() -> T {
    const {
        assert!(
            align_of::<T>() <= 8 && size_of::<T>() > 0,
            "a value in a table must not be empty, and its alignment must not exceed 8 bytes"
        )
    };
    // SAFETY: `T` is `FromBytes`, so zeros are a valid value.
    unsafe { core::mem::zeroed() }
}

/// The alignment of a table in its map value, in bytes: `____cacheline_aligned_in_smp` in
/// `struct bpf_struct_ops_value`.
const VALUE_ALIGN: usize = if cfg!(CONFIG_SMP) {
    bindings::SMP_CACHE_BYTES as usize
} else {
    8
};

/// The offset of a table in its map value, in bytes. The table follows
/// `struct bpf_struct_ops_common_value`.
#[doc(hidden)]
pub const VALUE_OFFSET: usize =
    size_of::<bindings::bpf_struct_ops_common_value>().next_multiple_of(VALUE_ALIGN);

/// Returns the size of the map value for a table of `table` bytes, in bytes. For the code that
/// `#[struct_ops]` generates.
#[doc(hidden)]
#[inline]
// Only the compiler runs this function, and an overflow is a compile error.
#[allow(clippy::arithmetic_side_effects)]
pub const fn value_size(table: usize) -> usize {
    VALUE_OFFSET + table.next_multiple_of(VALUE_ALIGN)
}

/// Returns the member at an offset, in bytes, or [`None`] if no member begins there.
pub(super) fn member<T: Table>(offset: usize) -> Option<&'static Member> {
    T::MEMBERS.iter().find(|member| member.offset == offset)
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_struct_ops_table)]
mod tests {
    use super::*;
    use crate::{
        helpers::{
            rust_bpf_helper_arg_struct,
            rust_bpf_helper_member_offset, //
        },
        struct_ops,
        struct_ops::slot::Ops,
        BtfType,
        Object, //
    };
    use kernel::sync::{
        aref::ARef,
        atomic::Relaxed, //
    };

    #[derive(BtfType)]
    #[btf(object, name = "bpf_kunit_part")]
    struct Part {
        hidden: u16,
        #[btf]
        shown: u64,
        #[btf(write)]
        level: Atomic<u32>,
        #[btf(write)]
        total: Atomic<i64>,
    }

    /// A table with holes between its members and behind the last one.
    #[struct_ops(bpf_kunit_ops)]
    trait KunitOps {
        #[data]
        fn small(&self) -> u8;
        fn sum(&self, a: u8, b: i16, c: bool) -> u32;
        #[data]
        fn name(&self) -> [u8; 6];
        fn look(&self, part: &Object<Part>, maybe: Option<&Object<Part>>) -> Result<()> {
            match maybe {
                Some(_) => Ok(()),
                None if part.shown == u64::from(part.hidden) => Err(ENOENT),
                None => Err(EDOM),
            }
        }
        #[sleepable]
        fn take(&self, count: u64, part: ARef<Object<Part>>) {
            part.level.store(count as u32, Relaxed);
        }
        #[data]
        fn last(&self) -> i16;
    }

    const MEMBERS: &[Member] = KunitOpsTable::MEMBERS;

    #[test]
    fn members_have_the_offsets_of_a_c_struct() {
        let layout = MEMBERS.iter().map(|m| (m.name, m.offset, m.size));
        assert!(layout.eq([
            ("small", 0, 1),
            ("sum", 8, 8),
            ("name", 16, 6),
            ("look", 24, 8),
            ("take", 32, 8),
            ("last", 40, 2),
        ]));
        assert_eq!(size_of::<KunitOpsTable>(), 48);
        let found = |offset| member::<KunitOpsTable>(offset).map(|m| m.name);
        assert_eq!(found(24), Some("look"));
        assert_eq!(found(28), None);
        assert_eq!(found(48), None);
    }

    #[test]
    fn members_have_the_kinds_and_types_of_the_trait() {
        use MemberKind::{
            Data,
            Mandatory,
            Optional, //
        };
        let kinds = MEMBERS.iter().map(|m| (m.kind, m.sleepable));
        assert!(kinds.eq([
            (Data, false),
            (Mandatory, false),
            (Data, false),
            (Optional, false),
            (Optional, true),
            (Data, false),
        ]));
        assert_eq!(KunitOpsTable::SLEEPS, true);

        let part = Object::<Part>::TYPE;
        let args = MEMBERS.iter().map(|m| m.signature.args);
        assert!(args.eq([
            &[] as &[Content],
            &[Content::Scalar; 3],
            &[],
            &[Content::Object(part), Content::ObjectOrNull(part)],
            &[Content::Scalar, Content::Reference(part)],
            &[],
        ]));
        let any = MEMBERS.iter().map(|m| m.signature.returns_any);
        // A prologue cannot return for a member that returns nothing or takes a reference.
        assert!(any.eq([false, true, false, true, false, false]));
    }

    #[test]
    fn programs_can_write_only_marked_fields() {
        let part = Object::<Part>::TYPE;
        let (level, total) = (
            core::mem::offset_of!(Part, level),
            core::mem::offset_of!(Part, total),
        );
        assert!(part.may_write(level, 4));
        assert!(part.may_write(total, 8));
        assert!(!part.may_write(core::mem::offset_of!(Part, shown), 8));
        assert!(!part.may_write(core::mem::offset_of!(Part, hidden), 2));
    }

    /// Returns this crate's BTF and a struct in it. A module cannot release the reference to the
    /// BTF.
    fn find(name: &CStr) -> Option<(*const bindings::btf, &'static bindings::btf_type)> {
        let mut btf = core::ptr::null_mut();
        // SAFETY: The name ends with a null byte, and `btf` is a place for the result.
        let id = unsafe {
            bindings::bpf_find_btf_id(name.as_char_ptr(), bindings::BTF_KIND_STRUCT, &mut btf)
        };
        let id = u32::try_from(id).ok()?;
        // SAFETY: The BTF has a type with this id. The reference to the BTF is never released.
        unsafe { bindings::btf_type_by_id(btf, id).as_ref() }.map(|t| (btf.cast_const(), t))
    }

    /// Returns the offsets of the first `count` members of a struct.
    fn offsets(t: &'static bindings::btf_type, count: usize) -> impl Iterator<Item = usize> {
        let first = core::ptr::from_ref(t).wrapping_add(1);
        (0..count).map(move |index| {
            let member = first.cast::<bindings::btf_member>().wrapping_add(index);
            // SAFETY: The members of a struct follow its type, and the struct has at least `count`
            // members.
            unsafe { rust_bpf_helper_member_offset(t, member) as usize }
        })
    }

    /// Returns the number of members of a struct, and its size in bytes.
    fn count_and_size(t: &bindings::btf_type) -> (usize, usize) {
        // SAFETY: In the type of a struct, this union holds the size.
        let size = unsafe { t.__bindgen_anon_1.size };
        // `BTF_INFO_VLEN()`
        ((t.info & 0xffff) as usize, size as usize)
    }

    #[test]
    fn btf_has_the_layout_of_the_rust_struct() -> Result {
        let (btf, t) = find(KunitOpsTable::NAME).ok_or(ENOENT)?;
        assert_eq!(
            count_and_size(t),
            (MEMBERS.len(), size_of::<KunitOpsTable>())
        );
        assert!(offsets(t, MEMBERS.len()).eq(MEMBERS.iter().map(|m| m.offset)));

        let (_, value) = find(c"bpf_struct_ops_bpf_kunit_ops").ok_or(ENOENT)?;
        // The members are `common` and `data`, and `data` fills whole lines of the cache.
        let line = if cfg!(CONFIG_SMP) { 64 } else { 8 };
        assert_eq!(
            count_and_size(value),
            (2, line + 48_usize.next_multiple_of(line))
        );
        assert!(offsets(value, 2).eq([0, line]));

        // SAFETY: `t` is the type of the table in `btf`.
        let arg = |member, arg| unsafe { rust_bpf_helper_arg_struct(btf, t, member, arg) };
        let part = arg(3, 0);
        assert!(part != 0);
        assert_eq!(arg(3, 1), part);
        assert_eq!(arg(4, 1), part);
        // These are no structs: a number, an argument after the last one, a value, a member after
        // the last one.
        for (member, number) in [(4, 0), (4, 2), (0, 0), (6, 0)] {
            assert_eq!(arg(member, number), 0);
        }
        // SAFETY: The BTF has a type with this id.
        let part = unsafe { bindings::btf_type_by_id(btf, part) };
        assert!(find(c"bpf_kunit_part").is_some_and(|(_, t)| core::ptr::eq(t, part)));
        Ok(())
    }

    #[test]
    fn stubs_return_zero() -> Result {
        let stubs = &KunitOpsTable::stubs().table;
        assert_eq!((stubs.small, stubs.name, stubs.last), (0, [0; 6], 0));
        let (sum, look, take) = (stubs.sum, stubs.look, stubs.take);
        let (sum, look, take) = (sum.ok_or(EINVAL)?, look.ok_or(EINVAL)?, take.ok_or(EINVAL)?);
        // SAFETY: The stubs do not use their arguments.
        let results = unsafe { [sum(1, 2, 3), look(0, 0), take(0, 0)] };
        assert_eq!(results, [0; 3]);
        // The kernel finds the name of a stub by its address, so two stubs need two addresses.
        assert!(look as usize != take as usize);
        Ok(())
    }

    /// Stands in for a program. Returns the arguments as digits of a number, and sets bits above
    /// the 32 bits of the result.
    unsafe extern "C" fn digits(a: u64, b: u64, c: u64) -> u64 {
        (0xffff << 32)
            | a.wrapping_mul(100)
                .wrapping_add(b.wrapping_mul(10))
                .wrapping_add(c)
    }

    /// Stands in for a program. Returns `-ENOMEM` or 0.
    unsafe extern "C" fn errno(part: u64, maybe: u64) -> u64 {
        if maybe == 0 || maybe == part {
            // The upper half of the register does not matter.
            u64::from((-12_i32) as u32)
        } else {
            0
        }
    }

    fn ops(table: &KunitOpsTable) -> &Ops<KunitOpsTable> {
        // SAFETY: The table is borrowed as long as the result, and its functions act like programs.
        unsafe { Ops::from_raw(core::ptr::from_ref(table).cast()) }
    }

    #[test]
    fn the_trait_reads_values_and_calls_functions() -> Result {
        let part = Object::new(Part {
            hidden: 5,
            shown: 5,
            level: Atomic::new(0),
            total: Atomic::new(0),
        })?;
        let mut table = KunitOpsTable {
            small: 200,
            sum: Some(digits),
            name: *b"digits",
            look: Some(errno),
            take: None,
            last: -3,
        };
        let full = ops(&table);
        assert_eq!(
            (full.small(), full.name(), full.last()),
            (200, *b"digits", -3)
        );
        assert_eq!(full.sum(9, -1, true), 900 - 10 + 1);
        assert_eq!(full.look(&part, None), Err(ENOMEM));
        assert_eq!(full.look(&part, Some(&part)), Err(ENOMEM));
        full.take(77, part.clone());
        assert_eq!(part.level.load(Relaxed), 77);

        // An attached table has all mandatory functions. The result of a missing one is 0.
        table.sum = None;
        table.look = None;
        let empty = ops(&table);
        assert_eq!(empty.sum(9, 9, true), 0);
        assert_eq!(empty.look(&part, None), Err(ENOENT));
        assert_eq!(empty.look(&part, Some(&part)), Ok(()));
        Ok(())
    }
}
