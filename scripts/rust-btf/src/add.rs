// SPDX-License-Identifier: GPL-2.0

//! Adds described kfuncs to BTF.
//!
//! First everything is looked up and checked, in the order of the kfuncs' names: each type that a
//! prototype names has to be there, in the BTF of the object or of the kernel, and no function of
//! the kfunc's name may contradict it. Only then types are added, in the same order, so that the ids
//! depend on what is described and not on where.
//!
//! Types in the object's own BTF come before those of the kernel: `pahole` has merged those that
//! are equal, so one that is left is the module's own. Of several types of one name and kind the
//! first is taken, as `resolve_btfids` does.
//!
//! Named types are never made here. Pointers, qualifiers and prototypes are, without looking for
//! equal ones in the BTF that is there (`resolve_btfids` merges them), but not twice.

use std::collections::HashMap;

use crate::{
    btf::{
        self,
        Btf,
        Kind,
        Scope, //
    },
    parse::{
        Core,
        Kfunc,
        Named,
        Outer,
        Tag,
        Type, //
    },
    Result,
};

/// Where things come from, for messages.
pub(crate) struct Origin {
    /// The name of the object.
    pub(crate) elf: String,
    /// The name of the file with the kernel's BTF.
    pub(crate) base: Option<String>,
    /// Whether the object is a loadable module, which needs a base.
    pub(crate) is_module: bool,
}

/// Adds the kfuncs that the BTF does not have yet; returns whether there were any.
pub(crate) fn kfuncs(btf: &mut Btf, mut kfuncs: Vec<Kfunc>, origin: &Origin) -> Result<bool> {
    kfuncs.sort_by(|a, b| a.name.cmp(&b.name));
    for (kfunc, next) in kfuncs.iter().zip(kfuncs.iter().skip(1)) {
        if kfunc.name == next.name {
            return Err(format!(
                "kfunc {}: described twice, as '{kfunc}' and as '{next}'; rename one of the two \
                 functions",
                kfunc.name
            ));
        }
    }

    let mut types = HashMap::new();
    let mut missing = Vec::new();
    for kfunc in &kfuncs {
        if is_missing(btf, kfunc, origin)? {
            resolve(btf, kfunc, origin, &mut types)?;
            missing.push(kfunc);
        }
    }

    let mut adder = Adder {
        btf,
        types: &types,
        added: HashMap::new(),
    };
    for kfunc in &missing {
        adder.kfunc(kfunc)?;
    }
    Ok(!missing.is_empty())
}

/// Whether a kfunc has to be added; if there is a function of that name, it has to be the same.
fn is_missing(btf: &Btf, kfunc: &Kfunc, origin: &Origin) -> Result<bool> {
    let name = &kfunc.name;
    if btf.find(Scope::Base, name, Kind::Func).is_some() {
        let base = origin.base.as_deref().unwrap_or("vmlinux");
        return Err(format!(
            "kfunc {name}: {base} has a function of that name already, and the kernel refuses to \
             load a module with a kfunc that is there twice; rename yours"
        ));
    }
    let Some(id) = btf.find(Scope::Own, name, Kind::Func) else {
        return Ok(true);
    };
    let there = prototype(btf, id);
    if there == kfunc.to_string() {
        return Ok(false);
    }
    // The names in it are those of the BTF, which may be anything.
    let there = there.escape_debug();
    Err(format!(
        "kfunc {name}: described as '{kfunc}', but the BTF of {} has it as '{there}'; make the two \
         prototypes equal, or rename one of the two functions",
        origin.elf
    ))
}

/// Finds all types that a prototype names.
fn resolve(
    btf: &Btf,
    kfunc: &Kfunc,
    origin: &Origin,
    types: &mut HashMap<Named, u32>,
) -> Result<()> {
    let params = kfunc.params.iter().enumerate().map(|(i, param)| {
        let place = format!("parameter {} ({})", i + 1, param.name);
        (place, &param.ty)
    });
    let ret = ("return type".to_string(), &kfunc.ret);

    for (place, ty) in params.chain([ret]) {
        let Core::Named(named) = &ty.core else {
            continue;
        };
        if types.contains_key(named) {
            continue;
        }
        match find(btf, named) {
            Some(id) => types.insert(named.clone(), id),
            None => {
                return Err(format!(
                    "kfunc {}: {place}: {}",
                    kfunc.name,
                    why_not(btf, named, origin)
                ))
            }
        };
    }
    Ok(())
}

fn find(btf: &Btf, named: &Named) -> Option<u32> {
    // One list of kinds after the other: a typedef anywhere comes before an integer type.
    let kinds: &[&[Kind]] = match named.tag {
        Tag::None => &[&[Kind::Typedef], &[Kind::Int]],
        Tag::Struct => &[&[Kind::Struct]],
        Tag::Union => &[&[Kind::Union]],
        Tag::Enum => &[&[Kind::Enum, Kind::Enum64]],
    };
    kinds.iter().find_map(|kinds| {
        [Scope::Own, Scope::Base].into_iter().find_map(|scope| {
            kinds
                .iter()
                .find_map(|&kind| btf.find(scope, &named.name, kind))
        })
    })
}

/// Says why there is no such type.
fn why_not(btf: &Btf, named: &Named, origin: &Origin) -> String {
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

    let name = &named.name;
    let other = OTHERS.iter().find(|(kind, ..)| {
        btf.find(Scope::Own, name, *kind)
            .or_else(|| btf.find(Scope::Base, name, *kind))
            .is_some()
    });
    let way_out = match other {
        Some((_, what, Some(tag))) => format!("'{name}' is {what} there: write '{tag}{name}'"),
        Some((Kind::Fwd, what, _)) => format!(
            "'{name}' is {what} there: use the type in a C file that includes its definition"
        ),
        Some((_, what, _)) => format!("'{name}' is {what} there, which no kfunc takes"),
        None if origin.is_module && origin.base.is_none() => {
            "the kernel's types are in vmlinux, and no --btf_base was given: the build gives it if \
             vmlinux is there and has BTF (CONFIG_DEBUG_INFO_BTF)"
                .to_string()
        }
        None => "check the name against 'bpftool btf dump', or use the type in a C file of the \
                 object, so that pahole describes it"
            .to_string(),
    };
    let places = match &origin.base {
        Some(base) => format!("{} or of {base}", origin.elf),
        None => origin.elf.clone(),
    };
    format!("no '{named}' in the BTF of {places}; {way_out}")
}

/// The prototype of a function that is in the BTF, as a description would write it.
fn prototype(btf: &Btf, func: u32) -> String {
    let Some(func) = btf.ty(func) else {
        return String::new();
    };
    let params: Vec<_> = btf
        .params(func.target)
        .unwrap_or_default()
        .iter()
        .map(|param| format!("{} {}", param.name, type_name(btf, param.ty)))
        .collect();
    let ret = btf.ty(func.target).map_or(0, |proto| proto.target);
    format!(
        "kfunc {}({}) {}",
        func.name,
        params.join(", "),
        type_name(btf, ret)
    )
}

/// A type that is in the BTF, as a description would write it, or so that it equals none.
fn type_name(btf: &Btf, mut id: u32) -> String {
    // More than the kernel follows; BTF that is wrong can refer in circles.
    const MAX_DEPTH: usize = 32;

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
            Kind::Struct => return text + "struct " + &ty.name,
            Kind::Union => return text + "union " + &ty.name,
            Kind::Enum | Kind::Enum64 => return text + "enum " + &ty.name,
            Kind::Typedef | Kind::Int | Kind::Float => return text + &ty.name,
            Kind::Fwd => return text + "(declared only) " + &ty.name,
            _ => return format!("{text}(type {id})"),
        }
        id = ty.target;
    }
    text + "..."
}

/// What was added, to find it again.
#[derive(Eq, Hash, PartialEq)]
enum Added {
    Ptr(u32),
    Const(u32),
    FuncProto(u32, Vec<btf::Param>),
}

struct Adder<'a> {
    btf: &'a mut Btf,
    types: &'a HashMap<Named, u32>,
    added: HashMap<Added, u32>,
}

impl Adder<'_> {
    fn kfunc(&mut self, kfunc: &Kfunc) -> Result<()> {
        let mut params = Vec::new();
        for param in &kfunc.params {
            params.push(btf::Param {
                name: param.name.clone(),
                ty: self.ty(&param.ty)?,
            });
        }
        let ret = self.ty(&kfunc.ret)?;
        let proto = self.add(Added::FuncProto(ret, params))?;
        self.btf.add_func(&kfunc.name, proto)?;
        Ok(())
    }

    fn ty(&mut self, ty: &Type) -> Result<u32> {
        let mut id = match &ty.core {
            Core::Void => 0,
            Core::Named(named) => *self
                .types
                .get(named)
                .ok_or_else(|| format!("'{named}' was not looked up"))?,
        };
        for outer in ty.outer.iter().rev() {
            id = self.add(match outer {
                Outer::Ptr => Added::Ptr(id),
                Outer::Const => Added::Const(id),
            })?;
        }
        Ok(id)
    }

    fn add(&mut self, what: Added) -> Result<u32> {
        if let Some(&id) = self.added.get(&what) {
            return Ok(id);
        }
        let id = match &what {
            Added::Ptr(to) => self.btf.add_ptr(*to),
            Added::Const(of) => self.btf.add_const(*of),
            Added::FuncProto(ret, params) => self.btf.add_func_proto(*ret, params),
        }?;
        self.added.insert(what, id);
        Ok(id)
    }
}
