// SPDX-License-Identifier: GPL-2.0

//! The syntax and the code generation of `kernel_type!`.
//!
//! The macro generates the type, its fields, and the description for the BTF step. It does not
//! check that the kernel has the struct: `scripts/rust-btf` does. The bindings of the kernel crate
//! give the offset and the type of each field.

use crate::{
    modinfo,
    names, //
};
use proc_macro2::TokenStream;
use quote::{
    quote,
    quote_spanned, //
};
use syn::{
    braced,
    parse::{
        Parse,
        ParseStream, //
    },
    punctuated::Punctuated,
    spanned::Spanned,
    Attribute,
    Error,
    Ident,
    Result,
    Token,
    Type,
    Visibility, //
};

/// `struct Name: c_name { field: type, name: type = path.to.field }`
pub(crate) struct KernelType {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    c_name: Ident,
    fields: Punctuated<Field, Token![,]>,
}

struct Field {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    ty: Type,
    path: Punctuated<Ident, Token![.]>,
}

impl Parse for Field {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let name: Ident = input.parse()?;
        input.parse::<Token![:]>()?;
        let ty = input.parse()?;
        let mut path = Punctuated::new();
        if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            path = Punctuated::parse_separated_nonempty(input)?;
        } else {
            path.push(name.clone());
        }
        Ok(Self {
            attrs,
            vis,
            name,
            ty,
            path,
        })
    }
}

impl Parse for KernelType {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        input.parse::<Token![struct]>()?;
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        let c_name = input.parse()?;
        let content;
        braced!(content in input);
        Ok(Self {
            attrs,
            vis,
            name,
            c_name,
            fields: Punctuated::parse_terminated(&content)?,
        })
    }
}

/// Rejects attributes other than doc comments.
///
/// The generated code is `unsafe` and relies on the struct and the methods that it declares. With
/// `#[cfg]`, an author's struct of the same name would take the place of the generated one.
fn only_docs(attrs: &[Attribute], name: &Ident) -> Result<()> {
    match attrs.iter().find(|attr| !attr.path().is_ident("doc")) {
        Some(attr) => Err(Error::new(
            attr.span(),
            format!(
                "{name}: a struct of the kernel and its fields have doc comments only; put `#[cfg]` \
                 on the whole `kernel_type!`"
            ),
        )),
        None => Ok(()),
    }
}

pub(crate) fn expand(item: KernelType) -> Result<TokenStream> {
    let KernelType {
        attrs,
        vis,
        name,
        c_name,
        fields,
    } = &item;
    only_docs(attrs, name)?;
    for field in fields {
        only_docs(&field.attrs, &field.name)?;
    }
    let btf = format!("struct {}", names::c_type(c_name)?);
    // Some structs are in the BTF and not in the bindings. Such a struct has no fields here, and
    // the size of the Rust type does not matter.
    let has_layout = !fields.is_empty();
    let (raw, size) = if has_layout {
        (
            quote_spanned! { c_name.span() => ::kernel::bindings::#c_name },
            quote! { ::bpf::describe::Number::<{ ::core::mem::size_of::<#name>() }>::TEXT },
        )
    } else {
        (quote! { () }, quote! { "" })
    };
    let description = format!("pointer {btf} ");
    let description = modinfo::entry(&[quote! { #description }, size]);
    let methods = fields.iter().map(|field| {
        let Field {
            attrs,
            vis,
            name,
            ty,
            path,
        } = field;
        let read = quote_spanned! { ty.span() => ::bpf::kernel_type::read::<#ty> };
        // The compiler reports errors about the field where the author wrote its name.
        let field = quote_spanned! { path.span() => &raw const (*raw).#path };
        quote! {
            #(#attrs)*
            #[inline]
            #vis fn #name(&self) -> #ty {
                let raw = self.0.get();
                // SAFETY: `self` points to a struct of the kernel that is allocated.
                unsafe { #read(#field) }
            }
        }
    });

    Ok(quote! {
        #(#attrs)*
        #[repr(transparent)]
        #vis struct #name(::bpf::kernel_type::Raw<#raw>);

        // A module need not read every field, and a field can have the name `len`.
        #[allow(dead_code, clippy::len_without_is_empty)]
        impl #name {
            #(#methods)*
        }

        // SAFETY: The description below is of the same struct. `Raw` allows any content and has the
        // size of the struct in the bindings, which the BTF step checks, or the size 0.
        unsafe impl ::bpf::kernel_type::KernelType for #name {
            const BTF: &'static str = #btf;
            type Fields = Self;
        }

        #description
    })
}
