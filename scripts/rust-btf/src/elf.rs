// SPDX-License-Identifier: GPL-2.0

//! Finds the descriptions in an ELF file.
//!
//! The descriptions are in `.modinfo`, a section of NUL-terminated `key=value` strings with any
//! number of NULs between them. Their key is `rust_btf` in a loadable module and
//! `<module>.rust_btf` in the kernel image. Entries with other keys are ignored. A file without
//! `.modinfo` has no descriptions.
//!
//! Files are read in pieces, because a `vmlinux` with debug information is huge, and are never
//! written. This module does not parse descriptions: [`crate::parse`] does.

use object::{
    read::ReadCache,
    Object,
    ObjectKind,
    ObjectSection,
    ObjectSymbol, //
};
use std::{
    collections::HashSet,
    fs::File,
    io::Read,
    path::Path, //
};

use crate::Result;

/// The key of a description in `.modinfo`.
const KEY: &[u8] = b"rust_btf";

/// An open ELF file.
pub(crate) struct Elf {
    label: String,
    cache: ReadCache<File>,
    kind: ObjectKind,
}

fn open(path: &Path) -> Result<File> {
    File::open(path).map_err(|error| format!("cannot open {}: {error}", path.display()))
}

/// Whether a file starts like an ELF file.
pub(crate) fn is_elf(path: &Path) -> Result<bool> {
    let mut start = Vec::new();
    open(path)?
        .take(4)
        .read_to_end(&mut start)
        .map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    Ok(start == b"\x7fELF")
}

/// Opens an object (`.ko`) or an executable (`vmlinux`).
pub(crate) fn read(path: &Path) -> Result<Elf> {
    let mut elf = Elf {
        label: path.display().to_string(),
        cache: ReadCache::new(open(path)?),
        kind: ObjectKind::Unknown,
    };
    elf.kind = elf.parse()?.kind();
    match elf.kind {
        ObjectKind::Relocatable | ObjectKind::Executable | ObjectKind::Dynamic => Ok(elf),
        _ => Err(format!(
            "{}: neither a module nor a kernel image (wrong ELF type); give a .ko or vmlinux",
            elf.label
        )),
    }
}

impl Elf {
    fn damaged(&self, error: object::Error) -> String {
        format!(
            "{}: no valid ELF file: {error}; it is truncated or not an object, build it again",
            self.label
        )
    }

    fn parse(&self) -> Result<object::File<'_, &ReadCache<File>>> {
        object::File::parse(&self.cache).map_err(|error| self.damaged(error))
    }

    /// Whether this is a loadable module, and not the kernel image.
    pub(crate) fn is_relocatable(&self) -> bool {
        self.kind == ObjectKind::Relocatable
    }

    /// The number of bytes of a pointer on the machine that the file is built for.
    pub(crate) fn pointer_size(&self) -> Result<u32> {
        Ok(if self.parse()?.is_64() { 8 } else { 4 })
    }

    /// The content of all sections with the name `name`, one after the other; `None` if there is no
    /// such section.
    pub(crate) fn section(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let mut content = None;
        for section in self.parse()?.sections() {
            let found = section.name_bytes().map_err(|error| self.damaged(error))?;
            if found == name.as_bytes() {
                let data = section.data().map_err(|error| self.damaged(error))?;
                content.get_or_insert_with(Vec::new).extend_from_slice(data);
            }
        }
        Ok(content)
    }

    /// The names of all defined symbols in the symbol table. A name of two symbols is there twice.
    pub(crate) fn symbols(&self) -> Result<Vec<String>> {
        let object = self.parse()?;
        let mut names = Vec::new();
        for symbol in object.symbols() {
            let name = symbol.name_bytes().map_err(|error| self.damaged(error))?;
            if symbol.is_definition() && !name.is_empty() {
                names.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        Ok(names)
    }

    /// The names of the global symbols that the object defines.
    pub(crate) fn globals(&self) -> Result<HashSet<String>> {
        let object = self.parse()?;
        let mut names = HashSet::new();
        for symbol in object.symbols() {
            let name = symbol.name_bytes().map_err(|error| self.damaged(error))?;
            if symbol.is_definition() && symbol.is_global() {
                names.insert(String::from_utf8_lossy(name).into_owned());
            }
        }
        Ok(names)
    }

    /// The values of the `rust_btf` entries in `.modinfo`, in the order of the file.
    pub(crate) fn descriptions(&self) -> Result<Vec<Vec<u8>>> {
        Ok(descriptions(&self.section(".modinfo")?.unwrap_or_default()))
    }
}

fn descriptions(modinfo: &[u8]) -> Vec<Vec<u8>> {
    modinfo
        .split(|&byte| byte == 0)
        .filter_map(|entry| {
            let mut parts = entry.splitn(2, |&byte| byte == b'=');
            let (key, value) = (parts.next()?, parts.next()?);
            let module = key.strip_suffix(KEY)?;
            (module.is_empty() || module.ends_with(b".")).then(|| value.to_vec())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_with_the_key_rust_btf_are_descriptions() {
        let modinfo = b"license=GPL\0\0\0rust_btf=one\0xrust_btf=no\0rust_btf_x=no\0rust_btf\0\
            desc=rust_btf=no\0\0bpf_demo.rust_btf=two = 2\0parm=x:rust_btf\0rust_btf=\0rust_btf=end";
        assert_eq!(
            descriptions(modinfo),
            [&b"one"[..], b"two = 2", b"", b"end"]
        );
        assert!(descriptions(b"").is_empty());
        assert!(descriptions(b"\0\0\0").is_empty());
    }
}
