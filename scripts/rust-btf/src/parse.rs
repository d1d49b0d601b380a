// SPDX-License-Identifier: GPL-2.0

//! The language of the descriptions, as the macros of the `bpf` crate write it.
//!
//! ```text
//! decl  := "kfunc" NAME "(" [ param { "," param } ] ")" type
//! param := NAME type
//! type  := "void" | "*" type | "const" type | [ "struct" | "union" | "enum" ] NAME
//! ```
//!
//! For example:
//!
//! ```text
//! kfunc bpf_exec_name_hash(name *const void, name__sz u32) s64
//! ```
//!
//! A type reads from left to right: `*const struct file` is a pointer to a constant `struct file`. A
//! `NAME` alone is a typedef, or an integer type of C. Everything is ASCII, and spaces (any number of
//! them) separate what would otherwise be one word. `void` is what a kfunc without a result returns
//! and what a pointer may point to, never a parameter.
//!
//! This file knows the language and the kernel's limits on names and numbers. Whether a type exists,
//! and what it is, [`crate::add`] finds out. A further kind of declaration is a further variant of
//! [`Decl`] and a further word in [`Parser::decl`].

use std::fmt;

use crate::Result;

/// As many arguments as the kernel takes a prototype with (`MAX_BPF_FUNC_ARGS` in
/// `include/linux/bpf.h`). How many of them a BPF program can pass is for the verifier to say.
pub(crate) const MAX_PARAMS: usize = 12;

/// The longest name the kernel accepts in BTF: `KSYM_NAME_LEN` without the NUL.
const MAX_NAME_LEN: usize = 511;

/// As many pointers and qualifiers as one type may have. The kernel gives up after 32 steps
/// (`MAX_RESOLVE_DEPTH`), and the typedefs that a name stands for need some of them.
const MAX_TYPE_DEPTH: usize = 16;

/// As much of a description as a message shows.
const MAX_QUOTE: usize = 200;

/// The words of C that cannot be the name of a function, a parameter or a tag: a header that
/// `bpftool` makes from the BTF would not compile.
const C_KEYWORDS: &[&str] = &[
    "_Bool", "auto", "break", "case", "char", "const", "continue", "default", "do", "double",
    "else", "enum", "extern", "float", "for", "goto", "if", "inline", "int", "long", "register",
    "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch", "typedef",
    "union", "unsigned", "void", "volatile", "while",
];

/// A declaration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Decl {
    Kfunc(Kfunc),
}

/// The prototype of a kfunc.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Kfunc {
    pub(crate) name: String,
    pub(crate) params: Vec<Param>,
    pub(crate) ret: Type,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Param {
    pub(crate) name: String,
    pub(crate) ty: Type,
}

/// A type: what it is about, and the pointers and qualifiers around that, outermost first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Type {
    pub(crate) outer: Vec<Outer>,
    pub(crate) core: Core,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outer {
    Ptr,
    Const,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Core {
    Void,
    Named(Named),
}

/// A type of C that has a name.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Named {
    pub(crate) tag: Tag,
    pub(crate) name: String,
}

/// The word in front of the name of a type.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Tag {
    /// A typedef, or an integer type.
    None,
    Struct,
    Union,
    Enum,
}

impl fmt::Display for Decl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decl::Kfunc(kfunc) => kfunc.fmt(f),
        }
    }
}

impl fmt::Display for Kfunc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "kfunc {}(", self.name)?;
        for (i, param) in self.params.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            write!(f, "{comma}{} {}", param.name, param.ty)?;
        }
        write!(f, ") {}", self.ret)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outer in &self.outer {
            f.write_str(match outer {
                Outer::Ptr => "*",
                Outer::Const => "const ",
            })?;
        }
        match &self.core {
            Core::Void => f.write_str("void"),
            Core::Named(named) => named.fmt(f),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.tag, self.name)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tag::None => "",
            Tag::Struct => "struct ",
            Tag::Union => "union ",
            Tag::Enum => "enum ",
        })
    }
}

/// Reads one description. An error names the description and the column.
pub(crate) fn description(text: &[u8]) -> Result<Decl> {
    let result = if let Some(at) = text.iter().position(|byte| !(b' '..=b'~').contains(byte)) {
        Err(Error {
            at,
            why: "not a printable ASCII character".to_string(),
        })
    } else {
        // Printable ASCII is UTF-8, so that nothing is replaced here.
        let text = String::from_utf8_lossy(text);
        let mut parser = Parser { rest: &text, at: 0 };
        parser.decl().and_then(|decl| parser.end().map(|()| decl))
    };

    result.map_err(|Error { at, why }| {
        let cut = if text.len() > MAX_QUOTE { "..." } else { "" };
        let shown = text.get(..MAX_QUOTE).unwrap_or(text).escape_ascii();
        format!(
            "description '{shown}{cut}': column {}: {why}; descriptions come from the macros of \
             the bpf crate: build it and this tool from the same tree",
            at + 1
        )
    })
}

struct Error {
    at: usize,
    why: String,
}

/// What the description has at some place.
#[derive(Clone, Copy, PartialEq)]
enum Token<'a> {
    /// One of `( ) , *`.
    Mark(char),
    /// Everything up to the next mark or space.
    Word(&'a str),
    End,
}

impl fmt::Display for Token<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Token::Mark(mark) => write!(f, "'{mark}'"),
            Token::Word(word) => write!(f, "'{}'", shorten(word)),
            Token::End => f.write_str("the end"),
        }
    }
}

/// A word as a message shows it.
fn shorten(word: &str) -> String {
    match word.get(..40) {
        Some(start) if word.len() > 40 => format!("{start}..."),
        _ => word.to_string(),
    }
}

struct Parser<'a> {
    rest: &'a str,
    at: usize,
}

impl<'a> Parser<'a> {
    /// The next token and where it starts, without taking it.
    fn peek(&self) -> (usize, Token<'a>) {
        let text = self.rest.trim_start_matches(' ');
        let at = self.at + (self.rest.len() - text.len());
        let is_mark = |c| matches!(c, '(' | ')' | ',' | '*');
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

    /// Takes the next token.
    fn next(&mut self) -> (usize, Token<'a>) {
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

    /// Takes the next token if it is this one.
    fn accept(&mut self, token: Token<'_>) -> bool {
        let found = self.peek().1 == token;
        if found {
            self.next();
        }
        found
    }

    fn expect(&mut self, wanted: Token<'_>) -> std::result::Result<(), Error> {
        match self.next() {
            (_, token) if token == wanted => Ok(()),
            (at, token) => Err(Error {
                at,
                why: format!("{wanted} expected, found {token}"),
            }),
        }
    }

    fn end(&mut self) -> std::result::Result<(), Error> {
        self.expect(Token::End)
    }

    /// Takes a word that can name something in BTF.
    fn name(&mut self, what: &str) -> std::result::Result<(usize, &'a str), Error> {
        let (at, token) = self.next();
        let fail = |why| Err(Error { at, why });
        let Token::Word(word) = token else {
            return fail(format!("{what} expected, found {token}"));
        };
        if word.starts_with(|c: char| c.is_ascii_digit())
            || !word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        {
            return fail(format!(
                "{what} '{}' is not a C identifier (letters, digits and '_')",
                shorten(word)
            ));
        }
        if word.len() > MAX_NAME_LEN {
            return fail(format!(
                "{what} '{}' has {} characters; the kernel takes {MAX_NAME_LEN}",
                shorten(word),
                word.len()
            ));
        }
        Ok((at, word))
    }

    /// Takes a name that C has no other meaning for.
    fn identifier(&mut self, what: &str) -> std::result::Result<(usize, String), Error> {
        let (at, word) = self.name(what)?;
        if C_KEYWORDS.contains(&word) {
            return Err(Error {
                at,
                why: format!("{what} '{word}' is a keyword of C; BPF programs need another name"),
            });
        }
        Ok((at, word.to_string()))
    }

    fn decl(&mut self) -> std::result::Result<Decl, Error> {
        match self.next() {
            (_, Token::Word("kfunc")) => self.kfunc().map(Decl::Kfunc),
            (at, token) => Err(Error {
                at,
                why: format!("'kfunc' expected, found {token}"),
            }),
        }
    }

    fn kfunc(&mut self) -> std::result::Result<Kfunc, Error> {
        let (_, name) = self.identifier("kfunc name")?;
        let mut params = Vec::new();

        self.expect(Token::Mark('('))?;
        if !self.accept(Token::Mark(')')) {
            loop {
                self.param(&mut params)?;
                match self.next() {
                    (_, Token::Mark(',')) => {}
                    (_, Token::Mark(')')) => break,
                    (at, token) => {
                        return Err(Error {
                            at,
                            why: format!("',' or ')' expected, found {token}"),
                        });
                    }
                }
            }
        }
        let (at, _) = self.peek();
        let ret = self.ty()?;
        if ret.is_void() && !ret.outer.is_empty() {
            return Err(Error {
                at,
                why: "a qualified 'void' is no return type; write 'void'".to_string(),
            });
        }
        Ok(Kfunc { name, params, ret })
    }

    fn param(&mut self, params: &mut Vec<Param>) -> std::result::Result<(), Error> {
        let (at, name) = self.identifier("parameter name")?;
        let number = params.len() + 1;
        if number > MAX_PARAMS {
            return Err(Error {
                at,
                why: format!(
                    "parameter {number} ({name}): the kernel takes at most {MAX_PARAMS} parameters"
                ),
            });
        }
        if let Some(first) = params.iter().position(|param| param.name == name) {
            return Err(Error {
                at,
                why: format!(
                    "parameter {number} ({name}) has the name of parameter {}; give it another",
                    first + 1
                ),
            });
        }
        let (at, _) = self.peek();
        let ty = self.ty()?;
        if ty.is_void() {
            return Err(Error {
                at,
                why: format!(
                    "parameter {number} ({name}): 'void' is no parameter type; '*void' is one"
                ),
            });
        }
        params.push(Param { name, ty });
        Ok(())
    }

    fn ty(&mut self) -> std::result::Result<Type, Error> {
        let (start, _) = self.peek();
        let mut outer = Vec::new();
        loop {
            if self.accept(Token::Mark('*')) {
                outer.push(Outer::Ptr);
            } else if self.accept(Token::Word("const")) {
                outer.push(Outer::Const);
            } else {
                break;
            }
            if outer.len() > MAX_TYPE_DEPTH {
                return Err(Error {
                    at: start,
                    why: format!("a type with more than {MAX_TYPE_DEPTH} pointers and qualifiers"),
                });
            }
        }
        let core = if self.accept(Token::Word("void")) {
            Core::Void
        } else {
            let tag = [
                ("struct", Tag::Struct),
                ("union", Tag::Union),
                ("enum", Tag::Enum),
            ]
            .into_iter()
            .find(|(word, _)| self.accept(Token::Word(word)))
            .map_or(Tag::None, |(_, tag)| tag);
            let name = match tag {
                Tag::None => self.name("type")?.1.to_string(),
                _ => self.identifier("type name")?.1,
            };
            Core::Named(Named { tag, name })
        };
        Ok(Type { outer, core })
    }
}

impl Type {
    /// Whether this is `void` itself, qualified or not, and not a pointer to it.
    fn is_void(&self) -> bool {
        self.core == Core::Void && !self.outer.contains(&Outer::Ptr)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::{
        collection::vec,
        prelude::*,
        sample::select, //
    };

    fn parse(text: &str) -> Result<Decl> {
        description(text.as_bytes())
    }

    fn named(tag: Tag, name: &str) -> Core {
        Core::Named(Named {
            tag,
            name: name.to_string(),
        })
    }

    #[test]
    fn example() {
        let text = "kfunc bpf_exec_name_hash(name *const void, name__sz u32) s64";
        let wanted = Decl::Kfunc(Kfunc {
            name: "bpf_exec_name_hash".to_string(),
            params: vec![
                Param {
                    name: "name".to_string(),
                    ty: Type {
                        outer: vec![Outer::Ptr, Outer::Const],
                        core: Core::Void,
                    },
                },
                Param {
                    name: "name__sz".to_string(),
                    ty: Type {
                        outer: vec![],
                        core: named(Tag::None, "u32"),
                    },
                },
            ],
            ret: Type {
                outer: vec![],
                core: named(Tag::None, "s64"),
            },
        });
        assert_eq!(parse(text), Ok(wanted));
    }

    #[test]
    fn spaces_are_free() {
        for (text, plain) in [
            ("kfunc f() void", "kfunc f() void"),
            ("  kfunc   f (  )void  ", "kfunc f() void"),
            (
                "kfunc f(a*struct b,c const  *  * enum d)*union e",
                "kfunc f(a *struct b, c const **enum d) *union e",
            ),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), plain);
        }
    }

    #[test]
    fn limits_are_inclusive() {
        let params: Vec<_> = (0..MAX_PARAMS).map(|i| format!("p{i} u8")).collect();
        let name = "n".repeat(MAX_NAME_LEN);
        let stars = "*".repeat(MAX_TYPE_DEPTH);
        let text = format!("kfunc {name}({}) {stars}void", params.join(", "));
        assert_eq!(parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn malformed() {
        let long = "n".repeat(MAX_NAME_LEN + 1);
        let many: Vec<_> = (0..=MAX_PARAMS).map(|i| format!("p{i} u8")).collect();
        for (text, column, why) in [
            ("", 1, "'kfunc' expected, found the end"),
            ("struct foo 8", 1, "'kfunc' expected, found 'struct'"),
            ("kfunc", 6, "kfunc name expected, found the end"),
            ("kfunc (", 7, "kfunc name expected, found '('"),
            ("kfunc f", 8, "'(' expected, found the end"),
            ("kfunc f void", 9, "'(' expected, found 'void'"),
            ("kfunc f(", 9, "parameter name expected, found the end"),
            ("kfunc f(a", 10, "type expected, found the end"),
            ("kfunc f(a)", 10, "type expected, found ')'"),
            ("kfunc f(a u32", 14, "',' or ')' expected, found the end"),
            ("kfunc f(a u32 b", 15, "',' or ')' expected, found 'b'"),
            ("kfunc f(a u32,", 15, "parameter name expected"),
            ("kfunc f(a u32,)", 15, "parameter name expected, found ')'"),
            ("kfunc f(,)", 9, "parameter name expected, found ','"),
            ("kfunc f()", 10, "type expected, found the end"),
            ("kfunc f() void void", 16, "the end expected, found 'void'"),
            ("kfunc f() *", 12, "type expected, found the end"),
            ("kfunc f() struct", 17, "type name expected, found the end"),
            ("kfunc f() struct *", 18, "type name expected, found '*'"),
            ("kfunc f() const void", 11, "a qualified 'void'"),
            ("kfunc f(a void) s32", 11, "parameter 1 (a): 'void' is no"),
            (
                "kfunc f(a const void) s32",
                11,
                "parameter 1 (a): 'void' is",
            ),
            (
                "kfunc f(a u8, a u8) s32",
                15,
                "parameter 2 (a) has the name of parameter 1",
            ),
            (
                "kfunc 9f() void",
                7,
                "kfunc name '9f' is not a C identifier",
            ),
            (
                "kfunc f-g() void",
                7,
                "kfunc name 'f-g' is not a C identifier",
            ),
            ("kfunc f(a.b u8) void", 9, "parameter name 'a.b' is not a C"),
            ("kfunc f() u$8", 11, "type 'u$8' is not a C identifier"),
            ("kfunc int() void", 7, "kfunc name 'int' is a keyword of C"),
            (
                "kfunc f(default u8) void",
                9,
                "parameter name 'default' is a keyword",
            ),
            (
                "kfunc f() struct void",
                18,
                "type name 'void' is a keyword of C",
            ),
            ("kfunc f()\tvoid", 10, "not a printable ASCII character"),
            ("kfunc f\u{e4}() void", 8, "not a printable ASCII character"),
            (
                &format!("kfunc {long}() void"),
                7,
                "has 512 characters; the kernel takes 511",
            ),
            (&format!("kfunc f(a {long}) void"), 11, "has 512 characters"),
            (
                &format!("kfunc f(a struct {long}) void"),
                18,
                "has 512 characters",
            ),
            (
                &format!("kfunc f({}) void", many.join(",")),
                83,
                "parameter 13 (p12): the kernel takes at most 12 parameters",
            ),
            (
                &format!("kfunc f() {}void", "*".repeat(100_000)),
                11,
                "a type with more than 16 pointers",
            ),
        ] {
            let error = parse(text).unwrap_err();
            let wanted = format!(": column {column}: ");
            assert!(error.contains(&wanted), "{text}: no '{wanted}' in {error}");
            assert!(error.contains(why), "{text}: no '{why}' in {error}");
            assert!(error.len() < 1000, "{error}");
        }
    }

    fn identifier() -> impl Strategy<Value = String> {
        "[a-zA-Z_][a-zA-Z0-9_]{0,20}"
            .prop_filter("keyword", |name| !C_KEYWORDS.contains(&name.as_str()))
    }

    fn ty() -> impl Strategy<Value = Type> {
        let core = prop_oneof![
            Just(Core::Void),
            (
                select(vec![Tag::None, Tag::Struct, Tag::Union, Tag::Enum]),
                identifier()
            )
                .prop_map(|(tag, name)| Core::Named(Named { tag, name })),
        ];
        let outer = vec(select(vec![Outer::Ptr, Outer::Const]), 0..=MAX_TYPE_DEPTH);
        (outer, core).prop_map(|(outer, core)| Type { outer, core })
    }

    fn kfunc() -> impl Strategy<Value = Kfunc> {
        let value = |ty: &Type| !ty.is_void();
        let params = proptest::collection::hash_map(
            identifier(),
            ty().prop_filter("void", value),
            0..=MAX_PARAMS,
        );
        let ret = ty().prop_filter("const void", |ty| !ty.is_void() || ty.outer.is_empty());
        (identifier(), params, ret).prop_map(|(name, params, ret)| Kfunc {
            name,
            params: params
                .into_iter()
                .map(|(name, ty)| Param { name, ty })
                .collect(),
            ret,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn display_round_trips(kfunc in kfunc()) {
            prop_assert_eq!(parse(&kfunc.to_string()), Ok(Decl::Kfunc(kfunc)));
        }

        #[test]
        fn what_parses_round_trips(text in "(kfunc|f|void|struct|const|\\(|\\)|,|\\*| |u8){0,24}") {
            if let Ok(decl) = parse(&text) {
                prop_assert_eq!(parse(&decl.to_string()), Ok(decl));
            }
        }

        #[test]
        fn any_bytes(text in vec(any::<u8>(), 0..100)) {
            let _ = description(&text);
        }
    }
}
