// SPDX-License-Identifier: GPL-2.0

//! Adds the functions and types that Rust code describes in a kernel object to the BTF of that
//! object.
//!
//! The kernel build makes BTF from DWARF with `pahole` and leaves Rust out, so BPF knows neither
//! Rust functions nor Rust types. The macros of the `bpf` crate therefore put a description of each
//! function and type into the object's `.modinfo` section (the grammar is in [`parse`]). This tool
//! reads the descriptions and adds types to the BTF that `pahole --btf_encode_detached` wrote: a
//! `FUNC` with its `FUNC_PROTO` for a kfunc or the stub of a struct_ops member, a `STRUCT`, `UNION`
//! or `ENUM` for a type. The tool runs between `pahole` and `resolve_btfids`:
//!
//! ```text
//! pahole --btf_encode_detached=x.BTF --btf_base vmlinux x.ko
//! rust-btf --btf_base vmlinux --btf x.BTF x.ko
//! resolve_btfids --btf_base vmlinux --btf x.BTF x.ko
//! ```
//!
//! The added types depend on the descriptions and on the BTF only, not on the order of the
//! descriptions in the object. The tool does not touch the BTF file if the object has no
//! descriptions, or if the BTF already has every function and type that they name.
//!
//! Rust and C have to agree on types that both know. Where Rust uses a type of the kernel, a
//! description gives the size of the type in Rust, and this tool compares it with the size in the
//! BTF.
//!
//! The tool does not:
//!
//! - write to the object, or write anything at all if there is an error: the tool replaces the BTF
//!   file as a whole, at the end;
//! - fill `.BTF_ids`, deduplicate or sort: `resolve_btfids` does this, and from Linux 7.3 on, it
//!   also tags kfuncs, which before that is the task of `pahole`;
//! - replace types: a described type that the BTF already has must be the same in both;
//! - make types from a name alone: each type that a description names has to be described, or be in
//!   the BTF of the object or of the kernel;
//! - check what a prototype or a type means to the verifier: the macros do this.

use std::{
    collections::HashSet,
    env,
    ffi::OsString,
    path::{
        Path,
        PathBuf, //
    },
    process::ExitCode, //
};

mod add;
mod btf;
mod elf;
mod exports;
mod file;
mod parse;

/// The error is the text that the user reads: the subject, the reason, and the way out.
type Result<T> = std::result::Result<T, String>;

const USAGE: &str = "usage: rust-btf [--decl_tag_kfuncs] [--btf_base FILE] --btf FILE ELF

Adds the functions and types that Rust code describes in ELF (a .ko or vmlinux) to its detached BTF.

  --btf FILE       the BTF that pahole --btf_encode_detached wrote for ELF; replaced
  --btf_base FILE  for a module: the vmlinux (ELF or raw BTF) that this BTF builds on
  --decl_tag_kfuncs  tag kfuncs, as pahole does with the feature of this name";

struct Args {
    btf: PathBuf,
    btf_base: Option<PathBuf>,
    elf: PathBuf,
    tag_kfuncs: bool,
}

/// Reads the arguments; `None` is a request for help.
fn parse_args(mut args: impl Iterator<Item = OsString>) -> Result<Option<Args>> {
    let mut btf = None;
    let mut btf_base = None;
    let mut elf = None;
    let mut tag_kfuncs = false;

    while let Some(arg) = args.next() {
        let (option, slot) = match arg.to_str() {
            Some("-h" | "--help") => return Ok(None),
            Some("--decl_tag_kfuncs") => {
                tag_kfuncs = true;
                continue;
            }
            Some("--btf") => ("--btf", &mut btf),
            Some("--btf_base") => ("--btf_base", &mut btf_base),
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option '{option}'\n{USAGE}"));
            }
            _ => {
                if elf.replace(PathBuf::from(arg)).is_some() {
                    return Err(format!("more than one ELF file\n{USAGE}"));
                }
                continue;
            }
        };
        let value = args
            .next()
            .ok_or_else(|| format!("{option} needs a file\n{USAGE}"))?;
        if slot.replace(PathBuf::from(value)).is_some() {
            return Err(format!("{option} is given twice\n{USAGE}"));
        }
    }
    match (btf, elf) {
        (Some(btf), Some(elf)) => Ok(Some(Args {
            btf,
            btf_base,
            elf,
            tag_kfuncs,
        })),
        (None, _) => Err(format!("--btf is missing\n{USAGE}")),
        (_, None) => Err(format!("the ELF file is missing\n{USAGE}")),
    }
}

/// The last part of a path. Messages name a file by it.
fn file_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or(path.as_os_str())
        .to_string_lossy()
        .into_owned()
}

/// Reads the BTF of the kernel: the `.BTF` section of an ELF file, or a file of raw BTF.
fn read_base(path: &Path) -> Result<btf::Btf> {
    let name = path.display();
    let data = if elf::is_elf(path)? {
        elf::read(path)?.section(".BTF")?.ok_or_else(|| {
            format!(
                "--btf_base {name}: no .BTF section; take the vmlinux of a kernel built with \
                 CONFIG_DEBUG_INFO_BTF"
            )
        })?
    } else {
        file::read(path)?
    };
    btf::Btf::parse(&data, None).map_err(|why| {
        format!(
            "--btf_base {name}: no valid BTF: {why}; take the vmlinux of a kernel built with \
             CONFIG_DEBUG_INFO_BTF"
        )
    })
}

/// Names that kallsyms may resolve to a symbol other than the object's function. For a module these
/// are the names of the kernel's symbols; for the kernel image, the names that it has twice.
/// Distributions strip the symbols from `vmlinux`, so a `System.map` beside it is read too.
fn taken(object: &elf::Elf, base: Option<&Path>) -> Result<HashSet<String>> {
    let Some(base) = base else {
        let mut seen = HashSet::new();
        let names = object.symbols()?.into_iter();
        return Ok(names.filter(|name| !seen.insert(name.clone())).collect());
    };
    let mut names = HashSet::new();
    if elf::is_elf(base)? {
        names.extend(elf::read(base)?.symbols()?);
    }
    let map = base.with_file_name("System.map");
    if map.exists() {
        let text = file::read(&map)?;
        let lines = text.split(|&byte| byte == b'\n');
        // An address, a type and the name.
        let symbols = lines.filter_map(|line| line.split(|&byte| byte == b' ').nth(2));
        names.extend(symbols.map(|name| String::from_utf8_lossy(name).into_owned()));
    }
    Ok(names)
}

fn run(args: &Args) -> Result<()> {
    let object = elf::read(&args.elf)?;
    let decls = object
        .descriptions()?
        .iter()
        .map(|description| parse::description(description))
        .collect::<Result<Vec<_>>>()?;
    if decls.is_empty() {
        return Ok(());
    }
    if let Some(base) = &args.btf_base {
        exports::check(&object, &args.elf, base)?;
    }

    let base = args.btf_base.as_deref().map(read_base).transpose()?;
    let data = file::read(&args.btf)?;
    let mut btf = btf::Btf::parse(&data, base).map_err(|why| {
        let hint = match args.btf_base {
            Some(_) => "--btf_base has to be the file that pahole got as --btf_base",
            None => "the BTF of a module can only be read together with its --btf_base",
        };
        let name = args.btf.display();
        format!("--btf {name}: no valid BTF: {why}; run pahole again ({hint})")
    })?;

    let origin = add::Origin {
        elf: file_name(&args.elf),
        base: args.btf_base.as_deref().map(file_name),
        is_module: object.is_relocatable(),
        taken: taken(&object, args.btf_base.as_deref())?,
        pointer_size: object.pointer_size()?,
        tag_kfuncs: args.tag_kfuncs,
    };
    if add::declarations(&mut btf, decls, &origin)? {
        file::replace(&args.btf, &btf.raw_data()?)?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let args = match parse_args(env::args_os().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("rust-btf: {why}");
            return ExitCode::FAILURE;
        }
    };
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("rust-btf: {}: {why}", file_name(&args.elf));
            ExitCode::FAILURE
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(line: &str) -> Result<Option<Args>> {
        parse_args(line.split_whitespace().map(OsString::from))
    }

    #[test]
    fn options_come_in_any_order() {
        for line in [
            "--btf b --btf_base v x.ko",
            "x.ko --btf_base v --btf b",
            "--btf_base v x.ko --btf b",
        ] {
            let args = args(line).unwrap().unwrap();
            assert_eq!(args.btf, Path::new("b"));
            assert_eq!(args.btf_base.as_deref(), Some(Path::new("v")));
            assert_eq!(args.elf, Path::new("x.ko"));
        }
        assert!(args("--btf b x.ko").unwrap().unwrap().btf_base.is_none());
        assert!(!args("--btf b x.ko").unwrap().unwrap().tag_kfuncs);
        let tagged = "--btf b --decl_tag_kfuncs x.ko";
        assert!(args(tagged).unwrap().unwrap().tag_kfuncs);
        assert!(args("x.ko --help").unwrap().is_none());
    }

    #[test]
    fn wrong_options_are_errors() {
        for (line, message) in [
            ("", "--btf is missing"),
            ("x.ko", "--btf is missing"),
            ("--btf b", "the ELF file is missing"),
            ("--btf b x.ko y.ko", "more than one ELF file"),
            ("--btf b --btf c x.ko", "--btf is given twice"),
            ("x.ko --btf", "--btf needs a file"),
            ("--wrong x.ko", "unknown option '--wrong'"),
        ] {
            let error = args(line).map(|_| ()).unwrap_err();
            assert!(error.starts_with(message), "{line}: {error}");
        }
    }
}
