// SPDX-License-Identifier: GPL-2.0

//! Code generation for `#[kfunc]`.
//!
//! `signature` parses the function. This module generates the symbol that BPF programs call, the
//! description of the prototype for BTF, and the assertions on the arguments. It does not know the
//! types: the generated code asks the traits of the `bpf` crate.

use crate::{
    may_panic, //
    modinfo,
    names,
    signature::{
        open_lifetimes,
        Signature, //
    },
    traceable, //
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

    // The function is inlined into the symbol that BPF programs call, so the symbol needs the
    // attribute.
    let may_panic = may_panic::take(&mut item.attrs)?;
    let traceable = traceable::take(&item.sig.ident, &mut item.attrs)?;
    item.attrs.push(syn::parse_quote!(#[inline(always)]));

    let vis = &item.vis;
    let name = &item.sig.ident;
    let ret = &signature.ret;
    // The compiler reports errors about the type where the author wrote it.
    let ret = quote_spanned! { ret.span() => <#ret as ::bpf::kfunc::KfuncRet> };
    // The result may borrow from arguments, which are valid during the call.
    let open = open_lifetimes(signature.ret.clone());
    let open = quote_spanned! { signature.ret.span() => <#open as ::bpf::kfunc::KfuncRet> };
    let registers = registers(&signature, 0);
    let description = description(&symbol, &signature);
    let flags = arg_flags(&signature);
    let contracts = contracts(&signature, signature.params.len());
    let rules = rules(&symbol, &signature, &quote! { #name }, 0);
    let returned = &signature.ret;
    let call = call(
        &signature,
        &registers,
        // The compiler reports errors about lifetimes at the name of the function.
        |arguments| {
            quote_spanned! { name.span() =>
                {
                    #[allow(clippy::let_unit_value)]
                    let result = #open::into_abi(#name(#(#arguments),*));
                    // SAFETY: The function below returns the result to the program.
                    unsafe { #open::give(result) }
                }
            }
        },
        |err, error| {
            let failed = quote_spanned! { returned.span() =>
                <#returned as ::bpf::kfunc::FromArgError<#error>>
            };
            quote! { #ret::into_abi(#failed::from_error(#err)) }
        },
    );
    let c_name = c_string(&symbol);
    let mut export = symbol.clone();
    let mut entry = Ident::new("__bpf_entry", signature.ret.span());
    let (mut stub, mut proof) = (TokenStream::new(), TokenStream::new());
    if let Some(options) = &traceable {
        // The symbol is a stub, which jumps to the function.
        export = traceable::entry_symbol(&symbol);
        entry = format_ident!("__bpf_stub");
        stub = traceable::stub(&symbol, true, &TokenStream::new());
        let flags = quote! { <#name as ::bpf::kfunc::Kfunc>::FLAGS };
        let fmod_ret = traceable::fmod_ret(name, &symbol, &signature.ret, &flags, options);
        let releases_nothing = releases_nothing(&symbol, name, options);
        proof = quote! {
            extern "C" {
                #[link_name = #symbol]
                fn #entry();
            }
            #fmod_ret
            #releases_nothing
        };
    }
    let entry_address =
        quote_spanned! { signature.ret.span() => #entry as *const ::core::ffi::c_void };
    let function = quote_spanned! { signature.ret.span() =>
        // Only BPF programs that the verifier accepted call the function. It is not `unsafe`, because
        // in an `unsafe` function the author's function could be `unsafe` as well.
        #[export_name = #export]
        #(#may_panic)*
        extern "C" fn __bpf_entry(#(#registers: u64),*) -> #ret::Abi {
            #call
        }
    };

    let in_no_set = in_no_set(name);

    Ok(quote! {
        #item

        #[doc(hidden)]
        #[allow(missing_docs, non_camel_case_types)]
        #vis enum #name {}

        #in_no_set

        #stub

        const _: () = {
            #function
            #proof

            // SAFETY: The symbol of this name is the function above, or a stub that jumps to it. The
            // description and the flags come from the signature of that function.
            unsafe impl ::bpf::kfunc::Kfunc for #name {
                const NAME: &'static ::core::ffi::CStr = #c_name;
                const ENTRY: *const ::core::ffi::c_void = #entry_address;
                const FLAGS: u32 = #ret::FLAGS | #flags #(| ::bpf::compat::#attributes)*;
                const CONTRACTS: &'static [::bpf::contract::Contract] = #contracts;
                const RET: &'static str = #ret::BTF;
                const DTOR: ::core::option::Option<::bpf::kfunc_set::Dtor> = #ret::DTOR;
            }

            #description

            #rules
        };
    })
}

/// Generates a constant that `kfunc_set!` uses. For a kfunc in no set, which no program can call, the
/// compiler warns that nobody uses the constant.
pub(crate) fn in_no_set(name: &Ident) -> TokenStream {
    quote_spanned! { name.span() =>
        impl #name {
            pub(crate) const NO_KFUNC_SET_NAMES_THIS_KFUNC: () = ();
        }
    }
}

/// Generates the assertion that a kfunc with `fmod_ret` releases no reference: if a program
/// replaces the result, nothing releases the reference.
fn releases_nothing(symbol: &str, name: &Ident, options: &traceable::Options) -> TokenStream {
    let Some(span) = options.fmod_ret else {
        return TokenStream::new();
    };
    let why = format!(
        "{symbol}: if a `fmod_ret` program replaces the result, the reference in the first argument \
         is never released; remove `fmod_ret`, or take `RcuPtr<'_, ...>`"
    );
    quote_spanned! { span =>
        const _: () = ::core::assert!(
            <#name as ::bpf::kfunc::Kfunc>::FLAGS & ::kernel::bindings::KF_RELEASE == 0,
            #why
        );
    }
}

/// The flags that no type can express, with the option for each.
const ATTRIBUTES: &[(&str, &str)] = &[
    ("destructive", "KF_DESTRUCTIVE"),
    ("perfmon", "KF_PERFMON"),
    ("sleepable", "KF_SLEEPABLE"),
    ("spinlock_safe", "KF_SPINLOCK_SAFE"),
];

/// Returns the names of the flags for the options in `#[kfunc(sleepable, ...)]`.
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
                            "{function}: `#[kfunc]` has no option `{word}`; the options are {}",
                            known.join(", ")
                        ),
                    )
                })
        })
        .collect()
}

/// Generates a list of the `Contract`s of the first `count` parameters.
pub(crate) fn contracts(signature: &Signature, count: usize) -> TokenStream {
    let contracts = signature.params.iter().take(count).map(|param| {
        let ty = &param.ty;
        quote_spanned! { ty.span() => <#ty as ::bpf::kfunc::KfuncArg>::CONTRACT }
    });
    quote! { &[#(#contracts),*] }
}

/// Generates the flags that the parameters add to the kfunc.
pub(crate) fn arg_flags(signature: &Signature) -> TokenStream {
    let contracts = contracts(signature, signature.params.len());
    quote! { ::bpf::contract::flags(#contracts) }
}

/// Generates the name of a symbol as a C string.
pub(crate) fn c_string(symbol: &str) -> Literal {
    // An identifier contains no NUL.
    Literal::c_string(&std::ffi::CString::new(symbol).unwrap_or_default())
}

/// Generates assertions that the arguments together keep the rules of the verifier. The compiler
/// evaluates the assertions when it knows the types.
///
/// `name` is the type that represents the kfunc. `leading` is the number of arguments before those
/// of the author.
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
    let count = register_count(signature, leading);
    let most = IN_REGISTERS.saturating_sub(leading);
    let aliased = format!(
        "{symbol}: the arguments take more than {most} registers; write `&[u8]`, `&mut [u8]`, `&Mem`, \
         `&ModuleRef` and `&rcu::Guard` without an alias"
    );
    let lacking = format!(
        "{symbol}: the verifier of this kernel has no `KF_PERFMON`, so every program could call the \
         kfunc; remove `perfmon`, or require Linux 7.3"
    );
    let asleep = format!(
        "{symbol}: a program in an RCU read-side critical section must not sleep; remove \
         `sleepable`, or return `ARef<Object<T>>` and take no `rcu::Guard`"
    );
    let both = format!(
        "{symbol}: a kfunc that locks or unlocks an object cannot release or return another one; make \
         two kfuncs of it"
    );
    let unordered = format!(
        "{symbol}: under `bpf_spin_lock()`, a program cannot take or release another lock; remove \
         `spinlock_safe`"
    );
    quote! {
        #(#rules)*

        const _: () = {
            const COUNT: usize = ::bpf::contract::registers(#contracts);
            ::core::assert!(COUNT == #count || COUNT < #count && #count <= #most, #aliased);
        };

        const _: () = {
            const SLEEPABLE: u32 = ::kernel::bindings::KF_SLEEPABLE;
            const PROTECTED: u32 = ::kernel::bindings::KF_RCU_PROTECTED;
            const FLAGS: u32 = <#name as ::bpf::kfunc::Kfunc>::FLAGS;
            ::core::assert!(FLAGS & SLEEPABLE == 0 || FLAGS & PROTECTED == 0, #asleep);
            ::core::assert!(FLAGS & ::bpf::compat::REFUSED == 0, #lacking);
            const BOTH: u32 = ::kernel::bindings::KF_ACQUIRE | ::kernel::bindings::KF_RELEASE;
            ::core::assert!(FLAGS & BOTH != BOTH || FLAGS & ::bpf::compat::REGIONS == 0, #both);
            const SAFE: u32 = ::bpf::compat::KF_SPINLOCK_SAFE;
            ::core::assert!(
                FLAGS & SAFE == 0 || FLAGS & ::bpf::compat::REGIONS == 0,
                #unordered
            );
        };
    }
}

/// The number of arguments that every calling convention of the kernel passes in registers.
const IN_REGISTERS: usize = 6;

/// Returns the names of the registers of the symbol that BPF programs call, after `leading` others.
///
/// Only the types say how many registers the parameters take, and the macro does not know the
/// types. So there are as many registers as the parameters can take at most, but none on the stack:
/// on arm64, a function owns the memory of its arguments on the stack, and the memory of arguments
/// that the program does not pass is the program's. If the spelling of the types needs the stack,
/// there are exactly as many registers as the spelling says, which [`rules`] checks.
pub(crate) fn registers(signature: &Signature, leading: usize) -> Vec<Ident> {
    let count = register_count(signature, leading);
    (0..count).map(|index| format_ident!("r{index}")).collect()
}

fn register_count(signature: &Signature, leading: usize) -> usize {
    let spelled = signature.params.iter().map(|param| param.registers).sum();
    let most = IN_REGISTERS.saturating_sub(leading);
    if spelled <= most {
        most.min(2 * signature.params.len())
    } else {
        spelled
    }
}

/// Generates the body of the symbol that BPF programs call.
///
/// The body makes a value of each argument from the `registers`. The result of the body is the
/// expression that `inner` makes of the names of the values. If an argument gives an error, the
/// result is the expression that `fail` makes of the error and its type.
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
    // These names have the span of this macro, also if another macro wrote the type.
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
                // SAFETY: The verifier checked the argument against the prototype in BTF, which the
                // macro generates from the same type.
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
        // Arguments can borrow from this value, so they are valid until the call returns.
        let #lent = ::bpf::kfunc::Call;
        #body
    }
}

/// Generates a variable that keeps the object of the first argument until the call returns, if the
/// kfunc may release it while another argument points to it.
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

/// Generates the static that describes the prototype to `scripts/rust-btf`, which documents the
/// format.
fn description(symbol: &str, signature: &Signature) -> TokenStream {
    let ret = &signature.ret;
    let ret = quote_spanned! { ret.span() => <#ret as ::bpf::kfunc::KfuncRet>::BTF };
    describe("kfunc", symbol, &params(signature, true), &ret)
}

/// Generates the parameters in the description of a prototype.
///
/// Each parameter includes the comma before it, because a parameter for which the program passes
/// nothing is not in the description. `nothing_before` says that no parameter precedes them.
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

/// Adds commas between parameters.
pub(crate) fn separated(params: impl Iterator<Item = TokenStream>) -> Vec<TokenStream> {
    let params = params.enumerate().map(|(index, param)| {
        let comma = if index == 0 { "" } else { ", " };
        quote! { #comma, #param }
    });
    params.collect()
}

/// Generates the description of a function. `what` is `kfunc`, or `func` for another function.
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
