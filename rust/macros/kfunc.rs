// SPDX-License-Identifier: GPL-2.0

//! Code generation for `#[kfunc]`.

use crate::signature::{
    Param,
    Shape,
    Signature, //
};
use proc_macro2::TokenStream;
use quote::{
    format_ident,
    quote,
    quote_spanned, //
};
use syn::{
    spanned::Spanned,
    Error,
    ItemFn,
    Result, //
};

pub(crate) fn expand(attr: TokenStream, mut item: ItemFn) -> Result<TokenStream> {
    if !attr.is_empty() {
        return Err(Error::new(
            attr.span(),
            format!("{}: `#[kfunc]` takes no options", item.sig.ident),
        ));
    }
    let signature = Signature::parse(&item)?;

    // The function becomes the body of the symbol that BPF calls.
    item.attrs.push(syn::parse_quote!(#[inline(always)]));

    let vis = &item.vis;
    let name = &item.sig.ident;
    let symbol = name.to_string();
    let ret = &signature.ret;
    // Errors about the type are for the place where it is written.
    let ret = quote_spanned! { ret.span() => <#ret as ::bpf::kfunc::KfuncRet> };
    let entry = Entry::new(&signature);
    let Entry {
        registers,
        convert,
        arguments,
        write_back,
    } = &entry;
    let description = description(&symbol, &signature);
    let value = format_ident!("value");
    let function = quote_spanned! { signature.ret.span() =>
        /// # Safety
        ///
        /// To be called by a BPF program that the verifier accepted, and by nobody else.
        #[export_name = #symbol]
        unsafe extern "C" fn entry(#(#registers),*) -> #ret::Abi {
            #(#convert)*
            let #value = #name(#(#arguments),*);
            #(#write_back)*
            #ret::into_abi(#value)
        }
    };

    Ok(quote! {
        #item

        #[doc(hidden)]
        #[allow(missing_docs, non_camel_case_types)]
        #vis enum #name {}

        // SAFETY: The symbol of this name is the function below, and its description is the
        // prototype of that function.
        unsafe impl ::bpf::kfunc::Kfunc for #name {
            const FLAGS: u32 = #ret::FLAGS;
        }

        const _: () = {
            #function

            #description
        };
    })
}

/// The parts of the function that BPF calls.
struct Entry {
    /// Its parameters.
    registers: Vec<TokenStream>,
    /// Statements that make Rust values of them.
    convert: Vec<TokenStream>,
    /// The arguments of the author's function.
    arguments: Vec<TokenStream>,
    /// Statements that run after it.
    write_back: Vec<TokenStream>,
}

impl Entry {
    fn new(signature: &Signature) -> Self {
        let mut entry = Self {
            registers: Vec::new(),
            convert: Vec::new(),
            arguments: Vec::new(),
            write_back: Vec::new(),
        };
        for (index, param) in signature.params.iter().enumerate() {
            match param.shape {
                Shape::Register => entry.register(index, param),
                Shape::Mem | Shape::Copy | Shape::CopyBack => {
                    entry.mem(index, param, &signature.ret)
                }
            }
        }
        entry
    }

    fn register(&mut self, index: usize, param: &Param) {
        let arg = format_ident!("arg{index}");
        let ty = &param.ty;
        let span = ty.span();
        self.registers.push(quote! { #arg: u64 });
        self.convert.push(quote_spanned! { span =>
            // SAFETY: The verifier checked the argument against the prototype in BTF, which is
            // made from this same type.
            let #arg = unsafe { <#ty as ::bpf::kfunc::KfuncArg>::from_register(#arg) };
        });
        self.arguments.push(quote! { #arg });
    }

    fn mem(&mut self, index: usize, param: &Param, ret: &syn::Type) {
        let arg = format_ident!("arg{index}");
        let len = format_ident!("len{index}");
        let mem = format_ident!("mem{index}");
        self.registers.push(quote! { #arg: *mut u8 });
        self.registers.push(quote! { #len: u32 });
        self.convert.push(quote! {
            // SAFETY: The verifier checked that the program may read and write the memory, and
            // the program cannot give it up before the call returns.
            let #mem = unsafe { ::bpf::Mem::from_raw(#arg, #len) };
        });
        if let Shape::Mem = param.shape {
            self.arguments.push(quote! { #mem });
            return;
        }

        let ret_span = ret.span();
        let from_error = quote_spanned! { ret_span =>
            <#ret as ::bpf::kfunc::KfuncRetError>::from_error
        };
        self.convert.push(quote! {
            let mut #arg = ::bpf::mem::Snapshot::new();
            let #arg = match #arg.take(#mem) {
                Ok(bytes) => bytes,
                Err(err) => {
                    return <#ret as ::bpf::kfunc::KfuncRet>::into_abi(#from_error(err));
                }
            };
        });
        if let Shape::CopyBack = param.shape {
            self.arguments.push(quote! { &mut *#arg });
            self.write_back.push(quote! { #mem.write_back(#arg); });
        } else {
            self.arguments.push(quote! { &*#arg });
        }
    }
}

/// The static that describes the prototype to `scripts/rust-btf`, which documents the format.
///
/// It lies in `.modinfo`, which the kernel reads when it loads a module and does not keep.
fn description(symbol: &str, signature: &Signature) -> TokenStream {
    let mut parts = vec![quote! { ::core::concat!("rust_btf=kfunc ", #symbol, "(") }];
    for (index, param) in signature.params.iter().enumerate() {
        let name = param.name.to_string();
        let name = name.strip_prefix("r#").unwrap_or(&name);
        let name = if index == 0 {
            name.to_string()
        } else {
            format!(", {name}")
        };
        let ty = &param.ty;
        match param.shape {
            Shape::Register => parts.push(quote_spanned! { ty.span() =>
                #name, <#ty as ::bpf::kfunc::KfuncArg>::SUFFIX, " ",
                <#ty as ::bpf::kfunc::KfuncArg>::BTF
            }),
            Shape::Copy => {
                let text = format!(
                    "{name} *const void, {}__sz u32",
                    name.trim_start_matches(", ")
                );
                parts.push(quote! { #text });
            }
            Shape::Mem | Shape::CopyBack => {
                let text = format!("{name} *void, {}__sz u32", name.trim_start_matches(", "));
                parts.push(quote! { #text });
            }
        }
    }
    let ret = &signature.ret;
    parts.push(quote_spanned! { ret.span() =>
        ") ", <#ret as ::bpf::kfunc::KfuncRet>::BTF, "\0"
    });

    quote! {
        const DESCRIPTION: &[&str] = &[#(#parts),*];

        #[link_section = ".modinfo"]
        #[used(compiler)]
        static DESCRIBE: [u8; ::bpf::describe::len(DESCRIPTION)] =
            ::bpf::describe::concat(DESCRIPTION);
    }
}
