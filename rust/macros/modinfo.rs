// SPDX-License-Identifier: GPL-2.0

//! Entries in `.modinfo` that describe prototypes and types to the BTF step.
//!
//! The kernel reads `.modinfo` when it loads a module and does not keep it; of a kernel image it is
//! cut off after BTF was made.

use proc_macro2::TokenStream;
use quote::quote;

/// A static with the entry: the key, the parts one after the other, and the NUL that ends it.
///
/// Of code that is built in, the key begins with the name of the module, as that of `module!` does.
/// The image has one `.modinfo` for all.
pub(crate) fn entry(parts: &[TokenStream]) -> TokenStream {
    let module = std::env::var("RUST_MODFILE").unwrap_or_default();
    let module = module.rsplit('/').next().unwrap_or_default();
    let built_in = format!("{}.rust_btf=", module.replace('-', "_"));

    quote! {
        const _: () = {
            const ENTRY: &[&str] = &[
                if ::core::cfg!(MODULE) { "rust_btf=" } else { #built_in },
                #(#parts,)*
                "\0",
            ];

            #[link_section = ".modinfo"]
            #[used(compiler)]
            static DESCRIPTION: [u8; ::bpf::describe::len(ENTRY)] =
                ::bpf::describe::concat(ENTRY);
        };
    }
}
