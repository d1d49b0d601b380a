// SPDX-License-Identifier: GPL-2.0

//! Code generation for `#[may_panic("reason")]`.
//!
//! The macro puts the function into a section of its own, and checks that there is a reason. It
//! does not look for panics: `scripts/rust-panic` does.

use proc_macro2::{
    Span,
    TokenStream, //
};
use quote::ToTokens;
use syn::{
    parse_quote,
    spanned::Spanned,
    Attribute,
    Error,
    ItemFn,
    LitStr,
    Result, //
};

const NAME: &str = "may_panic";

/// Returns whether the attribute is the macro `name`.
pub(crate) fn is(attr: &Attribute, name: &str) -> bool {
    let last = attr.path().segments.last();
    last.is_some_and(|segment| segment.ident == name)
}

pub(crate) fn expand(attr: TokenStream, mut item: ItemFn) -> Result<TokenStream> {
    check_reason(attr.clone(), item.sig.ident.span())?;
    // These macros inline this function into another one, which needs the attribute.
    let inlines = |attr: &Attribute| is(attr, "kfunc") || is(attr, "traceable");
    if item.attrs.iter().any(inlines) {
        item.attrs.push(parse_quote!(#[::bpf::may_panic(#attr)]));
        return Ok(item.into_token_stream());
    }
    if let Some(inline) = item.attrs.iter().find(|attr| is(attr, "inline")) {
        return Err(Error::new(
            inline.span(),
            format!(
                "{}: a function that may panic must not be inlined, so that `rust-panic` finds it; \
                 remove `#[inline]`",
                item.sig.ident
            ),
        ));
    }
    item.attrs.extend(attributes());
    Ok(item.into_token_stream())
}

fn check_reason(attr: TokenStream, span: Span) -> Result<()> {
    let reason: Option<LitStr> = syn::parse2(attr).ok();
    match reason {
        Some(reason) if !reason.value().trim().is_empty() => Ok(()),
        _ => Err(Error::new(
            span,
            "give the reason why a panic never happens, or is correct: `#[may_panic(\"reason\")]`",
        )),
    }
}

/// Removes the attribute from those of a function. Returns the attributes to put on the function
/// into which the macro inlines that function; none if the attribute is not there.
pub(crate) fn take(attrs: &mut Vec<Attribute>) -> Result<Vec<Attribute>> {
    let Some(index) = attrs.iter().position(|attr| is(attr, NAME)) else {
        return Ok(Vec::new());
    };
    let attr = attrs.remove(index);
    let reason = match &attr.meta {
        syn::Meta::List(list) => list.tokens.clone(),
        _ => TokenStream::new(),
    };
    check_reason(reason, attr.span())?;
    Ok(attributes())
}

/// Returns the attributes of a function that may panic: `scripts/rust-panic` recognises the
/// function by its section, so the compiler must not inline it.
fn attributes() -> Vec<Attribute> {
    vec![
        parse_quote!(#[inline(never)]),
        parse_quote!(#[link_section = ".text.bpf_may_panic"]),
    ]
}
