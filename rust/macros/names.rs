// SPDX-License-Identifier: GPL-2.0

//! Names of symbols and of types in BTF.
//!
//! The verifier reads names: what follows `__` in the name of a parameter or of a type says what a
//! program may do with it. Only this crate writes such names; what an author chooses must not have
//! one by accident.

use proc_macro2::{
    Ident,
    Span, //
};
use syn::{
    ext::IdentExt,
    Error,
    Result, //
};

/// Words of C, with which the declarations that `bpftool` prints would not compile.
const C_KEYWORDS: &[&str] = &[
    "asm", "auto", "bool", "break", "case", "char", "const", "continue", "default", "do", "double",
    "else", "enum", "extern", "false", "float", "for", "goto", "if", "inline", "int", "long",
    "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch",
    "true", "typedef", "typeof", "union", "unsigned", "void", "volatile", "while",
];

/// Why a name cannot be one in BTF, and what to write.
pub(crate) fn refused(name: &str) -> Option<&'static str> {
    if name.contains("__") {
        Some(
            "the verifier gives what follows `__` in a name a meaning; write `_`, and let the type \
             say it",
        )
    } else if C_KEYWORDS.contains(&name) {
        Some("this is a word of C, in which programs are written; choose another name")
    } else if !name.is_ascii() {
        Some("the kernel takes names of letters, digits and `_` only")
    } else {
        None
    }
}

/// A name of the author's that BTF will have, without `r#`.
pub(crate) fn plain(ident: &Ident) -> Result<String> {
    let name = ident.unraw().to_string();
    match refused(&name) {
        Some(why) => Err(Error::new(ident.span(), format!("{name}: {why}"))),
        None => Ok(name),
    }
}

/// The name of a kfunc, which is a symbol and a function in BTF.
pub(crate) fn kfunc(ident: &Ident) -> Result<String> {
    let name = plain(ident)?;
    let refuse = |why| Err(Error::new(ident.span(), format!("{name}: {why}")));
    if !name.starts_with("bpf_") {
        return refuse(
            "the name becomes a symbol, which must not be one that the kernel has or the compiler \
             calls; begin it with `bpf_`",
        );
    }
    if name.ends_with("_impl") {
        return refuse(
            "the kernel gives the name of a kfunc and `_impl` to its prototype with implicit \
             arguments (`KF_IMPLICIT_ARGS`), and a program could call the one with the arguments \
             of the other; choose another end",
        );
    }
    Ok(name)
}

/// The name of a type of the author's.
pub(crate) fn type_name(name: &str, span: Span) -> Result<()> {
    if let Some(why) = refused(name) {
        return Err(Error::new(span, format!("{name}: {why}")));
    }
    for (prefix, what) in [
        (
            "bpf_iter_",
            "the state of an iterator; `#[kfunc_iterator]` makes it",
        ),
        (
            "bpf_struct_ops_",
            "the value of a map; `#[struct_ops]` makes it",
        ),
    ] {
        if name.starts_with(prefix) {
            return Err(Error::new(
                span,
                format!("{name}: to the verifier, a struct of this name is {what}"),
            ));
        }
    }
    Ok(())
}

/// `QuotaLeft` as `quota_left`, the way C names a struct.
pub(crate) fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && lower {
            snake.push('_');
        }
        lower = !c.is_ascii_uppercase();
        snake.push(c.to_ascii_lowercase());
    }
    snake
}

/// A number made of a name (FNV-1a), with an end that no index can continue.
///
/// `resolve_btfids` cuts off what follows the last two underscores of a symbol in `.BTF_ids`; it
/// must be unique in the object.
pub(crate) fn unique(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash}x")
}

/// The same, and a number that tells it from other paths that look like it.
pub(crate) fn module_and_hash() -> String {
    let path = std::env::var("RUST_MODFILE").unwrap_or_default();
    format!("{}_{}", module(), unique(&path))
}

/// The path of the module that is being compiled, as part of a symbol. Two of one path, in two
/// trees, have one name as well, and are not loaded together.
pub(crate) fn module() -> String {
    let module = std::env::var("RUST_MODFILE").unwrap_or_default();
    module
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}
