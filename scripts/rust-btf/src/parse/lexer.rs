// SPDX-License-Identifier: GPL-2.0

//! Splits a description into tokens, and takes names and numbers from it.

use std::{
    fmt,
    ops::RangeInclusive, //
};

/// The longest name the kernel accepts in BTF: `KSYM_NAME_LEN` without the NUL.
pub(super) const MAX_NAME_LEN: usize = 511;

/// The keywords of C. They cannot be the name of a function, a parameter, a member or a tag,
/// because a header that `bpftool` makes from the BTF would not compile.
pub(super) const C_KEYWORDS: &[&str] = &[
    "_Bool", "auto", "break", "case", "char", "const", "continue", "default", "do", "double",
    "else", "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
    "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
    "union", "unsigned", "void", "volatile", "while",
];

/// An error in a description: the offset in bytes, and the reason.
pub(super) struct Error {
    pub(super) at: usize,
    pub(super) why: String,
}

pub(super) type Result<T> = std::result::Result<T, Error>;

/// Returns an error at the offset `at`.
pub(super) fn fail<T>(at: usize, why: String) -> Result<T> {
    Err(Error { at, why })
}

/// A token of a description.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Token<'a> {
    /// One of [`MARKS`].
    Mark(char),
    /// Everything up to the next mark or space.
    Word(&'a str),
    End,
}

const MARKS: &[char] = &['(', ')', '{', '}', '[', ']', ',', '*', '='];

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Mark(mark) => write!(f, "'{mark}'"),
            Token::Word(word) => write!(f, "'{}'", shorten(word)),
            Token::End => f.write_str("the end"),
        }
    }
}

/// A word in the form that messages show: its first 40 bytes.
fn shorten(word: &str) -> String {
    match word.get(..40) {
        Some(start) if word.len() > 40 => format!("{start}..."),
        _ => word.to_string(),
    }
}

/// The part of a description that is not parsed yet.
#[derive(Clone)]
pub(super) struct Lexer<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Lexer<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Lexer { rest: text, at: 0 }
    }

    /// The next token and its offset, without taking it.
    pub(super) fn peek(&self) -> (usize, Token<'a>) {
        let text = self.rest.trim_start_matches(' ');
        let at = self.at + (self.rest.len() - text.len());
        let is_mark = |c| MARKS.contains(&c);
        let token = match text.chars().next() {
            None => Token::End,
            Some(mark) if is_mark(mark) => Token::Mark(mark),
            Some(_) => Token::Word(
                text.split(|c| c == ' ' || is_mark(c))
                    .next()
                    .unwrap_or(text),
            ),
        };
        (at, token)
    }

    /// The token after the next, without taking any.
    pub(super) fn second(&self) -> Token<'a> {
        let mut ahead = self.clone();
        ahead.next();
        ahead.peek().1
    }

    /// Takes the next token.
    pub(super) fn next(&mut self) -> (usize, Token<'a>) {
        let (at, token) = self.peek();
        let len = match token {
            Token::Mark(_) => 1,
            Token::Word(word) => word.len(),
            Token::End => 0,
        };
        self.rest = self.rest.get(at - self.at + len..).unwrap_or("");
        self.at = at + len;
        (at, token)
    }

    /// Takes the next token if it equals `token`.
    pub(super) fn accept(&mut self, token: Token<'_>) -> bool {
        let found = self.peek().1 == token;
        if found {
            self.next();
        }
        found
    }

    pub(super) fn expect(&mut self, wanted: Token<'_>) -> Result<()> {
        match self.next() {
            (_, token) if token == wanted => Ok(()),
            (at, token) => fail(at, format!("{wanted} expected, found {token}")),
        }
    }

    /// Takes a list up to `end`: any number of items, with commas in between. `item` takes one
    /// item.
    pub(super) fn list(
        &mut self,
        end: char,
        mut item: impl FnMut(&mut Self) -> Result<()>,
    ) -> Result<()> {
        if self.accept(Token::Mark(end)) {
            return Ok(());
        }
        loop {
            item(self)?;
            match self.next() {
                (_, Token::Mark(',')) => {}
                (_, Token::Mark(mark)) if mark == end => return Ok(()),
                (at, token) => return fail(at, format!("',' or '{end}' expected, found {token}")),
            }
        }
    }

    /// Takes a word that can be a name in BTF.
    pub(super) fn name(&mut self, what: &str) -> Result<(usize, &'a str)> {
        let (at, token) = self.next();
        let Token::Word(word) = token else {
            return fail(at, format!("{what} expected, found {token}"));
        };
        if word.starts_with(|c: char| c.is_ascii_digit())
            || !word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            let word = shorten(word);
            let why = format!("{what} '{word}' is not a C identifier (letters, digits and '_')");
            return fail(at, why);
        }
        if word.len() > MAX_NAME_LEN {
            let why = format!(
                "{what} '{}' has {} characters; the kernel takes {MAX_NAME_LEN}",
                shorten(word),
                word.len()
            );
            return fail(at, why);
        }
        Ok((at, word))
    }

    /// Takes a name that is not a keyword of C.
    pub(super) fn identifier(&mut self, what: &str) -> Result<(usize, String)> {
        let (at, word) = self.name(what)?;
        if C_KEYWORDS.contains(&word) {
            let why = format!("{what} '{word}' is a keyword of C; BPF programs need another name");
            return fail(at, why);
        }
        Ok((at, word.to_string()))
    }

    /// Takes a decimal number in a range.
    pub(super) fn number(&mut self, what: &str, range: RangeInclusive<i128>) -> Result<i128> {
        let (at, token) = self.next();
        let Token::Word(word) = token else {
            return fail(at, format!("{what} expected, found {token}"));
        };
        let digits = word.strip_prefix('-').unwrap_or(word);
        if digits.is_empty() || !digits.chars().all(|c| c.is_ascii_digit()) {
            let why = format!("{what} '{}' is not a decimal number", shorten(word));
            return fail(at, why);
        }
        match word.parse() {
            Ok(number) if range.contains(&number) => Ok(number),
            _ => {
                let (least, most) = range.into_inner();
                let word = shorten(word);
                fail(at, format!("{what} {word} is not in {least} to {most}"))
            }
        }
    }

    /// Takes a number that has 32 bits in BTF.
    pub(super) fn number32(&mut self, what: &str) -> Result<u32> {
        let (at, _) = self.peek();
        let number = self.number(what, 0..=u32::MAX.into())?;
        u32::try_from(number).or_else(|_| fail(at, format!("{what} {number} is out of range")))
    }
}
