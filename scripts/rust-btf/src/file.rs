// SPDX-License-Identifier: GPL-2.0

//! Reads files, and replaces a file as a whole or not at all.
//!
//! [`replace`] writes the new content to a file beside the old one and renames it over the old one,
//! so that no reader and no failed build ever sees half of the content. It does not call `fsync()`:
//! the file may be damaged after a power cut, and the build then has to start again.

use std::{
    fs,
    io::{
        self,
        Write, //
    },
    path::{
        Path,
        PathBuf, //
    },
    process, //
};

use crate::Result;

/// Reads a whole file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))
}

/// A file that is removed when the value is dropped, unless the file was renamed before.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is no file to remove. Before the rename another error is already
        // being reported, so an error here is ignored.
        let _ = fs::remove_file(&self.0);
    }
}

/// Replaces the content of the existing file `path` by `data`; its permissions stay.
pub(crate) fn replace(path: &Path, data: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        // Replace the target of a symbolic link, not the link.
        let path = fs::canonicalize(path)?;
        let permissions = fs::metadata(&path)?.permissions();
        let mut name = path.file_name().unwrap_or_default().to_os_string();
        name.push(format!(".rust-btf.{}", process::id()));
        let temporary = path.with_file_name(name);

        let mut file = fs::File::create_new(&temporary)?;
        let temporary = Temporary(temporary);
        file.set_permissions(permissions)?;
        file.write_all(data)?;
        fs::rename(&temporary.0, &path)
    };

    write().map_err(|error| {
        format!(
            "cannot replace {}: {error}; its folder has to be writable and have free space",
            path.display()
        )
    })
}
