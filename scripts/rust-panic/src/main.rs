// SPDX-License-Identifier: GPL-2.0

//! Rejects a kernel object in which a Rust function can reach a panic.
//!
//! A panic stops the kernel, and Rust code has panics that the author did not write: `a + b` panics
//! on overflow, `a[i]` panics if the index is too large. This tool reads the object that the
//! compiler wrote (`x.o`, or several objects that `ld -r` linked) and reports each panic that the
//! compiler did not prove to be impossible: the line, the reason of the panic, the entry points
//! from which it is reached, and the code to write instead.
//!
//! ```text
//! rust-panic --with core.o --with kernel.o x.o
//! ```
//!
//! The tool checks each function of the object, called or not. Therefore a function is checked
//! whether it is called by its name, through a pointer or a vtable, by a BPF program or from C. A
//! function can panic if it refers to a function of another object that can panic: a panic function
//! of the core crate ([`names`] has the list), or a function of an object given by `--with` that
//! reaches the panic handler through any number of calls ([`reach`]).
//!
//! The tool also reports a kfunc that waits for a spinlock or for a clock, which stops the kernel,
//! too: a BPF program can interrupt, on the same CPU, the code that holds the lock or that updates
//! the clock.
//!
//! The tool also reports functions that may sleep, where a kfunc that is not `sleepable`, or other
//! code that must not sleep, calls them ([`sleep`]).
//!
//! The tool does not see:
//!
//! - functions of other objects that are not given: C functions, functions of other modules (the
//!   build checks other Rust modules by themselves), and functions that they call through pointers;
//! - other ways to stop the kernel: `BUG()`, an invalid instruction in assembly, a stack overflow,
//!   an endless loop;
//! - panics that the compiler removed: without `CONFIG_RUST_OVERFLOW_CHECKS`, an addition wraps.
//!
//! `#[bpf::may_panic("reason")]` puts a function into the section `.text.bpf_may_panic`. The tool
//! does not report panics in this function and in its closures, but it does report panics in the
//! functions that it calls.

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
mod sleep;

/// The error is the text that the user reads: the subject, the reason, and the way out.
type Result<T> = std::result::Result<T, String>;

const USAGE: &str = "usage: rust-panic [--with OBJECT]... [--checked OBJECT]... OBJECT...
       rust-panic --list --with OBJECT...
       rust-panic --list-sleeping [--with OBJECT]... [--checked OBJECT]...

Reports the panics that Rust functions of OBJECT (a .o file) can reach, and fails if there are any.

  --with OBJECT     an object whose functions OBJECT calls: core.o of the core crate, kernel.o of
                    the kernel crate; its functions that reach the panic handler can panic
  --checked OBJECT  an object whose functions OBJECT calls, and whose panics are of no interest:
                    bpf.o of the bpf crate, an object in C
  --list            print the functions of the --with objects that can panic
  --list-sleeping   print the functions of the --with and --checked objects that may sleep";

#[derive(Default)]
struct Args {
    list: bool,
    list_sleeping: bool,
    with: Vec<PathBuf>,
    checked: Vec<PathBuf>,
    objects: Vec<PathBuf>,
}

/// Reads the arguments; `None` is a request for help.
fn parse_args(mut args: impl Iterator<Item = OsString>) -> Result<Option<Args>> {
    let mut parsed = Args::default();

    while let Some(arg) = args.next() {
        match arg.to_str() {
            Some("-h" | "--help") => return Ok(None),
            Some("--list") => parsed.list = true,
            Some("--list-sleeping") => parsed.list_sleeping = true,
            Some(option @ ("--with" | "--checked")) => {
                let object = args
                    .next()
                    .ok_or_else(|| format!("{option} needs an object\n{USAGE}"))?;
                if option == "--with" {
                    parsed.with.push(object.into());
                } else {
                    parsed.checked.push(object.into());
                }
            }
            Some(option) if option.starts_with('-') => {
                return Err(format!("unknown option '{option}'\n{USAGE}"));
            }
            _ => parsed.objects.push(arg.into()),
        }
    }
    if parsed.list && (parsed.with.is_empty() || !parsed.objects.is_empty()) {
        return Err(format!("--list needs objects given by --with\n{USAGE}"));
    }
    if parsed.list_sleeping {
        let has_objects = !(parsed.with.is_empty() && parsed.checked.is_empty());
        if !has_objects || !parsed.objects.is_empty() {
            return Err(format!(
                "--list-sleeping needs objects given by --with or --checked\n{USAGE}"
            ));
        }
    } else if !parsed.list && parsed.objects.is_empty() {
        return Err(format!("the object is missing\n{USAGE}"));
    }
    Ok(Some(parsed))
}

/// The path of a file, relative to the current directory if the file is below it.
fn file_name(file: &str) -> String {
    let here = env::current_dir().unwrap_or_default();
    match Path::new(file).strip_prefix(here) {
        Ok(file) => file.display().to_string(),
        Err(_) => file.to_string(),
    }
}

/// The largest number of entries that are printed for one panic.
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
        if panic.sleeps.is_some() || entries.iter().any(|entry| *entry != itself) {
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
    let read = |paths: &[PathBuf]| {
        let objects = paths.iter().map(|path| elf::read(path));
        objects.collect::<Result<Vec<_>>>()
    };
    let (with, checked) = (read(&args.with)?, read(&args.checked)?);
    let panicking = reach::Panicking::new(&with);
    let sleeping = sleep::Sleeping::new(with.iter().chain(&checked));
    if args.list || args.list_sleeping {
        let paths: BTreeSet<String> = if args.list {
            panicking.symbols().map(names::path).collect()
        } else {
            sleeping.symbols().map(names::path).collect()
        };
        for path in paths {
            println!("{path}");
        }
        return Ok(true);
    }

    let mut is_free = true;
    for path in &args.objects {
        let label = path.display();
        let object = elf::read(path)?;
        let panics = check::panics(&object, &panicking, &sleeping)
            .map_err(|why| format!("{label}: {why}"))?;
        if !panics.is_empty() {
            print(&panics);
            let count = match panics.len() {
                1 => "a way".into(),
                count => format!("{count} ways"),
            };
            let hint = if panics.keys().any(check::Panic::can_be_excused) {
                " If a panic is impossible but the compiler cannot prove it, give the reason: \
                 #[bpf::may_panic(\"reason\")]"
            } else {
                ""
            };
            eprintln!("rust-panic: {label}: {count} to stop the kernel.{hint}");
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
    fn options_come_in_any_order() {
        for line in [
            "--with core.o --with kernel.o --checked bpf.o x.o y.o",
            "x.o --with core.o --checked bpf.o y.o --with kernel.o",
        ] {
            let args = args(line).unwrap().unwrap();
            assert_eq!(args.with, [Path::new("core.o"), Path::new("kernel.o")]);
            assert_eq!(args.checked, [Path::new("bpf.o")]);
            assert_eq!(args.objects, [Path::new("x.o"), Path::new("y.o")]);
        }
        assert!(args("--list --with core.o").unwrap().unwrap().list);
        assert!(args("x.o --help").unwrap().is_none());
    }

    #[test]
    fn wrong_options_are_errors() {
        for (line, message) in [
            ("", "the object is missing"),
            ("--with core.o", "the object is missing"),
            ("x.o --with", "--with needs an object"),
            ("--list", "--list needs objects"),
            ("--list --with core.o x.o", "--list needs objects"),
            ("x.o --checked", "--checked needs an object"),
            ("--list-sleeping", "--list-sleeping needs objects"),
            ("--wrong x.o", "unknown option '--wrong'"),
        ] {
            let error = args(line).map(|_| ()).unwrap_err();
            assert!(error.starts_with(message), "{line}: {error}");
        }
    }
}
