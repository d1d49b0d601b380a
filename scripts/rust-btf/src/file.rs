// SPDX-License-Identifier: GPL-2.0

//! Reads files, and replaces one as a whole or not at all.
//!
//! The new content is written beside the old and renamed over it, so that no reader and no failed
//! build ever sees half of it. This does not survive a power cut (there is no `fsync`): a build that
//! was cut off starts again.

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

/// A file that goes away with the value, unless it was renamed before.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        // After a rename there is nothing to remove; before one, there is nobody left to tell.
        let _ = fs::remove_file(&self.0);
    }
}

/// Gives the existing file `path` the content `data`; its permissions stay.
pub(crate) fn replace(path: &Path, data: &[u8]) -> Result<()> {
    let write = || -> io::Result<()> {
        // What a link points to is what gets replaced, not the link.
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
            "cannot replace {}: {error}; its folder has to be writable and have room",
            path.display()
        )
    })
}
