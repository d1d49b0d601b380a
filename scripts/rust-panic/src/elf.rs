// SPDX-License-Identifier: GPL-2.0

//! Reads a relocatable object: its functions, and the references of each function.
//!
//! A function refers to another one by a relocation or, in the same section, by a branch whose
//! distance the assembler filled in ([`crate::branch`] finds such branches). A function may also
//! refer to data with pointers to functions, such as a vtable: a reference to the data is a
//! reference to all functions in the data, and in the data that it points to. An object does not
//! contain the size of such data. This module assumes that the data ends at the next place with a
//! symbol, or at the next place that a relocation refers to.

use object::{
    Architecture,
    Object as _,
    ObjectSection,
    ObjectSymbol,
    RelocationKind,
    RelocationTarget,
    SectionFlags,
    SectionIndex,
    SymbolIndex,
    SymbolKind, //
};
use std::{
    collections::{
        BTreeMap,
        BTreeSet,
        HashSet, //
    },
    fs,
    path::Path, //
};

use crate::{
    branch,
    sleep,
    Result, //
};

/// A place in a section. Sections of a relocatable object all begin at 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    pub(crate) section: usize,
    pub(crate) offset: u64,
}

impl Place {
    /// An address for debug information, different for each place of the object.
    pub(crate) fn address(self) -> u64 {
        ((self.section as u64) << 32).wrapping_add(self.offset)
    }
}

/// The target of a reference.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Target {
    /// A function of this object, by its index.
    Function(usize),
    /// A symbol of another object.
    External(String),
}

/// A reference from a function.
#[derive(Clone, Debug)]
pub(crate) struct Reference {
    /// The place of the reference in the function.
    pub(crate) at: Place,
    pub(crate) to: Target,
    /// Whether the reference is a call or a jump, and does not take an address.
    pub(crate) is_call: bool,
    /// Whether the reference is a call of the allocator with flags that let the allocator sleep.
    pub(crate) may_reclaim: bool,
}

/// A function with a symbol, or all code of a section that has no symbol.
#[derive(Debug)]
pub(crate) struct Function {
    /// The name of the symbol. If there are several, one that is not mangled, because other objects
    /// call the function by it.
    pub(crate) name: String,
    /// The other names: the compiler merges functions with the same code.
    pub(crate) aliases: Vec<String>,
    pub(crate) begin: Place,
    end: u64,
    pub(crate) may_panic: bool,
    /// Whether other objects cannot refer to the function.
    pub(crate) is_local: bool,
    /// Whether data that no function refers to has a pointer to this function.
    pub(crate) is_pointed_to: bool,
    pub(crate) references: Vec<Reference>,
    /// References to data: the place of the reference, and the place of the data.
    data: Vec<(Place, Place)>,
    /// Branches inside the function: the place of the branch, and its target.
    branches: Vec<(Place, Place)>,
}

impl Function {
    /// All names of the function.
    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        std::iter::once(&self.name).chain(&self.aliases)
    }

    /// Finds the calls of the allocator with flags that let the allocator sleep.
    fn find_flags(&mut self, architecture: Architecture, section: &Section) {
        let calls_allocator = self.references.iter().any(
            |reference| matches!(&reference.to, Target::External(name) if sleep::is_allocator(name)),
        );
        if !calls_allocator {
            return;
        }
        let begin = self.begin.offset;
        let end = self.end.min(section.data.len() as u64);
        let code = usize::try_from(begin).ok().zip(usize::try_from(end).ok());
        let Some(code) = code.and_then(|(begin, end)| section.data.get(begin..end)) else {
            return;
        };
        let references = &mut self.references;
        branch::fourth_arguments(architecture, code, begin, |begin, end, flags| {
            for reference in references.iter_mut() {
                let is_this = (begin..end).contains(&reference.at.offset);
                reference.may_reclaim |= is_this && flags & GFP_DIRECT_RECLAIM != 0;
            }
        });
    }

    /// The branches that lead to a place: the last branch that is not taken before the place, or
    /// else all branches to the start of the straight code that contains the place.
    pub(crate) fn branches_to(&self, place: Place) -> Vec<Place> {
        let targets = self.branches.iter().map(|(_, target)| *target);
        let begin = targets.filter(|target| *target <= place).max();
        let begin = begin.unwrap_or(self.begin);
        // A branch in the straight code before the place was not taken.
        let before = self.branches.iter().map(|(at, _)| *at);
        let before = before.filter(|at| *at >= begin && *at < place).max();
        match before {
            Some(at) => vec![at],
            None => {
                let all = self.branches.iter();
                let to = all.filter(|(_, target)| *target == begin);
                to.map(|(at, _)| *at).collect()
            }
        }
    }
}

/// A relocatable object.
pub(crate) struct Object {
    pub(crate) functions: Vec<Function>,
    /// The names of the crates that the object was compiled from.
    pub(crate) crates: BTreeSet<String>,
    /// Symbols of other objects in data that no function refers to, with the section of the data.
    pub(crate) in_data: Vec<(String, String)>,
    /// Sections of debug information, relocated to [`Place::address`].
    pub(crate) debug: BTreeMap<String, Vec<u8>>,
    /// The kfuncs in the lists of the object, and whether they are `sleepable`.
    pub(crate) kfuncs: BTreeMap<String, bool>,
    pub(crate) little_endian: bool,
    sections: BTreeMap<usize, Section>,
}

/// The section of functions with `#[bpf::may_panic("...")]`.
const MAY_PANIC: &str = ".text.bpf_may_panic";

/// The prefix of the symbols of the nops that the kernel's build puts before a function.
const PREFIX: &str = "__pfx_";

/// The section with the lists of kfuncs, in the format of `BTF_KFUNCS_START` and `BTF_ID_FLAGS` in
/// `include/linux/btf_ids.h`.
const BTF_IDS: &str = ".BTF_ids";

/// The prefix of the symbol of a list. The flags of the list follow after 4 bytes.
const SET8: &str = "__BTF_ID__set8__";

/// The prefix of the symbol of a function in a list. The flags of the function follow after 4
/// bytes.
const FUNC: &str = "__BTF_ID__func__";

/// The flag of a list of kfuncs. Without it, the list is of functions with `fmod_ret`.
///
/// C: `BTF_SET8_KFUNCS` in `include/linux/btf_ids.h`.
const SET8_KFUNCS: u64 = 1 << 0;

/// C: `KF_SLEEPABLE` in `include/linux/btf.h`.
const KF_SLEEPABLE: u64 = 1 << 5;

/// The flag of allocations that may sleep.
///
/// C: `__GFP_DIRECT_RECLAIM` in `include/linux/gfp_types.h`.
const GFP_DIRECT_RECLAIM: u32 = 1 << 10;

/// Tables with the addresses of all functions, for ftrace, which patches their first instructions.
const PATCHABLE: [&str; 2] = ["__patchable_function_entries", "__mcount_loc"];

/// A relocation: its offset in the section, and its target.
struct Relocation {
    offset: u64,
    target: RawTarget,
    is_call: bool,
    is_pointer: bool,
}

#[derive(Clone)]
enum RawTarget {
    External(String),
    Place(Place),
}

struct Section {
    name: String,
    code: bool,
    data: Vec<u8>,
    relocations: Vec<Relocation>,
}

impl Section {
    /// A number of `size` bytes. Both supported machines are little-endian.
    fn number(&self, offset: u64, size: usize) -> Option<u64> {
        let begin = usize::try_from(offset).ok()?;
        let bytes = self.data.get(begin..begin.checked_add(size)?)?;
        Some(
            bytes
                .iter()
                .rev()
                .fold(0, |number, byte| (number << 8) | u64::from(*byte)),
        )
    }
}

/// Reads the object in a file.
pub(crate) fn read(path: &Path) -> Result<Object> {
    let label = path.display();
    let data = fs::read(path).map_err(|error| format!("cannot read {label}: {error}"))?;
    parse(&data).map_err(|why| format!("{label}: {why}"))
}

fn damaged(error: object::Error) -> String {
    format!("no valid ELF file: {error}; it is truncated or not an object, build it again")
}

/// Reads an object.
pub(crate) fn parse(data: &[u8]) -> Result<Object> {
    let file = object::File::parse(data).map_err(damaged)?;
    if file.kind() != object::ObjectKind::Relocatable {
        return Err("not a relocatable object; give a .o file or a .ko".into());
    }
    let architecture = file.architecture();
    if !matches!(architecture, Architecture::X86_64 | Architecture::Aarch64) {
        return Err(format!(
            "the machine {architecture:?} is not supported; only x86-64 and arm64 are"
        ));
    }
    let mut sections = BTreeMap::new();
    let mut debug = BTreeMap::new();
    for section in file.sections() {
        let name = section.name().map_err(damaged)?;
        if name.starts_with(".debug_") {
            debug.insert(name.into(), relocated(&file, &section)?);
        } else if is_loaded(&section) {
            sections.insert(section.index().0, read_section(&file, &section)?);
        }
    }
    let functions = functions(&file, &sections)?;
    let mut object = Object {
        functions,
        crates: crates(&file),
        in_data: Vec::new(),
        debug,
        kfuncs: kfuncs(&file, &sections)?,
        little_endian: file.is_little_endian(),
        sections: BTreeMap::new(),
    };
    let starts = starts(&file, &sections);
    object.add_references(architecture, &sections, &starts)?;
    object.sections = sections;
    Ok(object)
}

fn has_flag(section: &object::Section<'_, '_>, flag: object::elf::SectionFlags) -> bool {
    match section.flags() {
        SectionFlags::Elf { sh_flags, .. } => sh_flags.contains(flag),
        _ => false,
    }
}

fn is_loaded(section: &object::Section<'_, '_>) -> bool {
    has_flag(section, object::elf::SHF_ALLOC)
}

fn read_section(file: &object::File<'_>, section: &object::Section<'_, '_>) -> Result<Section> {
    let code = has_flag(section, object::elf::SHF_EXECINSTR);
    let data = section.data().map_err(damaged)?.to_vec();
    let pc_relative_end = code && file.architecture() == Architecture::X86_64;
    let mut relocations = Vec::new();
    for (offset, relocation) in section.relocations() {
        let RelocationTarget::Symbol(index) = relocation.target() else {
            continue;
        };
        let symbol = file.symbol_by_index(index).map_err(damaged)?;
        let target = match symbol.section_index() {
            Some(SectionIndex(section)) => {
                let mut value = symbol.address().wrapping_add_signed(relocation.addend());
                // The processor counts from the end of the instruction. This is the end of the
                // relocated field, except in instructions that end with a constant; references to
                // code are not in such instructions.
                let relative = matches!(
                    relocation.kind(),
                    RelocationKind::Relative | RelocationKind::PltRelative
                );
                if pc_relative_end && relative {
                    value = value.wrapping_add(4);
                }
                RawTarget::Place(Place {
                    section,
                    offset: value,
                })
            }
            None => RawTarget::External(symbol.name().map_err(damaged)?.into()),
        };
        relocations.push(Relocation {
            offset,
            target,
            is_call: relocation.kind() == RelocationKind::PltRelative,
            is_pointer: relocation.kind() == RelocationKind::Absolute && relocation.size() == 64,
        });
    }
    relocations.sort_by_key(|relocation| relocation.offset);
    Ok(Section {
        name: section.name().map_err(damaged)?.into(),
        code,
        data,
        relocations,
    })
}

/// The functions of all sections, sorted by their places.
fn functions(
    file: &object::File<'_>,
    sections: &BTreeMap<usize, Section>,
) -> Result<Vec<Function>> {
    let mut functions: Vec<Function> = Vec::new();
    for symbol in file.symbols() {
        let Some(SectionIndex(index)) = symbol.section_index() else {
            continue;
        };
        let Some(section) = sections.get(&index) else {
            continue;
        };
        let name = symbol.name().map_err(damaged)?;
        if symbol.kind() != SymbolKind::Text || !section.code || name.starts_with(PREFIX) {
            continue;
        }
        functions.push(Function {
            name: name.into(),
            aliases: Vec::new(),
            begin: Place {
                section: index,
                offset: symbol.address(),
            },
            end: symbol.address().saturating_add(symbol.size()),
            may_panic: section.name == MAY_PANIC,
            is_local: symbol.is_local(),
            is_pointed_to: false,
            references: Vec::new(),
            data: Vec::new(),
            branches: Vec::new(),
        });
    }
    let key = |function: &Function| {
        let is_mangled = function.name.starts_with("_R");
        (function.begin, is_mangled, function.name.clone())
    };
    functions.sort_by_cached_key(key);
    functions.dedup_by(|alias, function| {
        let is_alias = alias.begin == function.begin;
        if is_alias {
            function.end = function.end.max(alias.end);
            function.is_local &= alias.is_local;
            function.aliases.push(std::mem::take(&mut alias.name));
        }
        is_alias
    });
    // The symbol of a function in assembly may have no size.
    let begins: Vec<Place> = functions.iter().map(|function| function.begin).collect();
    for (function, next) in functions.iter_mut().zip(begins.iter().skip(1)) {
        if function.end == function.begin.offset {
            function.end = if next.section == function.begin.section {
                next.offset
            } else {
                u64::MAX
            };
        }
    }
    Ok(functions)
}

/// The crates in the file symbols that rustc writes: `registry.6a358b49a4d539e1-cgu.0`.
fn crates(file: &object::File<'_>) -> BTreeSet<String> {
    file.symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::File)
        .filter_map(|symbol| {
            let (name, rest) = symbol.name().ok()?.split_once('.')?;
            rest.contains("-cgu.").then(|| name.to_string())
        })
        .collect()
}

/// The kfuncs in the lists of the object, and whether they are `sleepable`.
fn kfuncs(
    file: &object::File<'_>,
    sections: &BTreeMap<usize, Section>,
) -> Result<BTreeMap<String, bool>> {
    let mut lists: Vec<(Place, u64)> = Vec::new();
    let mut functions: Vec<(Place, String, u64)> = Vec::new();
    for symbol in file.symbols() {
        let Some(SectionIndex(index)) = symbol.section_index() else {
            continue;
        };
        let section = sections.get(&index);
        let Some(section) = section.filter(|section| section.name == BTF_IDS) else {
            continue;
        };
        let place = Place {
            section: index,
            offset: symbol.address(),
        };
        let flags = || section.number(place.offset.saturating_add(4), 4);
        let name = symbol.name().map_err(damaged)?;
        if name.starts_with(SET8) {
            if flags().is_some_and(|flags| flags & SET8_KFUNCS != 0) {
                lists.push((place, place.offset.saturating_add(symbol.size())));
            }
        } else if let Some((function, _)) = name
            .strip_prefix(FUNC)
            .and_then(|name| name.rsplit_once("__"))
        {
            if let Some(flags) = flags() {
                functions.push((place, function.into(), flags));
            }
        }
    }
    let is_in_list = |place: &Place| {
        lists.iter().any(|(begin, end)| {
            begin.section == place.section && begin < place && place.offset < *end
        })
    };
    Ok(functions
        .into_iter()
        .filter(|(place, ..)| is_in_list(place))
        .map(|(_, name, flags)| (name, flags & KF_SLEEPABLE != 0))
        .collect())
}

/// The places where data may begin: symbols, and targets of relocations.
fn starts(file: &object::File<'_>, sections: &BTreeMap<usize, Section>) -> BTreeSet<Place> {
    let named = file.symbols().filter_map(|symbol| {
        let SectionIndex(section) = symbol.section_index()?;
        let offset = symbol.address();
        Some(Place { section, offset })
    });
    let referred = sections
        .values()
        .flat_map(|section| &section.relocations)
        .filter_map(|relocation| match relocation.target {
            RawTarget::Place(place) => Some(place),
            RawTarget::External(_) => None,
        });
    named.chain(referred).collect()
}

/// A section of debug information with its relocations applied.
fn relocated(file: &object::File<'_>, section: &object::Section<'_, '_>) -> Result<Vec<u8>> {
    let mut data = section.uncompressed_data().map_err(damaged)?.into_owned();
    for (offset, relocation) in section.relocations() {
        let RelocationTarget::Symbol(SymbolIndex(index)) = relocation.target() else {
            continue;
        };
        let symbol = file.symbol_by_index(SymbolIndex(index)).map_err(damaged)?;
        let mut value = symbol.address().wrapping_add_signed(relocation.addend());
        if let Some(index) = symbol.section_index() {
            let section = file.section_by_index(index).map_err(damaged)?;
            if is_loaded(&section) {
                let place = Place {
                    section: index.0,
                    offset: value,
                };
                value = place.address();
            }
        }
        let begin = usize::try_from(offset).map_err(|error| error.to_string())?;
        let size = usize::from(relocation.size() / 8);
        let bytes = if file.is_little_endian() {
            value.to_le_bytes()
        } else {
            value.wrapping_shl(64 - 8 * size as u32).to_be_bytes()
        };
        let field = data.get_mut(begin..begin.saturating_add(size));
        let (Some(field), Some(bytes)) = (field, bytes.get(..size)) else {
            return Err("a relocation is outside of its section; build the object again".into());
        };
        field.copy_from_slice(bytes);
    }
    Ok(data)
}

impl Object {
    /// The function that contains a place.
    fn function_at(&self, place: Place) -> Option<usize> {
        let next = self
            .functions
            .partition_point(|function| function.begin <= place);
        let index = next.checked_sub(1)?;
        let function = self.functions.get(index)?;
        (function.begin.section == place.section && place.offset < function.end).then_some(index)
    }

    fn add_references(
        &mut self,
        architecture: Architecture,
        sections: &BTreeMap<usize, Section>,
        starts: &BTreeSet<Place>,
    ) -> Result<()> {
        let mut found: Vec<(Place, RawTarget, bool)> = Vec::new();
        let mut branches: Vec<(Place, Place)> = Vec::new();
        for (&index, section) in sections.iter().filter(|(_, section)| section.code) {
            let place = |offset| Place {
                section: index,
                offset,
            };
            found.extend(section.relocations.iter().map(|relocation| {
                let at = place(relocation.offset);
                (at, relocation.target.clone(), relocation.is_call)
            }));
            let is_relocated = |begin: u64, end: u64| {
                let first = section
                    .relocations
                    .partition_point(|relocation| relocation.offset < begin);
                let relocation = section.relocations.get(first);
                relocation.is_some_and(|relocation| relocation.offset < end)
            };
            for function in &self.functions {
                if function.begin.section != index {
                    continue;
                }
                let begin = function.begin.offset;
                let end = function.end.min(section.data.len() as u64);
                let code = usize::try_from(begin).ok().zip(usize::try_from(end).ok());
                let Some(code) = code.and_then(|(begin, end)| section.data.get(begin..end)) else {
                    return Err(format!(
                        "{}: the function is outside of its section; build the object again",
                        function.name
                    ));
                };
                branch::each(architecture, code, begin, is_relocated, |at, target| {
                    let (at, target) = (place(at), place(target));
                    if self.function_at(target) == self.function_at(at) {
                        branches.push((at, target));
                    } else {
                        found.push((at, RawTarget::Place(target), true));
                    }
                });
            }
        }

        for (at, target) in branches {
            let function = self.function_at(at);
            if let Some(function) = function.and_then(|index| self.functions.get_mut(index)) {
                function.branches.push((at, target));
            }
        }

        let mut used = HashSet::new();
        // References from code without a symbol, by section.
        let mut nameless: BTreeMap<usize, Vec<Reference>> = BTreeMap::new();
        for (at, target, is_call) in found {
            let mut targets = BTreeSet::new();
            match target {
                RawTarget::External(name) => {
                    targets.insert(Target::External(name));
                }
                RawTarget::Place(place) => {
                    self.follow(place, sections, starts, &mut used, &mut targets);
                    let function = self.function_at(at);
                    if let Some(function) = function.and_then(|f| self.functions.get_mut(f)) {
                        function.data.push((at, place));
                    }
                }
            }
            let references = targets.into_iter().map(|to| Reference {
                at,
                to,
                is_call,
                may_reclaim: false,
            });
            let function = self.function_at(at);
            match function.and_then(|index| self.functions.get_mut(index)) {
                Some(function) => function.references.extend(references),
                None => nameless.entry(at.section).or_default().extend(references),
            }
        }
        for (index, references) in nameless {
            let section = sections.get(&index).map_or("", |section| &section.name);
            self.functions.push(Function {
                name: format!("code without a symbol in {section}"),
                aliases: Vec::new(),
                begin: Place {
                    section: usize::MAX,
                    offset: index as u64,
                },
                end: 0,
                may_panic: false,
                is_local: true,
                is_pointed_to: false,
                references,
                data: Vec::new(),
                branches: Vec::new(),
            });
        }
        for function in &mut self.functions {
            function.data.sort();
            function
                .references
                .sort_by(|a, b| (a.at, &a.to).cmp(&(b.at, &b.to)));
            if let Some(section) = sections.get(&function.begin.section) {
                function.find_flags(architecture, section);
            }
        }

        for (&index, section) in sections.iter().filter(|(_, section)| !section.code) {
            for relocation in &section.relocations {
                let at = Place {
                    section: index,
                    offset: relocation.offset,
                };
                match &relocation.target {
                    RawTarget::External(name) if !used.contains(&at) => {
                        self.in_data.push((name.clone(), section.name.clone()));
                    }
                    RawTarget::Place(place)
                        if relocation.is_pointer
                            && !used.contains(&at)
                            && !PATCHABLE.contains(&&*section.name) =>
                    {
                        let function = self.function_at(*place);
                        if let Some(function) =
                            function.and_then(|index| self.functions.get_mut(index))
                        {
                            function.is_pointed_to |= function.begin == *place;
                        }
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// File and line of the `core::panic::Location` that a function passes to a panic function.
    pub(crate) fn location(&self, function: &Function, call: Place) -> Option<(String, u32)> {
        let before = function.data.partition_point(|(at, _)| *at < call);
        let mut before = function.data.get(..before)?.iter().rev();
        before.find_map(|(_, place)| self.location_at(*place))
    }

    fn location_at(&self, place: Place) -> Option<(String, u32)> {
        // A `Location` is a pointer to the name of the file, its length, the line and the column.
        let section = self.sections.get(&place.section)?;
        let index = section
            .relocations
            .partition_point(|relocation| relocation.offset < place.offset);
        let pointer = section.relocations.get(index)?;
        let RawTarget::Place(name) = pointer.target else {
            return None;
        };
        let length = usize::try_from(section.number(place.offset.checked_add(8)?, 8)?).ok()?;
        let line = u32::try_from(section.number(place.offset.checked_add(16)?, 4)?).ok()?;
        let begin = usize::try_from(name.offset).ok()?;
        let text = &self.sections.get(&name.section)?.data;
        let text = text.get(begin..begin.checked_add(length)?)?;
        let file = std::str::from_utf8(text).ok()?;
        (pointer.offset == place.offset && file.ends_with(".rs") && line > 0)
            .then(|| (file.to_string(), line))
    }

    /// Adds the target at a place: a function, or all functions that the data there points to.
    fn follow(
        &self,
        place: Place,
        sections: &BTreeMap<usize, Section>,
        starts: &BTreeSet<Place>,
        used: &mut HashSet<Place>,
        targets: &mut BTreeSet<Target>,
    ) {
        let mut seen = HashSet::new();
        let mut todo = vec![place];
        while let Some(place) = todo.pop() {
            if !seen.insert(place) {
                continue;
            }
            let Some(section) = sections.get(&place.section) else {
                continue;
            };
            if section.code {
                if let Some(index) = self.function_at(place) {
                    targets.insert(Target::Function(index));
                }
                continue;
            }
            let next = Place {
                offset: place.offset.saturating_add(1),
                ..place
            };
            let end = starts.range(next..).next();
            let end = end.map_or(u64::MAX, |end| {
                if end.section == place.section {
                    end.offset
                } else {
                    u64::MAX
                }
            });
            for relocation in &section.relocations {
                if relocation.offset < place.offset || relocation.offset >= end {
                    continue;
                }
                used.insert(Place {
                    section: place.section,
                    offset: relocation.offset,
                });
                match &relocation.target {
                    RawTarget::External(name) => {
                        targets.insert(Target::External(name.clone()));
                    }
                    RawTarget::Place(place) => todo.push(*place),
                }
            }
        }
    }
}
