// SPDX-License-Identifier: GPL-2.0

//! Parsing and code generation of `#[struct_ops]`, which is on the trait that declares a table.
//!
//! The macro generates the struct of the table, the stubs, the methods that call programs, and the
//! descriptions for the BTF step. It does not know types: the generated code asks `MemberArg` and
//! `MemberRet` of the `bpf` crate.

use crate::{
    kfunc,
    may_panic,
    modinfo,
    names, //
};
use proc_macro2::{
    Ident,
    TokenStream, //
};
use quote::{
    format_ident,
    quote,
    quote_spanned, //
};
use syn::{
    ext::IdentExt,
    parse_quote,
    spanned::Spanned,
    Attribute,
    Block,
    Error,
    FnArg,
    ItemTrait,
    Pat,
    Result,
    ReturnType,
    TraitItem,
    TraitItemFn,
    Type,
    Visibility, //
};

/// The largest number of arguments that a trampoline passes (`MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: usize = 12;

/// The largest number of members in a table (`BPF_STRUCT_OPS_MAX_NR_MEMBERS`). Not every kernel
/// supports so many: see `MEMBERS` in `rust/bpf/compat.rs`.
const MAX_MEMBERS: usize = 64;

/// A member that is a function.
struct Function {
    params: Vec<(Ident, Type)>,
    ret: Type,
    default: Option<Block>,
    may_panic: Vec<Attribute>,
    sleepable: bool,
}

enum Kind {
    Data(Type),
    Function(Function),
}

struct Member {
    item: TraitItemFn,
    name: Ident,
    kind: Kind,
}

pub(crate) fn expand(attr: TokenStream, mut item: ItemTrait) -> Result<TokenStream> {
    let ops: Ident = syn::parse2(attr).map_err(|_| {
        Error::new(
            item.ident.span(),
            format!(
                "{}: write the name of the table for programs: `#[struct_ops(bpf_my_ops)]`",
                item.ident
            ),
        )
    })?;
    names::type_name(&ops.unraw().to_string(), ops.span())?;
    let mut members = Vec::new();
    for entry in &mut item.items {
        let TraitItem::Fn(function) = entry else {
            return Err(Error::new(
                entry.span(),
                format!(
                    "{}: a member of a table is a function or, with `#[data]`, a value",
                    item.ident
                ),
            ));
        };
        let member = parse_member(function)?;
        members.push(member);
    }
    if members.is_empty() || members.len() > MAX_MEMBERS {
        return Err(Error::new(
            item.ident.span(),
            format!(
                "{}: a table has 1 to {MAX_MEMBERS} members; split a larger table into two",
                item.ident
            ),
        ));
    }
    // The default bodies move to the implementation of the trait.
    for entry in &mut item.items {
        if let TraitItem::Fn(function) = entry {
            function.default = None;
            function.semi_token = Some(Default::default());
        }
    }
    Ok(generate(&ops, &item, &members))
}

/// Removes the attribute `name`. Returns whether it was there.
fn take(attrs: &mut Vec<Attribute>, name: &str) -> bool {
    let before = attrs.len();
    attrs.retain(|attr| !attr.path().is_ident(name));
    attrs.len() < before
}

fn parse_member(item: &mut TraitItemFn) -> Result<Member> {
    let name = item.sig.ident.clone();
    names::plain(&name)?;
    let refuse = |span, why: &str| Err(Error::new(span, format!("{name}: {why}")));

    if let Some(token) = &item.sig.unsafety {
        return refuse(
            token.span(),
            "a BPF program has no safety requirements; remove `unsafe`",
        );
    }
    if !item.sig.generics.params.is_empty() {
        return refuse(
            item.sig.generics.span(),
            "a member of a table cannot be generic",
        );
    }
    match item.sig.inputs.first() {
        Some(FnArg::Receiver(this)) if this.reference.is_some() && this.mutability.is_none() => {}
        _ => {
            return refuse(
                item.sig.span(),
                "the first argument of a member must be `&self`, the table",
            )
        }
    }
    let may_panic = may_panic::take(&mut item.attrs)?;
    if !may_panic.is_empty() && item.default.is_none() {
        return refuse(
            item.sig.span(),
            "a member without a default body cannot panic; remove `#[may_panic]`",
        );
    }
    let data = take(&mut item.attrs, "data");
    let sleepable = take(&mut item.attrs, "sleepable");
    let ret: Type = match &item.sig.output {
        ReturnType::Default => parse_quote! { () },
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    if data {
        if sleepable || item.default.is_some() || item.sig.inputs.len() > 1 {
            return refuse(
                item.sig.span(),
                "declare a value of a table as `#[data] fn name(&self) -> u32;`",
            );
        }
        let kind = Kind::Data(ret);
        return Ok(Member {
            item: item.clone(),
            name,
            kind,
        });
    }

    let mut params = Vec::new();
    for (index, arg) in item.sig.inputs.iter().enumerate().skip(1) {
        let FnArg::Typed(arg) = arg else { continue };
        let Pat::Ident(param) = &*arg.pat else {
            return refuse(
                arg.pat.span(),
                &format!("argument {index} must have a name"),
            );
        };
        if let Some(why) = names::refused(&param.ident.unraw().to_string()) {
            return refuse(
                param.ident.span(),
                &format!("argument {index} ({}): {why}", param.ident),
            );
        }
        params.push((param.ident.clone(), (*arg.ty).clone()));
    }
    if params.len() > MAX_ARGS {
        return refuse(
            item.sig.inputs.span(),
            &format!("a member takes at most {MAX_ARGS} arguments; put some into an object"),
        );
    }
    let function = Function {
        params,
        ret,
        default: item.default.clone(),
        may_panic,
        sleepable,
    };
    Ok(Member {
        item: item.clone(),
        name,
        kind: Kind::Function(function),
    })
}

fn generate(ops: &Ident, item: &ItemTrait, members: &[Member]) -> TokenStream {
    let table = format_ident!("{}Table", item.ident);
    let (vis, name) = (&item.vis, &item.ident);
    let doc = format!("The table of [`{name}`]: `struct {ops}` for BPF programs.");
    let fields = members.iter().map(|member| field(vis, member));
    let methods = members.iter().map(method);
    let infos = members.iter().map(|member| info(&table, member));
    let stubs = members.iter().map(|member| stub(ops, member));
    let stub_values = members.iter().map(|member| stub_value(ops, member));
    let declare = declare(ops, &table, members);
    let text = format!("{ops}\0");
    let fits = members.iter().map(fits);
    let count = members.len();
    let many = format!("{name}: this kernel takes the members from the 24th on for a kind of tracing; split the table into two, or require the patches");

    quote! {
        #item

        #(#fits)*

        const _: () = ::core::assert!(#count <= ::bpf::compat::MEMBERS, #many);

        #[doc = #doc]
        #[repr(C)]
        #vis struct #table {
            #(#fields,)*
        }

        impl #name for ::bpf::struct_ops::Ops<#table> {
            #(#methods)*
        }

        const _: () = {
            #(#stubs)*

            // SAFETY: The initializer has a stub for each function of the table.
            static STUBS: ::bpf::struct_ops::Stubs<#table> =
                unsafe { ::bpf::struct_ops::Stubs::new(#table { #(#stub_values,)* }) };

            // SAFETY: The description below has the layout of the struct, and the description of
            // each stub has its prototype.
            unsafe impl ::bpf::struct_ops::Table for #table {
                const NAME: &'static ::core::ffi::CStr =
                    match ::core::ffi::CStr::from_bytes_with_nul(#text.as_bytes()) {
                        Ok(name) => name,
                        Err(_) => c"",
                    };
                const MEMBERS: &'static [::bpf::struct_ops::Member] = &[#(#infos),*];

                fn stubs() -> &'static ::bpf::struct_ops::Stubs<Self> {
                    &STUBS
                }
            }
        };

        #declare
    }
}

/// Generates an assertion that the kernel passes all arguments of a member.
fn fits(member: &Member) -> TokenStream {
    let Kind::Function(function) = &member.kind else {
        return TokenStream::new();
    };
    let (name, count) = (&member.name, function.params.len());
    let many = format!(
        "{name}: this kernel passes at most 6 arguments to a member; put some into an object, or \
         require Linux 7.3"
    );
    quote_spanned! { name.span() =>
        const _: () = ::core::assert!(#count <= ::bpf::compat::MEMBER_ARGS, #many);
    }
}

fn function_type(function: &Function) -> TokenStream {
    let registers = function.params.iter().map(|_| quote! { u64 });
    quote! { unsafe extern "C" fn(#(#registers),*) -> u64 }
}

fn field(vis: &Visibility, member: &Member) -> TokenStream {
    let name = &member.name;
    let attrs = &member.item.attrs;
    let docs = attrs.iter().filter(|attr| attr.path().is_ident("doc"));
    let docs = quote! { #(#docs)* };
    match &member.kind {
        Kind::Data(ty) => quote! { #docs #vis #name: #ty },
        Kind::Function(function) => {
            let ty = function_type(function);
            quote! { #docs #vis #name: ::core::option::Option<#ty> }
        }
    }
}

fn method(member: &Member) -> TokenStream {
    let (sig, name) = (&member.item.sig, &member.name);
    let function = match &member.kind {
        Kind::Data(_) => {
            return quote! {
                #[inline]
                #sig {
                    self.table().#name
                }
            };
        }
        Kind::Function(function) => function,
    };
    let ret = &function.ret;
    let arguments = function.params.iter().map(|(name, ty)| {
        quote_spanned! { ty.span() => <#ty as ::bpf::struct_ops::MemberArg>::pass(#name) }
    });
    let returned =
        quote_spanned! { ret.span() => <#ret as ::bpf::struct_ops::MemberRet>::returned };
    let default = match &function.default {
        Some(body) => {
            let statements = &body.stmts;
            quote! { #(#statements)* }
        }
        // The kernel checked that the table has this function, so only the depth limit leads here.
        // The result is 0, as for a program that does not run.
        None => quote! {
            // SAFETY: 0 is a valid register for each type of results.
            unsafe { #returned(0) }
        },
    };
    // A program of the member may sleep, so the caller must be allowed to.
    let might_sleep = function
        .sleepable
        .then(|| quote_spanned! { name.span() => ::kernel::task::might_sleep(); });
    let attributes = if function.may_panic.is_empty() {
        vec![parse_quote!(#[inline])]
    } else {
        function.may_panic.clone()
    };
    quote! {
        #(#attributes)*
        #sig {
            #might_sleep
            if let (
                ::core::option::Option::Some(__member),
                ::core::option::Option::Some(__depth),
            ) = (self.table().#name, ::bpf::struct_ops::Depth::enter()) {
                // SAFETY: `self` keeps the table and its trampolines alive. The trampoline takes
                // these registers, and returns the result of a program that the verifier accepted
                // for a member with this type.
                return unsafe { #returned(__member(#(#arguments),*)) };
            }
            #default
        }
    }
}

/// Generates the description of a member for callbacks such as `check_member()`.
fn info(table: &Ident, member: &Member) -> TokenStream {
    let name = &member.name;
    let text = name.unraw().to_string();
    let (kind, sleepable) = match &member.kind {
        Kind::Data(_) => (format_ident!("Data"), false),
        Kind::Function(function) if function.default.is_some() => {
            (format_ident!("Optional"), function.sleepable)
        }
        Kind::Function(function) => (format_ident!("Mandatory"), function.sleepable),
    };
    let ty = match &member.kind {
        Kind::Data(ty) => quote! { #ty },
        Kind::Function(_) => quote! { usize },
    };
    let (args, ret) = match &member.kind {
        Kind::Data(_) => (TokenStream::new(), quote! { () }),
        Kind::Function(function) => {
            let kinds = function.params.iter().map(|(_, ty)| {
                quote_spanned! { ty.span() => <#ty as ::bpf::struct_ops::MemberArg>::CONTENT }
            });
            let ret = &function.ret;
            (quote! { #(#kinds),* }, quote! { #ret })
        }
    };
    quote! {
        ::bpf::struct_ops::Member {
            name: #text,
            offset: ::core::mem::offset_of!(#table, #name),
            size: ::core::mem::size_of::<#ty>(),
            kind: ::bpf::struct_ops::MemberKind::#kind,
            sleepable: #sleepable,
            signature: ::bpf::struct_ops::signature::<#ret>(&[#args]),
        }
    }
}

fn stub_name(ops: &Ident, member: &Member) -> Ident {
    format_ident!("{ops}__{}", member.name)
}

/// Generates the stub of a member. The kernel finds the prototype of the member by the stub's name.
fn stub(ops: &Ident, member: &Member) -> TokenStream {
    let Kind::Function(function) = &member.kind else {
        return TokenStream::new();
    };
    let name = stub_name(ops, member);
    let registers = function.params.iter().map(|_| quote! { _: u64 });
    let params = kfunc::separated(function.params.iter().map(|(param, ty)| {
        let param = param.unraw().to_string();
        quote_spanned! { ty.span() =>
            #param, <#ty as ::bpf::struct_ops::MemberArg>::SUFFIX, " ",
            <#ty as ::bpf::struct_ops::MemberArg>::BTF
        }
    }));
    let ret = ret_btf(function);
    let describe = kfunc::describe("func", &name.to_string(), &params, &ret);
    let comment = format!("/* {name} */");
    quote! {
        #[no_mangle]
        unsafe extern "C" fn #name(#(#registers),*) -> u64 {
            // SAFETY: The assembly is a comment. It prevents the compiler from merging equal stubs,
            // for which the kernel would find the wrong name.
            unsafe { ::core::arch::asm!(#comment, options(nomem, nostack, preserves_flags)) };
            0
        }

        #describe
    }
}

fn ret_btf(function: &Function) -> TokenStream {
    let ret = &function.ret;
    quote_spanned! { ret.span() => <#ret as ::bpf::struct_ops::MemberRet>::BTF }
}

fn stub_value(ops: &Ident, member: &Member) -> TokenStream {
    let name = &member.name;
    match &member.kind {
        Kind::Data(ty) => quote_spanned! { ty.span() => #name: ::bpf::struct_ops::zero::<#ty>() },
        Kind::Function(_) => {
            let stub = stub_name(ops, member);
            quote! { #name: ::core::option::Option::Some(#stub) }
        }
    }
}

/// Generates the descriptions of the table and of its map value for the BTF step.
fn declare(ops: &Ident, table: &Ident, members: &[Member]) -> TokenStream {
    let size = quote! { ::core::mem::size_of::<#table>() };
    let begin = format!("struct {ops} ");
    let mut parts = vec![
        quote! { #begin },
        quote! { ::bpf::describe::Number::<{ #size }>::TEXT },
        quote! { " { " },
    ];
    for (index, member) in members.iter().enumerate() {
        let name = &member.name;
        let begin = format!("{}{} ", if index == 0 { "" } else { ", " }, name.unraw());
        parts.push(quote! {
            #begin, ::bpf::describe::Number::<{ ::core::mem::offset_of!(#table, #name) }>::TEXT, " "
        });
        match &member.kind {
            Kind::Data(ty) => {
                parts.push(quote_spanned! { ty.span() => <#ty as ::bpf::BtfType>::BTF });
            }
            Kind::Function(function) => {
                parts.push(quote! { "*fn(" });
                for (index, (param, ty)) in function.params.iter().enumerate() {
                    let begin = format!("{}{} ", if index == 0 { "" } else { ", " }, param.unraw());
                    parts.push(quote_spanned! { ty.span() =>
                        #begin, <#ty as ::bpf::struct_ops::MemberArg>::BTF
                    });
                }
                let ret = ret_btf(function);
                parts.push(quote! { ") ", #ret });
            }
        }
    }
    parts.push(quote! { " }" });
    let table = modinfo::entry(&parts);

    let begin = format!("struct bpf_struct_ops_{ops} ");
    let end = format!(" struct {ops} }}");
    let value = modinfo::entry(&[
        quote! { #begin },
        quote! { ::bpf::describe::Number::<{ ::bpf::struct_ops::value_size(#size) }>::TEXT },
        quote! { " { common 0 struct bpf_struct_ops_common_value, data " },
        quote! { ::bpf::describe::Number::<{ ::bpf::struct_ops::VALUE_OFFSET }>::TEXT },
        quote! { #end },
    ]);
    quote! {
        #table
        #value
    }
}
