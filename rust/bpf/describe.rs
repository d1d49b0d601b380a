// SPDX-License-Identifier: GPL-2.0

//! Text put together at compile time.
//!
//! `#[kfunc]` describes a prototype to the BTF step in one string whose parts are constants of
//! traits. This is `concat!` for such parts. It is for the code that the macros of this crate
//! generate, and for nothing else.

/// The length of the parts together, in bytes.
pub const fn len(parts: &[&str]) -> usize {
    let mut len = 0;
    let mut part = 0;
    while part < parts.len() {
        len += parts[part].len();
        part += 1;
    }
    len
}

/// The parts, one after the other. `N` is their [`len`].
pub const fn concat<const N: usize>(parts: &[&str]) -> [u8; N] {
    let mut text = [0; N];
    let mut end = 0;
    let mut part = 0;
    while part < parts.len() {
        let bytes = parts[part].as_bytes();
        let mut byte = 0;
        while byte < bytes.len() {
            text[end] = bytes[byte];
            end += 1;
            byte += 1;
        }
        part += 1;
    }
    text
}
