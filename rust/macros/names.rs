// SPDX-License-Identifier: GPL-2.0

//! Names of symbols and of types in BTF.
//!
//! The verifier interprets names: the part after `__` in the name of a parameter or of a type says
//! how a program may use it. Only the macros write such suffixes. This module checks that no name
//! of an author has one by accident. It does not check whether a name is free: the build and the
//! kernel do that.

use proc_macro2::{
    Ident,
    Span, //
};
use syn::{
    ext::IdentExt,
    Error,
    Result, //
};

/// Keywords of C. A declaration by `bpftool` with such a name would not compile.
const C_KEYWORDS: &[&str] = &[
    "asm", "auto", "bool", "break", "case", "char", "const", "continue", "default", "do", "double",
    "else", "enum", "extern", "false", "float", "for", "goto", "if", "inline", "int", "long",
    "register", "restrict", "return", "short", "signed", "sizeof", "static", "struct", "switch",
    "true", "typedef", "typeof", "union", "unsigned", "void", "volatile", "while",
];

/// Returns why BTF cannot have the name, and the name to write instead; [`None`] if BTF can.
pub(crate) fn refused(name: &str) -> Option<&'static str> {
    if name.contains("__") {
        Some(
            "the verifier interprets the part of a name after `__`; write `_`, and choose the type \
             with that meaning",
        )
    } else if C_KEYWORDS.contains(&name) {
        Some("the name is a keyword of C, the language of BPF programs; choose another name")
    } else if !name.is_ascii() {
        Some("the kernel accepts only names of ASCII letters, digits and `_`")
    } else {
        None
    }
}

/// Returns a name for BTF without `r#`.
///
/// # Errors
///
/// BTF cannot have the name.
pub(crate) fn plain(ident: &Ident) -> Result<String> {
    let name = ident.unraw().to_string();
    match refused(&name) {
        Some(why) => Err(Error::new(ident.span(), format!("{name}: {why}"))),
        None => Ok(name),
    }
}

/// Returns the name of a function that has a prototype in BTF.
///
/// # Errors
///
/// Such a function cannot have the name.
fn function(ident: &Ident) -> Result<String> {
    let name = plain(ident)?;
    if name.starts_with("bpf_iter_") {
        return Err(Error::new(
            ident.span(),
            format!(
                "{name}: the kernel takes a function with this beginning for the prototype of an \
                 iterator program; choose another beginning"
            ),
        ));
    }
    Ok(name)
}

/// Returns the name of a kfunc, which is the name of a symbol and of a function in BTF.
///
/// # Errors
///
/// A kfunc cannot have the name.
pub(crate) fn kfunc(ident: &Ident) -> Result<String> {
    let name = function(ident)?;
    let refuse = |why| Err(Error::new(ident.span(), format!("{name}: {why}")));
    if !name.starts_with("bpf_") {
        return refuse(
            "the name becomes a symbol, which must not be a symbol of the kernel or one that the \
             compiler calls; begin the name with `bpf_`",
        );
    }
    if name.ends_with("_impl") {
        return refuse(
            "the kernel adds `_impl` to the name of a kfunc for its prototype with implicit \
             arguments (`KF_IMPLICIT_ARGS`), and a program could call one kfunc with the arguments \
             of the other; choose another ending",
        );
    }
    Ok(name)
}

/// Returns the name of a traceable function, which is the name of a symbol and of a function in BTF.
///
/// # Errors
///
/// A traceable function cannot have the name.
pub(crate) fn traceable(ident: &Ident) -> Result<String> {
    let name = function(ident)?;
    let refuse = |why: &str| Err(Error::new(ident.span(), format!("{name}: {why}")));
    let prefix = format!("{}_", module_name());
    if !name.starts_with(&prefix) {
        return refuse(&format!(
            "the name becomes a symbol, which must not be a symbol of the kernel or one that the \
             compiler calls; begin the name with that of the module, `{prefix}`"
        ));
    }
    if name.starts_with("security_") {
        return refuse(
            "the kernel lets `fmod_ret` programs replace the result of each function whose name \
             begins with `security_`; choose another name for the module",
        );
    }
    if name.ends_with("_impl") {
        return refuse(
            "the verifier takes a function with this ending for the prototype of a kfunc with \
             implicit arguments (`KF_IMPLICIT_ARGS`); choose another ending",
        );
    }
    Ok(name)
}

/// Checks the name of a type in BTF.
///
/// # Errors
///
/// An author's type cannot have the name.
pub(crate) fn type_name(name: &str, span: Span) -> Result<()> {
    if let Some(why) = refused(name) {
        return Err(Error::new(span, format!("{name}: {why}")));
    }
    for (prefix, what) in [
        (
            "bpf_iter_",
            "the state of an iterator, which `#[kfunc_iterator]` defines",
        ),
        (
            "bpf_struct_ops_",
            "the value of a struct_ops map, which `#[struct_ops]` defines",
        ),
    ] {
        if name.starts_with(prefix) {
            return Err(Error::new(
                span,
                format!(
                    "{name}: to the verifier, a struct of this name is {what}; choose another name"
                ),
            ));
        }
    }
    if name.ends_with(LOCKED) {
        return Err(Error::new(
            span,
            format!(
                "{name}: a struct of this name is an object that a program holds locked; choose \
                 another ending"
            ),
        ));
    }
    Ok(())
}

/// The ending of the struct to which a program has a pointer that holds the lock of an object.
pub(crate) const LOCKED: &str = "_locked";

/// Returns the name of a struct of the kernel. Unlike the name of an author's type, it can have any
/// form that C allows.
pub(crate) fn c_type(ident: &Ident) -> Result<String> {
    let name = ident.unraw().to_string();
    if name.is_ascii() {
        Ok(name)
    } else {
        Err(Error::new(
            ident.span(),
            format!("{name}: the kernel has only names of ASCII letters, digits and `_`"),
        ))
    }
}

/// Returns a name in the style of C: `quota_left` for `QuotaLeft`.
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

/// Returns the hash of a name (FNV-1a), with an `x` that separates it from an index after it.
///
/// `resolve_btfids` cuts off the part of a symbol in `.BTF_ids` after the last two underscores.
/// This part must make the symbol unique in the object file.
pub(crate) fn unique(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("{hash}x")
}

/// Returns [`module()`] and a hash of the path, because two paths can give the same symbol.
pub(crate) fn module_and_hash() -> String {
    let path = std::env::var("RUST_MODFILE").unwrap_or_default();
    format!("{}_{}", module(), unique(&path))
}

/// Returns the name of the compiled module.
pub(crate) fn module_name() -> String {
    let module = std::env::var("RUST_MODFILE").unwrap_or_default();
    let name = module.rsplit('/').next().unwrap_or_default();
    name.replace('-', "_")
}

/// Returns the path of the compiled module as part of a symbol. Two modules with the same path in
/// two trees also have the same name, so the kernel does not load both.
pub(crate) fn module() -> String {
    let module = std::env::var("RUST_MODFILE").unwrap_or_default();
    module
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}
