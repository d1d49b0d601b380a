// SPDX-License-Identifier: GPL-2.0

//! Parses the signature of a kfunc and reports its errors.
//!
//! The result, [`Signature`], has the names and types of the parameters, for code generation. This
//! module rejects a type that the verifier cannot check if the tokens show it; the error names the
//! type to use instead. The module does not guarantee that a type is correct: the trait bounds of
//! the `bpf` crate reject every other wrong type.

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

/// Parameter names to which the verifier gives a meaning.
const NAMES: &[&str] = &["rdonly_buf_size", "rdwr_buf_size"];

/// Types that are no valid elements of a slice: the verifier knows the size of memory in bytes
/// only.
const NUMBERS: &[&str] = &[
    "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize", "bool",
    "char",
];

/// One parameter of a kfunc.
pub(crate) struct Param {
    /// The name of the parameter in BTF.
    pub(crate) name: String,
    /// The place of the name in the source.
    pub(crate) span: Span,
    pub(crate) ty: Type,
    /// The number of registers that the spelling of the type suggests.
    pub(crate) registers: usize,
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

/// Rejects a function that cannot be a kfunc, for reasons other than the types of its arguments.
pub(crate) fn check_function(sig: &syn::Signature) -> Result<()> {
    let name = &sig.ident;
    let refuse = |span: Span, why: &str| Err(Error::new(span, format!("{name}: {why}")));

    if let Some(token) = &sig.unsafety {
        return refuse(
            token.span(),
            "a kfunc cannot be `unsafe`: a BPF program cannot promise to fulfil safety \
             requirements; take types that the verifier checks",
        );
    }
    if let Some(token) = &sig.asyncness {
        return refuse(
            token.span(),
            "a kfunc cannot be `async`: it must be complete when the call returns",
        );
    }
    if let Some(token) = &sig.constness {
        return refuse(
            token.span(),
            "a kfunc cannot be `const`: BPF programs call it by its address",
        );
    }
    if let Some(abi) = &sig.abi {
        return refuse(
            abi.span(),
            "remove the calling convention: `#[kfunc]` defines the symbol that BPF programs call",
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
                    "{function}: a kfunc cannot be a method: BPF programs call it by its name; \
                     write a function that takes the object as its first argument"
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
            "the verifier gives this name a meaning; choose another name",
        );
    }

    if let Some(why) = refused(ungroup(&arg.ty)) {
        return refuse(arg.ty.span(), &why);
    }
    Ok(Param {
        name: spelled,
        span: name.span(),
        registers: spelled_registers(ungroup(&arg.ty)),
        ty: close_lifetimes((*arg.ty).clone()),
    })
}

/// Returns why a type cannot be an argument, as far as its tokens show it.
fn refused(ty: &Type) -> Option<String> {
    let text = match ty {
        Type::Reference(reference) => return refused_reference(reference),
        Type::Ptr(_) => {
            "a raw pointer has no contract; take `&[u8]` or `&Mem` for memory, or `Trusted<'_, T>` \
             for a struct of the kernel (see `bpf::kernel_type`)"
        }
        Type::Slice(_) | Type::Array(_) => "BPF passes memory by pointer; take `&[u8]`",
        Type::Tuple(_) => "BPF cannot pass a tuple; write one argument for each element",
        Type::BareFn(_) => "BPF programs have no pointers to functions of the kernel",
        Type::ImplTrait(_) | Type::TraitObject(_) => "a kfunc has one BTF prototype; name the type",
        Type::Path(_) => match last_ident(ty).map(Ident::to_string).as_deref() {
            Some("usize") => "the size of usize depends on the architecture; take u64",
            Some("isize") => "the size of isize depends on the architecture; take i64",
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
            _ => return refused_owner(ty),
        },
        _ => return None,
    };
    Some(text.to_string())
}

/// Types of the kernel crate for which `Trusted<'_, T>` exists.
const KERNEL_TYPES: &[&str] = &["Credential", "File", "LocalFile", "Task"];

/// Returns why a reference to a struct of the kernel cannot be an argument: `ARef<Task>`.
fn refused_owner(ty: &Type) -> Option<String> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    if last.ident != "ARef" {
        return None;
    }
    let PathArguments::AngleBracketed(args) = &last.arguments else {
        return None;
    };
    let GenericArgument::Type(target) = args.args.first()? else {
        return None;
    };
    let target = last_ident(ungroup(target))?;
    KERNEL_TYPES.iter().any(|name| target == name).then(|| {
        format!(
            "the verifier does not distinguish the references that Rust counts from those that \
             other kfuncs count; take `Trusted<'_, {target}>`"
        )
    })
}

/// The number of registers that a type takes, as far as its spelling says so.
fn spelled_registers(ty: &Type) -> usize {
    let Type::Reference(reference) = ty else {
        return 1;
    };
    let elem = ungroup(&reference.elem);
    if matches!(elem, Type::Slice(_)) {
        return 2;
    }
    match last_ident(elem).map(Ident::to_string).as_deref() {
        Some("Mem") => 2,
        Some("Guard" | "ModuleRef") => 0,
        _ => 1,
    }
}

fn refused_reference(reference: &TypeReference) -> Option<String> {
    let lifetime = reference.lifetime.as_ref();
    if lifetime.is_some_and(|lifetime| lifetime.ident == "static") {
        return Some("an argument is valid only during the call; remove `'static`".into());
    }
    let mutable = reference.mutability.is_some();
    let elem = match ungroup(&reference.elem) {
        Type::Slice(slice) => {
            let elem = ungroup(&slice.elem);
            // A path can be an alias of `u8`, which the macro cannot resolve.
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
            "several arguments can point to the same memory; take `&Mem`, whose methods also \
             write"
                .into(),
        ),
        Some(name) if KERNEL_TYPES.contains(&name) => Some(format!(
            "the last reference to a trusted {name} may be released already, and safe code could \
             make a new one of `&{name}`; take `Trusted<'_, {name}>`"
        )),
        // The program holds the object: the contract says that no other argument is the same.
        _ if is_spelled(elem, "Locked") => None,
        _ if mutable && is_object(elem) => Some(format!(
            "other CPUs and other arguments refer to the same {0}; take `&{0}`, and use an \
             `Atomic` or a `ResSpinLock` for the fields that change",
            spelling(elem)
        )),
        _ if mutable => Some(format!(
            "another CPU or another argument can refer to the same {0}; take `&{0}`, or \
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
                if spelling(ok).starts_with("Lock<") {
                    return refuse(
                        "a program sees by a null that it has no lock; return `Option<Lock<...>>`",
                    );
                }
                if !unit && name.as_deref() != Some("u32") {
                    return refuse(&format!(
                        "a program cannot distinguish a value of Result<{}> from an error number; \
                         return `Result<()>` or `Result<u32>`",
                        spelling(ok)
                    ));
                }
            }
            match last_ident(ty).map(Ident::to_string).as_deref() {
                Some(name @ ("usize" | "isize")) => {
                    return refuse(&format!(
                        "the size of {name} depends on the architecture; return {}",
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

/// Returns the type with `'static` for each lifetime, for code outside of the function, where the
/// function's lifetime parameters do not exist.
pub(crate) fn close_lifetimes(mut ty: Type) -> Type {
    Rename("static").visit_type_mut(&mut ty);
    ty
}

/// Returns the type with `'_` for each lifetime, so that the compiler infers the lifetimes.
pub(crate) fn open_lifetimes(mut ty: Type) -> Type {
    Rename("_").visit_type_mut(&mut ty);
    ty
}

/// Replaces all lifetimes, also those without a name, by `'static`.
pub(crate) fn static_lifetimes(mut ty: Type) -> Type {
    struct Static;

    impl VisitMut for Static {
        fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
            lifetime.ident = Ident::new("static", lifetime.ident.span());
        }
    }

    Static.visit_type_mut(&mut ty);
    ty
}

/// Renames all lifetimes in a type.
struct Rename(&'static str);

impl VisitMut for Rename {
    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if self.0 == "_" || lifetime.ident != "_" {
            lifetime.ident = Ident::new(self.0, lifetime.ident.span());
        }
    }
}

/// Removes parentheses and the invisible group that `macro_rules!` adds around a `$ty`.
pub(crate) fn ungroup(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        }
    }
}

/// Returns the `T` of a `Result<T>`.
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

/// Returns the last segment of a path without generic arguments: `u8` for `core::primitive::u8`.
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

/// Returns whether the type is spelled `Object<T>`.
fn is_object(ty: &Type) -> bool {
    is_spelled(ty, "Object")
}

/// Returns whether the type is spelled with the name, and any arguments.
fn is_spelled(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Path(path) => path
            .path
            .segments
            .last()
            .is_some_and(|segment| segment.ident == name),
        _ => false,
    }
}

/// Returns a type as text, without the spaces between its tokens.
fn spelling(ty: &Type) -> String {
    ty.to_token_stream().to_string().replace(' ', "")
}
