// SPDX-License-Identifier: GPL-2.0

//! What several macros parse: the begin of a static, and the arguments of a function that prologues
//! and epilogues call.
//!
//! It does not parse what makes the function: its body, or the name of a kfunc.

use proc_macro2::TokenStream;
use quote::quote_spanned;
use syn::{
    parenthesized,
    parse::{
        Parse,
        ParseStream, //
    },
    punctuated::Punctuated,
    spanned::Spanned,
    Attribute,
    Ident,
    Result,
    Token,
    Type,
    Visibility, //
};

/// The registers in which BPF passes arguments.
pub(crate) const REGISTERS: [&str; 5] = ["r1", "r2", "r3", "r4", "r5"];

/// `static NAME =`
pub(crate) struct Static {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
}

impl Parse for Static {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        input.parse::<Token![static]>()?;
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        Ok(Self { attrs, vis, name })
    }
}

/// `argument: type`
pub(crate) struct Arg {
    pub(crate) name: Ident,
    pub(crate) ty: Type,
}

impl Parse for Arg {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        input.parse::<Token![:]>()?;
        Ok(Self {
            name,
            ty: input.parse()?,
        })
    }
}

/// `(argument: type, ...)`
pub(crate) struct Args(pub(crate) Vec<Arg>);

impl Parse for Args {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let list;
        parenthesized!(list in input);
        let args = Punctuated::<Arg, Token![,]>::parse_terminated(&list)?;
        Ok(Self(args.into_iter().collect()))
    }
}

impl Args {
    /// What a register has to have for each argument: expressions of `::bpf::pro_epilogue::Content`.
    pub(crate) fn contents(&self) -> impl Iterator<Item = TokenStream> + '_ {
        self.0.iter().map(|Arg { ty, .. }| {
            quote_spanned! { ty.span() => <#ty as ::bpf::pro_epilogue::HelperArg>::CONTENT }
        })
    }

    /// The first argument for which BPF has no register.
    pub(crate) fn too_many(&self) -> Option<&Ident> {
        self.0.get(REGISTERS.len()).map(|arg| &arg.name)
    }
}
