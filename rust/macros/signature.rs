// SPDX-License-Identifier: GPL-2.0

//! Reads the signature of a kfunc and says what is wrong with it.
//!
//! The result, [`Signature`], is what code generation needs: the names and types of the parameters.
//! The traits of the `bpf` crate decide what a type means. A type that has no meaning for the
//! verifier is refused here if its spelling gives it away, with what to write instead. The check is a
//! courtesy, not the guarantee: a type that slips through meets the trait bounds.

use crate::names;
use proc_macro2::{
    Ident,
    Span, //
};
use quote::ToTokens;
use syn::{
    ext::IdentExt,
    spanned::Spanned,
    visit_mut::VisitMut,
    Error,
    FnArg,
    GenericArgument,
    ItemFn,
    Lifetime,
    Pat,
    Path,
    PathArguments,
    Result,
    ReturnType,
    Type,
    TypeReference, //
};

/// Whole parameter names to which the verifier gives a meaning.
const NAMES: &[&str] = &["rdonly_buf_size", "rdwr_buf_size"];

/// Numbers of which a slice is not memory for the verifier.
const NUMBERS: &[&str] = &[
    "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "bool",
    "char",
];

/// One parameter of a kfunc.
pub(crate) struct Param {
    /// Its name in BTF.
    pub(crate) name: String,
    /// Where the author wrote it.
    pub(crate) span: Span,
    pub(crate) ty: Type,
}

/// The signature of a kfunc.
pub(crate) struct Signature {
    pub(crate) params: Vec<Param>,
    pub(crate) ret: Type,
}

impl Signature {
    pub(crate) fn parse(item: &ItemFn) -> Result<Self> {
        check_function(&item.sig)?;

        let name = &item.sig.ident;
        let params = item.sig.inputs.iter().enumerate();
        let params = params.map(|(index, arg)| parse_param(name, index + 1, arg));
        Ok(Self {
            params: params.collect::<Result<_>>()?,
            ret: parse_return(name, &item.sig.output)?,
        })
    }
}

/// Refuses what no kfunc can be, whatever its arguments are.
pub(crate) fn check_function(sig: &syn::Signature) -> Result<()> {
    let name = &sig.ident;
    let refuse = |span: Span, why: &str| Err(Error::new(span, format!("{name}: {why}")));

    if let Some(token) = &sig.unsafety {
        return refuse(
            token.span(),
            "a kfunc cannot be `unsafe`: a BPF program cannot promise what such a function asks \
             for; take types that the verifier checks",
        );
    }
    if let Some(token) = &sig.asyncness {
        return refuse(
            token.span(),
            "a kfunc cannot be `async`: it runs to its end",
        );
    }
    if let Some(token) = &sig.constness {
        return refuse(
            token.span(),
            "a kfunc cannot be `const`: it is called by address",
        );
    }
    if let Some(abi) = &sig.abi {
        return refuse(
            abi.span(),
            "leave the calling convention away: `#[kfunc]` defines the symbol that BPF calls",
        );
    }
    let lifetimes_only = sig.generics.lifetimes().count() == sig.generics.params.len();
    if !lifetimes_only || sig.generics.where_clause.is_some() {
        return refuse(
            sig.generics.span(),
            "a kfunc cannot be generic: it has one address and one BTF prototype; write one \
             function for each type",
        );
    }
    if let Some(variadic) = &sig.variadic {
        return refuse(variadic.span(), "a kfunc cannot be variadic; take `&[u8]`");
    }
    Ok(())
}

fn parse_param(function: &Ident, number: usize, arg: &FnArg) -> Result<Param> {
    let arg = match arg {
        FnArg::Receiver(receiver) => {
            return Err(Error::new(
                receiver.span(),
                format!(
                    "{function}: a kfunc cannot be a method: BPF calls it by name; write a \
                     function that takes the object as its first argument"
                ),
            ));
        }
        FnArg::Typed(arg) => arg,
    };
    let name = match &*arg.pat {
        Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => pat.ident.clone(),
        pat => {
            return Err(Error::new(
                pat.span(),
                format!(
                    "{function}: argument {number}: write `name: type`: the name becomes the \
                     parameter's name in BTF"
                ),
            ));
        }
    };
    let refuse = |span: Span, why: &str| {
        Err(Error::new(
            span,
            format!("{function}: argument {number} ({name}): {why}"),
        ))
    };

    let spelled = name.unraw().to_string();
    if let Some(why) = names::refused(&spelled) {
        return refuse(name.span(), why);
    }
    if NAMES.contains(&spelled.as_str()) {
        return refuse(
            name.span(),
            "this name has a meaning for the verifier; choose another",
        );
    }

    if let Some(why) = refused(ungroup(&arg.ty)) {
        return refuse(arg.ty.span(), &why);
    }
    Ok(Param {
        name: spelled,
        span: name.span(),
        ty: close_lifetimes((*arg.ty).clone()),
    })
}

/// Why a type cannot be an argument, as far as its spelling says so.
fn refused(ty: &Type) -> Option<String> {
    let text = match ty {
        Type::Reference(reference) => return refused_reference(reference),
        Type::Ptr(_) => "a raw pointer promises nothing; take `&[u8]` or `&Mem` for memory",
        Type::Slice(_) | Type::Array(_) => "BPF passes memory by pointer; take `&[u8]`",
        Type::Tuple(_) => "BPF passes no tuples; write one argument for each part",
        Type::BareFn(_) => "BPF has no pointers to functions of the kernel",
        Type::ImplTrait(_) | Type::TraitObject(_) => "a kfunc has one BTF prototype; name the type",
        Type::Path(_) => match last_ident(ty).map(Ident::to_string).as_deref() {
            Some("usize") => "usize is not the same on every architecture; take u64",
            Some("isize") => "isize is not the same on every architecture; take i64",
            Some("u128") => "a BPF register has 64 bits; take two u64 or `&[u8]`",
            Some("i128") => "a BPF register has 64 bits; take two i64 or `&[u8]`",
            Some(name @ ("f32" | "f64")) => {
                return Some(format!(
                    "{name}: neither BPF nor the kernel computes with floating point; take an \
                     integer"
                ));
            }
            Some("char") => {
                "the verifier does not check that a number is a character; take u32 and call \
                 `char::from_u32`"
            }
            _ => return None,
        },
        _ => return None,
    };
    Some(text.to_string())
}

fn refused_reference(reference: &TypeReference) -> Option<String> {
    let lifetime = reference.lifetime.as_ref();
    if lifetime.is_some_and(|lifetime| lifetime.ident == "static") {
        return Some("an argument is lent for the time of the call; leave `'static` away".into());
    }
    let mutable = reference.mutability.is_some();
    let elem = match ungroup(&reference.elem) {
        Type::Slice(slice) => {
            let elem = ungroup(&slice.elem);
            // An alias of `u8` is known by its name only where it is defined.
            let is_path = matches!(elem, Type::Path(_));
            let is_number =
                last_ident(elem).is_some_and(|elem| NUMBERS.contains(&elem.to_string().as_str()));
            return (!is_path || is_number).then(|| {
                format!(
                    "a slice of {} has no byte length the verifier can check; take `&{}[u8]`",
                    spelling(elem),
                    if mutable { "mut " } else { "" },
                )
            });
        }
        elem => elem,
    };
    match last_ident(elem).map(Ident::to_string).as_deref() {
        Some("str") => Some(
            "the verifier does not check that bytes are UTF-8; take `&[u8]` and call \
             `core::str::from_utf8`"
                .into(),
        ),
        Some("Mem") if mutable => Some(
            "several arguments may point to the same memory; take `&Mem`, which can be written \
             through"
                .into(),
        ),
        _ if mutable => Some(format!(
            "another CPU or another argument may refer to the same {0}; take `&{0}`, or \
             `Out<'_, {0}>` to fill a struct",
            spelling(elem)
        )),
        _ => None,
    }
}

fn parse_return(function: &Ident, output: &ReturnType) -> Result<Type> {
    let ty = match output {
        ReturnType::Default => return Ok(syn::parse_quote!(())),
        ReturnType::Type(_, ty) => ungroup(ty),
    };
    let refuse = |why: &str| {
        Err(Error::new(
            ty.span(),
            format!("{function}: return type: {why}"),
        ))
    };
    match ty {
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            return refuse("a kfunc has one BTF prototype; name the type");
        }
        Type::Never(_) => return refuse("the verifier expects a kfunc to return; return `()`"),
        Type::Reference(_) | Type::Ptr(_) => {
            return refuse(
                "nothing keeps the memory alive after the call; return a number, or \
                 write into a `&mut [u8]` argument",
            );
        }
        Type::Path(path) => {
            if let Some(ok) = result_of(&path.path) {
                let name = last_ident(ok).map(Ident::to_string);
                let unit = matches!(ok, Type::Tuple(tuple) if tuple.elems.is_empty());
                if !unit && name.as_deref() != Some("u32") {
                    return refuse(&format!(
                        "Result<{}> cannot be told from an error number in one register; return \
                         `Result<()>` or `Result<u32>`",
                        spelling(ok)
                    ));
                }
            }
            match last_ident(ty).map(Ident::to_string).as_deref() {
                Some(name @ ("usize" | "isize")) => {
                    return refuse(&format!(
                        "{name} is not the same on every architecture; return {}",
                        if name == "usize" { "u64" } else { "i64" }
                    ));
                }
                Some(name @ ("u128" | "i128")) => {
                    return refuse(&format!(
                        "{name}: a BPF register has 64 bits; write into a `&mut [u8]` argument"
                    ));
                }
                _ => {}
            }
        }
        _ => {}
    }
    Ok(close_lifetimes(ty.clone()))
}

/// The type as it is named outside of the function, where its lifetime parameters are not.
pub(crate) fn close_lifetimes(mut ty: Type) -> Type {
    Rename("static").visit_type_mut(&mut ty);
    ty
}

/// The same, with lifetimes for the compiler to find.
pub(crate) fn open_lifetimes(mut ty: Type) -> Type {
    Rename("_").visit_type_mut(&mut ty);
    ty
}

/// Gives all lifetimes one name.
struct Rename(&'static str);

impl VisitMut for Rename {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if self.0 == "_" || lifetime.ident != "_" {
            lifetime.ident = Ident::new(self.0, lifetime.ident.span());
        }
    }
}

/// A type without the invisible group that comes with a `$ty` of `macro_rules!`, and without
/// parentheses.
fn ungroup(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        }
    }
}

/// The `T` of a `Result<T>`.
fn result_of(path: &Path) -> Option<&Type> {
    let last = path.segments.last()?;
    if last.ident != "Result" {
        return None;
    }
    match &last.arguments {
        PathArguments::AngleBracketed(args) => args.args.iter().find_map(|arg| match arg {
            GenericArgument::Type(ty) => Some(ungroup(ty)),
            _ => None,
        }),
        _ => None,
    }
}

/// The last part of a path without generic arguments, so that `core::primitive::u8` is `u8`.
fn last_ident(ty: &Type) -> Option<&Ident> {
    match ty {
        Type::Path(path) if path.qself.is_none() => path
            .path
            .segments
            .last()
            .filter(|segment| segment.arguments.is_none())
            .map(|segment| &segment.ident),
        _ => None,
    }
}

/// A type as its author wrote it, without the spaces that tokens bring.
fn spelling(ty: &Type) -> String {
    ty.to_token_stream().to_string().replace(' ', "")
}
