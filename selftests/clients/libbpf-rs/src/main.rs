// SPDX-License-Identifier: GPL-2.0

//! `client-libbpf-rs FOLDER`: libbpf-rs loads the objects in FOLDER, whose programs call kfuncs of
//! `exec_names.ko`, `kfunc_test.ko` and `trace_test.ko`. The client needs no special code for modules in Rust.

#[path = "../../checks.rs"]
mod checks;

use checks::{
    expected,
    parsed,
    Checks,
    Result,
    RECORD_SIZE, //
};
use libbpf_rs::{
    MapCore,
    MapFlags,
    Object,
    ObjectBuilder,
    ProgramInput,
    ProgramMut, //
};
use std::{
    env,
    path::PathBuf,
    process::{
        Command,
        ExitCode, //
    },
};

const E2BIG: i64 = 7;
const EINVAL: i64 = 22;
const EILSEQ: i64 = 84;

fn load(name: &str) -> Result<Object> {
    let path = PathBuf::from(env::args_os().nth(1).ok_or("no folder")?).join(name);
    Ok(ObjectBuilder::default().open_file(path)?.load()?)
}

fn program<'obj>(object: &'obj Object, name: &str) -> Result<ProgramMut<'obj>> {
    let program = object.progs_mut().find(|program| program.name() == name);
    Ok(program.ok_or(format!("no program {name}"))?)
}

/// Runs a program once, with a context that the program may change.
fn run(object: &Object, name: &str, context: &mut [u8]) -> Result {
    program(object, name)?.test_run(ProgramInput {
        context_in: Some(context),
        ..Default::default()
    })?;
    Ok(())
}

fn calls(checks: &mut Checks) -> Result {
    let object = load("calls.bpf.o")?;

    let mut context = [0xff; 9 * 8];
    run(&object, "scalars", &mut context)?;
    let got: Vec<_> = context
        .chunks_exact(8)
        .map(|long| i64::from_ne_bytes(long.try_into().unwrap()))
        .collect();
    let want = vec![0xff, 0xffff, 0xffff_ffff, -1, -1, -1, -1, -1, 1];
    checks.equal("scalars of each type", got, want);

    // bpftrace traces these calls.
    let mut context = [0; 2 * 8];
    run(&object, "traced", &mut context)?;
    let got: Vec<_> = context
        .chunks_exact(8)
        .map(|long| i64::from_ne_bytes(long.try_into().unwrap()))
        .collect();
    checks.equal("traceable functions", got, vec![8, 103]);

    for (name, path, want) in [
        ("a name", "/bin/true".as_bytes(), expected("true")),
        ("UTF-8", "/tmp/Grüße".as_bytes(), expected("Grüße")),
        ("not UTF-8", b"/tmp/\xff", Err(EILSEQ)),
        ("no name", b"/tmp/", Err(EINVAL)),
        ("no room", b"/tmp/longer-than-16-bytes", Err(E2BIG)),
    ] {
        let mut context = [0; RECORD_SIZE];
        context[..path.len()].copy_from_slice(path);
        run(&object, "exec_name", &mut context)?;
        checks.equal(name, parsed(&context), want);
    }
    Ok(())
}

fn attached(checks: &mut Checks) -> Result {
    let object = load("execve.bpf.o")?;
    let _link = program(&object, "execve")?.attach()?;
    let last = object.maps().find(|map| map.name() == "last");

    Command::new("/bin/true").status()?;
    let record = last.ok_or("no map")?.lookup(&[0; 4], MapFlags::ANY)?;
    let got = parsed(&record.ok_or("no record")?);
    checks.equal("an attached program", got, expected("true"));
    Ok(())
}

fn main() -> ExitCode {
    Checks::run("libbpf-rs", |checks| {
        calls(checks)?;
        attached(checks)
    })
}
