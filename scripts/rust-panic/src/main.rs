// SPDX-License-Identifier: GPL-2.0

//! Refuses a kernel object in which a Rust function can reach a panic.
//!
//! A panic stops the kernel, and Rust code has panics where nobody wrote one: `a + b` has one
//! for the overflow, `a[i]` for an index that is too large. This tool reads an object as the
//! compiler wrote it (`x.o`, or several that were linked with `ld -r`) and reports each panic that
//! the compiler did not prove to be impossible: the line, what can happen, from where it is reached,
//! and what to write instead.
//!
//! ```text
//! rust-panic --with core.o --with kernel.o x.o
//! ```
//!
//! Each function of the object is looked at, called or not, so it does not matter whether it is
//! called by its name, through a pointer or a vtable, by a BPF program or from C. A function
//! can panic if it refers to a function of another object that can: those that the core crate has
//! for panics ([`names`] knows them), and those functions of the objects given by `--with` from which
//! the panic handler is reached, through any number of calls ([`reach`]).
//!
//! There is one more way to stop the kernel that it knows, because BPF programs have it: a kfunc that
//! waits for a spinlock or for a clock. A program can interrupt the code that holds the lock, or that
//! updates the clock, on the same CPU.
//!
//! It sees neither
//!
//! - what functions of other objects do that are not given: those in C, those of other modules
//!   (which are checked when they are built, if Rust), what they call through pointers;
//! - what else stops the kernel without a panic: `BUG()`, an invalid instruction in assembly, a stack
//!   overflow, a loop without end;
//! - panics that the compiler removed: without `CONFIG_RUST_OVERFLOW_CHECKS`, an addition wraps.
//!
//! `#[bpf::may_panic("reason")]` puts a function into the section `.text.bpf_may_panic`. Panics in
//! it, and in its closures, are not reported; those in the functions that it calls are.

use std::{
    collections::BTreeSet,
    env,
    ffi::OsString,
    path::{
        Path,
        PathBuf, //
    },
    process::ExitCode, //
};

mod branch;
mod check;
mod debug;
mod elf;
mod names;
mod reach;

/// A problem as the user reads it: what it is about, why it is one, and the way out.
type Result<T> = std::result::Result<T, String>;

const USAGE: &str = "usage: rust-panic [--with OBJECT]... OBJECT...
       rust-panic --list --with OBJECT...

Reports the panics that Rust functions of OBJECT (a .o file) can reach, and fails if there are any.

  --with OBJECT  an object that is called, and is followed to the panic handler: that of the core
                 crate (core.o), of the kernel crate (kernel.o)
  --list         print the functions of these objects that can panic";

#[derive(Default)]
struct Args {
    list: bool,
    with: Vec<PathBuf>,
    objects: Vec<PathBuf>,
}

/// Reads the arguments; `None` is a request for help.
fn parse_args(mut args: impl Iterator<Item = OsString>) -> Result<Option<Args>> {
    let mut parsed = Args::default();

    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("-h" | "--help") => return Ok(None),
            Some("--list") => parsed.list = true,
            Some("--with") => {
                let object = args
                    .next()
                    .ok_or_else(|| format!("--with needs an object\n{USAGE}"))?;
                parsed.with.push(object.into());
            }
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option '{option}'\n{USAGE}"));
            }
            _ => parsed.objects.push(arg.into()),
        }
    }
    if parsed.list {
        if parsed.with.is_empty() || !parsed.objects.is_empty() {
            return Err(format!("--list needs objects given by --with\n{USAGE}"));
        }
    } else if parsed.objects.is_empty() {
        return Err(format!("the object is missing\n{USAGE}"));
    }
    Ok(Some(parsed))
}

/// A file as it is named from here.
fn file_name(file: &str) -> String {
    let here = env::current_dir().unwrap_or_default();
    match Path::new(file).strip_prefix(here) {
        Ok(file) => file.display().to_string(),
        Err(_) => file.to_string(),
    }
}

/// As many entries as are printed.
const ENTRIES: usize = 3;

fn print(panics: &check::Panics) {
    for (panic, entries) in panics {
        let place = match (panic.file.as_str(), panic.line) {
            ("", _) => "?".into(),
            (file, 0) => file_name(file),
            (file, line) => format!("{}:{line}", file_name(file)),
        };
        eprintln!("{place}: error: {}: {}", panic.function, panic.what());
        if let Some(inlined) = &panic.inlined {
            eprintln!("    in: `{}`", names::short(inlined));
        }
        let itself = format!("`{}`", panic.function);
        if entries.iter().any(|entry| *entry != itself) {
            let some: Vec<&str> = entries.iter().take(ENTRIES).map(String::as_str).collect();
            let more = match entries.len().saturating_sub(ENTRIES) {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            eprintln!("    reached from: {}{more}", some.join(", "));
        }
        eprintln!("    write: {}", panic.kind.instead);
    }
}

/// Whether all objects are free of panics.
fn run(args: &Args) -> Result<bool> {
    let with = args
        .with
        .iter()
        .map(|path| elf::read(path))
        .collect::<Result<Vec<_>>>()?;
    let panicking = reach::Panicking::new(&with);
    if args.list {
        let paths: BTreeSet<String> = panicking.symbols().map(names::path).collect();
        for path in paths {
            println!("{path}");
        }
        return Ok(true);
    }

    let mut is_free = true;
    for path in &args.objects {
        let label = path.display();
        let object = elf::read(path)?;
        let panics = check::panics(&object, &panicking).map_err(|why| format!("{label}: {why}"))?;
        if !panics.is_empty() {
            print(&panics);
            let count = match panics.len() {
                1 => "a way".into(),
                count => format!("{count} ways"),
            };
            eprintln!(
                "rust-panic: {label}: {count} to stop the kernel. If a panic never happens, and \
                 the compiler cannot see that, say why: #[bpf::may_panic(\"reason\")]"
            );
            is_free = false;
        }
    }
    Ok(is_free)
}

fn main() -> ExitCode {
    let args = match parse_args(env::args_os().skip(1)) {
        Ok(Some(args)) => args,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(why) => {
            eprintln!("rust-panic: {why}");
            return ExitCode::FAILURE;
        }
    };
    match run(&args) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(why) => {
            eprintln!("rust-panic: {why}");
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
    fn options_in_any_order() {
        for line in [
            "--with core.o --with kernel.o x.o y.o",
            "x.o --with core.o y.o --with kernel.o",
        ] {
            let args = args(line).unwrap().unwrap();
            assert_eq!(args.with, [Path::new("core.o"), Path::new("kernel.o")]);
            assert_eq!(args.objects, [Path::new("x.o"), Path::new("y.o")]);
        }
        assert!(args("--list --with core.o").unwrap().unwrap().list);
        assert!(args("x.o --help").unwrap().is_none());
    }

    #[test]
    fn wrong_options() {
        for (line, message) in [
            ("", "the object is missing"),
            ("--with core.o", "the object is missing"),
            ("x.o --with", "--with needs an object"),
            ("--list", "--list needs objects"),
            ("--list --with core.o x.o", "--list needs objects"),
            ("--wrong x.o", "unknown option '--wrong'"),
        ] {
            let error = args(line).map(|_| ()).unwrap_err();
            assert!(error.starts_with(message), "{line}: {error}");
        }
    }
}
