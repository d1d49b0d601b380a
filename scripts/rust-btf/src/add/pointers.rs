// SPDX-License-Identifier: GPL-2.0

//! Checks structs of the kernel to which programs pass pointers.
//!
//! The verifier must accept only a pointer to the struct itself for such a parameter. There are two
//! traps, and neither is visible in Rust code:
//!
//! - For a struct of scalars, the verifier also accepts memory of the program
//!   (`__btf_type_is_scalar_struct()`).
//! - For a struct that is the context of a type of programs, the verifier accepts the context of
//!   these programs (`btf_is_prog_ctx_type()`), which is another struct in the kernel.
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
                 the kernel; take `Ctx<'_, SkBuff>` or `Ctx<'_, XdpBuff>`"
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

/// The names of the structs that are the contexts of programs.
fn contexts(btf: &Btf, scope: Scope) -> impl Iterator<Item = String> + '_ {
    let convert = btf.find(scope, CONTEXTS, Kind::Struct);
    let members = convert.and_then(|id| btf.members(id)).unwrap_or_default();
    members
        .into_iter()
        .step_by(2)
        .filter_map(|member| Some(btf.ty(resolve(btf, member.ty))?.name))
}
