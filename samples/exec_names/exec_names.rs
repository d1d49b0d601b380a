// SPDX-License-Identifier: GPL-2.0

//! Parses names of executed files for BPF programs.
//!
//! A file name is bytes that anybody who calls `execve()` chose. A BPF program can read them, but
//! it has no way to tell whether they are UTF-8, and cannot loop over them freely. These kfuncs
//! can: they are safe Rust, and the verifier checks what they are given.

use bpf::prelude::*;
use core::{
    ffi::CStr,
    hash::Hasher,
    str, //
};
use kernel::prelude::*;

module! {
    type: ExecNames,
    name: "exec_names",
    description: "Rust sample: parses file names for BPF programs",
    license: "GPL",
}

/// Copies the last part of the path in @path to @base and returns its length in bytes.
///
/// The path ends at its first NUL byte, or with @path. Context: any; does not sleep.
///
/// # Errors
///
/// - `EILSEQ`: the path is not UTF-8.
/// - `EINVAL`: the path has no last part: it is empty or ends with a slash.
/// - `E2BIG`: @base is shorter than the last part, or @path is longer than 8192 bytes.
#[kfunc]
fn bpf_exec_name_base(path: &[u8], base: &mut [u8]) -> Result<u32> {
    let path = CStr::from_bytes_until_nul(path).map_or(path, CStr::to_bytes);
    let path = str::from_utf8(path).map_err(|_| EILSEQ)?;
    let name = path.rsplit('/').next().filter(|name| !name.is_empty());
    let name = name.ok_or(EINVAL)?.as_bytes();

    base.get_mut(..name.len())
        .ok_or(E2BIG)?
        .copy_from_slice(name);
    Ok(name.len().try_into()?)
}

/// Returns 32 bits of the SipHash of @name with @key.
///
/// Who does not know the key cannot choose names that fall together. Context: any; does not sleep.
#[kfunc]
fn bpf_exec_name_hash(name: &[u8], key: u64) -> Result<u32> {
    // `core` has no other name for SipHash; the one that is preferred to it is in `std`.
    #[allow(deprecated)]
    let mut hasher = core::hash::SipHasher::new_with_keys(key, 0);
    hasher.write(name);
    Ok(hasher.finish() as u32)
}

kfunc_set! {
    /// Programs that see processes start.
    static EXEC_NAMES = {
        prog_types: [Tracing, Syscall],
        kfuncs: [bpf_exec_name_base, bpf_exec_name_hash],
    };
}

struct ExecNames;

impl kernel::Module for ExecNames {
    fn init(module: &'static ThisModule) -> Result<Self> {
        EXEC_NAMES.register(module)?;
        Ok(Self)
    }
}
