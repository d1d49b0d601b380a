// SPDX-License-Identifier: GPL-2.0

//! Refuses symbols of a module that have the name of an exported symbol of other code.
//!
//! The linker binds a reference to a symbol of the module itself, if there is one of that name.
//! Code of the kernel crate and of the bpf crate is inlined into a module and refers to exported
//! symbols, so a function with the name of such a symbol would be called or read in its place.
//! `modpost` only looks for symbols that two modules export.
//!
//! The check does not know what modules outside of the kernel's tree export, besides the bpf crate.

use crate::{
    elf,
    file,
    Result, //
};
use std::path::Path;

/// The name of a list of exported symbols, which `modpost` writes beside `vmlinux`.
const LIST: &str = "Module.symvers";

/// The module of the bpf crate, and with what the names of its helpers in C begin.
const CRATE: &str = "rust_bpf";
const HELPERS: &str = "rust_bpf_helper_";

/// The file name of a path, without the extension.
fn stem(path: &Path) -> &str {
    path.file_stem()
        .and_then(|name| name.to_str())
        .unwrap_or_default()
}

/// Checks the global symbols of the module `path` against those that the kernel of `base` exports.
pub(crate) fn check(object: &elf::Elf, path: &Path, base: &Path) -> Result<()> {
    let own = stem(path);
    let globals = object.globals()?;

    if own != CRATE {
        if let Some(name) = globals.iter().find(|name| name.starts_with(HELPERS)) {
            return Err(clash(name, CRATE));
        }
    }
    let list = base.with_file_name(LIST);
    if !list.exists() {
        return Ok(());
    }
    let text = file::read(&list)?;
    for line in String::from_utf8_lossy(&text).lines() {
        // A checksum, the symbol and the module, or vmlinux.
        let mut fields = line.split('\t').skip(1);
        if let (Some(name), Some(module)) = (fields.next(), fields.next()) {
            // The list of a kernel with this module in its tree has the module's own symbols.
            let module = module.rsplit('/').next().unwrap_or(module);
            if module != own && globals.contains(name) {
                return Err(clash(name, module));
            }
        }
    }
    Ok(())
}

fn clash(name: &str, owner: &str) -> String {
    format!(
        "{name}: {owner} exports a symbol of that name, and code in this module would use yours \
         in its place; rename your function"
    )
}
