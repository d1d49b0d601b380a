// SPDX-License-Identifier: GPL-2.0

//! The syntax and the code generation of `module_kfunc!`.
//!
//! The macro generates the BTF id of a kfunc, and the static that describes it to prologues and
//! epilogues. It does not know the types: traits of the `bpf` crate do.

use crate::{
    declaration::{
        Args,
        Static, //
    },
    names, //
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
    Error,
    Ident,
    Result,
    ReturnType,
    Token, //
};

/// `static NAME = kfunc(argument: type, ...) -> type;`
pub(crate) struct ModuleKfunc {
    item: Static,
    kfunc: Ident,
    args: Args,
    ret: ReturnType,
}

impl Parse for ModuleKfunc {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let item = input.parse()?;
        let kfunc = input.parse()?;
        let args = input.parse()?;
        let ret = input.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self {
            item,
            kfunc,
            args,
            ret,
        })
    }
}

pub(crate) fn expand(call: ModuleKfunc) -> Result<TokenStream> {
    let ModuleKfunc {
        item: Static { attrs, vis, name },
        kfunc,
        args,
        ret,
    } = &call;
    if let Some(arg) = args.too_many() {
        return Err(Error::new(
            arg.span(),
            format!("{name}: a prologue or an epilogue passes at most five arguments"),
        ));
    }
    let symbol = names::kfunc(kfunc)?;
    let output = match ret {
        ReturnType::Default => quote! { () },
        ReturnType::Type(_, ty) => quote! { #ty },
    };
    let label = format!("rust_btf_id_{}_{name}_{symbol}", names::module_and_hash());
    let id = names::unique(&label);
    let id = format!("__BTF_ID__func__{symbol}__{id}0");
    let asm = format!(
        ".pushsection .BTF_ids,\"a\"\n.balign 4\n.globl {label}\n.hidden {label}\n{label}:\n\
         .local {id}\n.type {id}, STT_OBJECT\n.size {id}, 4\n{id}:\n.zero 4\n.popsection\n"
    );
    let module = format_ident!("__{}_id", name.to_string().to_lowercase());
    let contents = args.contents();
    let flags = format!(
        "{name}: a prologue or an epilogue cannot call a kfunc that may sleep, acquires or releases \
         a reference, or needs RCU; call a helper (`bpf_helper!`)"
    );
    let size = format!("{name}: return `Result<()>`, or a number of 32 or 64 bits");
    let other = format!(
        "{name}: the kfunc {symbol} has another name, or another signature; \
         write the name and the types of the `#[kfunc]` here"
    );
    let contracts = args.0.iter().map(|arg| {
        let ty = &arg.ty;
        quote_spanned! { ty.span() => <#ty as ::bpf::kfunc::KfuncArg>::CONTRACT }
    });
    // What goes with the static is there when the static is.
    let cfg: Vec<_> = attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"))
        .collect();

    Ok(quote! {
        #(#cfg)*
        ::core::arch::global_asm!(#asm);

        #(#cfg)*
        #[doc(hidden)]
        mod #module {
            extern "C" {
                #[link_name = #label]
                pub(super) static ID: u32;
            }
        }

        #(#attrs)*
        #vis static #name: ::bpf::pro_epilogue::ModuleKfunc = {
            const _: () = {
                const FLAGS: u32 = <#kfunc as ::bpf::kfunc::Kfunc>::FLAGS;
                ::core::assert!(FLAGS == 0, #flags);
                // The function in the scope of the macro can be another one of the same name, so the
                // type of the kfunc says what its signature is.
                ::core::assert!(
                    ::bpf::contract::is_name(<#kfunc as ::bpf::kfunc::Kfunc>::NAME, #symbol)
                        && ::bpf::contract::are_same(
                            <#kfunc as ::bpf::kfunc::Kfunc>::CONTRACTS,
                            &[#(#contracts),*],
                        )
                        && ::bpf::contract::is_text(<#kfunc as ::bpf::kfunc::Kfunc>::RET, RET),
                    #other
                );
            };
            const RET: &str = <#output as ::bpf::kfunc::KfuncRet>::BTF;
            const SIZE: usize = ::core::mem::size_of::<<#output as ::bpf::kfunc::KfuncRet>::Abi>();
            const _: () = ::core::assert!(SIZE == 4 || SIZE == 8, #size);

            // SAFETY: The id is that of the kfunc, which takes arguments of these types. It has no
            // flags, so it does not rely on the verifier in another way.
            unsafe {
                ::bpf::pro_epilogue::ModuleKfunc::new(
                    #symbol,
                    &raw const #module::ID,
                    &[#(#contents),*],
                    if SIZE == 8 {
                        ::bpf::pro_epilogue::ResultSize::DW
                    } else if ::bpf::contract::is_text(RET, "u32") {
                        ::bpf::pro_epilogue::ResultSize::W
                    } else {
                        ::bpf::pro_epilogue::ResultSize::SignedW
                    },
                    ::core::cfg!(not(MODULE)),
                )
            }
        };
    })
}
