// SPDX-License-Identifier: GPL-2.0

//! The plan: the types that will be added, with their future ids.
//!
//! The plan assigns ids while the BTF stays unchanged, so that types can refer to each other in any
//! order, and that an error leaves nothing to undo. The plan has each pointer, array, qualifier and
//! prototype only once, but does not look for an equal one in the BTF (`resolve_btfids` merges
//! them).

use std::collections::HashMap;

use crate::{
    btf::{
        Array,
        Btf,
        Enumerator,
        Member,
        Param, //
    },
    parse::{
        Core,
        Outer,
        Proto,
        Type, //
    },
    Result,
};

use super::names::Names;

/// A type that will be added.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(super) enum Item {
    Ptr(u32),
    Const(u32),
    Array(Array),
    Struct(String, u32, Vec<Member>),
    Union(String, u32, Vec<Member>),
    Enum(String, u32, bool, Vec<Enumerator>),
    FuncProto(u32, Vec<Param>),
    Func(String, u32),
    DeclTag(String, u32),
}

impl Item {
    fn add_to(&self, btf: &mut Btf) -> Result<u32> {
        match self {
            Item::Ptr(to) => btf.add_ptr(*to),
            Item::Const(of) => btf.add_const(*of),
            Item::Array(array) => btf.add_array(*array),
            Item::Struct(name, size, members) => btf.add_struct(name, *size, members),
            Item::Union(name, size, members) => btf.add_union(name, *size, members),
            Item::Enum(name, size, signed, values) => btf.add_enum(name, *size, *signed, values),
            Item::FuncProto(ret, params) => btf.add_func_proto(*ret, params),
            Item::Func(name, proto) => btf.add_func(name, *proto),
            Item::DeclTag(name, of) => btf.add_decl_tag(name, *of),
        }
    }
}

/// Types in the order in which they will be added.
pub(super) struct Plan {
    first: u32,
    /// `None` is an id that was reserved and has no type yet.
    items: Vec<Option<Item>>,
    ids: HashMap<Item, u32>,
}

impl Plan {
    /// A plan for this BTF, which must not change until the plan is carried out.
    pub(super) fn new(btf: &Btf) -> Plan {
        Plan {
            first: btf.len(),
            items: Vec::new(),
            ids: HashMap::new(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn push(&mut self, item: Option<Item>) -> Result<u32> {
        let id = u32::try_from(self.items.len())
            .ok()
            .and_then(|len| self.first.checked_add(len))
            .ok_or("more types than BTF has ids for")?;
        self.items.push(item);
        Ok(id)
    }

    /// Reserves the next id for a type that [`Plan::fill`] sets later.
    pub(super) fn reserve(&mut self) -> Result<u32> {
        self.push(None)
    }

    /// Sets the type of a reserved id.
    pub(super) fn fill(&mut self, id: u32, item: Item) -> Result<()> {
        let slot = id
            .checked_sub(self.first)
            .and_then(|at| self.items.get_mut(at as usize))
            .filter(|slot| slot.is_none())
            .ok_or_else(|| format!("type id {id} is not reserved"))?;
        *slot = Some(item);
        Ok(())
    }

    /// The id of this type in the plan. Adds the type to the plan if it is new.
    pub(super) fn add(&mut self, item: Item) -> Result<u32> {
        if let Some(&id) = self.ids.get(&item) {
            return Ok(id);
        }
        let id = self.push(Some(item.clone()))?;
        self.ids.insert(item, id);
        Ok(id)
    }

    /// The id of a type in a description. Plans the type if it is new.
    pub(super) fn ty(&mut self, names: &mut Names<'_>, ty: &Type) -> Result<u32> {
        let mut id = match &ty.core {
            Core::Void => 0,
            Core::Named(named) => names.find(named)?,
            Core::Fn(proto) => self.proto(names, proto)?,
        };
        for outer in ty.outer.iter().rev() {
            id = self.add(match *outer {
                Outer::Ptr => Item::Ptr(id),
                Outer::Const => Item::Const(id),
                Outer::Array(len) => Item::Array(Array {
                    element: id,
                    index: names.index_type()?,
                    len,
                }),
            })?;
        }
        Ok(id)
    }

    /// The id of a prototype that a description has. Equal types in two of them have the same id.
    pub(super) fn proto(&mut self, names: &mut Names<'_>, proto: &Proto) -> Result<u32> {
        let mut params = Vec::new();
        for param in &proto.params {
            params.push(Param {
                name: param.name.clone(),
                ty: self.ty(names, &param.ty)?,
            });
        }
        let ret = self.ty(names, &proto.ret)?;
        self.add(Item::FuncProto(ret, params))
    }

    /// Adds everything.
    pub(super) fn carry_out(self, btf: &mut Btf) -> Result<()> {
        for (id, item) in (self.first..).zip(self.items) {
            let item = item.ok_or_else(|| format!("type id {id} is reserved, but has no type"))?;
            let added = item.add_to(btf)?;
            if added != id {
                return Err(format!("libbpf gave id {added} to a type planned as {id}"));
            }
        }
        Ok(())
    }
}
