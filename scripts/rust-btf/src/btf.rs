// SPDX-License-Identifier: GPL-2.0

//! BTF as libbpf reads and writes it, behind a safe interface.
//!
//! Only what this tool needs of libbpf is here: parse, look up by name, read prototypes, add
//! pointers, qualifiers and functions, serialize. This is the only file with `unsafe`. Nothing it
//! returns points into libbpf's memory, which moves whenever a type is added.
//!
//! libbpf checks that all ids and names are in range, but trusts the length of the header, so
//! [`Btf::parse`] checks that first. It also leaves out the optional layout section that newer
//! versions of `pahole` write between types and strings (it says how to skip types of unknown
//! kinds): this libbpf does not carry it over when types are added.

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
    /// The BTF it builds on.
    Base,
}

/// The kinds of types that this tool knows how to treat.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Int,
    Ptr,
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
    /// The id of the type this one refers to, for the kinds that refer to one. 0 is `void`.
    pub(crate) target: u32,
}

/// A parameter of a `FUNC_PROTO`.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: u32,
}

/// BTF, alone or split (on top of a base).
pub(crate) struct Btf {
    raw: NonNull<sys::btf>,
    /// libbpf keeps a pointer to the base: it has to live as long.
    base: Option<Box<Btf>>,
}

impl Drop for Btf {
    fn drop(&mut self) {
        // SAFETY: `raw` came from `btf__new*()` and nothing else frees it; the base, which it points
        // to, is a field and dropped after this.
        unsafe { sys::btf__free(self.raw.as_ptr()) }
    }
}

/// What libbpf says when it returns NULL.
fn last_error() -> String {
    format!("libbpf: {}", io::Error::last_os_error())
}

/// What libbpf says when it returns a negative number, or the id that it returns.
fn check_id(ret: c_int) -> Result<u32> {
    u32::try_from(ret).map_err(|_| {
        format!(
            "cannot add to the BTF: libbpf: {}",
            io::Error::from_raw_os_error(ret.saturating_neg())
        )
    })
}

fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|_| format!("'{}' has a NUL in it", text.escape_debug()))
}

/// An id as libbpf's adding functions take it.
fn c_id(id: u32) -> Result<c_int> {
    c_int::try_from(id).map_err(|_| format!("{id} is no BTF type id"))
}

const HEADER_LEN: usize = mem::size_of::<sys::btf_header>();

/// Checks the header and returns header, types and strings, without anything else.
fn normalize(data: &[u8]) -> Result<Vec<u8>> {
    const MAGIC: u16 = sys::BTF_MAGIC as u16;

    let cut_off = || "it is cut off".to_string();
    let word = |at: usize| -> Option<[u8; 4]> { data.get(at..at + 4)?.try_into().ok() };
    let magic = word(0).ok_or_else(cut_off)?;
    let (is_little, version) = match magic {
        [a, b, version, _] if u16::from_le_bytes([a, b]) == MAGIC => (true, version),
        [a, b, version, _] if u16::from_be_bytes([a, b]) == MAGIC => (false, version),
        _ => return Err("it does not start like BTF".to_string()),
    };
    if u32::from(version) != sys::BTF_VERSION {
        return Err(format!("its version is {version}, this tool knows 1"));
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
            "its header has {header_len} bytes, {HEADER_LEN} are the least"
        ));
    }
    let part = |off: usize| -> Result<(&[u8], u32)> {
        let len = number(off + 4)?;
        // Offsets count from the end of the header. Sums of three u32 fit.
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
    /// Parses raw BTF, split BTF if there is a base.
    pub(crate) fn parse(data: &[u8], base: Option<Btf>) -> Result<Btf> {
        let data = normalize(data)?;
        let size = u32::try_from(data.len()).map_err(|_| "it is larger than 4 GiB".to_string())?;
        let base = base.map(Box::new);

        // SAFETY: No print function is always right; errors come back as return values.
        unsafe { sys::libbpf_set_print(None) };
        let base_raw = base
            .as_ref()
            .map_or(ptr::null_mut(), |base| base.raw.as_ptr());
        // SAFETY: `data` has `size` bytes and libbpf copies them. A base of NULL is none; otherwise
        // it is valid, and the value that is returned keeps it so.
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
                // libbpf's search would begin in the base.
                (base.len()..self.len()).find(|&id| {
                    self.raw_type(id).is_some_and(|raw| {
                        raw_kind(&raw) == kind && self.c_name(&raw) == Some(name.as_c_str())
                    })
                })
            }
            (Scope::Own, None) => {
                // SAFETY: Both pointers are valid.
                let id = unsafe {
                    sys::btf__find_by_name_kind(self.raw.as_ptr(), name.as_ptr(), kind.to_raw())
                };
                // 0 would be `void`, which is no type of that kind.
                u32::try_from(id).ok().filter(|&id| id != 0)
            }
            (Scope::Base, Some(base)) => base.find(Scope::Own, name.to_str().ok()?, kind),
            (Scope::Base, None) => None,
        }
    }

    /// Reads a type.
    pub(crate) fn ty(&self, id: u32) -> Option<Type> {
        let raw = self.raw_type(id)?;
        // SAFETY: The union has two fields, both `u32`.
        let target = unsafe { raw.__bindgen_anon_1.type_ };
        let name = self
            .c_name(&raw)
            .map_or(String::new(), |name| name.to_string_lossy().into_owned());
        Some(Type {
            kind: raw_kind(&raw),
            name,
            target,
        })
    }

    /// Reads the parameters of a `FUNC_PROTO`.
    pub(crate) fn params(&self, id: u32) -> Option<Vec<Param>> {
        let head = self.type_ptr(id)?;
        // SAFETY: libbpf returned the pointer, so a `btf_type` is there.
        let raw = unsafe { head.as_ptr().read_unaligned() };
        if raw_kind(&raw) != Kind::FuncProto {
            return None;
        }
        // The low bits are the number of what follows the type.
        let count = (raw.info & 0xffff) as usize;
        // SAFETY: In a `FUNC_PROTO` that many `btf_param` follow the `btf_type`; libbpf has checked
        // that they are inside of its buffer when it parsed or added them. Nothing is added while
        // the pointer is in use.
        let params = (0..count).map(|i| unsafe {
            head.as_ptr()
                .add(1)
                .cast::<sys::btf_param>()
                .add(i)
                .read_unaligned()
        });
        Some(
            params
                .map(|param| Param {
                    name: self
                        .c_str(param.name_off)
                        .map_or(String::new(), |name| name.to_string_lossy().into_owned()),
                    ty: param.type_,
                })
                .collect(),
        )
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

    /// Adds a `FUNC_PROTO` with its parameters.
    pub(crate) fn add_func_proto(&mut self, ret: u32, params: &[Param]) -> Result<u32> {
        let ret = c_id(ret)?;
        // SAFETY: `raw` is valid.
        let id = check_id(unsafe { sys::btf__add_func_proto(self.raw.as_ptr(), ret) })?;
        for param in params {
            let (name, ty) = (c_string(&param.name)?, c_id(param.ty)?);
            // SAFETY: `raw` is valid, and so is the name, which libbpf copies. It checks itself that
            // the last type is a `FUNC_PROTO`.
            check_id(unsafe { sys::btf__add_func_param(self.raw.as_ptr(), name.as_ptr(), ty) })?;
        }
        Ok(id)
    }

    /// Adds a `FUNC`. Its linkage is static, as everywhere in the BTF of the kernel.
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

    /// The whole as raw BTF, without the base.
    pub(crate) fn raw_data(&self) -> Result<Vec<u8>> {
        let mut size = 0;
        // SAFETY: `raw` is valid, and `size` is there to be written.
        let data: *const c_void = unsafe { sys::btf__raw_data(self.raw.as_ptr(), &mut size) };
        if data.is_null() {
            return Err(format!("cannot write the BTF: {}", last_error()));
        }
        // SAFETY: libbpf returned `size` bytes, which stay until a type is added.
        Ok(unsafe { slice::from_raw_parts(data.cast::<u8>(), size as usize) }.to_vec())
    }

    /// The number of all types, `void` and those of the base included, which is also the next id.
    fn len(&self) -> u32 {
        // SAFETY: `raw` is valid.
        unsafe { sys::btf__type_cnt(self.raw.as_ptr()) }
    }

    fn type_ptr(&self, id: u32) -> Option<NonNull<sys::btf_type>> {
        // SAFETY: `raw` is valid; libbpf checks the id.
        NonNull::new(unsafe { sys::btf__type_by_id(self.raw.as_ptr(), id) }.cast_mut())
    }

    fn raw_type(&self, id: u32) -> Option<sys::btf_type> {
        let raw = self.type_ptr(id)?;
        // SAFETY: libbpf returned the pointer, so a `btf_type` is there.
        Some(unsafe { raw.as_ptr().read_unaligned() })
    }

    fn c_name(&self, raw: &sys::btf_type) -> Option<&CStr> {
        self.c_str(raw.name_off)
    }

    /// The string at an offset. It does not leave this file: adding a type may move it.
    fn c_str(&self, offset: u32) -> Option<&CStr> {
        // SAFETY: `raw` is valid; libbpf checks the offset.
        let text = unsafe { sys::btf__str_by_offset(self.raw.as_ptr(), offset) };
        // SAFETY: What is not NULL points to a string; libbpf has checked that the last one ends. It
        // moves when something is added, which needs `&mut self`, or for the base a `&mut` of the
        // split BTF that owns it.
        (!text.is_null()).then(|| unsafe { CStr::from_ptr(text) })
    }
}

fn raw_kind(raw: &sys::btf_type) -> Kind {
    Kind::from_raw((raw.info >> 24) & 0x1f)
}
