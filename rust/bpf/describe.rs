// SPDX-License-Identifier: GPL-2.0

//! Text put together at compile time.
//!
//! The macros of this crate describe prototypes and types to the BTF step in strings whose parts
//! are constants of traits, offsets and sizes. This is `concat!` for such parts. It is for the code
//! that the macros generate, and for nothing else.

// The compiler runs it. A panic is an error there, not a stop of the kernel.
#![allow(clippy::arithmetic_side_effects, clippy::indexing_slicing)]

/// The length of the parts together, in bytes.
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

/// The text of [`concat`], which is text because its parts are.
pub const fn text(bytes: &[u8]) -> &str {
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => "",
    }
}

/// A number in decimal digits.
pub struct Number<const VALUE: usize>;

impl<const VALUE: usize> Number<VALUE> {
    /// The digits, at the end of the room for the longest number.
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

/// Text of a type that is made of another one, such as an array's.
pub struct Composed {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Composed {
    /// No name of a type in BTF is longer.
    const ROOM: usize = 512;

    /// Puts the parts together.
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

    /// The text.
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
    fn parts_follow_each_other() {
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
    fn what_is_no_text_is_left_away() {
        assert_eq!(text(b"a\xff"), "");
    }

    #[test]
    fn numbers_have_no_leading_zeroes() {
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
    fn composed_text_can_fill_its_room() {
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
