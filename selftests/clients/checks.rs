// SPDX-License-Identifier: GPL-2.0

//! Shared code of the clients: it prints checks as KTAP subtests, and reads the record of
//! `progs/exec_name.h`.

use std::{
    error::Error,
    fmt::Debug,
    process::ExitCode, //
};

pub type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// The name of a file and its hash, or an errno.
pub type Parsed = std::result::Result<(String, u32), i64>;

/// Prints the result of each check of a client.
pub struct Checks {
    number: u32,
    failed: bool,
}

impl Checks {
    /// Runs the checks of @client. An error ends them and counts as one failed check.
    pub fn run(client: &'static str, checks: fn(&mut Checks) -> Result) -> ExitCode {
        let mut this = Self {
            number: 0,
            failed: false,
        };
        println!("  KTAP version 1");
        println!("  # Subtest: {client}");
        if let Err(err) = checks(&mut this) {
            println!("  # {err}");
            this.result("the client ends without an error", false);
        }
        if this.failed {
            return ExitCode::FAILURE;
        }
        ExitCode::SUCCESS
    }

    /// Prints the result of the check @name.
    fn result(&mut self, name: &str, ok: bool) {
        self.number += 1;
        self.failed |= !ok;
        println!(
            "  {} {} {name}",
            if ok { "ok" } else { "not ok" },
            self.number
        );
    }

    /// Checks that @got equals @want.
    pub fn equal<T: PartialEq + Debug>(&mut self, name: &str, got: T, want: T) {
        if got != want {
            println!("  # {got:?}, not {want:?}");
        }
        self.result(name, got == want);
    }
}

const PATH_SIZE: usize = 64;
const NAME_SIZE: usize = 16;
pub const RECORD_SIZE: usize = PATH_SIZE + NAME_SIZE + 16;
const KEY: u64 = 0x0123_4567_89ab_cdef;

/// Reads the result of the kfuncs from a record that a program wrote.
pub fn parsed(record: &[u8]) -> Parsed {
    let long = |at| i64::from_ne_bytes(record[at..at + 8].try_into().unwrap());
    let len = long(PATH_SIZE + NAME_SIZE);
    let hash = long(PATH_SIZE + NAME_SIZE + 8);

    let len = usize::try_from(len).map_err(|_| -len)?;
    let name = &record[PATH_SIZE..PATH_SIZE + len];
    Ok((String::from_utf8_lossy(name).into_owned(), hash as u32))
}

/// The expected result for @name, computed without the kernel.
pub fn expected(name: &str) -> Parsed {
    use std::hash::Hasher;
    // The hasher that replaces the deprecated one does not take a key.
    #[allow(deprecated)]
    let mut hasher = std::hash::SipHasher::new_with_keys(KEY, 0);
    hasher.write(name.as_bytes());
    Ok((name.into(), hasher.finish() as u32))
}
