// SPDX-License-Identifier: GPL-2.0

//! Finds the functions of other objects that can reach the panic handler.
//!
//! The option `--with` gives the objects of the core and kernel crates. A function in them can
//! panic if it is the panic handler, if it refers to a function that can panic, or if
//! [`names::kind`] knows it by its name. The functions in [`TRUSTED`] are exceptions: their code
//! has a panic that never happens. This module does not look at the object that is checked:
//! [`crate::check`] does.

use std::collections::{
    HashMap,
    HashSet, //
};

use crate::{
    elf::{
        Object,
        Target, //
    },
    names, //
};

/// The function behind all panics, in the kernel crate.
const HANDLER: &str = "rust_begin_unwind";

/// Functions of the core and kernel crates whose code has a panic that never happens, and the
/// reason. `*` matches any text.
const TRUSTED: &[(&str, &str)] = &[
    (
        "core::str::converts::from_utf8*",
        "the index is compared with the length before it is incremented",
    ),
    (
        "core::str::validations::run_utf8_validation",
        "the index is compared with the length before it is incremented",
    ),
    (
        "core::slice::memchr::*",
        "the indexes are below the length of the slice, in words and in bytes",
    ),
    (
        "<core::ffi::c_str::CStr>::*",
        "the length counts the NUL at the end, and a string in memory has a length that fits",
    ),
    (
        "core::ffi::c_str::strlen*",
        "the length of a string in memory fits",
    ),
    (
        "core::str::count::*",
        "there are at most as many characters as bytes",
    ),
    (
        "<core::str::pattern::CharSearcher as *",
        "its positions are indexes of the string, and it adds at most the length of the rest",
    ),
    (
        "<* as core::iter::traits::iterator::Iterator>::count*",
        "it counts one item at a time, and more items than 64 bits can count take centuries",
    ),
    (
        "<* as core::iter::traits::iterator::Iterator>::position*",
        "it counts one item at a time, like count()",
    ),
    (
        "core::iter::traits::iterator::Iterator::position::check*",
        "it counts one item at a time, like count()",
    ),
    (
        "<core::iter::adapters::enumerate::Enumerate<*> as *",
        "it counts one item at a time, like count()",
    ),
    (
        "<core::cell::BorrowRef* as core::ops::drop::Drop>::drop",
        "it subtracts the 1 that the borrow added",
    ),
    ("core::hash::sip::u8to64_le", "it adds numbers below 8"),
    (
        "core::unicode::*",
        "it looks up characters in tables that were generated for it; the core crate's tests try \
         all characters",
    ),
    (
        PRINTING,
        "the core crate's own formatting adds lengths of strings in memory, and subtracts them \
         after a comparison; the formatting code of other crates is in their own objects",
    ),
    (
        "<core::ffi::c_str::CStr as kernel::fmt::Display>::fmt",
        "it only compares characters and writes them",
    ),
    (
        "<kernel::error::Error as core::fmt::Debug>::fmt",
        "it negates an errno, which is between -4095 and -1",
    ),
    (
        "<kernel::error::Error>::name",
        "it negates an errno, which is between -4095 and -1",
    ),
    (
        "<kernel::alloc::kvec::Vec<*>>::reserve",
        "the length is at most the capacity, which is at most isize::MAX, and is doubled",
    ),
    (
        "<kernel::alloc::kvec::Vec<*>>::spare_capacity_mut",
        "the length is at most the capacity",
    ),
    (
        "<kernel::alloc::kvec::Vec<*>>::inc_len",
        "its contract: the sum is at most the capacity",
    ),
    (
        "<kernel::alloc::kvec::Vec<*>>::dec_len",
        "its contract: the argument is at most the length",
    ),
    (
        "<kernel::alloc::kvec::Vec<*>>::remove",
        "the index is below the length, because it has looked up the element",
    ),
    (
        "<kernel::alloc::kvec::Vec<*>>::extend_with",
        "the number is not 0, and it has reserved the room",
    ),
    (
        "<kernel::alloc::kvec::Vec<*>>::retain",
        "both indexes are below the length, because it has looked up the later element",
    ),
    (
        "<kernel::iov::IovIter*>::from_raw",
        "its contract: the direction is the one of the type",
    ),
    (
        "<kernel::str::RawFormatter>::bytes_written",
        "the position is not before the start of the buffer",
    ),
    (
        "<kernel::str::CString>::try_from_fmt",
        "it wrote the NUL at the end of the string itself",
    ),
    (
        "<* as kernel::str::parse_int::private::FromStrRadix>::from_str_radix",
        "the radix is 2, 8, 10 or 16",
    ),
];

/// The functions of other objects that can panic.
#[derive(Default)]
pub(crate) struct Panicking {
    names: HashSet<String>,
}

/// Implementations of the traits of `core::fmt`, and the functions that these call.
const PRINTING: &str = "core::fmt::*";

/// Functions of the core crate whose panics count as panics of their caller. A panic in one of
/// these that is inlined into a trusted function never happens either.
const HELPERS: &[&str] = &[
    "<usize as core::ops::arith::*",
    "<usize as core::iter::traits::accum::Sum>::sum*",
    "core::iter::adapters::map::map_fold*",
    "<* as core::slice::index::SliceIndex<*>>::*",
    "<* as core::ops::index::Index*",
    "<[*]>::swap",
];

/// Whether a function is in [`TRUSTED`]: its code has a panic that never happens.
pub(crate) fn is_trusted(symbol: &str) -> bool {
    let name = names::crate_name(symbol);
    let name = name.as_deref();
    if !matches!(name, Some("core" | "kernel")) {
        return false;
    }
    let path = names::short(&names::path(symbol));
    // The path of the function itself must begin with `core::fmt::`; a type in its name, such as
    // `Result<(), core::fmt::Error>`, does not count.
    let place = names::trait_path(&path).unwrap_or(path.trim_start_matches('<'));
    let is_printing = name == Some("core") && place.starts_with("core::fmt::");
    TRUSTED
        .iter()
        .any(|(trusted, _)| names::matches(trusted, &path) || is_printing && *trusted == PRINTING)
}

/// Whether a panic in this function counts as a panic of the function that it was inlined into.
pub(crate) fn is_helper(symbol: &str) -> bool {
    let path = names::short(&names::path(symbol));
    names::crate_name(symbol).as_deref() == Some("core")
        && HELPERS.iter().any(|helper| names::matches(helper, &path))
}

impl Panicking {
    /// Follows the references in these objects from function to function.
    pub(crate) fn new(objects: &[Object]) -> Self {
        let functions = || {
            objects.iter().enumerate().flat_map(|(number, object)| {
                let indexes = 0..object.functions.len();
                indexes
                    .zip(&object.functions)
                    .map(move |(index, f)| ((number, index), f))
            })
        };
        let by_name: HashMap<&str, (usize, usize)> = functions()
            .flat_map(|(id, function)| function.names().map(move |name| (name.as_str(), id)))
            .collect();
        let mut users: HashMap<(usize, usize), Vec<(usize, usize)>> = HashMap::new();
        let mut todo = Vec::new();
        for (id, function) in functions() {
            let mut panics = function
                .names()
                .any(|name| name == HANDLER || names::kind(name).is_some());
            for reference in &function.references {
                match &reference.to {
                    Target::Function(index) => users.entry((id.0, *index)).or_default().push(id),
                    Target::External(name) => match by_name.get(name.as_str()) {
                        Some(target) => users.entry(*target).or_default().push(id),
                        None => panics |= name == HANDLER || names::kind(name).is_some(),
                    },
                }
            }
            if panics {
                todo.push(id);
            }
        }

        let mut seen = HashSet::new();
        let mut panicking = Self::default();
        while let Some(id) = todo.pop() {
            let function = objects
                .get(id.0)
                .and_then(|object| object.functions.get(id.1));
            let Some(function) = function else { continue };
            if !seen.insert(id) || function.names().all(|name| is_trusted(name)) {
                continue;
            }
            panicking.names.extend(function.names().cloned());
            todo.extend(users.get(&id).into_iter().flatten());
        }
        panicking
    }

    /// Whether a function of another object can panic.
    pub(crate) fn contains(&self, name: &str) -> bool {
        name == HANDLER || self.names.contains(name) || names::kind(name).is_some()
    }

    /// The symbols of all functions that can panic, for a review of [`TRUSTED`].
    pub(crate) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_of_core_fmt_are_trusted_and_functions_with_its_types_are_not() {
        for (symbol, expected) in [
            // <usize as core::fmt::Display>::fmt
            (
                "_RNvXs_NtNtCs2lKf6AS60Zg_4core3fmt3numjNtB4_7Display3fmt",
                true,
            ),
            // <core::result::Result<(), core::fmt::Error>>::unwrap
            (
                "_RNvMNtCs2lKf6AS60Zg_4core6resultINtB2_6ResultuNtNtB4_3fmt5ErrorE6unwrap",
                false,
            ),
            // core::option::unwrap_failed
            ("_RNvNtCs2lKf6AS60Zg_4core6option13unwrap_failed", false),
            // core::str::converts::from_utf8
            ("_RNvNtNtCs2lKf6AS60Zg_4core3str8converts9from_utf8", true),
            // sample::str::converts::from_utf8
            (
                "_RNvNtNtCs2lKf6AS60Zg_6sample3str8converts9from_utf8",
                false,
            ),
        ] {
            let path = names::path(symbol);
            assert_eq!(is_trusted(symbol), expected, "{path}");
        }
    }

    #[test]
    fn each_trusted_function_is_listed_once_with_a_reason() {
        for (index, (name, reason)) in TRUSTED.iter().enumerate() {
            assert!(!reason.is_empty(), "{name}");
            assert!(
                !TRUSTED.iter().take(index).any(|(other, _)| other == name),
                "{name}"
            );
        }
    }
}
