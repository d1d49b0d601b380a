// SPDX-License-Identifier: GPL-2.0

//! BTF as libbpf reads and writes it, behind a safe interface.
//!
//! This module wraps only the functions of libbpf that the tool needs: parse, look up by name, read
//! types, add types, serialize. It is the only file with `unsafe`. No result points into libbpf's
//! memory, because libbpf moves that memory when it adds a type.
//!
//! Types are added one after the other with consecutive ids. A new type may refer to an id that is
//! added later: libbpf checks only that the number is in the range of ids.
//!
//! libbpf checks that all ids and names are in range, but trusts the length of the header, so
//! [`Btf::parse`] checks the header first. [`Btf::parse`] also drops the optional layout section
//! that newer versions of `pahole` write between types and strings (the section tells a reader how
//! to skip types of unknown kinds): this libbpf does not keep the section when it adds types.

use libbpf_sys as sys;
use std::{
    ffi::{
        c_int,
        c_void,
        CStr,
        CString, //
    },
    io,
    mem,
    ops::Range,
    ptr::{
        self,
        NonNull, //
    },
    slice, //
};

use crate::Result;

/// Where to look for a type.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scope {
    /// The BTF itself.
    Own,
    /// The base BTF.
    Base,
}

/// The kinds of types that this tool knows how to treat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Int,
    Ptr,
    Array,
    Struct,
    Union,
    Enum,
    Enum64,
    Fwd,
    Typedef,
    Volatile,
    Const,
    Restrict,
    Func,
    FuncProto,
    Float,
    TypeTag,
    Other(u32),
}

const KINDS: &[(Kind, u32)] = &[
    (Kind::Int, sys::BTF_KIND_INT),
    (Kind::Ptr, sys::BTF_KIND_PTR),
    (Kind::Array, sys::BTF_KIND_ARRAY),
    (Kind::Struct, sys::BTF_KIND_STRUCT),
    (Kind::Union, sys::BTF_KIND_UNION),
    (Kind::Enum, sys::BTF_KIND_ENUM),
    (Kind::Enum64, sys::BTF_KIND_ENUM64),
    (Kind::Fwd, sys::BTF_KIND_FWD),
    (Kind::Typedef, sys::BTF_KIND_TYPEDEF),
    (Kind::Volatile, sys::BTF_KIND_VOLATILE),
    (Kind::Const, sys::BTF_KIND_CONST),
    (Kind::Restrict, sys::BTF_KIND_RESTRICT),
    (Kind::Func, sys::BTF_KIND_FUNC),
    (Kind::FuncProto, sys::BTF_KIND_FUNC_PROTO),
    (Kind::Float, sys::BTF_KIND_FLOAT),
    (Kind::TypeTag, sys::BTF_KIND_TYPE_TAG),
];

impl Kind {
    fn from_raw(raw: u32) -> Kind {
        KINDS
            .iter()
            .find(|(_, number)| *number == raw)
            .map_or(Kind::Other(raw), |(kind, _)| *kind)
    }

    fn to_raw(self) -> u32 {
        match self {
            Kind::Other(raw) => raw,
            _ => KINDS
                .iter()
                .find(|(kind, _)| *kind == self)
                .map_or(sys::BTF_KIND_UNKN, |(_, number)| *number),
        }
    }
}

/// A type, without its members.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Type {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    /// The id of the type that this type refers to, for the kinds that do. 0 is `void`.
    pub(crate) target: u32,
    /// The number of bytes, for the kinds that have a size field.
    pub(crate) size: u32,
    /// Whether an enum is signed.
    pub(crate) signed: bool,
}

/// A parameter of a `FUNC_PROTO`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: u32,
}

/// An array.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Array {
    pub(crate) element: u32,
    /// The type of the index, an integer type.
    pub(crate) index: u32,
    pub(crate) len: u32,
}

/// A member of a struct or union.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) ty: u32,
    /// The offset in the type, in bits.
    pub(crate) offset: u32,
    /// The number of bits of a bit field; 0 for any other member.
    pub(crate) bits: u32,
}

/// An enumerator. Its value fits the size and the sign of the enum.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Enumerator {
    pub(crate) name: String,
    pub(crate) value: i128,
}

/// BTF, alone or split (on top of a base).
pub(crate) struct Btf {
    raw: NonNull<sys::btf>,
    /// libbpf keeps a pointer to the base, so the base has to live as long as `raw`.
    base: Option<Box<Btf>>,
}

impl Drop for Btf {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `btf__new*()` and nothing else frees it. `raw` points to the
        // base, which is a field and is dropped after this call.
        unsafe { sys::btf__free(self.raw.as_ptr()) }
    }
}

/// The message for a libbpf function that returned NULL.
fn last_error() -> String {
    format!("libbpf: {}", io::Error::last_os_error())
}

/// Converts the return value of a libbpf function: an id, or a negative error number.
fn check_id(ret: c_int) -> Result<u32> {
    u32::try_from(ret).map_err(|_| {
        format!(
            "cannot add to the BTF: libbpf: {}",
            io::Error::from_raw_os_error(ret.saturating_neg())
        )
    })
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| format!("'{}' contains a NUL byte", text.escape_debug()))
}

/// Converts an id to the type that libbpf's `btf__add_*()` functions take.
fn c_id(id: u32) -> Result<c_int> {
    c_int::try_from(id).map_err(|_| format!("{id} is no BTF type id"))
}

const HEADER_LEN: usize = mem::size_of::<sys::btf_header>();

/// Checks the header, and returns BTF that has a header, types and strings only.
fn normalize(data: &[u8]) -> Result<Vec<u8>> {
    const MAGIC: u16 = sys::BTF_MAGIC as u16;

    let cut_off = || "the data is truncated".to_string();
    let word = |at: usize| -> Option<[u8; 4]> { data.get(at..at + 4)?.try_into().ok() };
    let magic = word(0).ok_or_else(cut_off)?;
    let (is_little, version) = match magic {
        [a, b, version, _] if u16::from_le_bytes([a, b]) == MAGIC => (true, version),
        [a, b, version, _] if u16::from_be_bytes([a, b]) == MAGIC => (false, version),
        _ => return Err("the data does not start with the BTF magic number".to_string()),
    };
    if u32::from(version) != sys::BTF_VERSION {
        return Err(format!(
            "the BTF version is {version}, this tool knows version 1"
        ));
    }
    let number = |at| -> Result<u32> {
        let bytes = word(at).ok_or_else(cut_off)?;
        Ok(match is_little {
            true => u32::from_le_bytes(bytes),
            false => u32::from_be_bytes(bytes),
        })
    };
    let header_len = number(4)?;
    if (header_len as usize) < HEADER_LEN {
        return Err(format!(
            "the header has {header_len} bytes, but at least {HEADER_LEN} are required"
        ));
    }
    let part = |off: usize| -> Result<(&[u8], u32)> {
        let len = number(off + 4)?;
        // Offsets count from the end of the header. The sum of three `u32` fits into a `u64`.
        let start = u64::from(header_len) + u64::from(number(off)?);
        let range = usize::try_from(start)
            .ok()
            .zip(usize::try_from(start + u64::from(len)).ok());
        let bytes = range.and_then(|(start, end)| data.get(start..end));
        Ok((bytes.ok_or_else(cut_off)?, len))
    };
    let (types, types_len) = part(8)?;
    let (strings, strings_len) = part(16)?;

    let mut plain = Vec::with_capacity(HEADER_LEN + types.len() + strings.len());
    plain.extend_from_slice(&magic);
    for value in [HEADER_LEN as u32, 0, types_len, types_len, strings_len] {
        plain.extend_from_slice(&match is_little {
            true => value.to_le_bytes(),
            false => value.to_be_bytes(),
        });
    }
    plain.extend_from_slice(types);
    plain.extend_from_slice(strings);
    Ok(plain)
}

impl Btf {
    /// Parses raw BTF. With a base, the data is split BTF on top of the base.
    pub(crate) fn parse(data: &[u8], base: Option<Btf>) -> Result<Btf> {
        let data = normalize(data)?;
        let size =
            u32::try_from(data.len()).map_err(|_| "the BTF is larger than 4 GiB".to_string())?;
        let base = base.map(Box::new);

        // SAFETY: libbpf accepts NULL for the print function, and then prints nothing. Errors come
        // back as return values.
        unsafe { sys::libbpf_set_print(None) };
        let base_raw = base
            .as_ref()
            .map_or(ptr::null_mut(), |base| base.raw.as_ptr());
        // SAFETY: `data` has `size` bytes and libbpf copies them. The base is NULL (no base) or
        // valid, and the returned `Btf` owns it and keeps it valid.
        let raw = unsafe { sys::btf__new_split(data.as_ptr().cast(), size, base_raw) };
        match NonNull::new(raw) {
            Some(raw) => Ok(Btf { raw, base }),
            None => Err(last_error()),
        }
    }

    /// Looks up a type by name and kind.
    pub(crate) fn find(&self, scope: Scope, name: &str, kind: Kind) -> Option<u32> {
        let name = CString::new(name).ok()?;
        match (scope, &self.base) {
            (Scope::Own, Some(base)) => {
                // libbpf's own search also covers the base, and begins there.
                (base.len()..self.len()).find(|&id| {
                    self.raw_type(id).is_some_and(|raw| {
                        raw_kind(&raw) == kind && self.c_name(&raw) == Some(name.as_c_str())
                    })
                })
            }
            (Scope::Own, None) => {
                // SAFETY: `raw` is valid, and `name` is a C string that libbpf only reads.
                let id = unsafe {
                    sys::btf__find_by_name_kind(self.raw.as_ptr(), name.as_ptr(), kind.to_raw())
                };
                // The id 0 is `void`, which has no kind.
                u32::try_from(id).ok().filter(|&id| id != 0)
            }
            (Scope::Base, Some(base)) => base.find(Scope::Own, name.to_str().ok()?, kind),
            (Scope::Base, None) => None,
        }
    }

    /// The ids of all types in a scope, without `void`.
    pub(crate) fn ids(&self, scope: Scope) -> Range<u32> {
        match (scope, &self.base) {
            (Scope::Own, Some(base)) => base.len()..self.len(),
            (Scope::Own, None) => 1..self.len(),
            (Scope::Base, Some(base)) => base.ids(Scope::Own),
            (Scope::Base, None) => 0..0,
        }
    }

    /// Reads a type.
    pub(crate) fn ty(&self, id: u32) -> Option<Type> {
        let raw = self.raw_type(id)?;
        // SAFETY: The union has two fields, both `u32`.
        let value = unsafe { raw.__bindgen_anon_1.type_ };
        Some(Type {
            kind: raw_kind(&raw),
            name: self.name(raw.name_off),
            target: value,
            size: value,
            signed: raw.info & KIND_FLAG != 0,
        })
    }

    /// Reads the parameters of a `FUNC_PROTO`.
    pub(crate) fn params(&self, id: u32) -> Option<Vec<Param>> {
        let (raw, head) = self.raw_type(id).zip(self.type_ptr(id))?;
        if raw_kind(&raw) != Kind::FuncProto {
            return None;
        }
        // SAFETY: In a `FUNC_PROTO`, `vlen` parameters follow the head.
        let params = unsafe { trailing::<sys::btf_param>(head, raw_vlen(&raw)) };
        let param = |raw: sys::btf_param| Param {
            name: self.name(raw.name_off),
            ty: raw.type_,
        };
        Some(params.into_iter().map(param).collect())
    }

    /// Reads an array.
    pub(crate) fn array(&self, id: u32) -> Option<Array> {
        let (raw, head) = self.raw_type(id).zip(self.type_ptr(id))?;
        if raw_kind(&raw) != Kind::Array {
            return None;
        }
        // SAFETY: In an `ARRAY`, one `btf_array` follows the head.
        let array = unsafe { trailing::<sys::btf_array>(head, 1) };
        array.first().map(|array| Array {
            element: array.type_,
            index: array.index_type,
            len: array.nelems,
        })
    }

    /// Reads the members of a struct or union.
    pub(crate) fn members(&self, id: u32) -> Option<Vec<Member>> {
        let (raw, head) = self.raw_type(id).zip(self.type_ptr(id))?;
        if !matches!(raw_kind(&raw), Kind::Struct | Kind::Union) {
            return None;
        }
        // SAFETY: In a `STRUCT` or `UNION`, `vlen` members follow the head.
        let members = unsafe { trailing::<sys::btf_member>(head, raw_vlen(&raw)) };
        let member = |member: sys::btf_member| {
            let (offset, bits) = match raw.info & KIND_FLAG {
                0 => (member.offset, 0),
                _ => (member.offset & 0xff_ffff, member.offset >> 24),
            };
            Member {
                name: self.name(member.name_off),
                ty: member.type_,
                offset,
                bits,
            }
        };
        Some(members.into_iter().map(member).collect())
    }

    /// Reads the enumerators of an enum.
    pub(crate) fn enumerators(&self, id: u32) -> Option<Vec<Enumerator>> {
        let (raw, head) = self.raw_type(id).zip(self.type_ptr(id))?;
        let signed = raw.info & KIND_FLAG != 0;
        match raw_kind(&raw) {
            Kind::Enum => {
                // SAFETY: In an `ENUM`, `vlen` enumerators follow the head.
                let values = unsafe { trailing::<sys::btf_enum>(head, raw_vlen(&raw)) };
                let enumerator = |raw: sys::btf_enum| Enumerator {
                    name: self.name(raw.name_off),
                    value: match signed {
                        true => raw.val.into(),
                        false => (raw.val as u32).into(),
                    },
                };
                Some(values.into_iter().map(enumerator).collect())
            }
            Kind::Enum64 => {
                // SAFETY: In an `ENUM64`, `vlen` enumerators follow the head.
                let values = unsafe { trailing::<sys::btf_enum64>(head, raw_vlen(&raw)) };
                let enumerator = |raw: sys::btf_enum64| {
                    let value = (u64::from(raw.val_hi32) << 32) | u64::from(raw.val_lo32);
                    Enumerator {
                        name: self.name(raw.name_off),
                        value: match signed {
                            true => (value as i64).into(),
                            false => value.into(),
                        },
                    }
                };
                Some(values.into_iter().map(enumerator).collect())
            }
            _ => None,
        }
    }

    pub(crate) fn add_ptr(&mut self, to: u32) -> Result<u32> {
        let to = c_id(to)?;
        // SAFETY: `raw` is valid.
        check_id(unsafe { sys::btf__add_ptr(self.raw.as_ptr(), to) })
    }

    pub(crate) fn add_const(&mut self, of: u32) -> Result<u32> {
        let of = c_id(of)?;
        // SAFETY: `raw` is valid.
        check_id(unsafe { sys::btf__add_const(self.raw.as_ptr(), of) })
    }

    pub(crate) fn add_array(&mut self, array: Array) -> Result<u32> {
        let (index, element) = (c_id(array.index)?, c_id(array.element)?);
        // SAFETY: `raw` is valid.
        check_id(unsafe { sys::btf__add_array(self.raw.as_ptr(), index, element, array.len) })
    }

    /// Adds a struct with its members.
    pub(crate) fn add_struct(&mut self, name: &str, size: u32, members: &[Member]) -> Result<u32> {
        let name = c_string(name)?;
        // SAFETY: `raw` is valid, and so is the name, which libbpf copies.
        let id = unsafe { sys::btf__add_struct(self.raw.as_ptr(), name.as_ptr(), size) };
        let id = check_id(id)?;
        self.add_members(members)?;
        Ok(id)
    }

    /// Adds a union with its members.
    pub(crate) fn add_union(&mut self, name: &str, size: u32, members: &[Member]) -> Result<u32> {
        let name = c_string(name)?;
        // SAFETY: `raw` is valid, and so is the name, which libbpf copies.
        let id = unsafe { sys::btf__add_union(self.raw.as_ptr(), name.as_ptr(), size) };
        let id = check_id(id)?;
        self.add_members(members)?;
        Ok(id)
    }

    /// Adds members to the last type, a struct or union.
    fn add_members(&mut self, members: &[Member]) -> Result<()> {
        for member in members {
            let (name, ty) = (c_string(&member.name)?, c_id(member.ty)?);
            // SAFETY: `raw` is valid, and so is the name, which libbpf copies. libbpf checks that
            // the last type is a struct or union.
            check_id(unsafe {
                sys::btf__add_field(
                    self.raw.as_ptr(),
                    name.as_ptr(),
                    ty,
                    member.offset,
                    member.bits,
                )
            })?;
        }
        Ok(())
    }

    /// Adds an enum with its enumerators, as `ENUM64` if it has 8 bytes.
    pub(crate) fn add_enum(
        &mut self,
        name: &str,
        size: u32,
        signed: bool,
        values: &[Enumerator],
    ) -> Result<u32> {
        let name = c_string(name)?;
        let raw = self.raw.as_ptr();
        let is_64 = size == 8;
        // SAFETY: `raw` is valid, and so is the name, which libbpf copies.
        let id = check_id(unsafe {
            match is_64 {
                true => sys::btf__add_enum64(raw, name.as_ptr(), size, signed),
                false => sys::btf__add_enum(raw, name.as_ptr(), size),
            }
        })?;
        if let (true, Some(head)) = (signed, self.type_ptr(id)) {
            // libbpf marks an `ENUM` as signed only when a value is negative.
            // SAFETY: libbpf returned the pointer, so it points to a `btf_type`. libbpf has just
            // added that type, so it is in memory that may be written.
            unsafe {
                let mut ty = head.as_ptr().read_unaligned();
                ty.info |= KIND_FLAG;
                head.as_ptr().write_unaligned(ty);
            }
        }
        for Enumerator { name, value } in values {
            let name = c_string(name)?;
            // SAFETY: `raw` is valid, and so is the name, which libbpf copies. libbpf checks that
            // the last type is an enum of that kind. A negative value keeps its bits.
            check_id(unsafe {
                match is_64 {
                    true => sys::btf__add_enum64_value(raw, name.as_ptr(), *value as u64),
                    false => sys::btf__add_enum_value(raw, name.as_ptr(), *value as i64),
                }
            })?;
        }
        Ok(id)
    }

    /// Adds a `FUNC_PROTO` with its parameters.
    pub(crate) fn add_func_proto(&mut self, ret: u32, params: &[Param]) -> Result<u32> {
        let ret = c_id(ret)?;
        // SAFETY: `raw` is valid.
        let id = check_id(unsafe { sys::btf__add_func_proto(self.raw.as_ptr(), ret) })?;
        for param in params {
            let (name, ty) = (c_string(&param.name)?, c_id(param.ty)?);
            // SAFETY: `raw` is valid, and so is the name, which libbpf copies. libbpf checks that
            // the last type is a `FUNC_PROTO`.
            check_id(unsafe { sys::btf__add_func_param(self.raw.as_ptr(), name.as_ptr(), ty) })?;
        }
        Ok(id)
    }

    /// Adds a `FUNC`. Its linkage is static, like that of all functions in the BTF of the kernel.
    pub(crate) fn add_func(&mut self, name: &str, proto: u32) -> Result<u32> {
        let (name, proto) = (c_string(name)?, c_id(proto)?);
        // SAFETY: `raw` is valid, and so is the name, which libbpf copies.
        check_id(unsafe {
            sys::btf__add_func(
                self.raw.as_ptr(),
                name.as_ptr(),
                sys::BTF_FUNC_STATIC,
                proto,
            )
        })
    }

    /// Adds a `DECL_TAG` for a type as a whole, not for a member or a parameter.
    pub(crate) fn add_decl_tag(&mut self, name: &str, of: u32) -> Result<u32> {
        const WHOLE: c_int = -1;

        let (name, of) = (c_string(name)?, c_id(of)?);
        // SAFETY: `raw` is valid, and so is the name, which libbpf copies.
        check_id(unsafe { sys::btf__add_decl_tag(self.raw.as_ptr(), name.as_ptr(), of, WHOLE) })
    }

    /// Serializes the BTF to raw BTF, without the base.
    pub(crate) fn raw_data(&self) -> Result<Vec<u8>> {
        let mut size = 0;
        // SAFETY: `raw` is valid, and `size` is a local variable that libbpf may write.
        let data: *const c_void = unsafe { sys::btf__raw_data(self.raw.as_ptr(), &mut size) };
        if data.is_null() {
            return Err(format!("cannot write the BTF: {}", last_error()));
        }
        // SAFETY: libbpf returned `size` bytes, which stay valid until a type is added.
        Ok(unsafe { slice::from_raw_parts(data.cast::<u8>(), size as usize) }.to_vec())
    }

    /// The number of all types, including `void` and the types of the base. It is also the next id.
    pub(crate) fn len(&self) -> u32 {
        // SAFETY: `raw` is valid.
        unsafe { sys::btf__type_cnt(self.raw.as_ptr()) }
    }

    fn type_ptr(&self, id: u32) -> Option<NonNull<sys::btf_type>> {
        // SAFETY: `raw` is valid; libbpf checks the id.
        NonNull::new(unsafe { sys::btf__type_by_id(self.raw.as_ptr(), id) }.cast_mut())
    }

    fn raw_type(&self, id: u32) -> Option<sys::btf_type> {
        let raw = self.type_ptr(id)?;
        // SAFETY: libbpf returned the pointer, so it points to a `btf_type`.
        Some(unsafe { raw.as_ptr().read_unaligned() })
    }

    fn c_name(&self, raw: &sys::btf_type) -> Option<&CStr> {
        self.c_str(raw.name_off)
    }

    fn name(&self, offset: u32) -> String {
        self.c_str(offset)
            .map_or(String::new(), |name| name.to_string_lossy().into_owned())
    }

    /// The string at an offset. Callers outside this file get copies, because libbpf may move the
    /// string when it adds a type.
    fn c_str(&self, offset: u32) -> Option<&CStr> {
        // SAFETY: `raw` is valid; libbpf checks the offset.
        let text = unsafe { sys::btf__str_by_offset(self.raw.as_ptr(), offset) };
        // SAFETY: A pointer that is not NULL points to a string, and libbpf has checked that the
        // last string ends with a NUL. Only adding a type moves the string, and that needs a `&mut`
        // of this BTF, or of the split BTF that owns this BTF as its base.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
    }
}

/// The bit of `btf_type.info` that marks signed enums and structs with bit fields.
const KIND_FLAG: u32 = 1 << 31;

fn raw_kind(raw: &sys::btf_type) -> Kind {
    Kind::from_raw((raw.info >> 24) & 0x1f)
}

/// How many items follow the head of a type, for the kinds that have items.
fn raw_vlen(raw: &sys::btf_type) -> usize {
    (raw.info & 0xffff) as usize
}

/// Copies the `count` items that follow the head of a type.
///
/// # Safety
///
/// libbpf returned `head` for a type that `count` values of type `T` follow. libbpf checked that
/// they are inside of its buffer when it parsed or added them, and no type was added since.
unsafe fn trailing<T: Copy>(head: NonNull<sys::btf_type>, count: usize) -> Vec<T> {
    // SAFETY: The caller guarantees that `count` values of type `T` follow `head`.
    let item = |i| unsafe { head.as_ptr().add(1).cast::<T>().add(i).read_unaligned() };
    (0..count).map(item).collect()
}
