// SPDX-License-Identifier: GPL-2.0

//! Checks structs of the kernel to which programs pass pointers.
//!
//! The verifier must accept only a pointer to the struct itself for such a parameter. There are three
//! traps, and none is visible in Rust code:
//!
//! - For a struct of scalars, the verifier also accepts memory of the program
//!   (`__btf_type_is_scalar_struct()`).
//! - For a struct that is the context of a type of programs, the verifier accepts the context of
//!   these programs (`btf_is_prog_ctx_type()`), which is another struct in the kernel.
//! - For a struct in an element of a flexible array, the verifier accepts a pointer at any distance
//!   behind the struct that ends in the array (`btf_struct_walk()`, called with `walk_flex_arrays`).
//!
//! This module does not check the fields that Rust code reads: the bindings do.

use crate::{
    btf::{
        Btf,
        Kind,
        Scope, //
    },
    parse::Pointer,
    Result,
};
use std::collections::HashSet;

use super::names::Names;

/// The largest number of references from one type to the next that are followed.
const MAX_DEPTH: usize = 32;

/// The largest number of structs inside of each other for which the verifier accepts memory.
const MAX_SCALAR_NESTING: usize = 3;

/// The struct in the kernel's BTF with two members for each type of programs: its context for
/// programs, and its context in the kernel.
const CONTEXTS: &str = "bpf_ctx_convert";

/// Checks each struct.
pub(super) fn check(pointers: &[Pointer], names: &Names<'_>) -> Result<()> {
    let (btf, origin) = (names.btf, names.origin);
    let scope = match origin.is_module {
        true => Scope::Base,
        false => Scope::Own,
    };
    if pointers.is_empty() {
        return Ok(());
    }
    let elements = elements(btf, scope);
    for pointer @ Pointer { named, size } in pointers {
        let Some(id) = btf.find(scope, &named.name, Kind::Struct) else {
            return Err(format!(
                "{pointer}: no '{named}' in the BTF of {}; a struct of a module is another type in \
                 each module, so programs can pass pointers to structs of the kernel only",
                origin.base_name()
            ));
        };
        let there = names.size_in_btf(id).unwrap_or_default();
        if size.is_some_and(|size| size != there) {
            return Err(format!(
                "{pointer}: {there} bytes in {}; were the bindings made for this kernel?",
                origin.base_name()
            ));
        }
        if is_scalar_struct(btf, id, 0) {
            return Err(format!(
                "{pointer}: all members are scalars, so the verifier accepts memory of a program in \
                 place of the struct; take a copy (`In<T>`) of a struct of your own"
            ));
        }
        if let Some(context) = contexts(btf, scope).find(|name| *name == named.name) {
            return Err(format!(
                "{pointer}: programs have a '{context}' as their context, which is another struct in \
                 the kernel; take `Trusted<'_, SkBuff>` or `Trusted<'_, XdpBuff>`"
            ));
        }
        if elements.contains(&id) {
            return Err(format!(
                "{pointer}: a struct of the kernel ends in an array of this struct without a length, \
                 and the verifier accepts pointers behind the end of the array; take a pointer to \
                 another struct"
            ));
        }
    }
    Ok(())
}

/// Follows typedefs and qualifiers.
fn resolve(btf: &Btf, mut id: u32) -> u32 {
    for _ in 0..MAX_DEPTH {
        match btf.ty(id) {
            Some(ty)
                if matches!(
                    ty.kind,
                    Kind::Typedef | Kind::Const | Kind::Volatile | Kind::Restrict | Kind::TypeTag
                ) =>
            {
                id = ty.target;
            }
            _ => break,
        }
    }
    id
}

fn is_scalar(btf: &Btf, id: u32) -> bool {
    btf.ty(id)
        .is_some_and(|ty| matches!(ty.kind, Kind::Int | Kind::Enum | Kind::Enum64))
}

/// Whether the verifier accepts memory for a pointer to the struct or union.
fn is_scalar_struct(btf: &Btf, id: u32, depth: usize) -> bool {
    let Some(members) = btf.members(id) else {
        return false;
    };
    members.iter().all(|member| {
        let id = resolve(btf, member.ty);
        if btf.members(id).is_some() {
            return depth < MAX_SCALAR_NESTING && is_scalar_struct(btf, id, depth + 1);
        }
        match btf.array(id) {
            Some(array) => array.len > 0 && is_scalar(btf, resolve(btf, array.element)),
            None => is_scalar(btf, id),
        }
    })
}

/// The structs in the elements of flexible arrays.
fn elements(btf: &Btf, scope: Scope) -> HashSet<u32> {
    let mut elements = HashSet::new();
    for id in btf.ids(scope) {
        let last = btf.members(id).and_then(|members| members.last().cloned());
        let array = last.and_then(|last| btf.array(resolve(btf, last.ty)));
        if let Some(array) = array.filter(|array| array.len == 0) {
            add_nested(btf, resolve(btf, array.element), &mut elements);
        }
    }
    elements
}

/// Adds a struct or union, and those in it.
fn add_nested(btf: &Btf, id: u32, structs: &mut HashSet<u32>) {
    let Some(members) = btf.members(id) else {
        return;
    };
    if !structs.insert(id) {
        return;
    }
    for member in members {
        let mut id = resolve(btf, member.ty);
        while let Some(array) = btf.array(id) {
            id = resolve(btf, array.element);
        }
        add_nested(btf, id, structs);
    }
}

/// The names of the structs that are the contexts of programs.
fn contexts(btf: &Btf, scope: Scope) -> impl Iterator<Item = String> + '_ {
    let convert = btf.find(scope, CONTEXTS, Kind::Struct);
    let members = convert.and_then(|id| btf.members(id)).unwrap_or_default();
    members
        .into_iter()
        .step_by(2)
        .filter_map(|member| Some(btf.ty(resolve(btf, member.ty))?.name))
}
