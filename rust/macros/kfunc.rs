// SPDX-License-Identifier: GPL-2.0

//! Code generation for `#[kfunc]`.

use crate::{
    may_panic, //
    modinfo,
    names,
    signature::{
        open_lifetimes,
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
    let registers = registers(&signature);
    let description = description(&symbol, &signature);
    let flags = arg_flags(&signature);
    let rules = rules(&symbol, &signature, &quote! { #name }, 0);
    let returned = &signature.ret;
    let call = call(
        &signature,
        &registers,
        // Errors about lifetimes are for the name of the function.
        |arguments| quote_spanned! { name.span() => #open::into_abi(#name(#(#arguments),*)) },
        |err, error| {
            let failed = quote_spanned! { returned.span() =>
                <#returned as ::bpf::kfunc::FromArgError<#error>>
            };
            quote! { #ret::into_abi(#failed::from_error(#err)) }
        },
    );
    let c_name = c_string(&symbol);
    let entry_address =
        quote_spanned! { signature.ret.span() => __bpf_entry as *const ::core::ffi::c_void };
    let function = quote_spanned! { signature.ret.span() =>
        /// # Safety
        ///
        /// To be called by a BPF program that the verifier accepted, and by nobody else.
        #[export_name = #symbol]
        #(#may_panic)*
        unsafe extern "C" fn __bpf_entry(#(#registers: u64),*) -> #ret::Abi {
            #call
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
                const FLAGS: u32 = #ret::FLAGS | #flags #(| ::kernel::bindings::#attributes)*;
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

/// What the parameters tell the verifier, as a list of `Contract`s.
fn contracts(signature: &Signature, count: usize) -> TokenStream {
    let contracts = signature.params.iter().take(count).map(|param| {
        let ty = &param.ty;
        quote_spanned! { ty.span() => <#ty as ::bpf::kfunc::KfuncArg>::CONTRACT }
    });
    quote! { &[#(#contracts),*] }
}

/// The flags that the arguments bring.
pub(crate) fn arg_flags(signature: &Signature) -> TokenStream {
    let contracts = contracts(signature, signature.params.len());
    quote! { ::bpf::contract::flags(#contracts) }
}

/// The name of a symbol as C has it.
pub(crate) fn c_string(symbol: &str) -> Literal {
    // A name of letters, digits and `_` has no NUL.
    Literal::c_string(&std::ffi::CString::new(symbol).unwrap_or_default())
}

/// What the verifier demands of the arguments together, checked when the types are known. `name` is
/// the type that stands for the kfunc, and `leading` how many arguments come before the author's.
pub(crate) fn rules(
    symbol: &str,
    signature: &Signature,
    name: &TokenStream,
    leading: usize,
) -> TokenStream {
    let contracts = contracts(signature, signature.params.len());
    let rules = signature.params.iter().enumerate().map(|(index, param)| {
        let place = format!("{symbol}: argument {} ({}): ", index + 1, param.name);
        quote_spanned! { param.ty.span() =>
            const _: () = {
                const WHY: ::core::option::Option<&str> = ::bpf::contract::broken_rule(
                    #index,
                    #leading,
                    #contracts,
                    <#name as ::bpf::kfunc::Kfunc>::FLAGS,
                );
                const TEXT: ::bpf::describe::Composed =
                    ::bpf::describe::Composed::new(&[#place, match WHY {
                        ::core::option::Option::Some(why) => why,
                        ::core::option::Option::None => "",
                    }]);
                if WHY.is_some() {
                    ::core::panic!("{}", TEXT.text());
                }
            };
        }
    });
    let asleep = format!(
        "{symbol}: a program that is in an RCU read-side critical section must not sleep; leave \
         `sleepable` away, or return `ARef<Object<T>>` and take no `rcu::Guard`"
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

/// The most arguments that BPF passes (`MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: usize = 12;

/// The registers of the function that BPF calls: as many as the parameters can take at most, because
/// only their types know how many that are. Those behind the last one are not looked at.
pub(crate) fn registers(signature: &Signature) -> Vec<Ident> {
    let count = (2 * signature.params.len()).min(MAX_ARGS);
    (0..count).map(|index| format_ident!("r{index}")).collect()
}

/// The body of that function: makes a value of each argument, which are in `registers`, and returns
/// what `inner` makes of their names, or `fail` of the error of one argument and its type.
pub(crate) fn call(
    signature: &Signature,
    registers: &[Ident],
    inner: impl FnOnce(&[Ident]) -> TokenStream,
    fail: impl Fn(&Ident, &TokenStream) -> TokenStream,
) -> TokenStream {
    let arguments = signature.params.iter().enumerate();
    let arguments: Vec<_> = arguments
        .map(|(index, param)| Ident::new(&format!("arg{index}"), param.span))
        .collect();
    // Names of this macro, also where a type comes from another one.
    let [lent, err] = ["__bpf_call", "err"].map(|name| format_ident!("{name}"));

    let mut body = inner(&arguments);
    for (index, (param, argument)) in signature.params.iter().zip(&arguments).enumerate().rev() {
        let ty = &param.ty;
        let before = contracts(signature, index);
        let fail = fail(&err, &quote! { <#ty as ::bpf::kfunc::KfuncArg>::Error });
        let keep = if index == 0 && signature.params.len() > 1 {
            keep(signature, argument)
        } else {
            TokenStream::new()
        };
        body = quote_spanned! { ty.span() =>
            <#ty as ::bpf::kfunc::KfuncArg>::receive(
                // SAFETY: The verifier checked the argument against the prototype in BTF, which is
                // made from this same type.
                unsafe {
                    ::bpf::kfunc::Passed::new(
                        [#(#registers),*],
                        const { ::bpf::contract::registers(#before) },
                    )
                },
                &#lent,
                |#argument| {
                    #keep
                    #body
                },
                |#err| { #fail },
            )
        };
    }
    quote! {
        // Arguments are lent for as long as this lives.
        let #lent = ::bpf::kfunc::Call;
        #body
    }
}

/// Has what the first argument may give up outlive what else may point to it.
fn keep(signature: &Signature, argument: &Ident) -> TokenStream {
    let Some((first, others)) = signature.params.split_first() else {
        return TokenStream::new();
    };
    let others = others.iter().map(|other| {
        let ty = &other.ty;
        quote_spanned! { ty.span() => <#ty as ::bpf::kfunc::KfuncArg>::CONTRACT }
    });
    let ty = &first.ty;
    quote_spanned! { ty.span() =>
        let __bpf_kept = if const { ::bpf::contract::may_alias(&[#(#others),*]) } {
            <#ty as ::bpf::kfunc::KfuncArg>::keep(&#argument)
        } else {
            ::core::option::Option::None
        };
    }
}

/// The static that describes the prototype to `scripts/rust-btf`, which documents the format.
fn description(symbol: &str, signature: &Signature) -> TokenStream {
    let ret = &signature.ret;
    let ret = quote_spanned! { ret.span() => <#ret as ::bpf::kfunc::KfuncRet>::BTF };
    describe("kfunc", symbol, &params(signature, true), &ret)
}

/// The parameters in that description. Each brings the comma in front of it, because one for which
/// the program passes nothing is not there.
pub(crate) fn params(signature: &Signature, nothing_before: bool) -> Vec<TokenStream> {
    let params = signature.params.iter().enumerate().map(|(index, param)| {
        let name = &param.name;
        let ty = &param.ty;
        let before = contracts(signature, index);
        quote_spanned! { ty.span() =>
            {
                const PARAM: ::bpf::describe::Composed =
                    <#ty as ::bpf::kfunc::KfuncArg>::CONTRACT.describe(
                        #name,
                        #nothing_before && ::bpf::contract::registers(#before) == 0,
                    );
                PARAM.text()
            }
        }
    });
    params.collect()
}

/// Puts commas between parameters.
pub(crate) fn separated(params: impl Iterator<Item = TokenStream>) -> Vec<TokenStream> {
    let params = params.enumerate().map(|(index, param)| {
        let comma = if index == 0 { "" } else { ", " };
        quote! { #comma, #param }
    });
    params.collect()
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
    parts.extend_from_slice(params);
    parts.push(quote! { ") " });
    parts.push(ret.clone());
    modinfo::entry(&parts)
}
