// SPDX-License-Identifier: GPL-2.0

//! Kfuncs that parse and hash the names of executed files.
//!
//! The caller of `execve()` chooses every byte of a file name. A BPF program can read the bytes,
//! but it cannot check if they are UTF-8, and the verifier limits its loops. The kfuncs check and
//! parse the name in safe Rust, and the verifier checks the memory that the program passes.
//!
//! The kfuncs do not look at the file system: `..` and symbolic links are names like any other.

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

/// Copies the last part of the path in @path to @base, without a NUL byte.
///
/// The path ends at its first NUL byte, or at the end of @path. The kfunc returns the length of the
/// last part in bytes.
///
/// # Errors
///
/// - `EILSEQ`: the path is not UTF-8.
/// - `EINVAL`: the path has no last part: the path is empty or ends with a slash.
/// - `E2BIG`: @base is shorter than the last part, or @path or @base is longer than 8192 bytes.
/// - `ENOMEM`: there is no memory for the copies of @path and @base.
///
/// # Context
///
/// Any context, NMIs included. Does not sleep.
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
/// A user without the key cannot choose names with the same hash.
///
/// # Errors
///
/// - `E2BIG`: @name is longer than 8192 bytes.
/// - `ENOMEM`: there is no memory for the copy of @name.
///
/// # Context
///
/// Any context, NMIs included. Does not sleep.
#[kfunc]
fn bpf_exec_name_hash(name: &[u8], key: u64) -> Result<u32> {
    // The replacement of this type is in `std`; `core` has no other SipHash.
    #[allow(deprecated)]
    let mut hasher = core::hash::SipHasher::new_with_keys(key, 0);
    hasher.write(name);
    Ok(hasher.finish() as u32)
}

kfunc_set! {
    /// For programs that trace the start of processes, and for programs that user space runs.
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
