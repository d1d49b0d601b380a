// SPDX-License-Identifier: GPL-2.0

//! Plans the described structs, unions and enums, and checks the sizes of the kernel's types that
//! Rust uses.

use std::collections::{
    BTreeMap,
    HashMap, //
};

use crate::{
    btf::{
        self,
        Scope, //
    },
    parse::{
        quote,
        Body,
        Check,
        Core,
        Definition,
        Member,
        Named,
        Tag, //
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
};

/// The tags, which share one namespace in C.
const TAGS: [Tag; 3] = [Tag::Struct, Tag::Union, Tag::Enum];

/// The largest depth of structs, arrays and qualifiers inside of each other. The kernel gives up
/// after 32 steps (`MAX_RESOLVE_DEPTH`), and resolving typedefs needs some of these steps.
const MAX_NESTING: usize = 24;

/// Definitions in the order in which they are added.
type Definitions = BTreeMap<Named, Definition>;

/// Plans the types that the BTF does not have yet, in the order of their kinds and names. Later
/// look-ups of their names find the planned types.
pub(super) fn plan(
    definitions: Vec<Definition>,
    names: &mut Names<'_>,
    plan: &mut Plan,
) -> Result<()> {
    let mut new = Definitions::new();
    for (named, definition) in merge(definitions)? {
        match existing(&definition, names)? {
            Some(id) => names.describe(named, id, definition.size),
            None => {
                new.insert(named, definition);
            }
        }
    }
    Nesting::check(&new)?;

    let mut ids = Vec::new();
    for (named, definition) in &new {
        let id = plan.reserve()?;
        names.describe(named.clone(), id, definition.size);
        ids.push(id);
    }
    for (definition, id) in new.values().zip(ids) {
        let item = item(definition, names, plan)?;
        plan.fill(id, item)?;
    }
    Ok(())
}

/// Merges equal definitions into one.
fn merge(mut definitions: Vec<Definition>) -> Result<Definitions> {
    // Sort, so that a message about two different definitions names the same one first each time.
    definitions.sort_by_cached_key(Definition::to_string);
    let mut merged = Definitions::new();
    let mut tags: HashMap<String, Tag> = HashMap::new();
    for definition in definitions {
        let named = definition.named.clone();
        if let Some(first) = merged.get(&named) {
            let items = definition.bare().items();
            if let Some((one, other)) = difference(&first.bare(), definition.head(), &items) {
                return Err(format!(
                    "{named}: described twice, as {} and as {}; the first has {one} where the \
                     second has {other}; make the two equal, or rename one of them",
                    quote(first.to_string().as_bytes()),
                    quote(definition.to_string().as_bytes())
                ));
            }
            continue;
        }
        if let Some(tag) = tags.insert(named.name.clone(), named.tag) {
            return Err(format!(
                "{named}: '{tag}{}' is described too, and C allows only one type with this name; \
                 rename one of them",
                named.name
            ));
        }
        merged.insert(named, definition);
    }
    Ok(merged)
}

/// The first difference between a definition and another one of the same name.
fn difference(definition: &Definition, head: String, items: &[String]) -> Option<(String, String)> {
    let show = |item: Option<&String>| match item {
        // Names in BTF may contain any characters.
        Some(item) => format!("'{}'", item.escape_debug()),
        None => "nothing more".to_string(),
    };
    let ours = definition.head();
    if ours != head {
        return Some((show(Some(&ours)), show(Some(&head))));
    }
    let ours = definition.items();
    let at = (0..ours.len().max(items.len())).find(|&i| ours.get(i) != items.get(i))?;
    Some((show(ours.get(at)), show(items.get(at))))
}

/// Finds the type in the BTF that equals a definition. A different type of that name is an error.
fn existing(definition: &Definition, names: &Names<'_>) -> Result<Option<u32>> {
    // The BTF may lack the parameter names that the description has.
    let definition = &definition.bare();
    let named = &definition.named;
    let is_empty = definition.items().is_empty();
    // A type that pahole leaves in a module's BTF may be a copy of the kernel's type.
    for scope in [Scope::Base, Scope::Own] {
        let (place, way_out) = match scope {
            Scope::Own => (
                format!("the BTF of {}", names.origin.elf),
                "make the two equal, or rename one of them",
            ),
            Scope::Base => (
                names.origin.base_name().to_string(),
                "rename your type, or use the kernel's type",
            ),
        };
        for tag in TAGS {
            let mut ids = names::kinds(tag)
                .iter()
                .filter_map(|kinds| names::find_kinds(names.btf, scope, &named.name, kinds));
            let Some(id) = ids.next() else { continue };
            if tag != named.tag {
                return Err(format!(
                    "{named}: {place} has '{tag}{}', and C allows only one type with this name; \
                     {way_out}",
                    named.name
                ));
            }
            let (head, items) = names::definition(names.btf, named, id);
            if tag == Tag::Enum && items.is_empty() && !is_empty {
                // An enum that is only declared.
                continue;
            }
            return match difference(definition, head, &items) {
                // Built-in code has its own types and the kernel's types in one BTF.
                None if (matches!(scope, Scope::Base) || !names.origin.is_module)
                    && tag != Tag::Enum =>
                {
                    Err(format!(
                        "{named}: {place} has the same type, and a program could pass an object of \
                         the kernel in place of yours; rename your type"
                    ))
                }
                None => Ok(Some(id)),
                Some((ours, theirs)) => Err(format!(
                    "{named}: described with {ours} where {place} has {theirs}; {way_out}"
                )),
            };
        }
    }
    Ok(None)
}

/// Finds types that contain themselves, or that nest too deep.
struct Nesting<'a> {
    definitions: &'a Definitions,
    /// The depths of the definitions that are done.
    depths: HashMap<&'a Named, usize>,
    /// The definitions that contain the current one, outermost first.
    path: Vec<&'a Named>,
}

impl<'a> Nesting<'a> {
    fn check(definitions: &'a Definitions) -> Result<()> {
        let mut nesting = Nesting {
            definitions,
            depths: HashMap::new(),
            path: Vec::new(),
        };
        definitions
            .values()
            .try_for_each(|definition| nesting.depth(definition).map(|_| ()))
    }

    /// The number of steps to the innermost type. The length of `path` bounds the recursion.
    fn depth(&mut self, definition: &'a Definition) -> Result<usize> {
        let named = &definition.named;
        if let Some(&depth) = self.depths.get(named) {
            return Ok(depth);
        }
        let start = self.path.iter().position(|outer| *outer == named);
        self.path.push(named);
        if let Some(start) = start {
            let circle: Vec<_> = self
                .path
                .iter()
                .skip(start)
                .map(|n| n.to_string())
                .collect();
            return Err(format!(
                "{named}: contains itself ({}); put a pointer in between",
                circle.join(" > ")
            ));
        }
        let mut depth = 1;
        if let (true, Body::Members(members)) = (self.path.len() <= MAX_NESTING, &definition.body) {
            for member in members {
                let inner = match &member.ty.core {
                    Core::Named(named) if member.ty.needs_definition() => {
                        self.definitions.get(named)
                    }
                    _ => None,
                };
                let inner = inner.map_or(Ok(1), |inner| self.depth(inner))?;
                depth = depth.max(1 + member.ty.outer.len() + inner);
            }
        }
        if self.path.len() > MAX_NESTING || depth > MAX_NESTING {
            return Err(format!(
                "{named}: more than {MAX_NESTING} structs, arrays and qualifiers inside of each \
                 other, and the kernel may reject the BTF; put a pointer in between"
            ));
        }
        self.path.pop();
        self.depths.insert(named, depth);
        Ok(depth)
    }
}

fn item(definition: &Definition, names: &mut Names<'_>, plan: &mut Plan) -> Result<Item> {
    let (name, size) = (definition.named.name.clone(), definition.size);
    Ok(match &definition.body {
        Body::Members(members) => {
            check_layout(definition, members, names)?;
            let mut planned = Vec::new();
            for member in members {
                planned.push(btf::Member {
                    name: member.name.clone(),
                    ty: plan
                        .ty(names, &member.ty)
                        .map_err(|why| format!("{}: {}: {why}", definition.named, member.name))?,
                    offset: member.offset.saturating_mul(8),
                    bits: 0,
                });
            }
            match definition.named.tag {
                Tag::Union => Item::Union(name, size, planned),
                _ => Item::Struct(name, size, planned),
            }
        }
        Body::Values { signed, values } => {
            let values = values.iter().map(|value| btf::Enumerator {
                name: value.name.clone(),
                value: value.value,
            });
            Item::Enum(name, size, *signed, values.collect())
        }
    })
}

/// Checks that each member is inside of the type and, in a struct, behind the member before it.
fn check_layout(definition: &Definition, members: &[Member], names: &mut Names<'_>) -> Result<()> {
    const WAY_OUT: &str = "is the Rust type repr(C), and has each field the size of its type in C?";

    let Definition { named, size, .. } = definition;
    let mut last: Option<(&Member, u64)> = None;
    for (i, member) in members.iter().enumerate() {
        let Member { name, offset, ty } = member;
        let fail = |why| Err(format!("{named}: member {} ({name}): {why}", i + 1));
        let len = match names.size(ty) {
            Ok(Some(len)) => len,
            Ok(None) => return fail(names::no_size(ty) + "; use a pointer to it"),
            Err(why) => return fail(why),
        };
        let end = u64::from(*offset) + u64::from(len);
        if end > u64::from(*size) {
            return fail(format!(
                "'{ty}' ends at byte {end}, but '{named}' has {size} bytes; {WAY_OUT}"
            ));
        }
        match last {
            Some((before, before_end)) if before_end > u64::from(*offset) => {
                return fail(format!(
                    "starts at byte {offset}, but the member before it, '{before}', ends at byte \
                     {before_end}; {WAY_OUT}"
                ));
            }
            _ => {}
        }
        if named.tag == Tag::Struct {
            last = Some((member, end));
        }
    }
    Ok(())
}

/// Checks that types have the sizes that the Rust code assumes.
pub(super) fn check(mut checks: Vec<Check>, names: &mut Names<'_>) -> Result<()> {
    checks.sort_by(|a, b| (&a.named, a.size).cmp(&(&b.named, b.size)));
    checks.dedup();
    for (check, next) in checks.iter().zip(checks.iter().skip(1)) {
        if check.named == next.named {
            return Err(format!(
                "{}: described twice, as '{check}' and as '{next}'; build all Rust code for the \
                 same kernel",
                check.named
            ));
        }
    }
    for Check { named, size } in &checks {
        let (place, there, hint) = match names.described_size(named) {
            Some(there) => (
                "its description",
                Some(there),
                "make the two equal, or rename one of them",
            ),
            None => {
                let (scope, id) = names
                    .find_in_btf(named)
                    .map_err(|why| format!("{named}: {why}"))?;
                let place = match scope {
                    Scope::Own => names.origin.elf.as_str(),
                    Scope::Base => names.origin.base_name(),
                };
                let hint = "were the bindings made for this kernel?";
                (place, names.size_in_btf(id), hint)
            }
        };
        if there != Some(*size) {
            let there = there.unwrap_or_default();
            return Err(format!(
                "{named}: {size} bytes in Rust, but {there} in {place}; {hint}"
            ));
        }
    }
    Ok(())
}
