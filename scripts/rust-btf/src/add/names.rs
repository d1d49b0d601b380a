// SPDX-License-Identifier: GPL-2.0

//! Finds types by name, and tells their sizes and definitions. It does not change the BTF.
//!
//! The search begins with the described types, then goes to the object's own BTF, then to the BTF
//! of the kernel: `pahole` has merged equal types, so a type that is left in the object's BTF is
//! the module's own. Of several types of one name and kind the first is taken, as `resolve_btfids`
//! does. The search for a type of [`KERNEL_TYPES`] begins in the BTF of the kernel, because a copy
//! of such a type does not work.

use std::collections::HashMap;

use crate::{
    btf::{
        Btf,
        Kind,
        Scope, //
    },
    parse::{
        self,
        Core,
        Named,
        Outer,
        Proto,
        Role,
        Tag,
        Type,
        MAX_FN_DEPTH,
        MAX_PARAMS, //
    },
    Result,
};

use super::Origin;

/// The largest number of references from one type to the next that are followed, the same as in the
/// kernel. The limit is for invalid BTF, where types can refer to each other in a circle.
const MAX_DEPTH: usize = 32;

/// The integer types that an array may have for its index. `pahole` makes the first one; compilers
/// know only the others.
const INDEX_TYPES: &[&str] = &["__ARRAY_SIZE_TYPE__", "unsigned int", "int"];
const INDEX_SIZE: u32 = 4;

/// Types that the kernel compares by their ids, so that a copy in the object's BTF is another type.
/// The first member of the value type of a struct_ops map has this type
/// (`is_valid_value_type()`).
const KERNEL_TYPES: &[(Tag, &str)] = &[(Tag::Struct, "bpf_struct_ops_common_value")];

/// The kinds of BTF that a tag stands for. The kinds in an earlier list are preferred.
pub(super) fn kinds(tag: Tag) -> &'static [&'static [Kind]] {
    match tag {
        Tag::None => &[&[Kind::Typedef], &[Kind::Int]],
        Tag::Struct => &[&[Kind::Struct]],
        Tag::Union => &[&[Kind::Union]],
        Tag::Enum => &[&[Kind::Enum, Kind::Enum64]],
    }
}

/// The first type that has this name and one of these kinds.
pub(super) fn find_kinds(btf: &Btf, scope: Scope, name: &str, kinds: &[Kind]) -> Option<u32> {
    kinds.iter().find_map(|&kind| btf.find(scope, name, kind))
}

/// All types that a name can stand for.
pub(super) struct Names<'a> {
    pub(super) btf: &'a Btf,
    pub(super) origin: &'a Origin,
    described: HashMap<Named, (u32, u32)>,
    /// A cache of the ids that were found in the BTF.
    found: HashMap<Named, u32>,
}

impl<'a> Names<'a> {
    pub(super) fn new(btf: &'a Btf, origin: &'a Origin) -> Self {
        Names {
            btf,
            origin,
            described: HashMap::new(),
            found: HashMap::new(),
        }
    }

    /// Records the id and the size of a described type.
    pub(super) fn describe(&mut self, named: Named, id: u32, size: u32) {
        self.described.insert(named, (id, size));
    }

    /// The size of a described type.
    pub(super) fn described_size(&self, named: &Named) -> Option<u32> {
        self.described.get(named).map(|(_, size)| *size)
    }

    /// Finds a type. The error says why there is none.
    pub(super) fn find(&mut self, named: &Named) -> Result<u32> {
        let known = self.described.get(named).map(|(id, _)| id);
        if let Some(id) = known.or_else(|| self.found.get(named)) {
            return Ok(*id);
        }
        let (_, id) = self.find_in_btf(named)?;
        self.found.insert(named.clone(), id);
        Ok(id)
    }

    /// Finds a type that is already in the BTF. The error says why there is none.
    pub(super) fn find_in_btf(&self, named: &Named) -> Result<(Scope, u32)> {
        let scopes = match KERNEL_TYPES.contains(&(named.tag, named.name.as_str())) {
            true => [Scope::Base, Scope::Own],
            false => [Scope::Own, Scope::Base],
        };
        let find = |kinds: &&[Kind]| {
            scopes
                .into_iter()
                .find_map(|scope| Some((scope, find_kinds(self.btf, scope, &named.name, kinds)?)))
        };
        kinds(named.tag)
            .iter()
            .find_map(find)
            .ok_or_else(|| self.why_not(named))
    }

    /// The error message for a type that does not exist.
    fn why_not(&self, named: &Named) -> String {
        const OTHERS: &[(Kind, &str, Option<Tag>)] = &[
            (Kind::Struct, "a struct", Some(Tag::Struct)),
            (Kind::Union, "a union", Some(Tag::Union)),
            (Kind::Enum, "an enum", Some(Tag::Enum)),
            (Kind::Enum64, "an enum", Some(Tag::Enum)),
            (Kind::Typedef, "a typedef", Some(Tag::None)),
            (Kind::Int, "an integer type", Some(Tag::None)),
            (Kind::Float, "a floating-point type", None),
            (Kind::Fwd, "only declared, not defined", None),
        ];

        let (btf, origin, name) = (self.btf, self.origin, &named.name);
        let described = OTHERS.iter().find(|(.., tag)| {
            tag.is_some_and(|tag| {
                let name = name.clone();
                self.described.contains_key(&Named { tag, name })
            })
        });
        let other = described.or_else(|| {
            OTHERS.iter().find(|(kind, ..)| {
                btf.find(Scope::Own, name, *kind)
                    .or_else(|| btf.find(Scope::Base, name, *kind))
                    .is_some()
            })
        });
        let way_out = match other {
            Some((_, what, Some(tag))) => format!("'{name}' is {what} there: write '{tag}{name}'"),
            Some((Kind::Fwd, what, _)) => format!(
                "'{name}' is {what} there: use the type in a C file that includes its definition"
            ),
            Some((_, what, _)) => {
                format!("'{name}' is {what} there, and descriptions cannot use such a type")
            }
            None if origin.is_module && origin.base.is_none() => {
                "the kernel's types are in vmlinux, and --btf_base is missing: the build passes it \
                 if vmlinux exists and has BTF (CONFIG_DEBUG_INFO_BTF)"
                    .to_string()
            }
            None => {
                "check the name against 'bpftool btf dump', or use the type in a C file of the \
                 object, so that pahole describes it"
                    .to_string()
            }
        };
        let places = match &origin.base {
            Some(base) => format!("{} or of {base}", origin.elf),
            None => origin.elf.clone(),
        };
        format!("no '{named}' in the BTF of {places}; {way_out}")
    }

    /// The integer type that an array has for its index.
    pub(super) fn index_type(&self) -> Result<u32> {
        let btf = self.btf;
        INDEX_TYPES
            .iter()
            .flat_map(|name| [(Scope::Own, name), (Scope::Base, name)])
            .filter_map(|(scope, name)| btf.find(scope, name, Kind::Int))
            .find(|&id| btf.ty(id).is_some_and(|ty| ty.size == INDEX_SIZE))
            .ok_or_else(|| {
                format!(
                    "an array needs an index type, but neither the BTF of {} nor that of {} has an \
                     'unsigned int' of {INDEX_SIZE} bytes; use one in a C file of the object",
                    self.origin.elf,
                    self.origin.base_name()
                )
            })
    }

    /// Checks the types of a prototype. Each type that is not behind a pointer needs a size:
    /// otherwise the kernel rejects the BTF.
    pub(super) fn check_proto(&mut self, proto: &Proto) -> Result<()> {
        let mut check = |place: &str, ty: &Type| match self.size(ty) {
            Ok(Some(_)) => Ok(()),
            Ok(None) => Err(format!("{place}: {}; use a pointer to it", no_size(ty))),
            Err(why) => Err(format!("{place}: {why}")),
        };
        for (i, param) in proto.params.iter().enumerate() {
            check(&parse::parameter(i, &param.name), &param.ty)?;
        }
        match proto.ret.is_void() {
            true => Ok(()),
            false => check("return type", &proto.ret),
        }
    }

    /// The size of a type in bytes; `None` if the size is unknown or the type has none. Also checks
    /// each prototype in the type, and that each array in the type, even behind a pointer, has
    /// elements of known size and is not larger than BTF can express.
    pub(super) fn size(&mut self, ty: &Type) -> Result<Option<u32>> {
        let mut size = match &ty.core {
            Core::Void => None,
            Core::Fn(proto) => {
                self.check_proto(proto)?;
                None
            }
            Core::Named(named) => match self.described_size(named) {
                Some(size) => Some(size),
                None => {
                    let id = self.find(named)?;
                    self.size_in_btf(id)
                }
            },
        };
        for outer in ty.outer.iter().rev() {
            size = match (outer, size) {
                (Outer::Const, _) => size,
                (Outer::Ptr, _) => Some(self.origin.pointer_size),
                (Outer::Array(len), Some(size)) => {
                    Some(len.checked_mul(size).ok_or_else(|| {
                        format!(
                            "an array of {len} elements of {size} bytes in '{ty}' is larger than \
                             BTF can express"
                        )
                    })?)
                }
                (Outer::Array(_), None) => {
                    return Err(no_size(ty) + ", so an array of it is impossible")
                }
            }
        }
        Ok(size)
    }

    /// The size of a type in the BTF, in bytes.
    pub(super) fn size_in_btf(&self, mut id: u32) -> Option<u32> {
        let mut count = 1_u32;
        for _ in 0..MAX_DEPTH {
            let ty = self.btf.ty(id)?;
            id = match ty.kind {
                Kind::Int
                | Kind::Struct
                | Kind::Union
                | Kind::Enum
                | Kind::Enum64
                | Kind::Float => return count.checked_mul(ty.size),
                Kind::Ptr => return count.checked_mul(self.origin.pointer_size),
                Kind::Typedef | Kind::Volatile | Kind::Const | Kind::Restrict | Kind::TypeTag => {
                    ty.target
                }
                Kind::Array => {
                    let array = self.btf.array(id)?;
                    count = count.checked_mul(array.len)?;
                    array.element
                }
                _ => return None,
            };
        }
        None
    }
}

/// The message for a type whose size is needed and unknown.
pub(super) fn no_size(ty: &Type) -> String {
    match &ty.core {
        Core::Void => "'void' has no size".to_string(),
        Core::Fn(_) => "a function has no size".to_string(),
        Core::Named(named) => format!("the BTF has no size for '{named}'"),
    }
}

/// A function of the BTF in the form of a bare description ([`Type::bare`]). The result equals no
/// description if the language cannot express the function.
pub(super) fn function(btf: &Btf, role: Role, func: u32) -> String {
    let Some(func) = btf.ty(func) else {
        return String::new();
    };
    format!("{role} {}{}", func.name, proto(btf, func.target, 0))
}

/// A prototype inside of `depth` functions.
fn proto(btf: &Btf, id: u32, depth: usize) -> String {
    let params = btf.params(id).unwrap_or_default();
    let mut shown: Vec<_> = params
        .iter()
        .take(MAX_PARAMS)
        .map(|param| {
            let ty = type_name(btf, param.ty, depth);
            match (param.ty, param.name.as_str()) {
                // A parameter of type 0 marks a variadic function.
                (0, _) => "...".to_string(),
                (_, name) if depth == 0 && !name.is_empty() => format!("{name} {ty}"),
                _ => ty,
            }
        })
        .collect();
    if params.len() > MAX_PARAMS {
        shown.push("...".to_string());
    }
    let ret = btf.ty(id).map_or(0, |proto| proto.target);
    format!("({}) {}", shown.join(", "), type_name(btf, ret, depth))
}

/// The head and the items of a struct, union or enum of the BTF in the form of a bare description.
/// They equal no description if the language cannot express the type.
pub(super) fn definition(btf: &Btf, named: &Named, id: u32) -> (String, Vec<String>) {
    let (size, signed) = btf.ty(id).map_or((0, false), |ty| (ty.size, ty.signed));
    if let Some(members) = btf.members(id) {
        let member = |member: &crate::btf::Member| {
            let ty = type_name(btf, member.ty, 0);
            let name = match member.name.as_str() {
                "" => "(anonymous)",
                name => name,
            };
            match (member.offset % 8, member.bits) {
                (0, 0) => format!("{name} {} {ty}", member.offset / 8),
                _ => format!("{name} (bit {}, {} bits) {ty}", member.offset, member.bits),
            }
        };
        let members = members.iter().map(member).collect();
        return (format!("{named} {size}"), members);
    }
    let sign = if signed { "signed" } else { "unsigned" };
    let values = btf.enumerators(id).unwrap_or_default();
    let value = |value: &crate::btf::Enumerator| format!("{} = {}", value.name, value.value);
    let values = values.iter().map(value).collect();
    (format!("{named} {size} {sign}"), values)
}

/// A type of the BTF, inside of `depth` functions, in the form of a bare description. The result
/// equals no description if the language cannot express the type.
fn type_name(btf: &Btf, mut id: u32, depth: usize) -> String {
    let mut text = String::new();
    for _ in 0..MAX_DEPTH {
        if id == 0 {
            return text + "void";
        }
        let Some(ty) = btf.ty(id) else { break };
        match ty.kind {
            Kind::Ptr => text.push('*'),
            Kind::Const => text.push_str("const "),
            Kind::Volatile => text.push_str("volatile "),
            Kind::Restrict => text.push_str("restrict "),
            Kind::TypeTag => text = text + "type_tag(" + &ty.name + ") ",
            Kind::Array => {
                let Some(array) = btf.array(id) else { break };
                text += &format!("[{}]", array.len);
                id = array.element;
                continue;
            }
            Kind::Struct => return text + "struct " + &ty.name,
            Kind::Union => return text + "union " + &ty.name,
            Kind::Enum | Kind::Enum64 => return text + "enum " + &ty.name,
            Kind::Typedef | Kind::Int | Kind::Float => return text + &ty.name,
            Kind::Fwd => return text + "(declared only) " + &ty.name,
            // Limit the depth: types of invalid BTF can refer to each other in circles, so that the
            // number of paths is unlimited.
            Kind::FuncProto if depth < MAX_FN_DEPTH => {
                return text + "fn" + &proto(btf, id, depth + 1);
            }
            _ => return format!("{text}(type {id})"),
        }
        id = ty.target;
    }
    text + "..."
}
