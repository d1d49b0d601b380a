// SPDX-License-Identifier: GPL-2.0

//! Reads the signature of a kfunc and says what is wrong with it.
//!
//! The result, [`Signature`], is what code generation needs: the parameters in order, each with
//! the shape in which BPF passes it. A type that has no meaning for the verifier is refused here if
//! its spelling gives it away, with what to write instead. The check is a courtesy, not the
//! guarantee: a type that slips through meets the trait bounds of the `bpf` crate.

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
    Type, //
};

/// What BPF passes at most: five in registers, more on the stack (`MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: usize = 12;

/// Whole parameter names to which the verifier gives a meaning.
const NAMES: &[&str] = &["rdonly_buf_size", "rdwr_buf_size"];

/// In which shape BPF passes a parameter.
pub(crate) enum Shape {
    /// One register, converted by the type's `KfuncArg`.
    Register,
    /// Nothing: the function is told that it is called under RCU (`&RcuReader`).
    Reader,
    /// Nothing: the function is told that it is called (`&KfuncCall`).
    Call,
    /// A pointer and a length; the function sees the memory itself.
    Mem,
    /// A pointer and a length; the function sees a private copy (`&[u8]`).
    Copy,
    /// The same, and what the function leaves in the copy is written back (`&mut [u8]`).
    CopyBack,
}

impl Shape {
    /// How many arguments that are.
    pub(crate) fn args(&self) -> usize {
        match self {
            Shape::Reader | Shape::Call => 0,
            Shape::Register => 1,
            Shape::Mem | Shape::Copy | Shape::CopyBack => 2,
        }
    }
}

/// One parameter of a kfunc.
pub(crate) struct Param {
    /// Its name in BTF.
    pub(crate) name: String,
    pub(crate) ty: Type,
    pub(crate) shape: Shape,
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
        let mut params = Vec::new();
        let mut args = 0;
        for (index, arg) in item.sig.inputs.iter().enumerate() {
            let param = parse_param(name, index + 1, arg)?;
            args += param.shape.args();
            if args > MAX_ARGS {
                return Err(Error::new(
                    arg.span(),
                    format!(
                        "{name}: argument {} ({}): BPF passes {MAX_ARGS} arguments at most, and a \
                         slice takes two; put some of them into a struct (`In<T>`)",
                        index + 1,
                        param.name
                    ),
                ));
            }
            params.push(param);
        }

        Ok(Self {
            params,
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

    let shape = match classify(ungroup(&arg.ty)) {
        Ok(shape) => shape,
        Err(why) => return refuse(arg.ty.span(), &why),
    };
    Ok(Param {
        name: spelled,
        ty: close_lifetimes((*arg.ty).clone()),
        shape,
    })
}

/// Tells the shape of an argument from its type, or why there is none.
fn classify(ty: &Type) -> core::result::Result<Shape, String> {
    match ty {
        Type::Reference(reference) => {
            if reference
                .lifetime
                .as_ref()
                .is_some_and(|lifetime| lifetime.ident == "static")
            {
                return Err(
                    "an argument is lent for the time of the call; leave `'static` away".into(),
                );
            }
            let mutable = reference.mutability.is_some();
            match ungroup(&reference.elem) {
                Type::Slice(slice) => match last_ident(ungroup(&slice.elem)) {
                    Some(elem) if elem == "u8" && mutable => Ok(Shape::CopyBack),
                    Some(elem) if elem == "u8" => Ok(Shape::Copy),
                    _ => Err(format!(
                        "a slice of {} has no byte length the verifier can check; take `&{}[u8]`",
                        spelling(&slice.elem),
                        if mutable { "mut " } else { "" },
                    )),
                },
                elem => match last_ident(elem) {
                    Some(name) if name == "Mem" && mutable => Err(
                        "several arguments may point to the same memory; take `&Mem`, which \
                         can be written through"
                            .into(),
                    ),
                    Some(name) if name == "Mem" => Ok(Shape::Mem),
                    Some(name) if name == "RcuReader" && !mutable => Ok(Shape::Reader),
                    Some(name) if name == "KfuncCall" && !mutable => Ok(Shape::Call),
                    _ if mutable => Err(format!(
                        "another CPU or another argument may refer to the same {0}; take `&{0}`, \
                         or `Out<'_, {0}>` to fill a struct",
                        spelling(elem)
                    )),
                    Some(name) if name == "str" => Err("the verifier does not check that bytes \
                         are UTF-8; take `&[u8]` and call `core::str::from_utf8`"
                        .into()),
                    _ => Ok(Shape::Register),
                },
            }
        }
        Type::Ptr(_) => {
            Err("a raw pointer promises nothing; take `&[u8]` or `&Mem` for memory".into())
        }
        Type::Slice(_) | Type::Array(_) => Err("BPF passes memory by pointer; take `&[u8]`".into()),
        Type::Tuple(_) => Err("BPF passes no tuples; write one argument for each part".into()),
        Type::BareFn(_) => Err("BPF has no pointers to functions of the kernel".into()),
        Type::ImplTrait(_) | Type::TraitObject(_) => {
            Err("a kfunc has one BTF prototype; name the type".into())
        }
        Type::Path(_) => match last_ident(ty).map(Ident::to_string).as_deref() {
            Some(name @ ("usize" | "isize")) => Err(format!(
                "{name} is not the same on every architecture; take {}",
                if name == "usize" { "u64" } else { "i64" }
            )),
            Some(name @ ("u128" | "i128")) => Err(format!(
                "a BPF register has 64 bits; take two {} or `&[u8]`",
                if name == "u128" { "u64" } else { "i64" }
            )),
            Some(name @ ("f32" | "f64")) => Err(format!(
                "{name}: neither BPF nor the kernel computes with floating point; take an integer"
            )),
            Some("char") => Err(
                "the verifier does not check that a number is a character; take \
                 u32 and call `char::from_u32`"
                    .into(),
            ),
            _ => Ok(Shape::Register),
        },
        _ => Ok(Shape::Register),
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
