// SPDX-License-Identifier: GPL-2.0

//! Concatenation of text at compile time.
//!
//! The macros of this crate describe prototypes and types to the BTF step in strings. The parts of
//! these strings are constants of traits, offsets and sizes, which `concat!` does not accept. This
//! module is only for the code that the macros generate. It does not know the language of the
//! descriptions: see `scripts/rust-btf`.

// The compiler evaluates this code, so a panic is a compile error and does not stop the kernel.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

/// Returns the sum of the lengths of the parts, in bytes.
#[inline]
pub const fn len(parts: &[&str]) -> usize {
    let mut len = 0;
    let mut part = 0;
    while part < parts.len() {
        len += parts[part].len();
        part += 1;
    }
    len
}

/// Concatenates the parts. `N` must be their [`len`].
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

/// Returns the result of [`concat`] as text; empty if the bytes are not UTF-8.
pub const fn text(bytes: &[u8]) -> &str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}

/// A number in decimal digits.
pub struct Number<const VALUE: usize>;

impl<const VALUE: usize> Number<VALUE> {
    /// The digits, with zeroes before them to the length of the longest number.
    const DIGITS: [u8; 20] = {
        let mut digits = [b'0'; 20];
        let mut value = VALUE;
        let mut place = digits.len();
        while place > 0 {
            place -= 1;
            digits[place] = b'0' + (value % 10) as u8;
            value /= 10;
        }
        digits
    };

    /// The number as text.
    pub const TEXT: &'static str = {
        let mut zeroes = 0;
        while zeroes < 19 && Self::DIGITS[zeroes] == b'0' {
            zeroes += 1;
        }
        text(Self::DIGITS.split_at(zeroes).1)
    };
}

/// The text of a composed type, such as an array.
pub struct Composed {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Composed {
    /// The maximum length in bytes. The text of a type in BTF is not longer.
    const ROOM: usize = 512;

    /// Concatenates the parts.
    #[inline]
    pub const fn new(parts: &[&str]) -> Self {
        let mut bytes = [0; Self::ROOM];
        let mut len = 0;
        let mut part = 0;
        while part < parts.len() {
            let text = parts[part].as_bytes();
            let mut byte = 0;
            while byte < text.len() {
                bytes[len] = text[byte];
                len += 1;
                byte += 1;
            }
            part += 1;
        }
        Self { bytes, len }
    }

    /// Returns the text.
    #[inline]
    pub const fn text(&'static self) -> &'static str {
        text(self.bytes.split_at(self.len).0)
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_describe)]
mod tests {
    use super::*;

    #[test]
    fn concat_joins_the_parts_in_order() {
        const NONE: [u8; len(&[])] = concat(&[]);
        const EMPTY: [u8; len(&["", ""])] = concat(&["", ""]);
        const PARTS: &[&str] = &["", "struct", " ", "", "größe", "x"];
        const BYTES: [u8; len(PARTS)] = concat(PARTS);

        assert_eq!(text(&NONE), "");
        assert_eq!(text(&EMPTY), "");
        assert_eq!(len(PARTS), 15);
        assert_eq!(text(&BYTES), "struct größex");
    }

    #[test]
    fn text_of_bytes_that_are_not_utf8_is_empty() {
        assert_eq!(text(b"a\xff"), "");
    }

    #[test]
    fn a_number_has_no_leading_zeroes() {
        assert_eq!(Number::<0>::TEXT, "0");
        assert_eq!(Number::<9>::TEXT, "9");
        assert_eq!(Number::<10>::TEXT, "10");
        assert_eq!(Number::<1000>::TEXT, "1000");
        assert_eq!(
            Number::<9_999_999_999_999_999_999>::TEXT,
            "9999999999999999999"
        );
        assert_eq!(
            Number::<10_000_000_000_000_000_000>::TEXT,
            "10000000000000000000"
        );
        assert_eq!(Number::<{ usize::MAX }>::TEXT, "18446744073709551615");
    }

    #[test]
    fn a_composed_text_has_up_to_512_bytes() {
        const LONGEST: &str = {
            const BYTES: [u8; Composed::ROOM] = [b'x'; Composed::ROOM];
            text(&BYTES)
        };
        static NOTHING: Composed = Composed::new(&[]);
        static POINTER: Composed = Composed::new(&["*", "", "struct t"]);
        static FULL: Composed = Composed::new(&[LONGEST, ""]);

        assert_eq!(NOTHING.text(), "");
        assert_eq!(POINTER.text(), "*struct t");
        assert_eq!(FULL.text().len(), Composed::ROOM);
        assert_eq!(FULL.text(), LONGEST);
    }
}
