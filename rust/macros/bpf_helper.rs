// SPDX-License-Identifier: GPL-2.0

//! The syntax and the code generation of `bpf_helper!`.
//!
//! The macro generates a function with the calling convention of BPF helpers, and the static that
//! describes it. It does not check that a subsystem lists the helper.

use crate::declaration::{
    Args,
    Static,
    REGISTERS, //
};
use proc_macro2::TokenStream;
use quote::{
    format_ident,
    quote,
    quote_spanned, //
};
use syn::{
    parse::{
        Parse,
        ParseStream, //
    },
    spanned::Spanned,
    Block,
    Error,
    Result,
    ReturnType,
    Token, //
};

/// `static NAME = fn(argument: type, ...) -> type { ... };`
pub(crate) struct BpfHelper {
    item: Static,
    args: Args,
    ret: ReturnType,
    body: Block,
}

impl Parse for BpfHelper {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let item = input.parse()?;
        input.parse::<Token![fn]>()?;
        let args = input.parse()?;
        let ret = input.parse()?;
        let body = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self {
            item,
            args,
            ret,
            body,
        })
    }
}

pub(crate) fn expand(call: BpfHelper) -> Result<TokenStream> {
    let BpfHelper {
        item: Static { attrs, vis, name },
        args,
        ret,
        body,
    } = &call;
    if let Some(arg) = args.too_many() {
        return Err(Error::new(
            arg.span(),
            format!(
                "{name}: a BPF helper has at most five arguments; put some of them into an object"
            ),
        ));
    }
    let text = name.to_string();
    let names = args.0.iter().map(|arg| &arg.name);
    let types: Vec<_> = args.0.iter().map(|arg| &arg.ty).collect();
    let registers = REGISTERS.map(|register| format_ident!("{register}"));
    let values = types.iter().zip(&registers).map(|(ty, register)| {
        quote_spanned! { ty.span() => {
            // SAFETY: The prologue or epilogue checked that this register has the content `CONTENT`.
            unsafe { <#ty as ::bpf::pro_epilogue::HelperArg>::receive(#register, &call) }
        } }
    });
    let contents = args.contents();

    Ok(quote! {
        #(#attrs)*
        #vis static #name: ::bpf::pro_epilogue::Helper = {
            #[inline(always)]
            fn function(#(#names: #types),*) #ret #body

            /// # Safety
            ///
            /// Only the instructions of a prologue or an epilogue may call the function, which checked
            /// the content of each register.
            #[allow(unused_variables)]
            unsafe extern "C" fn helper(#(#registers: u64),*) -> u64 {
                // The references among the arguments are valid for the lifetime of `call`.
                let call = ::bpf::kfunc::Call;
                let result = function(#(#values),*);
                ::bpf::pro_epilogue::HelperRet::give(result)
            }

            // SAFETY: `helper` accepts the content that the type of each parameter names, and
            // ignores the other registers.
            unsafe { ::bpf::pro_epilogue::Helper::new(#text, helper, &[#(#contents),*]) }
        };
    })
}
