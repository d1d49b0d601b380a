// SPDX-License-Identifier: GPL-2.0

//! Code generation for `#[kfunc]`.

use crate::{
    may_panic, //
    modinfo,
    names,
    signature::{
        open_lifetimes,
        Param,
        Shape,
        Signature, //
    },
};
use proc_macro2::{
    Literal,
    TokenStream, //
};
use quote::{
    format_ident,
    quote,
    quote_spanned, //
};
use syn::{
    parse::Parser,
    punctuated::Punctuated,
    spanned::Spanned,
    Error,
    Ident,
    ItemFn,
    Result,
    Token, //
};

pub(crate) fn expand(attr: TokenStream, mut item: ItemFn) -> Result<TokenStream> {
    let attributes = attributes(&item.sig.ident, attr)?;
    let symbol = names::kfunc(&item.sig.ident)?;
    let signature = Signature::parse(&item)?;

    // The function becomes the body of the symbol that BPF calls, for which this is then.
    let may_panic = may_panic::take(&mut item.attrs)?;
    item.attrs.push(syn::parse_quote!(#[inline(always)]));

    let vis = &item.vis;
    let name = &item.sig.ident;
    let ret = &signature.ret;
    // Errors about the type are for the place where it is written.
    let ret = quote_spanned! { ret.span() => <#ret as ::bpf::kfunc::KfuncRet> };
    // What is returned may be borrowed from what is lent for the call.
    let open = open_lifetimes(signature.ret.clone());
    let open = quote_spanned! { signature.ret.span() => <#open as ::bpf::kfunc::KfuncRet> };
    let entry = Entry::new(&signature);
    let Entry {
        registers,
        convert,
        arguments,
        write_back,
    } = &entry;
    let description = description(&symbol, &signature);
    let flags = arg_flags(&signature);
    let rules = rules(&symbol, &signature, &quote! { #name }, 0);
    let c_name = c_string(&symbol);
    let entry_address =
        quote_spanned! { signature.ret.span() => __bpf_entry as *const ::core::ffi::c_void };
    let value = format_ident!("__bpf_value");
    let function = quote_spanned! { signature.ret.span() =>
        /// # Safety
        ///
        /// To be called by a BPF program that the verifier accepted, and by nobody else.
        #[export_name = #symbol]
        #(#may_panic)*
        unsafe extern "C" fn __bpf_entry(#(#registers),*) -> #ret::Abi {
            #(#convert)*
            let #value = #name(#(#arguments),*);
            #(#write_back)*
            #open::into_abi(#value)
        }
    };

    Ok(quote! {
        #item

        #[doc(hidden)]
        #[allow(missing_docs, non_camel_case_types)]
        #vis enum #name {}

        const _: () = {
            #function

            // SAFETY: The symbol of this name is the function above, and its description is the
            // prototype of that function.
            unsafe impl ::bpf::kfunc::Kfunc for #name {
                const NAME: &'static ::core::ffi::CStr = #c_name;
                const ENTRY: *const ::core::ffi::c_void = #entry_address;
                const FLAGS: u32 = #ret::FLAGS #(| #flags)* #(| ::kernel::bindings::#attributes)*;
            }

            #description

            #rules
        };
    })
}

/// The flags that no type can say.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("destructive", "KF_DESTRUCTIVE"),
    ("perfmon", "KF_PERFMON"),
    ("sleepable", "KF_SLEEPABLE"),
    ("spinlock_safe", "KF_SPINLOCK_SAFE"),
];

/// `#[kfunc(sleepable, ...)]` as names of flags.
pub(crate) fn attributes(function: &Ident, attr: TokenStream) -> Result<Vec<Ident>> {
    let words = Punctuated::<Ident, Token![,]>::parse_terminated.parse2(attr)?;
    words
        .iter()
        .map(|word| {
            let flag = ATTRIBUTES.iter().find(|(name, _)| word == name);
            let known: Vec<_> = ATTRIBUTES.iter().map(|(name, _)| *name).collect();
            flag.map(|(_, flag)| format_ident!("{flag}"))
                .ok_or_else(|| {
                    Error::new(
                        word.span(),
                        format!(
                            "{function}: `#[kfunc]` has no option `{word}`; there are {}",
                            known.join(", ")
                        ),
                    )
                })
        })
        .collect()
}

/// The flags that the arguments bring.
pub(crate) fn arg_flags(signature: &Signature) -> Vec<TokenStream> {
    let flags = signature.params.iter().map(|param| {
        let ty = &param.ty;
        match param.shape {
            Shape::Register => quote_spanned! { ty.span() =>
                <#ty as ::bpf::kfunc::KfuncArg>::FLAGS
            },
            Shape::Reader => quote! { ::kernel::bindings::KF_RCU_PROTECTED },
            _ => quote! { 0 },
        }
    });
    flags.collect()
}

/// The name of a symbol as C has it.
pub(crate) fn c_string(symbol: &str) -> Literal {
    // A name of letters, digits and `_` has no NUL.
    Literal::c_string(&std::ffi::CString::new(symbol).unwrap_or_default())
}

/// What BPF passes in registers.
const REGISTERS: usize = 5;

/// What the verifier demands of the arguments together, checked when the types are known. `name` is
/// the type that stands for the kfunc, and `leading` how many arguments come before the author's.
pub(crate) fn rules(
    symbol: &str,
    signature: &Signature,
    name: &TokenStream,
    leading: usize,
) -> TokenStream {
    let last = signature.params.len();
    let mut place = leading;
    let pointers = signature.params.iter().map(|param| {
        let ty = &param.ty;
        match param.shape {
            Shape::Register => quote_spanned! { ty.span() => ::bpf::kfunc::is_pointer::<#ty>() },
            Shape::Reader | Shape::Call => quote! { false },
            Shape::Mem | Shape::Copy | Shape::CopyBack => quote! { true },
        }
    });
    let pointers = quote! { &[#(#pointers),*] };
    // Those of which the verifier takes one in all.
    let only_one = |what: &str| {
        let what = format_ident!("{what}");
        let each = signature.params.iter().map(|param| {
            let ty = &param.ty;
            match param.shape {
                Shape::Register => quote_spanned! { ty.span() =>
                    <#ty as ::bpf::kfunc::KfuncArg>::#what
                },
                _ => quote! { false },
            }
        });
        quote! { &[#(#each),*] }
    };
    let (constants, lenders) = (only_one("CONSTANT"), only_one("LENDS"));
    let rules = signature.params.iter().enumerate().map(|(index, param)| {
        let register = place;
        place += param.shape.args();
        if !matches!(param.shape, Shape::Register) {
            return TokenStream::new();
        }
        let ty = &param.ty;
        let place = format!("{symbol}: argument {} ({}): ", index + 1, param.name);
        let release = if leading == 0 {
            format!("{place}the verifier takes a reference away only if it is the first argument")
        } else {
            format!(
                "{place}the first argument is the iterator, and the verifier takes a reference \
                 away only if that is the first; take `Rcu<'_, ...>` and call `try_get()`"
            )
        };
        let on_stack = format!(
            "{place}the verifier takes this argument in a register only, of which there are \
             {REGISTERS}; a slice takes two; put it before others"
        );
        let constant = format!(
            "{place}the verifier knows the value of one argument only; take one `Const`, and another \
             number as it is"
        );
        let lender = format!("{place}the verifier takes one `LentSize` only");
        let lent = format!(
            "{place}the verifier ties what is lent to one pointer, and does not take a second; \
             take one argument that is a pointer"
        );
        let implicit = format!("{place}the kernel adds this argument: it must be the last");
        let trusts = format!(
            "{place}beside an `Rcu` argument the verifier accepts pointers here that are valid \
             only under RCU; take `Rcu<'_, ...>`"
        );
        let first = index == 0 && leading == 0;
        let in_register = register < REGISTERS;
        let is_last = index + 1 == last;
        quote_spanned! { ty.span() =>
            const _: () = {
                const FLAGS: u32 = <#ty as ::bpf::kfunc::KfuncArg>::FLAGS;
                const TRUSTS: bool = <#ty as ::bpf::kfunc::KfuncArg>::TRUSTS;
                const ALL: u32 = <#name as ::bpf::kfunc::Kfunc>::FLAGS;
                if !<#ty as ::bpf::kfunc::KfuncArg>::REFUSED.is_empty() {
                    ::core::panic!("{}", <#ty as ::bpf::kfunc::KfuncArg>::REFUSED);
                }
                ::core::assert!(
                    #first || FLAGS & ::kernel::bindings::KF_RELEASE == 0,
                    #release
                );
                ::core::assert!(
                    #is_last || FLAGS & ::kernel::bindings::KF_IMPLICIT_ARGS == 0,
                    #implicit
                );
                ::core::assert!(
                    #in_register || !<#ty as ::bpf::kfunc::KfuncArg>::IN_REGISTER,
                    #on_stack
                );
                ::core::assert!(
                    !<#ty as ::bpf::kfunc::KfuncArg>::CONSTANT
                        || ::bpf::kfunc::count(#constants) <= 1,
                    #constant
                );
                ::core::assert!(
                    !<#ty as ::bpf::kfunc::KfuncArg>::LENDS || ::bpf::kfunc::count(#lenders) <= 1,
                    #lender
                );
                ::core::assert!(
                    !<#ty as ::bpf::kfunc::KfuncArg>::LENDS || ::bpf::kfunc::count(#pointers) <= 1,
                    #lent
                );
                ::core::assert!(
                    !TRUSTS || ALL & ::kernel::bindings::KF_RCU == 0,
                    #trusts
                );
            };
        }
    });
    let asleep = format!(
        "{symbol}: a program that is in an RCU read-side critical section must not sleep; leave \
         `sleepable` away, or return `ARef<Object<T>>` and take no `RcuReader`"
    );
    quote! {
        #(#rules)*

        const _: () = {
            const SLEEPABLE: u32 = ::kernel::bindings::KF_SLEEPABLE;
            const PROTECTED: u32 = ::kernel::bindings::KF_RCU_PROTECTED;
            const FLAGS: u32 = <#name as ::bpf::kfunc::Kfunc>::FLAGS;
            ::core::assert!(FLAGS & SLEEPABLE == 0 || FLAGS & PROTECTED == 0, #asleep);
        };
    }
}

/// The parts of the function that BPF calls.
pub(crate) struct Entry {
    /// Its parameters.
    pub(crate) registers: Vec<TokenStream>,
    /// Statements that make Rust values of them.
    pub(crate) convert: Vec<TokenStream>,
    /// The arguments of the author's function.
    pub(crate) arguments: Vec<TokenStream>,
    /// Statements that run after it.
    pub(crate) write_back: Vec<TokenStream>,
}

impl Entry {
    pub(crate) fn new(signature: &Signature) -> Self {
        let mut entry = Self {
            registers: Vec::new(),
            // Arguments are lent for as long as this lives.
            convert: vec![quote! { let __bpf_call = ::bpf::kfunc::Call; }],
            arguments: Vec::new(),
            write_back: Vec::new(),
        };
        for (index, param) in signature.params.iter().enumerate() {
            match param.shape {
                Shape::Register => entry.register(index, param),
                Shape::Reader => entry.token(index, &quote! { RcuReader }),
                Shape::Call => entry.token(index, &quote! { KfuncCall }),
                Shape::Mem | Shape::Copy | Shape::CopyBack => {
                    entry.mem(index, param, &signature.ret)
                }
            }
        }
        entry.keep(signature);
        entry
    }

    /// Has what the first argument may give up outlive what else may point to it.
    fn keep(&mut self, signature: &Signature) {
        let Some((first, others)) = signature.params.split_first() else {
            return;
        };
        if !matches!(first.shape, Shape::Register) || others.is_empty() {
            return;
        }
        let ty = &first.ty;
        let points = others.iter().map(|other| {
            let ty = &other.ty;
            match other.shape {
                Shape::Register => quote_spanned! { ty.span() =>
                    <#ty as ::bpf::kfunc::KfuncArg>::POINTS
                },
                Shape::Mem | Shape::CopyBack => quote! { true },
                Shape::Reader | Shape::Call | Shape::Copy => quote! { false },
            }
        });
        self.convert.push(quote_spanned! { ty.span() =>
            let __bpf_kept = if const { ::bpf::kfunc::any(&[#(#points),*]) } {
                <#ty as ::bpf::kfunc::KfuncArg>::keep(&arg0)
            } else {
                ::core::option::Option::None
            };
        });
    }

    fn register(&mut self, index: usize, param: &Param) {
        let arg = format_ident!("arg{index}");
        let ty = &param.ty;
        let span = ty.span();
        self.registers.push(quote! { #arg: u64 });
        self.convert.push(quote_spanned! { span =>
            // SAFETY: The verifier checked the argument against the prototype in BTF, which is
            // made from this same type.
            let #arg = unsafe { <#ty as ::bpf::kfunc::KfuncArg>::from_register(#arg, &__bpf_call) };
        });
        self.arguments.push(quote! { #arg });
    }

    fn token(&mut self, index: usize, ty: &TokenStream) {
        let arg = format_ident!("arg{index}");
        self.convert.push(quote! {
            // SAFETY: This is a kfunc that a program called. With an `RcuReader`, the verifier
            // lets only programs call that are in an RCU read-side critical section, and takes
            // what the function returns away from them at its end.
            let #arg = unsafe { ::bpf::#ty::get(&__bpf_call) };
        });
        self.arguments.push(quote! { #arg });
    }

    fn mem(&mut self, index: usize, param: &Param, ret: &syn::Type) {
        let arg = format_ident!("arg{index}");
        let len = format_ident!("len{index}");
        let mem = format_ident!("mem{index}");
        let large = format_ident!("large{index}");
        self.registers.push(quote! { #arg: *mut u8 });
        self.registers.push(quote! { #len: u32 });
        self.convert.push(quote! {
            // SAFETY: The verifier checked that the program may read and write the memory, and
            // the program cannot give it up before the call returns.
            let #mem = unsafe { ::bpf::Mem::from_raw(#arg, #len, &__bpf_call) };
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
            let mut #large = ::bpf::mem::Allocation::none();
            let #arg = match #arg.take(&mut #large, #mem) {
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
fn description(symbol: &str, signature: &Signature) -> TokenStream {
    let ret = &signature.ret;
    let ret = quote_spanned! { ret.span() => <#ret as ::bpf::kfunc::KfuncRet>::BTF };
    describe("kfunc", symbol, &params(signature), &ret)
}

/// The parameters in that description.
pub(crate) fn params(signature: &Signature) -> Vec<TokenStream> {
    let mut params = Vec::new();
    for param in &signature.params {
        let name = &param.name;
        let ty = &param.ty;
        match param.shape {
            Shape::Reader | Shape::Call => {}
            Shape::Register => params.push(quote_spanned! { ty.span() =>
                ::bpf::kfunc::name::<#ty>(#name), <#ty as ::bpf::kfunc::KfuncArg>::SUFFIX, " ",
                <#ty as ::bpf::kfunc::KfuncArg>::BTF
            }),
            Shape::Copy => {
                let text = format!("{name} *const void, {name}__sz u32");
                params.push(quote! { #text });
            }
            Shape::Mem | Shape::CopyBack => {
                let text = format!("{name} *void, {name}__sz u32");
                params.push(quote! { #text });
            }
        }
    }
    params
}

/// The description of a function, a `kfunc` or another `func`.
pub(crate) fn describe(
    what: &str,
    symbol: &str,
    params: &[TokenStream],
    ret: &TokenStream,
) -> TokenStream {
    let begin = format!("{what} {symbol}(");
    let mut parts = vec![quote! { #begin }];
    for (index, param) in params.iter().enumerate() {
        if index > 0 {
            parts.push(quote! { ", " });
        }
        parts.push(param.clone());
    }
    parts.push(quote! { ") " });
    parts.push(ret.clone());
    modinfo::entry(&parts)
}
