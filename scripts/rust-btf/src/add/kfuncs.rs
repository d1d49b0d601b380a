// SPDX-License-Identifier: GPL-2.0

//! Plans kfuncs: a `FUNC` with its `FUNC_PROTO` for each.

use crate::{
    btf::{
        Btf,
        Kind,
        Param,
        Scope, //
    },
    parse::{
        Kfunc,
        Type, //
    },
    Result,
};

use super::{
    names::{
        prototype,
        Names, //
    },
    plan::{
        Item,
        Plan, //
    },
    Origin,
};

/// Plans the kfuncs that the BTF does not have yet, in the order of their names.
pub(super) fn plan(mut kfuncs: Vec<Kfunc>, names: &mut Names<'_>, plan: &mut Plan) -> Result<()> {
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
    for kfunc in &kfuncs {
        if is_missing(names.btf, kfunc, names.origin)? {
            plan_kfunc(kfunc, names, plan)?;
        }
    }
    Ok(())
}

/// Whether a kfunc has to be added; if there is a function of that name, it has to be the same.
fn is_missing(btf: &Btf, kfunc: &Kfunc, origin: &Origin) -> Result<bool> {
    let name = &kfunc.name;
    if btf.find(Scope::Base, name, Kind::Func).is_some() {
        let base = origin.base_name();
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

fn plan_kfunc(kfunc: &Kfunc, names: &mut Names<'_>, plan: &mut Plan) -> Result<()> {
    let mut ty = |place: &str, ty: &Type| {
        let id = names.size(ty).and_then(|_| plan.ty(names, ty));
        id.map_err(|why| format!("kfunc {}: {place}: {why}", kfunc.name))
    };
    let mut params = Vec::new();
    for (i, param) in kfunc.params.iter().enumerate() {
        params.push(Param {
            name: param.name.clone(),
            ty: ty(&format!("parameter {} ({})", i + 1, param.name), &param.ty)?,
        });
    }
    let ret = ty("return type", &kfunc.ret)?;
    let proto = plan.add(Item::FuncProto(ret, params))?;
    plan.add(Item::Func(kfunc.name.clone(), proto))?;
    Ok(())
}
