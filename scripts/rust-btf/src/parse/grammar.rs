// SPDX-License-Identifier: GPL-2.0

//! The parser of the language: one function for each rule of the grammar in [`super`].

use std::{
    collections::HashMap,
    ops::RangeInclusive, //
};

use super::{
    lexer::{
        fail,
        Lexer,
        Result,
        Token, //
    },
    parameter,
    Body,
    Check,
    Core,
    Decl,
    Definition,
    Enumerator,
    Function,
    Member,
    Named,
    Outer,
    Param,
    Pointer,
    Proto,
    Role,
    Tag,
    Type,
    MAX_FN_DEPTH,
    MAX_PARAMS,
    MAX_TYPE_DEPTH,
    MAX_VLEN, //
};

/// The largest offset of a member in bytes. BTF counts it in bits.
const MAX_OFFSET: u32 = u32::MAX / 8;

/// Parses a whole description.
pub(super) fn description(text: &str) -> Result<Decl> {
    let mut lexer = Lexer::new(text);
    let decl = decl(&mut lexer)?;
    lexer.expect(Token::End)?;
    Ok(decl)
}

fn decl(lexer: &mut Lexer<'_>) -> Result<Decl> {
    match lexer.next() {
        (_, Token::Word("kfunc")) => function(lexer, Role::Kfunc),
        (_, Token::Word("func")) => function(lexer, Role::Func),
        (_, Token::Word("struct")) => type_decl(lexer, Tag::Struct),
        (_, Token::Word("union")) => type_decl(lexer, Tag::Union),
        (_, Token::Word("enum")) => type_decl(lexer, Tag::Enum),
        (_, Token::Word("pointer")) => pointer(lexer),
        (at, token) => fail(
            at,
            format!(
                "'kfunc', 'func', 'struct', 'union', 'enum' or 'pointer' expected, found {token}"
            ),
        ),
    }
}

fn function(lexer: &mut Lexer<'_>, role: Role) -> Result<Decl> {
    let (_, name) = lexer.identifier(&format!("{role} name"))?;
    let proto = proto(lexer, 0)?;
    Ok(Decl::Function(Function { role, name, proto }))
}

/// Parses the parameters and the return type, behind the name of a function or behind `fn`. `depth`
/// is the number of `fn` types around them.
fn proto(lexer: &mut Lexer<'_>, depth: usize) -> Result<Proto> {
    let mut params = Vec::new();

    lexer.expect(Token::Mark('('))?;
    lexer.list(')', |lexer| param(lexer, &mut params, depth))?;
    let (at, _) = lexer.peek();
    let ret = ty(lexer, depth)?;
    if ret.is_void() && !ret.outer.is_empty() {
        let why = "a return type cannot be a qualified 'void'; write 'void'".to_string();
        return fail(at, why);
    }
    if ret.array_len().is_some() {
        let why = "a return type cannot be an array; use a pointer to an array".to_string();
        return fail(at, why);
    }
    Ok(Proto { params, ret })
}

/// Whether the next token is `fn` as the start of a type, and not a name `fn`.
fn is_fn(lexer: &Lexer<'_>) -> bool {
    lexer.peek().1 == Token::Word("fn") && lexer.second() == Token::Mark('(')
}

/// Whether the next parameter has a type but no name.
fn is_nameless(lexer: &Lexer<'_>) -> bool {
    match lexer.peek().1 {
        Token::Mark(_) | Token::Word("void" | "const" | "struct" | "union" | "enum") => true,
        // A type follows the name of a parameter.
        Token::Word(_) => is_fn(lexer) || matches!(lexer.second(), Token::Mark(',' | ')')),
        Token::End => false,
    }
}

fn param(lexer: &mut Lexer<'_>, params: &mut Vec<Param>, depth: usize) -> Result<()> {
    let (at, name) = match depth > 0 && is_nameless(lexer) {
        true => (lexer.peek().0, String::new()),
        false => lexer.identifier("parameter name")?,
    };
    let label = parameter(params.len(), &name);
    if params.len() == MAX_PARAMS {
        let why = format!("{label}: the kernel takes at most {MAX_PARAMS} parameters");
        return fail(at, why);
    }
    let same = |param: &Param| !name.is_empty() && param.name == name;
    if let Some(first) = params.iter().position(same) {
        let why = format!(
            "{label} has the name of parameter {}; give it another",
            first + 1
        );
        return fail(at, why);
    }
    let (at, _) = lexer.peek();
    let ty = ty(lexer, depth)?;
    if ty.is_void() {
        let why = format!("{label}: a parameter cannot be 'void'; '*void' is possible");
        return fail(at, why);
    }
    if ty.array_len().is_some() {
        let why = format!("{label}: a parameter cannot be an array; use a pointer to an array");
        return fail(at, why);
    }
    params.push(Param { name, ty });
    Ok(())
}

/// Parses the definition or the check of a type, behind its first word.
fn type_decl(lexer: &mut Lexer<'_>, tag: Tag) -> Result<Decl> {
    let (_, name) = lexer.identifier("type name")?;
    let named = Named { tag, name };
    let (at, _) = lexer.peek();
    let size = lexer.number32("size")?;

    if lexer.peek().1 == Token::End {
        return Ok(Decl::Check(Check { named, size }));
    }
    let body = match tag {
        Tag::Enum => values(lexer, at, size)?,
        _ => members(lexer, tag)?,
    };
    Ok(Decl::Type(Definition { named, size, body }))
}

fn pointer(lexer: &mut Lexer<'_>) -> Result<Decl> {
    lexer.expect(Token::Word("struct"))?;
    let (_, name) = lexer.identifier("type name")?;
    let named = Named {
        tag: Tag::Struct,
        name,
    };
    let size = match lexer.peek().1 {
        Token::End => None,
        _ => Some(lexer.number32("size")?),
    };
    Ok(Decl::Pointer(Pointer { named, size }))
}

/// The names in a list so far, with their positions.
#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    /// Takes the name of a new item, and returns it with the label of the item for messages.
    fn next(&mut self, lexer: &mut Lexer<'_>, what: &str) -> Result<(String, String)> {
        let (at, name) = lexer.identifier(&format!("{what} name"))?;
        let number = self.0.len() + 1;
        let label = format!("{what} {number} ({name})");
        if number > MAX_VLEN {
            return fail(
                at,
                format!("{label}: BTF allows at most {MAX_VLEN} of them"),
            );
        }
        match self.0.insert(name.clone(), number) {
            Some(first) => fail(
                at,
                format!("{label} has the name of {what} {first}; give it another"),
            ),
            None => Ok((name, label)),
        }
    }
}

/// Parses members. The members of a struct come in any order, because rustc chooses their offsets.
fn members(lexer: &mut Lexer<'_>, tag: Tag) -> Result<Body> {
    let mut members: Vec<(usize, String, Member)> = Vec::new();
    let mut names = Names::default();

    lexer.expect(Token::Mark('{'))?;
    lexer.list('}', |lexer| {
        let (start, _) = lexer.peek();
        let (name, label) = names.next(lexer, "member")?;
        let (at, _) = lexer.peek();
        let offset = lexer.number32("offset")?;
        if offset > MAX_OFFSET {
            let why = format!("{label}: offset {offset} is above the limit of BTF, {MAX_OFFSET}");
            return fail(at, why);
        }
        if tag == Tag::Union && offset != 0 {
            let why = format!("{label}: offset {offset} in a union; all members are at offset 0");
            return fail(at, why);
        }
        let (at, _) = lexer.peek();
        let ty = ty(lexer, 0)?;
        if ty.is_void() {
            let why = format!("{label}: a member cannot be 'void'; '*void' is possible");
            return fail(at, why);
        }
        members.push((start, label, Member { name, offset, ty }));
        Ok(())
    })?;
    if tag == Tag::Struct {
        members.sort_by_key(|(_, _, member)| member.offset);
        for (before, after) in members.iter().zip(members.iter().skip(1)) {
            let ((_, _, before), (start, label, _)) = (before, after);
            if before.ty.array_len() == Some(0) {
                let why = format!(
                    "{label} comes after an array of length 0 ({}), and only the last member may \
                     be such an array",
                    before.name
                );
                return fail(*start, why);
            }
        }
    }
    let members = members.into_iter().map(|(_, _, member)| member);
    Ok(Body::Members(members.collect()))
}

/// The values that an enum of this size can have; `None` if an enum cannot have this size.
fn enum_range(size: u32, signed: bool) -> Option<RangeInclusive<i128>> {
    if !matches!(size, 1 | 2 | 4 | 8) {
        return None;
    }
    let count = 1_i128 << (8 * size);
    Some(match signed {
        true => -count / 2..=count / 2 - 1,
        false => 0..=count - 1,
    })
}

fn values(lexer: &mut Lexer<'_>, size_at: usize, size: u32) -> Result<Body> {
    let signed = match lexer.next() {
        (_, Token::Word("signed")) => true,
        (_, Token::Word("unsigned")) => false,
        (at, token) => {
            let why = format!("'signed' or 'unsigned' expected, found {token}");
            return fail(at, why);
        }
    };
    let Some(range) = enum_range(size, signed) else {
        let why = format!("an enum has 1, 2, 4 or 8 bytes, not {size}");
        return fail(size_at, why);
    };
    let mut values = Vec::new();
    let mut names = Names::default();

    lexer.expect(Token::Mark('{'))?;
    lexer.list('}', |lexer| {
        let (name, label) = names.next(lexer, "enumerator")?;
        lexer.expect(Token::Mark('='))?;
        let value = lexer.number(&format!("{label}: value"), range.clone())?;
        values.push(Enumerator { name, value });
        Ok(())
    })?;
    Ok(Body::Values { signed, values })
}

/// Parses a type inside of `depth` functions.
fn ty(lexer: &mut Lexer<'_>, depth: usize) -> Result<Type> {
    let (start, _) = lexer.peek();
    let mut outer = Vec::new();
    loop {
        if lexer.accept(Token::Mark('*')) {
            outer.push(Outer::Ptr);
        } else if lexer.accept(Token::Word("const")) {
            outer.push(Outer::Const);
        } else if lexer.accept(Token::Mark('[')) {
            outer.push(Outer::Array(lexer.number32("array length")?));
            lexer.expect(Token::Mark(']'))?;
        } else {
            break;
        }
        if outer.len() > MAX_TYPE_DEPTH {
            let why =
                format!("a type with more than {MAX_TYPE_DEPTH} pointers, arrays and qualifiers");
            return fail(start, why);
        }
    }
    let (at, _) = lexer.peek();
    let core = if lexer.accept(Token::Word("void")) {
        Core::Void
    } else if is_fn(lexer) {
        lexer.next();
        if outer.last() != Some(&Outer::Ptr) {
            let why = "a function type needs a pointer right before it; write '*fn('".to_string();
            return fail(at, why);
        }
        if depth == MAX_FN_DEPTH {
            let why = format!(
                "more than {MAX_FN_DEPTH} functions inside of each other; give an inner one a name \
                 with a typedef in C"
            );
            return fail(at, why);
        }
        Core::Fn(Box::new(proto(lexer, depth + 1)?))
    } else {
        let tag = [
            ("struct", Tag::Struct),
            ("union", Tag::Union),
            ("enum", Tag::Enum),
        ]
        .into_iter()
        .find(|(word, _)| lexer.accept(Token::Word(word)))
        .map_or(Tag::None, |(_, tag)| tag);
        let name = match tag {
            Tag::None => lexer.name("type")?.1.to_string(),
            _ => lexer.identifier("type name")?.1,
        };
        Core::Named(Named { tag, name })
    };
    let ty = Type { outer, core };
    if ty.core == Core::Void && ty.has_inner_array() {
        return fail(
            at,
            "'void' has no size, so an array of it is impossible".to_string(),
        );
    }
    Ok(ty)
}
