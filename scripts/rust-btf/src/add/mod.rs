// SPDX-License-Identifier: GPL-2.0

//! Adds described types and functions to BTF.
//!
//! This module first looks up, checks and plans ([`Plan`]) all types, in the order of their kinds
//! and names, and then all functions, in the order of their names. Each type that a description
//! names has to be described or be in the BTF of the object or of the kernel ([`Names`]), and no
//! type or function of the BTF may contradict a description. Only then the plan is carried out.
//! Therefore the ids do not depend on the order of the descriptions, and the BTF is unchanged after
//! an error.

use std::collections::HashSet;

use crate::{
    btf::Btf,
    parse::Decl,
    Result, //
};

use names::Names;
use plan::Plan;

mod functions;
mod names;
mod plan;
mod pointers;
mod types;

/// The object, and the facts about it and its base that checks and messages need.
pub(crate) struct Origin {
    /// The name of the object.
    pub(crate) elf: String,
    /// The name of the file with the kernel's BTF.
    pub(crate) base: Option<String>,
    /// Whether the object is a loadable module, which needs a base.
    pub(crate) is_module: bool,
    /// Symbol names by which the verifier would find another symbol than the object's function.
    pub(crate) taken: HashSet<String>,
    /// The number of bytes of a pointer on the object's machine.
    pub(crate) pointer_size: u32,
    /// Whether kfuncs get the tags that `pahole` gives to kfuncs in C.
    pub(crate) tag_kfuncs: bool,
}

impl Origin {
    /// The name of the kernel in messages.
    fn base_name(&self) -> &str {
        self.base.as_deref().unwrap_or("vmlinux")
    }
}

/// Adds the declarations that the BTF does not have yet; returns whether it added any.
pub(crate) fn declarations(btf: &mut Btf, decls: Vec<Decl>, origin: &Origin) -> Result<bool> {
    let (mut types, mut checks, mut functions) = (Vec::new(), Vec::new(), Vec::new());
    let mut pointers = Vec::new();
    for decl in decls {
        match decl {
            Decl::Type(definition) => types.push(definition),
            Decl::Check(check) => checks.push(check),
            Decl::Pointer(pointer) => pointers.push(pointer),
            Decl::Function(function) => functions.push(function),
        }
    }

    let mut names = Names::new(btf, origin);
    let mut plan = Plan::new(btf);
    types::plan(types, &mut names, &mut plan)?;
    types::check(checks, &mut names)?;
    pointers::check(&pointers, &names)?;
    functions::plan(functions, &mut names, &mut plan)?;
    if plan.is_empty() {
        return Ok(false);
    }
    plan.carry_out(btf)?;
    Ok(true)
}
