// SPDX-License-Identifier: GPL-2.0

//! `kfunc_set!`: its syntax, and the code it becomes.

use crate::names::{
    module,
    unique, //
};
use proc_macro2::{
    Ident,
    Span,
    TokenStream, //
};
use quote::{
    format_ident,
    quote,
    quote_spanned, //
};
use std::fmt::Write as _;
use syn::{
    braced,
    bracketed,
    parse::{
        Parse,
        ParseStream, //
    },
    punctuated::Punctuated,
    Attribute,
    Error,
    Path,
    Result,
    Token,
    Visibility, //
};

/// The program types of `bpf::ProgType`, and the hook to which the kernel maps each, as
/// `bpf_prog_type_to_kfunc_hook()` in `kernel/bpf/btf.c` does.
const PROG_TYPES: &[(&str, &str)] = &[
    ("Any", "common"),
    ("CgroupDevice", "cgroup"),
    ("CgroupSkb", "cgroup"),
    ("CgroupSock", "cgroup"),
    ("CgroupSockAddr", "cgroup"),
    ("CgroupSockopt", "cgroup"),
    ("CgroupSysctl", "cgroup"),
    ("Kprobe", "kprobe"),
    ("Lsm", "tracing"),
    ("LwtIn", "lwt"),
    ("LwtOut", "lwt"),
    ("LwtSeg6Local", "lwt"),
    ("LwtXmit", "lwt"),
    ("Netfilter", "netfilter"),
    ("PerfEvent", "tracing"),
    ("RawTracepoint", "tracing"),
    ("SchedAct", "sched_act"),
    ("SchedCls", "tc"),
    ("SkSkb", "sk_skb"),
    ("SockOps", "cgroup"),
    ("SocketFilter", "socket_filter"),
    ("StructOps", "struct_ops"),
    ("Syscall", "syscall"),
    ("Tracepoint", "tracing"),
    ("Tracing", "tracing"),
    ("Xdp", "xdp"),
];

/// `static NAME = { prog_types: [...], kfuncs: [...], objects: [...], filter: function };`
pub(crate) struct KfuncSet {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    prog_types: Punctuated<Ident, Token![,]>,
    kfuncs: Punctuated<Path, Token![,]>,
    objects: Punctuated<Path, Token![,]>,
    filter: Option<Path>,
}

/// The fields between the braces.
#[derive(Default)]
struct Fields {
    prog_types: Option<Punctuated<Ident, Token![,]>>,
    kfuncs: Option<Punctuated<Path, Token![,]>>,
    objects: Option<Punctuated<Path, Token![,]>>,
    filter: Option<Path>,
}

/// `[path, ...]`
fn paths(input: ParseStream<'_>) -> Result<Punctuated<Path, Token![,]>> {
    let list;
    bracketed!(list in input);
    list.parse_terminated(Path::parse_mod_style, Token![,])
}

/// `[name, ...]`
fn names(input: ParseStream<'_>) -> Result<Punctuated<Ident, Token![,]>> {
    let list;
    bracketed!(list in input);
    Punctuated::parse_terminated(&list)
}

impl Parse for Fields {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut fields = Self::default();
        while !input.is_empty() {
            let field: Ident = input.parse()?;
            input.parse::<Token![:]>()?;
            let is_second = match field.to_string().as_str() {
                "prog_types" => fields.prog_types.replace(names(input)?).is_some(),
                "kfuncs" => fields.kfuncs.replace(paths(input)?).is_some(),
                "objects" => fields.objects.replace(paths(input)?).is_some(),
                "filter" => {
                    let filter = Path::parse_mod_style(input)?;
                    fields.filter.replace(filter).is_some()
                }
                _ => {
                    return Err(Error::new(
                        field.span(),
                        format!(
                            "a kfunc set has no field `{field}`; there are prog_types, kfuncs, \
                             objects, filter"
                        ),
                    ));
                }
            };
            if is_second {
                return Err(Error::new(
                    field.span(),
                    format!("there is a second field `{field}`; remove one"),
                ));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(fields)
    }
}

impl Parse for KfuncSet {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        input.parse::<Token![static]>()?;
        let name = input.parse()?;
        input.parse::<Token![=]>()?;
        let content;
        braced!(content in input);
        let fields: Fields = content.parse()?;
        input.parse::<Token![;]>()?;
        Ok(Self {
            attrs,
            vis,
            name,
            prog_types: fields.prog_types.unwrap_or_default(),
            kfuncs: fields.kfuncs.unwrap_or_default(),
            objects: fields.objects.unwrap_or_default(),
            filter: fields.filter,
        })
    }
}

pub(crate) fn expand(set: KfuncSet) -> Result<TokenStream> {
    let name = &set.name;
    if set.prog_types.is_empty() {
        return Err(Error::new(
            name.span(),
            format!("{name}: no program type is named that may call these kfuncs"),
        ));
    }
    if set.kfuncs.is_empty() {
        return Err(Error::new(name.span(), format!("{name}: the set is empty")));
    }

    let hooks = hooks(&set)?;
    let prog_types = hooks.iter().map(|(ident, _)| ident);
    let mut once: Vec<_> = hooks
        .iter()
        .map(|(ident, hook)| once_per_module(ident.span(), &format!("for_{hook}_programs")))
        .collect();
    if !set.objects.is_empty() {
        once.push(once_per_module(name.span(), "with_objects"));
    }
    let objects = set.objects.iter();
    let filter = filter(&set);
    let kfuncs = set.kfuncs.iter();
    let same_names = same_names(&set);
    let ids = btf_ids(&set)?;
    let (attrs, vis) = (&set.attrs, &set.vis);
    let label = label(name);
    let text = name.to_string();

    Ok(quote! {
        #ids
        #(#once)*
        #(#same_names)*

        #(#attrs)*
        #vis static #name: ::bpf::KfuncSet = {
            extern "C" {
                #[link_name = #label]
                static SET: ::kernel::bindings::btf_id_set8;
            }

            // SAFETY: `SET` is the table above: an unresolved `BTF_KFUNCS_START` ... `_END` list
            // of functions for which `#[kfunc]` wrote the BTF.
            unsafe {
                ::bpf::KfuncSet::from_raw(
                    #text,
                    ::core::ptr::addr_of!(SET),
                    &[#(::bpf::kfunc_set::Entry::new(
                        <#kfuncs as ::bpf::kfunc::Kfunc>::NAME,
                        <#kfuncs as ::bpf::kfunc::Kfunc>::ENTRY,
                    )),*],
                    &[#(::bpf::ProgType::#prog_types),*],
                    &[#(::bpf::kfunc_set::Dtor::of::<#objects>()),*],
                    #filter,
                )
            }
        };
    })
}

/// One program type for each hook that the set is for.
fn hooks(set: &KfuncSet) -> Result<Vec<(&Ident, &'static str)>> {
    let mut hooks: Vec<(&Ident, &'static str)> = Vec::new();
    for ident in &set.prog_types {
        let Some((_, hook)) = PROG_TYPES.iter().find(|(name, _)| ident == name) else {
            let known: Vec<_> = PROG_TYPES.iter().map(|(name, _)| *name).collect();
            return Err(Error::new(
                ident.span(),
                format!(
                    "{}: `{ident}` is no program type that may call kfuncs; there are {}",
                    set.name,
                    known.join(", ")
                ),
            ));
        };
        if !hooks.iter().any(|(_, known)| known == hook) {
            hooks.push((ident, hook));
        }
    }
    Ok(hooks)
}

/// A symbol that can exist only once in a module, so that two sets for one hook do not compile.
///
/// The kernel would refuse the second at run time, with a warning and a stack trace. The symbol
/// says what is wrong because the compiler prints it; the section is dropped when a module is
/// linked.
fn once_per_module(span: Span, what: &str) -> TokenStream {
    let symbol = format!("only_one_kfunc_set_per_module_{what}__{}", module());
    quote_spanned! { span =>
        const _: () = {
            #[export_name = #symbol]
            #[link_section = ".discard.kfunc_set"]
            static ONCE: u8 = 0;
        };
    }
}

/// The function that the kernel asks whether a program may call, around the author's.
fn filter(set: &KfuncSet) -> TokenStream {
    let Some(filter) = &set.filter else {
        return quote! { ::core::option::Option::None };
    };
    quote! {
        {
            /// # Safety
            ///
            /// To be called by the kernel, with a valid program.
            unsafe extern "C" fn __bpf_filter(
                prog: *const ::kernel::bindings::bpf_prog,
                _kfunc_id: u32,
            ) -> ::kernel::ffi::c_int {
                // A function that wants to have the program for longer is none of these.
                let filter: fn(&::bpf::Prog) -> bool = #filter;
                // SAFETY: By the safety requirements.
                let allowed = filter(unsafe { ::bpf::Prog::from_raw(prog) });
                if allowed { 0 } else { ::kernel::error::code::EACCES.to_errno() }
            }
            ::core::option::Option::Some(__bpf_filter)
        }
    }
}

/// Assertions that the symbols in the table are those of the kfuncs whose flags are beside them. A
/// path may end in another name for the type.
fn same_names(set: &KfuncSet) -> Vec<TokenStream> {
    let assertions = set.kfuncs.iter().filter_map(|kfunc| {
        let name = &kfunc.segments.last()?.ident;
        let symbol = crate::kfunc::c_string(&name.to_string());
        let why = format!(
            "{}: `{name}` is another name for a kfunc; write its own",
            set.name
        );
        Some(quote_spanned! { name.span() =>
            const _: () = ::core::assert!(
                ::bpf::kfunc_set::are_equal(<#kfunc as ::bpf::kfunc::Kfunc>::NAME, #symbol),
                #why
            );
        })
    });
    assertions.collect()
}

fn label(set: &Ident) -> String {
    format!("rust_kfunc_set_{set}")
}

/// The table that `resolve_btfids` fills with the ids of the functions: what `BTF_KFUNCS_START`,
/// `BTF_ID_FLAGS` and `BTF_KFUNCS_END` of `include/linux/btf_ids.h` write.
fn btf_ids(set: &KfuncSet) -> Result<TokenStream> {
    let name = &set.name;
    let label = label(name);
    let list = format!("__BTF_ID__set8__{label}");
    let mut asm = String::new();
    let mut constants = Vec::new();

    // Writing to a String does not fail.
    let _ = writeln!(asm, ".pushsection .BTF_ids,\"a\"\n.balign 4");
    let _ = writeln!(asm, ".local {label}\n{label}:");
    let _ = writeln!(asm, ".local {list}\n{list}:\n.zero 4\n.long {{set_flags}}");
    for (index, kfunc) in set.kfuncs.iter().enumerate() {
        let Some(function) = kfunc.segments.last().map(|segment| &segment.ident) else {
            continue;
        };
        let earlier = set.kfuncs.iter().take(index);
        if earlier
            .into_iter()
            .any(|path| path.segments.last().map(|s| &s.ident) == Some(function))
        {
            return Err(Error::new(
                function.span(),
                format!("{name}: `{function}` is in the set twice"),
            ));
        }
        // resolve_btfids cuts off what follows the last two underscores. It must be unique in the
        // object, and the same function may be in several sets.
        let symbol = format!("__BTF_ID__func__{function}__{}{index}", unique(&label));
        let flags = format_ident!("flags{index}");
        let _ = writeln!(asm, ".local {symbol}\n.type {symbol}, STT_OBJECT");
        let _ = writeln!(
            asm,
            ".size {symbol}, 4\n{symbol}:\n.zero 4\n.long {{{flags}}}"
        );
        constants.push(quote! { #flags = const <#kfunc as ::bpf::kfunc::Kfunc>::FLAGS });
    }
    let _ = writeln!(asm, ".size {list}, .-{list}\n.popsection");

    Ok(quote! {
        ::core::arch::global_asm!(
            #asm,
            set_flags = const ::kernel::bindings::BTF_SET8_KFUNCS,
            #(#constants),*
        );
    })
}
