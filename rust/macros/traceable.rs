// SPDX-License-Identifier: GPL-2.0

//! Code generation for `#[traceable]`.
//!
//! The macro generates a stub in assembly: the symbol of the function, the place for ftrace, and a
//! jump to the function itself. For a function that is no kfunc, the macro also generates the
//! description of the prototype, and a function that calls the stub. `kfunc` generates the rest of
//! a traceable kfunc.
//!
//! This module does not know the types: the generated code asks the traits of the `bpf` crate.

use crate::{
    kfunc, may_panic, names,
    signature::{
        close_lifetimes,
        ungroup, //
    },
};
use proc_macro2::{
    Ident,
    Span,
    TokenStream, //
};
use quote::{
    format_ident,
    quote,
    quote_spanned,
    ToTokens, //
};
use syn::{
    ext::IdentExt,
    parse::Parser,
    punctuated::Punctuated,
    spanned::Spanned,
    Attribute,
    Error,
    FnArg,
    ItemFn,
    Pat,
    Result,
    ReturnType,
    Token,
    Type, //
};

const NAME: &str = "traceable";

/// The number of arguments that every calling convention of the kernel passes in registers.
const MAX_PARAMS: usize = 6;

/// The options in `#[traceable(...)]`.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) fmod_ret: Option<Span>,
    sleepable: Option<Span>,
}

impl Options {
    fn parse(function: &Ident, attr: TokenStream) -> Result<Self> {
        let mut options = Self::default();
        for word in Punctuated::<Ident, Token![,]>::parse_terminated.parse2(attr)? {
            match word.to_string().as_str() {
                "fmod_ret" => options.fmod_ret = Some(word.span()),
                "sleepable" => options.sleepable = Some(word.span()),
                _ => {
                    return Err(Error::new(
                        word.span(),
                        format!(
                            "{function}: `#[traceable]` has no option `{word}`; the options are \
                             fmod_ret, sleepable"
                        ),
                    ));
                }
            }
        }
        match (options.sleepable, options.fmod_ret) {
            (Some(span), None) => Err(Error::new(
                span,
                format!(
                    "{function}: the kernel lets programs that may sleep attach only to functions \
                     that also allow `fmod_ret`; write `#[traceable(fmod_ret, sleepable)]`"
                ),
            )),
            _ => Ok(options),
        }
    }
}

/// Removes the attribute from those of a kfunc. Returns its options; [`None`] if the attribute is
/// not there.
pub(crate) fn take(function: &Ident, attrs: &mut Vec<Attribute>) -> Result<Option<Options>> {
    let Some(index) = attrs.iter().position(|attr| may_panic::is(attr, NAME)) else {
        return Ok(None);
    };
    let attr = attrs.remove(index);
    let options = match attr.meta {
        syn::Meta::List(list) => Options::parse(function, list.tokens)?,
        _ => Options::default(),
    };
    if let Some(span) = options.sleepable {
        return Err(Error::new(
            span,
            format!("{function}: whether a kfunc may sleep is an option of `#[kfunc(sleepable)]`"),
        ));
    }
    Ok(Some(options))
}

pub(crate) fn expand(attr: TokenStream, mut item: ItemFn) -> Result<TokenStream> {
    let function = item.sig.ident.clone();
    if let Some(second) = item.attrs.iter().find(|attr| may_panic::is(attr, NAME)) {
        return Err(Error::new(
            second.span(),
            format!("{function}: there is a second `#[traceable]`; remove one"),
        ));
    }
    // `#[kfunc]` defines the symbol, so it also makes the stub.
    if item.attrs.iter().any(|attr| may_panic::is(attr, "kfunc")) {
        item.attrs
            .push(syn::parse_quote!(#[::bpf::traceable(#attr)]));
        return Ok(item.into_token_stream());
    }

    let options = Options::parse(&function, attr)?;
    let symbol = names::traceable(&function)?;
    check_function(&item.sig)?;
    let params = params(&item)?;
    let ret = match &item.sig.output {
        ReturnType::Default => syn::parse_quote!(()),
        ReturnType::Type(_, ty) => {
            check_type(&function, "return type", ty)?;
            close_lifetimes((**ty).clone())
        }
    };
    Ok(generate(item, &symbol, &params, &ret, &options))
}

/// Rejects a function that cannot have a stub, for reasons other than the types of its arguments.
fn check_function(sig: &syn::Signature) -> Result<()> {
    let name = &sig.ident;
    let refuse = |span: Span, why: &str| Err(Error::new(span, format!("{name}: {why}")));

    if let Some(token) = &sig.unsafety {
        return refuse(
            token.span(),
            "a traceable function cannot be `unsafe`: the stub calls it from safe code; remove \
             `unsafe`, or trace a safe function around it",
        );
    }
    if let Some(token) = &sig.asyncness {
        return refuse(
            token.span(),
            "a traceable function cannot be `async`: a call does not run its body",
        );
    }
    if let Some(token) = &sig.constness {
        return refuse(
            token.span(),
            "a traceable function cannot be `const`: the compiler cannot evaluate the stub",
        );
    }
    if let Some(abi) = &sig.abi {
        return refuse(
            abi.span(),
            "remove the calling convention: `#[traceable]` defines the symbol that tracers find",
        );
    }
    let lifetimes_only = sig.generics.lifetimes().count() == sig.generics.params.len();
    if !lifetimes_only || sig.generics.where_clause.is_some() {
        return refuse(
            sig.generics.span(),
            "a traceable function cannot be generic: it has one symbol and one BTF prototype; write \
             one function for each type",
        );
    }
    if let Some(variadic) = &sig.variadic {
        return refuse(variadic.span(), "a traceable function cannot be variadic");
    }
    if sig.inputs.len() > MAX_PARAMS {
        return refuse(
            sig.inputs.span(),
            &format!(
                "a traceable function takes at most {MAX_PARAMS} arguments, which are in registers; \
                 put some into an object"
            ),
        );
    }
    Ok(())
}

/// Rejects a type that cannot be in the code that the macro generates.
fn check_type(function: &Ident, place: &str, ty: &Type) -> Result<()> {
    match ungroup(ty) {
        Type::ImplTrait(_) => Err(Error::new(
            ty.span(),
            format!("{function}: {place}: a function has one BTF prototype; name the type"),
        )),
        Type::Never(_) => Err(Error::new(
            ty.span(),
            format!("{function}: {place}: tracers expect a function to return; return `()`"),
        )),
        _ => Ok(()),
    }
}

/// One parameter: its name in BTF, its name in the generated code, and its type.
struct Param {
    name: String,
    ident: Ident,
    ty: Type,
}

fn params(item: &ItemFn) -> Result<Vec<Param>> {
    let function = &item.sig.ident;
    let params = item.sig.inputs.iter().enumerate().map(|(index, arg)| {
        let number = index + 1;
        let FnArg::Typed(arg) = arg else {
            return Err(Error::new(
                arg.span(),
                format!(
                    "{function}: a traceable function cannot be a method; write a function that \
                     takes the object as an argument"
                ),
            ));
        };
        let name = match &*arg.pat {
            Pat::Ident(pat) if pat.by_ref.is_none() && pat.subpat.is_none() => &pat.ident,
            pat => {
                return Err(Error::new(
                    pat.span(),
                    format!(
                        "{function}: argument {number}: write `name: type`: the name becomes the \
                         parameter's name in BTF"
                    ),
                ));
            }
        };
        let spelled = name.unraw().to_string();
        if let Some(why) = names::refused(&spelled) {
            return Err(Error::new(
                name.span(),
                format!("{function}: argument {number} ({name}): {why}"),
            ));
        }
        check_type(function, &format!("argument {number} ({name})"), &arg.ty)?;
        Ok(Param {
            name: spelled,
            ident: Ident::new(&format!("arg{index}"), name.span()),
            ty: (*arg.ty).clone(),
        })
    });
    params.collect()
}

fn generate(
    mut item: ItemFn,
    symbol: &str,
    params: &[Param],
    ret: &Type,
    options: &Options,
) -> TokenStream {
    let name = item.sig.ident.clone();
    let vis = std::mem::replace(&mut item.vis, syn::Visibility::Inherited);

    // Callers see these attributes; the others are about the body.
    let moved = ["cfg", "deprecated", "doc", "must_use"];
    let moved = |attr: &Attribute| moved.iter().any(|name| attr.path().is_ident(name));
    let (caller_attrs, attrs) = item.attrs.drain(..).partition::<Vec<_>, _>(moved);
    item.attrs = attrs;
    let cfg = caller_attrs
        .iter()
        .filter(|attr| attr.path().is_ident("cfg"));
    let cfg = quote! { #(#cfg)* };
    let mut caller = item.sig.clone();
    for (arg, param) in caller.inputs.iter_mut().zip(params) {
        let (ident, ty) = (&param.ident, &param.ty);
        *arg = syn::parse_quote!(#ident: #ty);
    }

    // `take()` fails only if there is no reason, for which `#[may_panic]` has an error.
    let may_panic = may_panic::take(&mut item.attrs).unwrap_or_default();
    item.attrs.push(syn::parse_quote!(#[inline(always)]));
    item.sig.ident = format_ident!("__bpf_traced_{}", name.unraw());
    let traced = &item.sig.ident;

    let lent = format_ident!("__bpf_call");
    let registers: Vec<_> = (0..params.len())
        .map(|index| format_ident!("r{index}"))
        .collect();
    let arguments: Vec<_> = params.iter().map(|param| &param.ident).collect();
    let types = params.iter().map(|param| &param.ty);
    let closed: Vec<_> = params
        .iter()
        .map(|param| close_lifetimes(param.ty.clone()))
        .collect();
    let passed = arguments.iter().zip(types).map(|(argument, ty)| {
        quote_spanned! { ty.span() => <#ty as ::bpf::traceable::TraceArg>::pass(#argument) }
    });
    let received =
        registers
            .iter()
            .zip(&closed)
            .zip(&arguments)
            .map(|((register, ty), argument)| {
                quote_spanned! { ty.span() =>
                    // SAFETY: The caller, which has the same types, made the register of a value that is
                    // valid during the call. ftrace and its users do not change arguments.
                    let #argument = unsafe {
                        <#ty as ::bpf::traceable::TraceArg>::receive(#register, &#lent)
                    };
                }
            });
    let described = kfunc::separated(params.iter().zip(&closed).map(|(param, ty)| {
        let name = &param.name;
        quote_spanned! { ty.span() =>
            #name, <#ty as ::bpf::traceable::TraceArg>::SUFFIX, " ",
            <#ty as ::bpf::traceable::TraceArg>::BTF
        }
    }));
    let ret_btf = quote_spanned! { ret.span() => <#ret as ::bpf::traceable::TraceRet>::BTF };
    let description = kfunc::describe("func", symbol, &described, &ret_btf);
    let returned = quote_spanned! { ret.span() => <#ret as ::bpf::traceable::TraceRet>::returned };
    let abi = quote_spanned! { ret.span() => <#ret as ::bpf::register::Register>::Abi };
    let into_abi = quote_spanned! { ret.span() => <#ret as ::bpf::register::Register>::into_abi };
    let export = entry_symbol(symbol);
    let stub = stub(symbol, false, &cfg);
    let might_sleep = options
        .sleepable
        .map(|_| quote! { ::kernel::task::might_sleep(); });
    let flags = match options.sleepable {
        Some(_) => quote! { ::kernel::bindings::KF_SLEEPABLE },
        None => quote! { 0 },
    };
    let fmod_ret = fmod_ret(&name, symbol, ret, &flags, options);
    let call = quote_spanned! { name.span() => #traced(#(#arguments),*) };

    // The compiler reports errors about the result where the author wrote its type.
    let function = quote_spanned! { ret.span() =>
        // Only the stub calls the function. It is not `unsafe`, because in an `unsafe` function the
        // author's function could be `unsafe` as well.
        #[export_name = #export]
        #(#may_panic)*
        extern "C" fn __bpf_entry(#(#registers: u64),*) -> #abi {
            // Arguments can borrow from this value, so they are valid until the call returns.
            let #lent = ::bpf::kfunc::Call;
            #(#received)*
            #into_abi(#call)
        }
    };

    quote! {
        #(#caller_attrs)*
        #vis #caller {
            extern "C" {
                #[link_name = #symbol]
                fn __bpf_stub(#(#registers: u64),*) -> u64;
            }
            #might_sleep
            #(let #registers = #passed;)*
            // SAFETY: The stub jumps to the function below, which takes registers of these types.
            let __bpf_register = unsafe { __bpf_stub(#(#registers),*) };
            // SAFETY: The register is the result of the function below. With `fmod_ret`, it can be
            // any number, which is a valid result by the assertion below.
            unsafe { #returned(__bpf_register) }
        }

        #cfg
        #[doc(hidden)]
        #[allow(missing_docs, non_camel_case_types)]
        #vis enum #name {}

        // Outside of the block below, so that the author's code cannot name the function in it.
        #cfg
        #[doc(hidden)]
        #item

        #stub

        #cfg
        const _: () = {
            #function
            #description
            #fmod_ret
        };
    }
}

/// Generates the proof that a function allows `fmod_ret` programs.
pub(crate) fn fmod_ret(
    name: &Ident,
    symbol: &str,
    ret: &Type,
    flags: &TokenStream,
    options: &Options,
) -> TokenStream {
    let Some(span) = options.fmod_ret else {
        return TokenStream::new();
    };
    let c_name = kfunc::c_string(symbol);
    let check = quote_spanned! { ret.span() =>
        const _: () = {
            const fn replaceable<T: ::bpf::traceable::ReplaceableRet>() {}
            replaceable::<#ret>();
        };
    };
    quote_spanned! { span =>
        #check

        // SAFETY: The symbol of this name is the stub of the function. The author allows that the
        // function does not run, and every number is a valid result.
        unsafe impl ::bpf::traceable::FmodRet for #name {
            const NAME: &'static ::core::ffi::CStr = #c_name;
            const FLAGS: u32 = #flags;
        }
    }
}

/// Returns the symbol of the function to which the stub jumps.
pub(crate) fn entry_symbol(symbol: &str) -> String {
    format!("__bpf_entry_{symbol}")
}

/// Generates the stub: the symbol, with a place for ftrace, jumps to [`entry_symbol`]. Assembly cannot
/// be in a block, so it refers to the function by its symbol.
///
/// ftrace finds the place by its address in a section, and patches it when a tracer attaches. On
/// x86, the place begins with a call of `__fentry__`, which ftrace replaces with a nop when the
/// kernel loads the module. On arm64, the place is two nops, as `-fpatchable-function-entry` makes
/// them, and a pointer before the function.
///
/// `is_pointed_to` says that data has the address of the symbol: objtool wants an `endbr64` there.
/// `cfg` are the author's conditions for the function.
pub(crate) fn stub(symbol: &str, is_pointed_to: bool, cfg: &TokenStream) -> TokenStream {
    let entry = entry_symbol(symbol);
    let mark = if is_pointed_to {
        "
.if {mark}
endbr64
.endif"
    } else {
        ""
    };
    let constant = is_pointed_to.then(|| quote! { mark = const ::bpf::traceable::stub::MARK, });
    let x86 = format!(
        ".pushsection .text,\"ax\",@progbits
.balign {{align}}
.skip {{padding}}, 0x90
.globl {symbol}
.type {symbol}, @function
{symbol}:{mark}
.if {{ftrace}}
2: call __fentry__
.endif
jmp {entry}
.size {symbol}, . - {symbol}
.popsection
.if {{record}}
.pushsection __mcount_loc,\"a\",@progbits
.balign 8
.quad 2b
.popsection
.endif"
    );
    let arm64 = format!(
        ".pushsection .text,\"ax\",%progbits
.balign {{align}}
.if {{call_ops}}
2: nop
nop
.endif
.globl {symbol}
.type {symbol}, %function
{symbol}:
.if {{mark}}
hint #34
.endif
.if {{ftrace}}
.if {{call_ops}} == 0
2:
.endif
nop
nop
.endif
b {entry}
.size {symbol}, . - {symbol}
.popsection
.if {{ftrace}}
.pushsection __patchable_function_entries,\"awo\",%progbits,.text
.balign 8
.quad 2b
.popsection
.endif"
    );
    quote! {
        #cfg
        #[cfg(CONFIG_X86_64)]
        ::core::arch::global_asm!(
            #x86,
            align = const ::bpf::traceable::stub::ALIGN,
            padding = const ::bpf::traceable::stub::PADDING,
            #constant
            ftrace = const ::bpf::traceable::stub::FTRACE,
            record = const ::bpf::traceable::stub::RECORD,
            options(att_syntax),
        );
        #cfg
        #[cfg(CONFIG_ARM64)]
        ::core::arch::global_asm!(
            #arm64,
            align = const ::bpf::traceable::stub::ALIGN,
            mark = const ::bpf::traceable::stub::MARK,
            ftrace = const ::bpf::traceable::stub::FTRACE,
            call_ops = const ::bpf::traceable::stub::CALL_OPS,
        );
    }
}
