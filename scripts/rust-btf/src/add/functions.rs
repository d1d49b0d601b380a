// SPDX-License-Identifier: GPL-2.0

//! Plans functions: a `FUNC` with its `FUNC_PROTO` for each.
//!
//! A kfunc, the stub of a struct_ops member and a traceable function get the same types. Only a
//! kfunc gets a tag, if `pahole` was asked for the tags of kfuncs. Later, `resolve_btfids` adds these
//! tags. The other difference is the reason why none may have the name of a function of the kernel.

use crate::{
    btf::{
        Btf,
        Kind,
        Scope, //
    },
    parse::{
        Core,
        Function,
        Role, //
    },
    Result,
};

use super::{
    names::{
        self,
        Names, //
    },
    plan::{
        Item,
        Plan, //
    },
    Origin,
};

/// The suffixes of parameters that are async callbacks. The verifier has the same.
const CALLBACKS: &[&str] = &["__async", "__s_async"];

/// Plans the functions that the BTF does not have yet, in the order of their names.
pub(super) fn plan(
    mut functions: Vec<Function>,
    names: &mut Names<'_>,
    plan: &mut Plan,
) -> Result<()> {
    let stubs: Vec<Function> = functions.iter_mut().flat_map(name_callbacks).collect();
    functions.extend(stubs);
    functions.sort_by(|a, b| a.name.cmp(&b.name));
    for (function, next) in functions.iter().zip(functions.iter().skip(1)) {
        let Function { role, name, .. } = function;
        if *name == next.name {
            return Err(format!(
                "{role} {name}: described twice, as '{function}' and as '{next}'; rename one of \
                 the two functions"
            ));
        }
    }
    for function in &functions {
        let Function { role, name, proto } = function;
        if is_missing(names.btf, function, names.origin)? {
            let proto = names
                .check_proto(proto)
                .and_then(|()| plan.proto(names, proto))
                .map_err(|why| format!("{role} {name}: {why}"))?;
            let id = plan.add(Item::Func(name.clone(), proto))?;
            if *role == Role::Kfunc && names.origin.tag_kfuncs {
                plan.add(Item::DeclTag("bpf_kfunc".to_string(), id))?;
            }
        }
    }
    Ok(())
}

/// Moves the names of the arguments of a kfunc's async callbacks to stubs. A pointer to a function
/// has no names in the BTF of C, so the verifier looks for them in a function with the name of the
/// kfunc, two underscores, and the name of the parameter without its suffix.
fn name_callbacks(function: &mut Function) -> Vec<Function> {
    let mut stubs = Vec::new();
    if function.role != Role::Kfunc {
        return stubs;
    }
    for param in &mut function.proto.params {
        let Some(callback) = CALLBACKS
            .iter()
            .find_map(|end| param.name.strip_suffix(end))
        else {
            continue;
        };
        let Core::Fn(proto) = &param.ty.core else {
            continue;
        };
        stubs.push(Function {
            role: Role::Func,
            name: format!("{}__{callback}", function.name),
            proto: (**proto).clone(),
        });
        param.ty = param.ty.bare();
    }
    stubs
}

/// Whether a function has to be added. A function of that name in the object's BTF has to be equal.
fn is_missing(btf: &Btf, function: &Function, origin: &Origin) -> Result<bool> {
    let Function { role, name, .. } = function;
    if btf.find(Scope::Base, name, Kind::Func).is_some() {
        let why = match role {
            Role::Kfunc => "the kernel does not load a module with a kfunc of that name",
            Role::Func => "the kernel looks there first and would use its own function",
        };
        let base = origin.base_name();
        return Err(format!(
            "{role} {name}: {base} already has a function of that name, and {why}; rename your \
             function"
        ));
    }
    if origin.taken.contains(name) {
        let base = origin.base_name();
        let why = match role {
            Role::Kfunc => "programs would call that symbol",
            Role::Func => "kprobes would attach to that symbol",
        };
        return Err(format!(
            "{role} {name}: {base} has a symbol of that name that is not in its BTF, and {why}; \
             rename your function"
        ));
    }
    let Some(id) = btf.find(Scope::Own, name, Kind::Func) else {
        return Ok(true);
    };
    let (here, there) = (function.bare(), names::function(btf, *role, id));
    if there == here.to_string() {
        return Ok(false);
    }
    // Names in the BTF may contain any characters.
    let there = there.escape_debug();
    Err(format!(
        "{role} {name}: described as '{here}', but the BTF of {} has it as '{there}'; make the two \
         prototypes equal, or rename one of the two functions",
        origin.elf
    ))
}
