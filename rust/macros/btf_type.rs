// SPDX-License-Identifier: GPL-2.0

//! Code generation for `#[derive(BtfType)]`.
//!
//! The macro generates the declaration of a type for the BTF step, and for an object also the
//! destructor. It does not check the types of fields: trait bounds and assertions in the generated
//! code do that.

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

/// The options in `#[btf(...)]` on a type.
#[derive(Default)]
struct Options {
    /// The type has a reference count, and only fields with `#[btf]` are in BTF.
    object: bool,
    /// The name in BTF.
    name: Option<LitStr>,
    /// The number of objects that kfuncs can find by a key.
    registry: Option<LitInt>,
    /// The field with the lock that programs can hold.
    lock: Option<Ident>,
}

pub(crate) fn expand(input: DeriveInput) -> Result<TokenStream> {
    let name = &input.ident;
    if !input.generics.params.is_empty() {
        return Err(Error::new(
            input.generics.span(),
            format!("{name}: BTF has no generic types; remove the parameters"),
        ));
    }
    let options = options(&input.attrs)?;
    let (btf_name, span) = match &options.name {
        Some(name) => (name.value(), name.span()),
        None => (snake_case(&name.unraw().to_string()), name.span()),
    };
    names::type_name(&btf_name, span)?;
    match &input.data {
        Data::Struct(data) if options.object => object(&input, &btf_name, &data.fields, &options),
        _ if options.object => Err(Error::new(
            name.span(),
            format!("{name}: an object must be a struct"),
        )),
        _ if options.registry.is_some() => Err(Error::new(
            name.span(),
            format!("{name}: only objects have a registry; write `#[btf(object, ...)]`"),
        )),
        _ if options.lock.is_some() => Err(Error::new(
            name.span(),
            format!("{name}: only objects have a lock; write `#[btf(object, ...)]`"),
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
                        "the name of a type in C must be an identifier",
                    ));
                }
                options.name = Some(name);
                Ok(())
            } else if meta.path.is_ident("registry") {
                options.registry = Some(meta.value()?.parse()?);
                Ok(())
            } else if meta.path.is_ident("lock") {
                options.lock = Some(meta.value()?.parse()?);
                Ok(())
            } else {
                Err(meta.error(
                    "the options of `#[btf]` are `object`, `registry = 64`, `lock = field` and \
                     `name = \"...\"`",
                ))
            }
        })?;
    }
    Ok(options)
}

/// Returns the words in `#[repr(...)]`.
fn repr(attrs: &[Attribute]) -> Result<Vec<Ident>> {
    let mut words = Vec::new();
    for attr in attrs.iter().filter(|attr| attr.path().is_ident("repr")) {
        attr.parse_nested_meta(|meta| {
            words.extend(meta.path.get_ident().cloned());
            // The number in `align(...)`.
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
            "{}: the compiler can choose any offsets for the fields of a {what}; add `#[repr(C)]`",
            input.ident
        ),
    ))
}

fn named<'a>(name: &Ident, fields: &'a Fields) -> Result<Vec<&'a Field>> {
    match fields {
        Fields::Named(fields) if !fields.named.is_empty() => Ok(fields.named.iter().collect()),
        _ => Err(Error::new(
            name.span(),
            format!("{name}: a field in BTF has a name; use a struct with a named field"),
        )),
    }
}

/// Appends the members of a declaration to `parts`: the name, offset and type of each.
fn members(name: &Ident, fields: &[&Field], parts: &mut Vec<TokenStream>) -> Result<()> {
    for (index, field) in fields.iter().enumerate() {
        let Some(ident) = &field.ident else {
            return Err(Error::new(
                field.span(),
                format!("{name}: a field in BTF has a name; use a struct with named fields"),
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

/// Generates the `BtfType` implementation of a type, and its declaration in the object file.
fn implement(name: &Ident, btf: &str, parts: &[TokenStream], scalars: TokenStream) -> TokenStream {
    let entry = modinfo::entry(&[quote! { <#name as ::bpf::BtfType>::DECLARATION }]);
    quote! {
        // SAFETY: The declaration has the size and the offsets that the compiler chose, and the BTF
        // type of each field.
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
            format!("{name}: the compiler can choose the size of an enum; add `#[repr(u32)]`"),
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

        // SAFETY: For a returned scalar, the verifier knows only the size, which is that of the
        // BTF type.
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

/// Generates the code for an object: a struct to which programs hold references.
///
/// The struct in BTF has the fields with `#[btf]`, and a last member `__opaque`, an empty array of
/// pointers. This member is no scalar, so the verifier does not accept memory of a program for the
/// struct. The elements are neither integers nor structs: otherwise `__opaque` would be a flexible
/// array for the verifier, and programs could read at any offset after the struct
/// (`btf_struct_walk()`).
fn object(
    input: &DeriveInput,
    btf_name: &str,
    fields: &Fields,
    options: &Options,
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
                // SAFETY: The struct has a field of this type at this offset.
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
            "{name}: a field for programs must be a scalar or an array of scalars; a program could \
             pass a struct in an object to a kfunc that takes this struct"
        );
        quote_spanned! { ty.span() =>
            const _: () = ::core::assert!(
                ::core::matches!(<#ty as ::bpf::BtfType>::SCALARS, Some(0)),
                #why
            );
        }
    });

    // The kernel finds the destructor by its name, which must be unique among all modules.
    let dtor = format!("bpf_dtor_{}_{btf_name}", module_and_hash());
    let describe = kfunc::describe(
        "func",
        &dtor,
        &[quote! { "object *void" }],
        &quote! { "void" },
    );
    let label = format!("rust_btf_dtor_{btf_name}");
    let ids = dtor_ids(btf_name, &dtor, &label);
    let module = format_ident!("__{btf_name}_btf");
    let registry = options
        .registry
        .as_ref()
        .map(|places| registered(name, places));
    let lockable = match &options.lock {
        Some(lock) => lockable(name, btf_name, fields, lock)?,
        None => TokenStream::new(),
    };

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
            /// The caller must be the kernel, and must own a reference to `object`, which it had in
            /// a map value.
            #[export_name = #dtor]
            unsafe extern "C" fn dtor(object: *mut ::core::ffi::c_void) {
                // SAFETY: The caller promises that it owns a reference to `object`.
                unsafe { ::bpf::object::drop_reference::<#name>(object) };
            }
        };

        #describe

        // SAFETY: The assertions above check that the fields in the declaration are scalars, and
        // `__opaque` is no scalar. `DTOR` has the ids of the struct and of the function above.
        // `WRITABLE` lists fields of this struct. `RECLAIM` is a static of the module that defines
        // the type.
        unsafe impl ::bpf::object::BtfObject for #name {
            const DTOR: *const ::kernel::bindings::btf_id_dtor_kfunc =
                ::core::ptr::addr_of!(#module::IDS);
            const WRITABLE: &'static [::bpf::object::Field] = &[#(#writable),*];

            fn reclaim() -> &'static ::bpf::header::Reclaim {
                // The constants of the traits are fallbacks: those of `Probe` come first, if the type
                // is a work, or has a timer with calls in softirqs.
                #[allow(unused_imports)]
                use ::bpf::{
                    timer::NotTimed as _,
                    work::NoWork as _, //
                };
                static RECLAIM: ::bpf::header::Reclaim = ::bpf::header::Reclaim::new::<#name>(
                    ::bpf::work::Probe::<#name>::RUN,
                    ::bpf::work::Probe::<#name>::SKIP,
                    ::bpf::timer::Probe::<#name>::RUN_IN_SOFTIRQ,
                );
                &RECLAIM
            }
        }

        #registry
        #lockable
    })
}

/// Generates the lock of a type of objects, and the struct to which programs that hold it have
/// pointers. As in an object, `__opaque` is no scalar and no flexible array.
fn lockable(name: &Ident, btf_name: &str, fields: &Fields, lock: &Ident) -> Result<TokenStream> {
    let field = fields
        .iter()
        .find(|field| field.ident.as_ref().is_some_and(|ident| ident == lock));
    let Some(field) = field else {
        return Err(Error::new(
            lock.span(),
            format!("{name}: there is no field `{lock}`; name the field that is the lock"),
        ));
    };
    let ty = &field.ty;
    let btf = format!("struct {btf_name}{}", names::LOCKED);
    let declaration = format!("{btf} 8 {{ __opaque 8 [0]*void }}");
    let declare = modinfo::entry(&[quote! { #declaration }]);
    Ok(quote_spanned! { ty.span() =>
        #declare

        // SAFETY: The declaration above is that of the struct, whose only member is no scalar.
        unsafe impl ::bpf::locked::Lockable for #name {
            type Lock = #ty;
            const LOCKED: &'static str = #btf;

            #[inline(always)]
            fn lock(&self) -> &#ty {
                &self.#lock
            }
        }
    })
}

/// Generates the registry of a type of objects.
fn registered(name: &Ident, places: &LitInt) -> TokenStream {
    quote_spanned! { places.span() =>
        // SAFETY: `REGISTRY` is a static of the module that defines the type.
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

/// The access of programs to a field of an object.
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
                return Err(meta.error("the only option of `#[btf]` on a field is `write`"));
            }
            access = Some(Access::Write);
            Ok(())
        })?;
    }
    Ok(access)
}

/// Generates the ids of the struct and of the destructor, as `BTF_ID_LIST`, `BTF_ID(struct, ...)`
/// and `BTF_ID(func, ...)` do.
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
