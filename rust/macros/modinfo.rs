// SPDX-License-Identifier: GPL-2.0

//! Entries in `.modinfo` that describe prototypes and types to the BTF step.
//!
//! This module does not know the language of the entries: see `scripts/rust-btf`. The entries use
//! no memory at run time. The kernel reads `.modinfo` when it loads a module, and does not keep the
//! section. The build removes the section from a kernel image after the BTF step.

use crate::names;
use proc_macro2::TokenStream;
use quote::quote;

/// Generates a static with an entry: the key, the parts, and a NUL at the end.
///
/// For built-in code, the key begins with the name of the module, as in `module!`, because all
/// modules in an image share one `.modinfo`.
pub(crate) fn entry(parts: &[TokenStream]) -> TokenStream {
    let built_in = format!("{}.rust_btf=", names::module_name());

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
