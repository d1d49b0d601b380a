// SPDX-License-Identifier: GPL-2.0

//! `client-aya OBJECT PINNED`: tests aya with a program that calls kfuncs of a module. aya loads
//! the program from the file OBJECT, and opens the program that `bpftool prog loadall` pinned in
//! the folder PINNED.

#[path = "../../checks.rs"]
mod checks;

use aya::{
    maps::{
        Array,
        Map,
        MapData, //
    },
    programs::TracePoint,
    Ebpf, //
};
use checks::{
    expected,
    parsed,
    Checks,
    Result,
    RECORD_SIZE, //
};
use std::{
    env,
    path::PathBuf,
    process::{
        Command,
        ExitCode, //
    },
};

fn argument(nth: usize) -> Result<PathBuf> {
    Ok(env::args_os().nth(nth).ok_or("no such argument")?.into())
}

fn load() -> Result {
    let mut object = Ebpf::load_file(argument(1)?)?;
    let program: &mut TracePoint = object.program_mut("execve").ok_or("none")?.try_into()?;
    Ok(program.load()?)
}

fn pinned(checks: &mut Checks) -> Result {
    let folder = argument(2)?;
    let mut program = TracePoint::from_pin(folder.join("execve"))?;
    let last = Map::Array(MapData::from_pin(folder.join("last"))?);
    let last = Array::<_, [u8; RECORD_SIZE]>::try_from(last)?;

    program.attach("syscalls", "sys_enter_execve")?;
    Command::new("/bin/true").status()?;
    checks.equal(
        "attaches a program that bpftool loaded",
        parsed(&last.get(&0, 0)?),
        expected("true"),
    );
    Ok(())
}

fn main() -> ExitCode {
    Checks::run("aya", |checks| {
        // If this fails, a new release of aya may support kfuncs of modules: see README.md.
        checks.equal(
            "cannot load the program itself",
            load().map_err(|err| err.to_string()),
            Err("BTF error: Unable to determine the size of section `.ksyms`".into()),
        );
        pinned(checks)
    })
}
