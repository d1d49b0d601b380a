// SPDX-License-Identifier: GPL-2.0

//! Tables of functions that programs implement: their members and their layout.
//!
//! `#[struct_ops]` implements [`Table`] for the struct that it makes of a trait. This module knows
//! the types of members; it does not know tables that programs have filled: see
//! [`slot`](super::Ops).
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

/// What a member of a table is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum MemberKind {
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
    pub kind: MemberKind,
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
        let mut rest = Self::MEMBERS;
        while let [member, others @ ..] = rest {
            sleeps |= member.sleepable;
            rest = others;
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
    ty: Atomic<*mut bindings::btf_type>,
    registered: Atomic<bool>,
}

// SAFETY: Nobody writes to the stubs, and the rest is atomic.
unsafe impl<T: Table> Sync for Stubs<T> {}

impl<T: Table> Stubs<T> {
    /// # Safety
    ///
    /// The table must have a stub for each function, as [`Table`] asks for.
    pub const unsafe fn new(table: T) -> Self {
        Self {
            table,
            btf: Atomic::new(core::ptr::null_mut()),
            ty: Atomic::new(core::ptr::null_mut()),
            registered: Atomic::new(false),
        }
    }

    /// Whether nobody has registered the table before. The kernel takes a second one, and never
    /// asks it.
    pub(super) fn claim(&self) -> bool {
        !self.registered.xchg(true, Full)
    }

    pub(super) fn set_btf(&self, btf: *mut bindings::btf) {
        self.btf.store(btf, Release);
    }

    /// The BTF that has the table; null before the kernel was told of it.
    pub(super) fn btf(&self) -> *mut bindings::btf {
        self.btf.load(Acquire)
    }

    pub(super) fn set_type(&self, ty: *const bindings::btf_type) {
        self.ty.store(ty.cast_mut(), Release);
    }

    /// The table in that BTF; null before the first program is checked.
    pub(super) fn ty(&self) -> *const bindings::btf_type {
        self.ty.load(Acquire)
    }
}

/// A value in a table: whatever its author writes is one.
pub trait Data: BtfType + FromBytes + Copy {}

impl<T: BtfType + FromBytes + Copy> Data for T {}

/// What functions of a member's prologue and epilogue can take and return. For the code that
/// `#[struct_ops]` generates.
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

/// How a table is aligned in the value of its map (`____cacheline_aligned_in_smp` of
/// `struct bpf_struct_ops_value`).
const VALUE_ALIGN: usize = if cfg!(CONFIG_SMP) {
    bindings::SMP_CACHE_BYTES as usize
} else {
    8
};

/// Where the table is in that value, in bytes: after `struct bpf_struct_ops_common_value`.
#[doc(hidden)]
pub const VALUE_OFFSET: usize =
    size_of::<bindings::bpf_struct_ops_common_value>().next_multiple_of(VALUE_ALIGN);

/// The size of that value. For the code that `#[struct_ops]` generates.
#[doc(hidden)]
#[inline]
// It runs in the compiler, where an overflow is an error.
#[allow(clippy::arithmetic_side_effects)]
pub const fn value_size(table: usize) -> usize {
    VALUE_OFFSET + table.next_multiple_of(VALUE_ALIGN)
}

/// The member at an offset.
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

    /// A table with holes before, between and behind its members.
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
    fn members_are_where_c_has_them() {
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
    fn members_are_what_the_trait_says() {
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
        // Of what returns nothing, or is given a reference, nothing can be returned in its place.
        assert!(any.eq([false, true, false, true, false, false]));
    }

    #[test]
    fn marked_fields_can_be_written() {
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

    /// A type in this crate's BTF. The reference to that cannot be given up from a module.
    fn find(name: &CStr) -> Option<(*const bindings::btf, &'static bindings::btf_type)> {
        let mut btf = core::ptr::null_mut();
        // SAFETY: The name ends with a null byte, and the pointer can be written to.
        let id = unsafe {
            bindings::bpf_find_btf_id(name.as_char_ptr(), bindings::BTF_KIND_STRUCT, &mut btf)
        };
        let id = u32::try_from(id).ok()?;
        // SAFETY: The BTF has this type, and stays.
        unsafe { bindings::btf_type_by_id(btf, id).as_ref() }.map(|t| (btf.cast_const(), t))
    }

    /// The offsets of so many members of a struct.
    fn offsets(t: &'static bindings::btf_type, count: usize) -> impl Iterator<Item = usize> {
        let first = core::ptr::from_ref(t).wrapping_add(1);
        (0..count).map(move |index| {
            let member = first.cast::<bindings::btf_member>().wrapping_add(index);
            // SAFETY: The members of a struct follow it, and there are so many.
            unsafe { rust_bpf_helper_member_offset(t, member) as usize }
        })
    }

    fn count_and_size(t: &bindings::btf_type) -> (usize, usize) {
        // SAFETY: Of a struct, it is the size.
        let size = unsafe { t.__bindgen_anon_1.size };
        // `BTF_INFO_VLEN()`
        ((t.info & 0xffff) as usize, size as usize)
    }

    #[test]
    fn btf_says_the_same() -> Result {
        let (btf, t) = find(KunitOpsTable::NAME).ok_or(ENOENT)?;
        assert_eq!(
            count_and_size(t),
            (MEMBERS.len(), size_of::<KunitOpsTable>())
        );
        assert!(offsets(t, MEMBERS.len()).eq(MEMBERS.iter().map(|m| m.offset)));

        let (_, value) = find(c"bpf_struct_ops_bpf_kunit_ops").ok_or(ENOENT)?;
        // `common` and `data`, which begins and ends with a line of the cache.
        let line = if cfg!(CONFIG_SMP) { 64 } else { 8 };
        assert_eq!(
            count_and_size(value),
            (2, line + 48_usize.next_multiple_of(line))
        );
        assert!(offsets(value, 2).eq([0, line]));

        // SAFETY: The table is in this BTF.
        let arg = |member, arg| unsafe { rust_bpf_helper_arg_struct(btf, t, member, arg) };
        let part = arg(3, 0);
        assert!(part != 0);
        assert_eq!(arg(3, 1), part);
        assert_eq!(arg(4, 1), part);
        // A number, one argument too many, a value, one member too many.
        for (member, number) in [(4, 0), (4, 2), (0, 0), (6, 0)] {
            assert_eq!(arg(member, number), 0);
        }
        // SAFETY: The BTF has this type.
        let part = unsafe { bindings::btf_type_by_id(btf, part) };
        assert!(find(c"bpf_kunit_part").is_some_and(|(_, t)| core::ptr::eq(t, part)));
        Ok(())
    }

    #[test]
    fn stubs_do_nothing() -> Result {
        let stubs = &KunitOpsTable::stubs().table;
        assert_eq!((stubs.small, stubs.name, stubs.last), (0, [0; 6], 0));
        let (sum, look, take) = (stubs.sum, stubs.look, stubs.take);
        let (sum, look, take) = (sum.ok_or(EINVAL)?, look.ok_or(EINVAL)?, take.ok_or(EINVAL)?);
        // SAFETY: They look at nothing.
        let results = unsafe { [sum(1, 2, 3), look(0, 0), take(0, 0)] };
        assert_eq!(results, [0; 3]);
        // If two were one, the kernel would find the name of the other.
        assert!(look as usize != take as usize);
        Ok(())
    }

    /// In place of programs: what is passed, digit by digit, with something above the result.
    unsafe extern "C" fn digits(a: u64, b: u64, c: u64) -> u64 {
        (0xffff << 32)
            | a.wrapping_mul(100)
                .wrapping_add(b.wrapping_mul(10))
                .wrapping_add(c)
    }

    unsafe extern "C" fn errno(part: u64, maybe: u64) -> u64 {
        if maybe == 0 || maybe == part {
            // The upper half is any.
            u64::from((-12_i32) as u32)
        } else {
            0
        }
    }

    fn ops(table: &KunitOpsTable) -> &Ops<KunitOpsTable> {
        // SAFETY: Its functions do what programs may do.
        unsafe { Ops::from_raw(core::ptr::from_ref(table).cast()) }
    }

    #[test]
    fn values_come_from_the_table_and_functions_are_called() -> Result {
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

        // A mandatory one is never missing in a table that is attached; if it were, it would be 0.
        table.sum = None;
        table.look = None;
        let empty = ops(&table);
        assert_eq!(empty.sum(9, 9, true), 0);
        assert_eq!(empty.look(&part, None), Err(ENOENT));
        assert_eq!(empty.look(&part, Some(&part)), Ok(()));
        Ok(())
    }
}
