// SPDX-License-Identifier: GPL-2.0

//! The syntax and the code generation of `kfunc_set!`.
//!
//! The macro generates the list of BTF ids in assembly, and the static that `register()` uses. It
//! does not look at the kfuncs: the generated code takes names and flags from the `Kfunc` trait.

use crate::{
    declaration::Static,
    names::{
        module,
        unique, //
    }, //
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

/// The program types of `bpf::ProgType`, each with its hook, as in
/// `bpf_prog_type_to_kfunc_hook()` in `kernel/bpf/btf.c`.
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

/// `static NAME = { prog_types: [...], kfuncs: [...], objects: [...], fmod_ret: [...], filter: ... };`
pub(crate) struct KfuncSet {
    attrs: Vec<Attribute>,
    vis: Visibility,
    name: Ident,
    prog_types: Punctuated<Ident, Token![,]>,
    kfuncs: Punctuated<Path, Token![,]>,
    objects: Punctuated<Path, Token![,]>,
    fmod_ret: Punctuated<Path, Token![,]>,
    filter: Option<Path>,
}

/// The fields in the braces.
#[derive(Default)]
struct Fields {
    prog_types: Option<Punctuated<Ident, Token![,]>>,
    kfuncs: Option<Punctuated<Path, Token![,]>>,
    objects: Option<Punctuated<Path, Token![,]>>,
    fmod_ret: Option<Punctuated<Path, Token![,]>>,
    filter: Option<Path>,
}

/// Parses `[path, ...]`.
fn paths(input: ParseStream<'_>) -> Result<Punctuated<Path, Token![,]>> {
    let list;
    bracketed!(list in input);
    list.parse_terminated(Path::parse_mod_style, Token![,])
}

/// Parses `[name, ...]`.
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
                "fmod_ret" => fields.fmod_ret.replace(paths(input)?).is_some(),
                "filter" => {
                    let filter = Path::parse_mod_style(input)?;
                    fields.filter.replace(filter).is_some()
                }
                _ => {
                    return Err(Error::new(
                        field.span(),
                        format!(
                            "a kfunc set has no field `{field}`; the fields are prog_types, \
                             kfuncs, objects, fmod_ret, filter"
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
        let Static { attrs, vis, name } = input.parse()?;
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
            fmod_ret: fields.fmod_ret.unwrap_or_default(),
            filter: fields.filter,
        })
    }
}

pub(crate) fn expand(set: KfuncSet) -> Result<TokenStream> {
    let name = &set.name;
    let has_kfuncs =
        !(set.prog_types.is_empty() && set.kfuncs.is_empty() && set.objects.is_empty());
    if set.prog_types.is_empty() && (has_kfuncs || set.fmod_ret.is_empty()) {
        return Err(Error::new(
            name.span(),
            format!("{name}: `prog_types` must name the program types that may call the kfuncs"),
        ));
    }
    if set.kfuncs.is_empty() && (has_kfuncs || set.fmod_ret.is_empty()) {
        return Err(Error::new(
            name.span(),
            format!("{name}: the set has no kfuncs; name them in `kfuncs`"),
        ));
    }

    let hooks = hooks(&set)?;
    let prog_types = hooks.iter().map(|(ident, _)| ident);
    let mut once: Vec<_> = hooks
        .iter()
        .map(|(ident, hook)| once_per_module(ident.span(), &format!("for_{hook}_programs")))
        .collect();
    if !set.fmod_ret.is_empty() {
        once.push(once_per_module(name.span(), "with_fmod_ret"));
    }
    let objects = set.objects.iter();
    let filter = filter(&set);
    let kfuncs: Vec<_> = set.kfuncs.iter().collect();
    let programs = programs(&set, &hooks);
    let has_dtors = format!("rust_bpf_has_dtors_{}", module());
    let has_dtors_asm = has_dtors_asm(&has_dtors);
    let (attrs, vis) = (&set.attrs, &set.vis);
    let label = format!("rust_kfunc_set_{name}");
    let kfunc = List {
        set: name,
        label: &label,
        paths: &set.kfuncs,
        what: "kfunc",
        of: quote! { ::bpf::kfunc::Kfunc },
        flags: quote! { ::kernel::bindings::BTF_SET8_KFUNCS },
    };
    let mut ids = kfunc.ids()?;
    let mut fmod_ret = quote! { ::core::option::Option::None };
    if !set.fmod_ret.is_empty() {
        let label = format!("rust_fmod_ret_set_{name}");
        let list = List {
            set: name,
            label: &label,
            paths: &set.fmod_ret,
            what: "function",
            of: quote! { ::bpf::traceable::FmodRet },
            flags: quote! { 0 },
        };
        ids.extend(list.ids()?);
        fmod_ret = quote! {
            {
                extern "C" {
                    #[link_name = #label]
                    static FMOD_RET: ::kernel::bindings::btf_id_set8;
                }
                ::core::option::Option::Some(::core::ptr::addr_of!(FMOD_RET))
            }
        };
    }
    let text = name.to_string();

    Ok(quote! {
        #ids
        #(#once)*
        #(#programs)*
        #has_dtors_asm

        #(#attrs)*
        #vis static #name: ::bpf::KfuncSet = {
            extern "C" {
                #[link_name = #label]
                static SET: ::kernel::bindings::btf_id_set8;
                #[link_name = #has_dtors]
                static HAS_DTORS: ::kernel::sync::atomic::Atomic<bool>;
            }

            // Without a use, the compiler warns about the kfunc.
            #(let () = <#kfuncs>::NO_KFUNC_SET_NAMES_THIS_KFUNC;)*

            // SAFETY: `SET` is the list above, in the format of `BTF_KFUNCS_START` and
            // `BTF_KFUNCS_END`. `#[kfunc]` generated the BTF prototype of each function in it. No
            // two program types share a hook. `HAS_DTORS` is a byte with the value 0. `FMOD_RET` is a
            // list of functions that implement `FmodRet`.
            unsafe {
                ::bpf::KfuncSet::from_raw(
                    #text,
                    ::core::ptr::addr_of!(SET),
                    &[#(::bpf::kfunc_set::Entry::new(
                        <#kfuncs as ::bpf::kfunc::Kfunc>::NAME,
                        <#kfuncs as ::bpf::kfunc::Kfunc>::ENTRY,
                    )),*],
                    &[#(::bpf::ProgType::#prog_types),*],
                    ::bpf::kfunc_set::Dtors::new(
                        &[
                            #(::core::option::Option::Some(
                                ::bpf::kfunc_set::Dtor::of::<#objects>()
                            ),)*
                            #(<#kfuncs as ::bpf::kfunc::Kfunc>::DTOR,)*
                        ],
                        &HAS_DTORS,
                    ),
                    #fmod_ret,
                    #filter,
                )
            }
        };
    })
}

/// Returns one program type for each hook of the set.
fn hooks(set: &KfuncSet) -> Result<Vec<(&Ident, &'static str)>> {
    let mut hooks: Vec<(&Ident, &'static str)> = Vec::new();
    for ident in &set.prog_types {
        let Some((_, hook)) = PROG_TYPES.iter().find(|(name, _)| ident == name) else {
            let known: Vec<_> = PROG_TYPES.iter().map(|(name, _)| *name).collect();
            return Err(Error::new(
                ident.span(),
                format!(
                    "{}: `{ident}` is not a program type that can call kfuncs; the types are {}",
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

/// Generates a symbol that can exist only once in a module, so that two sets for one hook do not
/// compile.
///
/// Without it, the kernel would reject the second set at run time, with a warning and a stack
/// trace. The compiler prints the symbol, so the name of the symbol is the error message. The
/// linker discards the section.
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

/// Generates the C function through which the kernel calls the author's filter.
fn filter(set: &KfuncSet) -> TokenStream {
    let kfuncs: Vec<_> = set.kfuncs.iter().collect();
    let flags = quote! { 0 #(| <#kfuncs as ::bpf::kfunc::Kfunc>::FLAGS)* };
    let Some(filter) = &set.filter else {
        return quote! { ::bpf::compat::filter(#flags) };
    };
    quote! {
        {
            /// # Safety
            ///
            /// `prog` must be a valid program.
            unsafe extern "C" fn __bpf_filter(
                prog: *const ::kernel::bindings::bpf_prog,
                _kfunc_id: u32,
            ) -> ::kernel::ffi::c_int {
                // This type rejects a filter that keeps the program after the call.
                let filter: fn(&::bpf::Prog) -> bool = #filter;
                // SAFETY: The caller promises that `prog` is a valid program.
                let prog = unsafe { ::bpf::Prog::from_raw(prog) };
                let allowed = ::bpf::compat::keeps_rcu(prog, const { #flags }) && filter(prog);
                if allowed { 0 } else { ::kernel::error::code::EACCES.to_errno() }
            }
            ::core::option::Option::Some(__bpf_filter)
        }
    }
}

/// Generates assertions that the contracts of the kfuncs are true for the programs of the set.
fn programs(set: &KfuncSet, hooks: &[(&Ident, &'static str)]) -> Vec<TokenStream> {
    let pairs = set
        .kfuncs
        .iter()
        .flat_map(|kfunc| hooks.iter().map(move |(prog_type, _)| (kfunc, prog_type)));
    let assertions = pairs.filter_map(|(kfunc, prog_type)| {
        let function = &kfunc.segments.last()?.ident;
        let place = format!("{}: {function}: ", set.name);
        Some(quote_spanned! { function.span() =>
            const _: () = {
                const WHY: ::core::option::Option<&str> = ::bpf::contract::refused_for(
                    <#kfunc as ::bpf::kfunc::Kfunc>::CONTRACTS,
                    ::bpf::ProgType::#prog_type,
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
        })
    });
    assertions.collect()
}

/// Generates a byte that all sets of the module share: whether one has registered destructors.
fn has_dtors_asm(symbol: &str) -> TokenStream {
    let asm = format!(
        ".ifndef {symbol}\n.pushsection .bss.{symbol},\"aw\",%nobits\n.weak {symbol}\n\
         .type {symbol}, %object\n.size {symbol}, 1\n{symbol}:\n.zero 1\n.popsection\n.endif"
    );
    quote! { ::core::arch::global_asm!(#asm); }
}

/// A list of functions whose ids and flags the kernel gets.
struct List<'a> {
    set: &'a Ident,
    /// The symbol of the list.
    label: &'a str,
    paths: &'a Punctuated<Path, Token![,]>,
    /// The functions, in messages.
    what: &'a str,
    /// The trait that the functions implement.
    of: TokenStream,
    /// The flags of the list.
    flags: TokenStream,
}

impl List<'_> {
    /// Generates the list that `resolve_btfids` fills with the ids of the functions, in the format
    /// of `BTF_KFUNCS_START`, `BTF_ID_FLAGS` and `BTF_KFUNCS_END` in `include/linux/btf_ids.h`.
    fn ids(&self) -> Result<TokenStream> {
        let Self { set, label, of, .. } = self;
        let list = format!("__BTF_ID__set8__{label}");
        let mut asm = String::new();
        let mut constants = Vec::new();
        let mut same_names = Vec::new();

        // A write to a `String` cannot fail.
        let _ = writeln!(asm, ".pushsection .BTF_ids,\"a\"\n.balign 4");
        let _ = writeln!(asm, ".local {label}\n{label}:");
        let _ = writeln!(asm, ".local {list}\n{list}:\n.zero 4\n.long {{set_flags}}");
        for (index, path) in self.paths.iter().enumerate() {
            let Some(function) = path.segments.last().map(|segment| &segment.ident) else {
                continue;
            };
            let earlier = self.paths.iter().take(index);
            if earlier
                .into_iter()
                .any(|path| path.segments.last().map(|s| &s.ident) == Some(function))
            {
                return Err(Error::new(
                    function.span(),
                    format!("{set}: `{function}` is in the set twice; remove one"),
                ));
            }
            // `resolve_btfids` cuts off the part after the last two underscores. This part makes
            // the symbol unique in the object file, because several sets can have the same
            // function.
            let symbol = format!("__BTF_ID__func__{function}__{}{index}", unique(label));
            let flags = format_ident!("flags{index}");
            let _ = writeln!(asm, ".local {symbol}\n.type {symbol}, STT_OBJECT");
            let _ = writeln!(
                asm,
                ".size {symbol}, 4\n{symbol}:\n.zero 4\n.long {{{flags}}}"
            );
            constants.push(quote! { #flags = const <#path as #of>::FLAGS });
            same_names.push(self.same_name(path, function));
        }
        let _ = writeln!(asm, ".size {list}, .-{list}\n.popsection");
        let set_flags = &self.flags;

        Ok(quote! {
            ::core::arch::global_asm!(
                #asm,
                set_flags = const #set_flags,
                #(#constants),*
            );
            #(#same_names)*
        })
    }

    /// Generates the assertion that the last segment of a path is the name of the function.
    ///
    /// The list of ids has the symbol by this name, beside the flags of the type. The name could
    /// also be an alias of the type of another function.
    fn same_name(&self, path: &Path, name: &Ident) -> TokenStream {
        let Self { set, what, of, .. } = self;
        let symbol = crate::kfunc::c_string(&name.to_string());
        let why = format!("{set}: `{name}` is an alias of a {what}; write the name of the {what}");
        quote_spanned! { name.span() =>
            const _: () = ::core::assert!(
                ::bpf::kfunc_set::are_equal(<#path as #of>::NAME, #symbol),
                #why
            );
        }
    }
}
