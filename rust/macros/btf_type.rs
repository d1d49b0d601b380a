// SPDX-License-Identifier: GPL-2.0

//! Code generation for `#[derive(BtfType)]`.

use crate::{
    kfunc,
    modinfo,
    names::{
        self,
        module_and_hash,
        snake_case,
        unique, //
    }, //
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
    spanned::Spanned,
    Attribute,
    Data,
    DataEnum,
    DeriveInput,
    Error,
    Field,
    Fields,
    LitInt,
    LitStr,
    Meta,
    Result, //
};

/// What `#[btf(...)]` on a type says.
#[derive(Default)]
struct Options {
    /// An object that is counted, of which only marked fields are in BTF.
    object: bool,
    /// The name in BTF.
    name: Option<LitStr>,
    /// How many objects can be found by a key.
    registry: Option<LitInt>,
}

pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    if !input.generics.params.is_empty() {
        return Err(Error::new(
            input.generics.span(),
            format!("{name}: a type with parameters is many types; BTF has a name for one"),
        ));
    }
    let options = options(&input.attrs)?;
    let (btf_name, span) = match &options.name {
        Some(name) => (name.value(), name.span()),
        None => (snake_case(&name.unraw().to_string()), name.span()),
    };
    names::type_name(&btf_name, span)?;
    match &input.data {
        Data::Struct(data) if options.object => {
            object(&input, &btf_name, &data.fields, options.registry.as_ref())
        }
        _ if options.object => Err(Error::new(
            name.span(),
            format!("{name}: an object is a struct"),
        )),
        _ if options.registry.is_some() => Err(Error::new(
            name.span(),
            format!("{name}: only objects can be found by a key; write `#[btf(object, ...)]`"),
        )),
        Data::Struct(data) => {
            require_repr_c(&input, "struct")?;
            aggregate(&input, "struct", &btf_name, named(name, &data.fields)?)
        }
        Data::Union(data) => {
            require_repr_c(&input, "union")?;
            aggregate(
                &input,
                "union",
                &btf_name,
                data.fields.named.iter().collect(),
            )
        }
        Data::Enum(data) => enumeration(&input, &btf_name, data),
    }
}

fn options(attrs: &[Attribute]) -> Result<Options> {
    let mut options = Options::default();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("btf")) {
        attr.parse_nested_meta(|meta| {
            if meta.path.is_ident("object") {
                options.object = true;
                Ok(())
            } else if meta.path.is_ident("name") {
                let name = meta.value()?.parse::<LitStr>()?;
                if syn::parse_str::<Ident>(&name.value()).is_err() {
                    return Err(Error::new(
                        name.span(),
                        "the name of a type in C is an identifier",
                    ));
                }
                options.name = Some(name);
                Ok(())
            } else if meta.path.is_ident("registry") {
                options.registry = Some(meta.value()?.parse()?);
                Ok(())
            } else {
                Err(meta.error(
                    "`#[btf]` has the options `object`, `registry = 64` and `name = \"...\"`",
                ))
            }
        })?;
    }
    Ok(options)
}

/// The words in `#[repr(...)]`.
fn repr(attrs: &[Attribute]) -> Result<Vec<Ident>> {
    let mut words = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        attr.parse_nested_meta(|meta| {
            words.extend(meta.path.get_ident().cloned());
            // The number of `align(...)`.
            if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<TokenStream>()?;
            }
            Ok(())
        })?;
    }
    Ok(words)
}

fn require_repr_c(input: &DeriveInput, what: &str) -> Result<()> {
    if repr(&input.attrs)?.iter().any(|word| word == "C") {
        return Ok(());
    }
    Err(Error::new(
        input.ident.span(),
        format!(
            "{}: the compiler may arrange the fields of a {what} as it likes; add `#[repr(C)]`",
            input.ident
        ),
    ))
}

fn named<'a>(name: &Ident, fields: &'a Fields) -> Result<Vec<&'a Field>> {
    match fields {
        Fields::Named(fields) if !fields.named.is_empty() => Ok(fields.named.iter().collect()),
        _ => Err(Error::new(
            name.span(),
            format!("{name}: BTF knows fields by name; name at least one"),
        )),
    }
}

/// The parts of a declaration's members: name, offset and type of each, behind what comes first.
fn members(name: &Ident, fields: &[&Field], parts: &mut Vec<TokenStream>) -> Result<()> {
    for (index, field) in fields.iter().enumerate() {
        let Some(ident) = &field.ident else {
            return Err(Error::new(
                field.span(),
                format!("{name}: BTF knows fields by name; name those that programs read"),
            ));
        };
        let ty = &field.ty;
        let text = names::plain(ident)?;
        let text = format!("{}{text} ", if index == 0 { "" } else { ", " });
        parts.push(quote_spanned! { ty.span() =>
            #text,
            ::bpf::describe::Number::<{ ::core::mem::offset_of!(#name, #ident) }>::TEXT,
            " ",
            <#ty as ::bpf::BtfType>::BTF
        });
    }
    Ok(())
}

fn size(name: &Ident) -> TokenStream {
    quote! { ::bpf::describe::Number::<{ ::core::mem::size_of::<#name>() }>::TEXT }
}

/// `BtfType` for a type, and its declaration in the object file.
fn implement(name: &Ident, btf: &str, parts: &[TokenStream], scalars: TokenStream) -> TokenStream {
    let entry = modinfo::entry(&[quote! { <#name as ::bpf::BtfType>::DECLARATION }]);
    quote! {
        // SAFETY: The declaration is made of the layout that the compiler chose, and the types of
        // the fields are what they say.
        unsafe impl ::bpf::BtfType for #name {
            const BTF: &'static str = #btf;
            const DECLARATION: &'static str = {
                const PARTS: &[&str] = &[#(#parts),*];
                const BYTES: [u8; ::bpf::describe::len(PARTS)] = ::bpf::describe::concat(PARTS);
                ::bpf::describe::text(&BYTES)
            };
            const SCALARS: ::core::option::Option<u32> = #scalars;
        }

        #entry
    }
}

fn aggregate(
    input: &DeriveInput,
    kind: &str,
    btf_name: &str,
    fields: Vec<&Field>,
) -> Result<TokenStream> {
    let name = &input.ident;
    let btf = format!("{kind} {btf_name}");
    let size = size(name);
    let mut parts = vec![quote! { #btf, " ", #size, " { " }];
    members(name, &fields, &mut parts)?;
    parts.push(quote! { " }" });

    let types = fields.iter().map(|field| &field.ty);
    let scalars = if kind == "struct" {
        quote! { ::bpf::types::scalars }
    } else {
        quote! { ::bpf::types::union_scalars }
    };
    Ok(implement(
        name,
        &btf,
        &parts,
        quote! { #scalars(&[#(<#types as ::bpf::BtfType>::SCALARS),*]) },
    ))
}

fn enumeration(input: &DeriveInput, btf_name: &str, data: &DataEnum) -> Result<TokenStream> {
    let name = &input.ident;
    const REPRS: &[&str] = &["u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64"];
    let repr = repr(&input.attrs)?;
    let Some(repr) = repr
        .iter()
        .find(|word| REPRS.iter().any(|repr| word == repr))
    else {
        return Err(Error::new(
            name.span(),
            format!("{name}: the compiler may choose the size of an enum; add `#[repr(u32)]`"),
        ));
    };
    if let Some(variant) = data
        .variants
        .iter()
        .find(|v| !matches!(v.fields, Fields::Unit))
    {
        return Err(Error::new(
            variant.span(),
            format!("{name}: an enum with fields has no BTF; use a struct with a tag"),
        ));
    }

    let signed = repr.to_string().starts_with('i');
    let btf = format!("enum {btf_name}");
    let size = size(name);
    let kind = if signed { " signed { " } else { " unsigned { " };
    let mut parts = vec![quote! { #btf, " ", #size, #kind }];
    for (index, variant) in data.variants.iter().enumerate() {
        let ident = &variant.ident;
        let text = format!(
            "{}{}_{} = ",
            if index == 0 { "" } else { ", " },
            btf_name.to_uppercase(),
            snake_case(&names::plain(ident)?).to_uppercase()
        );
        let (sign, number) = if signed {
            (
                quote! { if (#name::#ident as i64) < 0 { "-" } else { "" } },
                quote! { (#name::#ident as i64).unsigned_abs() as usize },
            )
        } else {
            (quote! { "" }, quote! { #name::#ident as usize })
        };
        parts.push(quote! { #text, #sign, ::bpf::describe::Number::<{ #number }>::TEXT });
    }
    parts.push(quote! { " }" });

    let variants: Vec<_> = data.variants.iter().map(|variant| &variant.ident).collect();
    let implement = implement(
        name,
        &btf,
        &parts,
        quote! { ::core::option::Option::Some(0) },
    );
    Ok(quote! {
        #implement

        impl ::core::convert::TryFrom<#repr> for #name {
            type Error = ::kernel::error::Error;

            fn try_from(value: #repr) -> ::core::result::Result<Self, Self::Error> {
                #(if value == #name::#variants as #repr { return Ok(#name::#variants); })*
                Err(::kernel::error::code::EINVAL)
            }
        }

        // SAFETY: The verifier concludes nothing about a returned scalar but its size.
        unsafe impl ::bpf::kfunc::KfuncRet for #name {
            type Abi = #repr;
            const BTF: &'static str = #btf;

            #[inline(always)]
            fn into_abi(self) -> #repr {
                self as #repr
            }
        }
    })
}

/// A struct of which programs hold references: the fields that are marked, and a last member that
/// is no scalar, so that no memory of a program passes for it. Its elements are neither integers nor
/// structs: the verifier would take the struct for one with a flexible array, and let programs read
/// at any offset behind it (`btf_struct_walk()`).
fn object(
    input: &DeriveInput,
    btf_name: &str,
    fields: &Fields,
    registry: Option<&LitInt>,
) -> Result<TokenStream> {
    let name = &input.ident;
    let mut shown = Vec::new();
    let mut writable = Vec::new();
    for field in fields {
        let Some(access) = access(field)? else {
            continue;
        };
        shown.push(field);
        if let (Access::Write, Some(ident)) = (access, &field.ident) {
            let ty = &field.ty;
            writable.push(quote_spanned! { ty.span() =>
                // SAFETY: The field is there, and has this type.
                unsafe {
                    ::bpf::object::Field::new::<#ty>(::core::mem::offset_of!(#name, #ident))
                }
            });
        }
    }
    let btf = format!("struct {btf_name}");
    let size = size(name);
    let mut parts = vec![quote! { #btf, " ", #size, " { " }];
    members(name, &shown, &mut parts)?;
    let comma = if shown.is_empty() { "" } else { ", " };
    parts.push(quote! { #comma, "__opaque ", #size, " [0]*void }" });
    let implement = implement(name, &btf, &parts, quote! { ::core::option::Option::None });

    let scalars = shown.iter().map(|field| {
        let ty = &field.ty;
        let why = format!(
            "{name}: programs may read scalars and arrays of scalars; a struct in an object could be \
             passed where a kfunc takes such a struct"
        );
        quote_spanned! { ty.span() =>
            const _: () = ::core::assert!(
                ::core::matches!(<#ty as ::bpf::BtfType>::SCALARS, Some(0)),
                #why
            );
        }
    });

    // A map finds it by its name among those of all modules.
    let dtor = format!("bpf_dtor_{}_{btf_name}", module_and_hash());
    let describe = kfunc::describe(
        "kfunc",
        &dtor,
        &[quote! { "object *void" }],
        &quote! { "void" },
    );
    let label = format!("rust_btf_dtor_{btf_name}");
    let ids = dtor_ids(btf_name, &dtor, &label);
    let module = format_ident!("__{btf_name}_btf");
    let registry = registry.map(|places| registered(name, places));

    Ok(quote! {
        #implement
        #(#scalars)*
        #ids

        #[doc(hidden)]
        mod #module {
            extern "C" {
                #[link_name = #label]
                pub(super) static IDS: ::kernel::bindings::btf_id_dtor_kfunc;
            }
        }

        const _: () = {
            /// # Safety
            ///
            /// To be called by the kernel when a map with a reference to the object goes away.
            #[export_name = #dtor]
            unsafe extern "C" fn dtor(object: *mut ::core::ffi::c_void) {
                // SAFETY: By the safety requirements; the reference is the map's.
                unsafe { ::bpf::object::drop_reference::<#name>(object) };
            }
        };

        #describe

        // SAFETY: The fields in the declaration are scalars, as was asserted, and `__opaque` is
        // not. The ids are those of the struct and of the function above. The fields are its own.
        // The static is beside the type.
        unsafe impl ::bpf::object::BtfObject for #name {
            const DTOR: *const ::kernel::bindings::btf_id_dtor_kfunc =
                ::core::ptr::addr_of!(#module::IDS);
            const WRITABLE: &'static [::bpf::object::Field] = &[#(#writable),*];

            fn reclaim() -> &'static ::bpf::header::Reclaim {
                static RECLAIM: ::bpf::header::Reclaim = ::bpf::header::Reclaim::new::<#name>();
                &RECLAIM
            }
        }

        #registry
    })
}

/// The places where objects can be found.
fn registered(name: &Ident, places: &LitInt) -> TokenStream {
    quote_spanned! { places.span() =>
        // SAFETY: The static is beside the type.
        unsafe impl ::bpf::registry::Registered for #name {
            fn registry() -> &'static ::bpf::registry::Registry<Self> {
                static REGISTRY: ::bpf::registry::Registry<
                    #name,
                    [::bpf::registry::Place; #places],
                > = ::bpf::registry::Registry::new();
                &REGISTRY
            }
        }
    }
}

/// What programs can do with a field of an object.
enum Access {
    Read,
    Write,
}

fn access(field: &Field) -> Result<Option<Access>> {
    let mut access = None;
    for attr in field
        .attrs
        .iter()
        .filter(|attr| attr.path().is_ident("btf"))
    {
        access = Some(Access::Read);
        if matches!(attr.meta, Meta::Path(_)) {
            continue;
        }
        attr.parse_nested_meta(|meta| {
            if !meta.path.is_ident("write") {
                return Err(meta.error("`#[btf]` on a field has the option `write`"));
            }
            access = Some(Access::Write);
            Ok(())
        })?;
    }
    Ok(access)
}

/// What `BTF_ID_LIST` with `BTF_ID(struct, ...)` and `BTF_ID(func, ...)` writes.
fn dtor_ids(btf_name: &str, dtor: &str, label: &str) -> TokenStream {
    let unique = unique(label);
    let mut asm = format!(".pushsection .BTF_ids,\"a\"\n.balign 4\n.local {label}\n{label}:\n");
    for symbol in [
        format!("__BTF_ID__struct__{btf_name}__{unique}0"),
        format!("__BTF_ID__func__{dtor}__{unique}1"),
    ] {
        asm += &format!(
            ".local {symbol}\n.type {symbol}, STT_OBJECT\n.size {symbol}, 4\n{symbol}:\n.zero 4\n"
        );
    }
    asm += ".popsection\n";
    quote! { ::core::arch::global_asm!(#asm); }
}
