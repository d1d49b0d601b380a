// SPDX-License-Identifier: GPL-2.0

//! Adds what is described to BTF.
//!
//! First everything is looked up, checked and planned ([`Plan`]): types in the order of their kinds
//! and names, then functions in the order of their names. Each type that is named has to be
//! described or be in the BTF of the object or of the kernel ([`Names`]), and nothing that is there
//! already may contradict a description. Only then the plan is carried out, so that the ids depend
//! on what is described and not on where, and that an error leaves nothing half done.

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
mod types;

/// Where things come from.
pub(crate) struct Origin {
    /// The name of the object.
    pub(crate) elf: String,
    /// The name of the file with the kernel's BTF.
    pub(crate) base: Option<String>,
    /// Whether the object is a loadable module, which needs a base.
    pub(crate) is_module: bool,
    /// Names of symbols by which the verifier would find something else than the object's function.
    pub(crate) taken: HashSet<String>,
    /// The number of bytes of a pointer on the object's machine.
    pub(crate) pointer_size: u32,
}

impl Origin {
    /// What a message calls the kernel.
    fn base_name(&self) -> &str {
        self.base.as_deref().unwrap_or("vmlinux")
    }
}

/// Adds what the BTF does not have yet; returns whether there was anything.
pub(crate) fn declarations(btf: &mut Btf, decls: Vec<Decl>, origin: &Origin) -> Result<bool> {
    let (mut types, mut checks, mut functions) = (Vec::new(), Vec::new(), Vec::new());
    for decl in decls {
        match decl {
            Decl::Type(definition) => types.push(definition),
            Decl::Check(check) => checks.push(check),
            Decl::Function(function) => functions.push(function),
        }
    }

    let mut names = Names::new(btf, origin);
    let mut plan = Plan::new(btf);
    types::plan(types, &mut names, &mut plan)?;
    types::check(checks, &mut names)?;
    functions::plan(functions, &mut names, &mut plan)?;
    if plan.is_empty() {
        return Ok(false);
    }
    plan.carry_out(btf)?;
    Ok(true)
}
