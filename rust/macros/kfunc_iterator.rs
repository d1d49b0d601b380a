// SPDX-License-Identifier: GPL-2.0

//! Code generation for `#[kfunc_iterator]`.
//!
//! The macro generates the kfuncs `bpf_iter_<name>_new`, `_next` and `_destroy`, and with the option
//! `release` also `_release`, from the methods `new` and `next` of a type. `kfunc` generates the code for the arguments.

use crate::{
    kfunc,
    modinfo,
    names,
    signature::{
        check_function,
        static_lifetimes,
        Signature, //
    }, //
};
use proc_macro2::{
    Ident,
    Span,
    TokenStream, //
};
use quote::{
    quote,
    quote_spanned, //
};
use syn::{
    parse::{
        Parse,
        ParseStream, //
    },
    punctuated::Punctuated,
    spanned::Spanned,
    Error,
    FnArg,
    GenericArgument,
    ImplItem,
    ImplItemFn,
    ItemFn,
    ItemImpl,
    PathArguments,
    Result,
    ReturnType,
    Token,
    Type, //
};

/// The arguments of the attribute: `name, option, ...`
struct Options {
    name: Ident,
    /// The option `release`: programs can release an item before the next one.
    release: Option<Ident>,
    rest: TokenStream,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let name = input.parse()?;
        if !input.is_empty() {
            input.parse::<Token![,]>()?;
        }
        let (mut release, mut rest) = (None, TokenStream::new());
        for word in Punctuated::<Ident, Token![,]>::parse_terminated(input)? {
            if word == "release" {
                release = Some(word);
            } else {
                rest.extend(quote! { #word, });
            }
        }
        Ok(Self {
            name,
            release,
            rest,
        })
    }
}

pub(crate) fn expand(attr: TokenStream, item: ItemImpl) -> Result<TokenStream> {
    let options: Options = syn::parse2(attr)?;
    let name = &options.name;
    let stem = names::plain(name)?;
    // `exp_name` in `btf_check_iter_kfuncs()`.
    if format!("bpf_iter_{stem}_destroy").len() > 127 {
        return Err(Error::new(
            name.span(),
            format!("{stem}: the name of an iterator has at most 110 characters; shorten it"),
        ));
    }
    let ty = &item.self_ty;
    if item.trait_.is_some() || !item.generics.params.is_empty() {
        return Err(Error::new(
            item.self_ty.span(),
            format!(
                "{name}: write an `impl` without a trait, of a type without generic parameters, with \
                 `new` and `next`"
            ),
        ));
    }
    let attributes = kfunc::attributes(name, options.rest)?;
    let new = method(&item, name, "new")?;
    let next = method(&item, name, "next")?;

    let signature = Signature::parse(&constructor(new)?)?;
    if signature.params.iter().any(|param| param.name == "it") {
        return Err(Error::new(
            new.sig.inputs.span(),
            format!("{name}: `it` is the name of the iterator in BTF; choose another name"),
        ));
    }
    let registers = kfunc::registers(&signature, 1);
    let call_new = kfunc::call(
        &signature,
        &registers,
        |arguments| quote! { <#ty>::new(#(#arguments),*) },
        |err, error| {
            quote! { ::bpf::kfunc::FromArgError::<#error>::from_error(#err) }
        },
    );
    let next_item = item_type(name, next)?;
    let next_signature = Signature::parse(&successor(next)?)?;
    let call_next = kfunc::call(
        &next_signature,
        // The program passes only the iterator; `next_rules()` checks that.
        &[],
        // The item may borrow from the value, so it is placed before the borrow ends.
        |arguments| {
            quote! {
                state.next(|value, placer| placer.place(<#ty>::next(value #(, #arguments)*)))
            }
        },
        |err, _| {
            quote! {
                let _ = #err;
                ::core::ptr::null()
            }
        },
    );
    let next_flags = kfunc::arg_flags(&next_signature);
    let place = format!("{name}: ");
    let item_rule = quote_spanned! { next_item.span() =>
        const _: () = {
            const WHY: ::core::option::Option<&str> =
                <#next_item as ::bpf::iterator::IteratorItem>::REFUSED;
            const TEXT: ::bpf::describe::Composed =
                ::bpf::describe::Composed::new(&[#place, match WHY {
                    ::core::option::Option::Some(why) => why,
                    ::core::option::Option::None => "",
                }]);
            if WHY.is_some() {
                ::core::panic!("{}", TEXT.text());
            }
        };
    };
    let next_rules = next_rules(name, &next_signature);

    let [new_name, next_name, destroy_name] =
        ["new", "next", "destroy"].map(|what| method_name(&stem, what, name.span()));
    let flags = kfunc::arg_flags(&signature);
    let rules = kfunc::rules(&new_name.to_string(), &signature, &quote! { #new_name }, 1);
    let it = format!("it *struct bpf_iter_{stem}");
    let it = quote! { #it };
    let mut params = vec![it.clone()];
    params.extend(kfunc::params(&signature, false));
    let describe_new = kfunc::describe("kfunc", &new_name.to_string(), &params, &quote! { "int" });
    let describe_next = kfunc::describe(
        "kfunc",
        &next_name.to_string(),
        &[it.clone()],
        &quote_spanned! { next_item.span() =>
            <#next_item as ::bpf::iterator::IteratorItem>::BTF
        },
    );
    let describe_destroy = kfunc::describe(
        "kfunc",
        &destroy_name.to_string(),
        &[it.clone()],
        &quote! { "void" },
    );
    let declare = format!("struct bpf_iter_{stem} ");
    let declare = modinfo::entry(&[
        quote! { #declare },
        quote! { ::bpf::describe::Number::<{ __BpfState::WORDS * 8 }>::TEXT },
        quote! { " { __opaque 0 [" },
        quote! { ::bpf::describe::Number::<{ __BpfState::WORDS }>::TEXT },
        quote! { "]u64 }" },
    ]);
    let (release_function, release_marker) =
        release(options.release.as_ref(), name, &stem, &it, &next_item);
    let names = [&new_name, &next_name, &destroy_name];
    let in_no_set = names.map(kfunc::in_no_set);
    let [new_symbol, next_symbol, destroy_symbol] =
        [&new_name, &next_name, &destroy_name].map(Ident::to_string);
    let markers = [
        (
            &new_name,
            quote! { new },
            kfunc::contracts(&signature, signature.params.len()),
            // The flags of `next` go to `new`, because the verifier checks them from `new` on.
            quote! {
                ::kernel::bindings::KF_ITER_NEW | #flags | #next_flags
                    | <#next_item as ::bpf::iterator::IteratorItem>::FLAGS
            },
        ),
        (
            &next_name,
            quote! { next },
            quote! { &[] },
            quote! {
                ::kernel::bindings::KF_ITER_NEXT | ::kernel::bindings::KF_RET_NULL
                    | <#next_item as ::bpf::iterator::IteratorItem>::REGION
            },
        ),
        (
            &destroy_name,
            quote! { destroy },
            quote! { &[] },
            quote! { ::kernel::bindings::KF_ITER_DESTROY },
        ),
    ]
    .map(|(name, entry, contracts, flags)| {
        let c_name = kfunc::c_string(&name.to_string());
        quote! {
            // SAFETY: The symbol of this name is the function. The description and the flags come
            // from its signature.
            unsafe impl ::bpf::kfunc::Kfunc for #name {
                const NAME: &'static ::core::ffi::CStr = #c_name;
                const ENTRY: *const ::core::ffi::c_void = #entry as *const ::core::ffi::c_void;
                const FLAGS: u32 = #flags #(| ::bpf::compat::#attributes)*;
                const CONTRACTS: &'static [::bpf::contract::Contract] = #contracts;
                const RET: &'static str = "";
                const DTOR: ::core::option::Option<::bpf::kfunc_set::Dtor> =
                    ::core::option::Option::None;
            }
        }
    });

    Ok(quote! {
        #item

        #(
            #[doc(hidden)]
            #[allow(missing_docs, non_camel_case_types)]
            pub enum #names {}

            #in_no_set
        )*

        const _: () = {
            #(#markers)*

            #[allow(non_camel_case_types)]
            type __BpfState = ::bpf::iterator::State<
                #ty,
                <#next_item as ::bpf::iterator::IteratorItem>::Slot,
                <#next_item as ::bpf::iterator::IteratorItem>::Kind,
            >;

            #declare

            #item_rule

            // Only BPF programs that the verifier accepted call the function.
            #[export_name = #new_symbol]
            extern "C" fn new(state: *mut __BpfState, #(#registers: u64),*) -> i32 {
                // SAFETY: The verifier checked that `state` has room for an iterator, and that the
                // program does not access this room until it destroys the iterator
                // (`process_iter_arg()`).
                unsafe { __BpfState::begin(state) };
                let value: ::kernel::error::Result<#ty> = { #call_new };
                match value {
                    Ok(value) => {
                        // SAFETY: `begin()` initialized `state`.
                        unsafe { (*state).set(value) };
                        0
                    }
                    Err(err) => err.to_errno(),
                }
            }

            // Only BPF programs that the verifier accepted call the function.
            #[export_name = #next_symbol]
            extern "C" fn next(state: *mut __BpfState) -> *const ::core::ffi::c_void {
                // SAFETY: The verifier checked that `new` initialized `state` and that the program
                // has not destroyed it.
                let state = unsafe { &mut *state };
                #call_next
            }

            // Only BPF programs that the verifier accepted call the function.
            #[export_name = #destroy_symbol]
            extern "C" fn destroy(state: *mut __BpfState) {
                // SAFETY: The verifier checked that `new` initialized `state` and that the program
                // has not destroyed it. The program does not use it after this call.
                unsafe { ::core::ptr::drop_in_place(state) };
            }

            #rules
            #next_rules

            #describe_new
            #describe_next
            #describe_destroy

            #release_function
        };

        #release_marker
    })
}

/// The name of a kfunc of the iterator. The compiler shows `place` if no set has the kfunc.
fn method_name(stem: &str, method: &str, place: Span) -> Ident {
    Ident::new(&format!("bpf_iter_{stem}_{method}"), place)
}

/// Generates the kfunc `bpf_iter_<name>_release`, if the iterator has the option: the function, and
/// the type that represents it.
fn release(
    option: Option<&Ident>,
    iterator: &Ident,
    stem: &str,
    it: &TokenStream,
    item: &Type,
) -> (TokenStream, TokenStream) {
    let Some(option) = option else {
        return Default::default();
    };
    let name = method_name(stem, "release", option.span());
    let symbol = name.to_string();
    let c_name = kfunc::c_string(&symbol);
    let in_no_set = kfunc::in_no_set(&name);
    let describe = kfunc::describe("kfunc", &symbol, &[it.clone()], &quote! { "void" });
    let why = format!(
        "{iterator}: `release` is for items that the program holds locked; yield `Lock<T>`, or \
         remove `release`"
    );
    let rule = quote_spanned! { option.span() =>
        const _: () = ::core::assert!(
            <#item as ::bpf::iterator::IteratorItem>::REGION != 0,
            #why
        );
    };
    let function = quote! {
        // SAFETY: The symbol of this name is the function. The description and the flags come from
        // its signature.
        unsafe impl ::bpf::kfunc::Kfunc for #name {
            const NAME: &'static ::core::ffi::CStr = #c_name;
            const ENTRY: *const ::core::ffi::c_void = release as *const ::core::ffi::c_void;
            const FLAGS: u32 = ::bpf::compat::KF_ITER_RELEASE;
            const CONTRACTS: &'static [::bpf::contract::Contract] = &[];
            const RET: &'static str = "";
            const DTOR: ::core::option::Option<::bpf::kfunc_set::Dtor> =
                ::core::option::Option::None;
        }

        // Only BPF programs that the verifier accepted call the function.
        #[export_name = #symbol]
        extern "C" fn release(state: *mut __BpfState) {
            // SAFETY: The verifier checked that `new` initialized `state`, that the program has not
            // destroyed it, and that it does not use the item after this call.
            unsafe { (*state).release() };
        }

        #rule
        #describe
    };
    let marker = quote! {
        #[doc(hidden)]
        #[allow(missing_docs, non_camel_case_types)]
        pub enum #name {}

        #in_no_set
    };
    (function, marker)
}

fn method<'a>(item: &'a ItemImpl, name: &Ident, what: &str) -> Result<&'a ImplItemFn> {
    let mut functions = item.items.iter().filter_map(|member| match member {
        ImplItem::Fn(function) if function.sig.ident == what => Some(function),
        _ => None,
    });
    let function = functions.next().ok_or_else(|| {
        Error::new(
            item.self_ty.span(),
            format!("{name}: the iterator has no function `{what}`; add it"),
        )
    })?;
    // The macro does not know the result of a `#[cfg]` on a function.
    if let Some(other) = functions.next() {
        return Err(Error::new(
            other.sig.ident.span(),
            format!("{name}: there is a second `{what}`; put `#[cfg]` on the whole `impl`"),
        ));
    }
    check_function(&function.sig)?;
    Ok(function)
}

/// Returns `new` as a kfunc that returns an error number.
fn constructor(new: &ImplItemFn) -> Result<ItemFn> {
    let mut sig = new.sig.clone();
    match &sig.output {
        ReturnType::Type(_, ty) if last_is(ty, "Result") => {}
        output => {
            return Err(Error::new(
                output.span(),
                "`new` of an iterator must return `Result<Self>`",
            ));
        }
    }
    sig.output = syn::parse_quote!(-> ::kernel::error::Result<()>);
    Ok(function(sig))
}

/// Returns the `T` of `fn next(&mut self) -> Option<T>`.
fn item_type(name: &Ident, next: &ImplItemFn) -> Result<Type> {
    let sig = &next.sig;
    let by_reference = matches!(
        sig.inputs.first(),
        Some(FnArg::Receiver(receiver))
            if receiver.reference.is_some() && receiver.mutability.is_some()
    );
    if !by_reference {
        return Err(Error::new(
            sig.inputs.span(),
            format!("{name}: `next` must take `&mut self`"),
        ));
    }
    let item = match &sig.output {
        ReturnType::Type(_, ty) => match &**ty {
            Type::Path(path) if last_is(ty, "Option") => path.path.segments.last(),
            _ => None,
        },
        ReturnType::Default => None,
    };
    let item = item.and_then(|segment| match &segment.arguments {
        PathArguments::AngleBracketed(args) => args.args.first(),
        _ => None,
    });
    match item {
        Some(GenericArgument::Type(ty)) => Ok(static_lifetimes(ty.clone())),
        _ => Err(Error::new(
            sig.output.span(),
            format!("{name}: `next` must return `Option` of an item"),
        )),
    }
}

/// Returns `next` as a function without the argument `&mut self`.
fn successor(next: &ImplItemFn) -> Result<ItemFn> {
    let mut sig = next.sig.clone();
    sig.inputs = sig.inputs.into_iter().skip(1).collect();
    sig.output = ReturnType::Default;
    Ok(function(sig))
}

/// Generates assertions that the program passes only the iterator to `next`.
fn next_rules(name: &Ident, signature: &Signature) -> TokenStream {
    let text = format!(
        "{name}: a program passes only the iterator to `next`; the other arguments can be \
         `&rcu::Guard` and `&ModuleRef`"
    );
    let rules = signature.params.iter().map(|param| {
        let ty = &param.ty;
        quote_spanned! { ty.span() =>
            const _: () = ::core::assert!(
                <#ty as ::bpf::kfunc::KfuncArg>::CONTRACT.registers() == 0,
                #text
            );
        }
    });
    quote! { #(#rules)* }
}

/// Returns a function with this signature and an empty body, for [`Signature::parse`].
fn function(sig: syn::Signature) -> ItemFn {
    ItemFn {
        attrs: Vec::new(),
        vis: syn::Visibility::Inherited,
        sig,
        block: Box::new(syn::parse_quote!({})),
    }
}

fn last_is(ty: &Type, name: &str) -> bool {
    match ty {
        Type::Path(path) => path.path.segments.last().is_some_and(|s| s.ident == name),
        _ => false,
    }
}
