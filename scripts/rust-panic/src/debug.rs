// SPDX-License-Identifier: GPL-2.0

//! Reads debug information: the line of a place in the code, and the functions inlined there.

use addr2line::Context;
use gimli::{
    EndianSlice,
    RunTimeEndian,
    SectionId, //
};

use crate::{
    elf::{
        Object,
        Place, //
    },
    Result, //
};

/// A function that contains a place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The name of the symbol. An inlined function has only this name, and no symbol.
    pub(crate) symbol: String,
    pub(crate) file: String,
    /// 0 if the compiler does not know the line.
    pub(crate) line: u32,
}

pub(crate) struct Lines<'a> {
    context: Context<EndianSlice<'a, RunTimeEndian>>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(object: &'a Object) -> Result<Self> {
        let endian = if object.little_endian {
            RunTimeEndian::Little
        } else {
            RunTimeEndian::Big
        };
        let section = |id: SectionId| {
            let data = object.debug.get(id.name()).map_or(&[][..], Vec::as_slice);
            Ok::<_, gimli::Error>(EndianSlice::new(data, endian))
        };
        let invalid = |error| format!("no valid debug information: {error}");
        let dwarf = gimli::Dwarf::load(section).map_err(invalid)?;
        let context = Context::from_dwarf(dwarf).map_err(invalid)?;
        Ok(Self { context })
    }

    /// The functions that contain a place: the innermost inlined function first, the function with
    /// the symbol last. The result is empty if there is no debug information.
    pub(crate) fn frames(&self, place: Place) -> Vec<Frame> {
        let mut result = Vec::new();
        let frames = self.context.find_frames(place.address());
        let Ok(mut frames) = frames.skip_all_loads() else {
            return result;
        };
        while let Ok(Some(frame)) = frames.next() {
            let symbol = frame.function.as_ref().and_then(|function| {
                let name = function.raw_name().ok()?;
                Some(name.into_owned())
            });
            let location = frame.location.as_ref();
            let file = location.and_then(|location| location.file);
            result.push(Frame {
                symbol: symbol.unwrap_or_default(),
                file: file.map(normal).unwrap_or_default(),
                line: location.and_then(|location| location.line).unwrap_or(0),
            });
        }
        result
    }
}

/// Removes `.` and `..` from the middle of a path.
pub(crate) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "." => {}
            ".." if parts.last().is_some_and(|last| !matches!(*last, "" | "..")) => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_path_has_no_dots_in_the_middle() {
        for (path, expected) in [
            ("/tree/out/../kernel/./bpf/x.rs", "/tree/kernel/bpf/x.rs"),
            ("../../x.rs", "../../x.rs"),
            ("x.rs", "x.rs"),
            ("/../x.rs", "/../x.rs"),
        ] {
            assert_eq!(normal(path), expected);
        }
    }
}
