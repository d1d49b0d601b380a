// SPDX-License-Identifier: GPL-2.0

//! Procedural macros of the `bpf` crate.
//!
//! [`macro@kfunc`] turns a Rust function into one that BPF programs can call, [`kfunc_set!`]
//! lists the functions that a module offers and the program types that may call them. Parsing
//! ([`mod@signature`]) is apart from code generation ([`mod@kfunc`], [`mod@kfunc_set`]); what a
//! type means to the verifier is not decided here but by the traits of the `bpf` crate, which the
//! generated code refers to.
//!
//! The macros see tokens, not types. They refuse early what can be recognised by its spelling,
//! because they can then say what to write instead; everything else is refused by a trait bound.

mod bpf_helper;
mod btf_type;
mod kfunc;
mod kfunc_iterator;
mod kfunc_set;
mod may_panic;
mod modinfo;
mod names;
mod signature;
mod struct_ops;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a function callable from BPF programs.
///
/// The signature is the contract that the BPF verifier enforces; the `bpf` crate documents what
/// each type means to it. The function stays an ordinary Rust function under its own name. Beside
/// it, the macro defines
///
/// - the symbol that BPF programs call, with the C calling convention, into which the function is
///   inlined: there is no second call on the way;
/// - a description of the prototype for the module's BTF, which `scripts/rust-btf` reads at build
///   time;
/// - a type of the same name, by which [`kfunc_set!`] refers to the function.
///
/// The name of the function is the name of the kfunc. It is global: no two modules can offer the
/// same, and by convention it begins with `bpf_`.
///
/// # Examples
///
/// ```ignore
/// /// Returns the number of bytes in @data that are zero.
/// #[kfunc]
/// fn bpf_count_zeroes(data: &[u8]) -> Result<u32> {
///     Ok(data.iter().filter(|&&b| b == 0).count() as u32)
/// }
/// ```
#[proc_macro_attribute]
pub fn kfunc(attr: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemFn);
    kfunc::expand(attr.into(), item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes an open-coded iterator of a type with `new` and `next`.
///
/// The `bpf` crate documents it in its module `iterator`. `#[kfunc_iterator(name)]` on the `impl`
/// defines the kfuncs `bpf_iter_<name>_new`, `_next` and `_destroy`; `#[kfunc_iterator(name,
/// sleepable)]` for programs that may sleep only.
#[proc_macro_attribute]
pub fn kfunc_iterator(attr: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemImpl);
    kfunc_iterator::expand(attr.into(), item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Gives a type a name and a layout in BTF, so that kfuncs can take and return it.
///
/// The `bpf` crate documents in its modules `types` and `object` what it is for. On the type:
///
/// - `#[btf(name = "bpf_thing")]`: the name in BTF; without it, the Rust name in snake case.
/// - `#[btf(object)]`: an object that programs hold references to. Only fields with `#[btf]` are in
///   BTF.
/// - `#[btf(object, registry = 64)]`: so many of them can be found by a key.
#[proc_macro_derive(BtfType, attributes(btf))]
pub fn btf_type(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    btf_type::expand(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Declares a set of kfuncs and the BPF program types that may call them.
///
/// The set is a static of type `bpf::KfuncSet`; the module registers it from its `init`. This is
/// what `BTF_KFUNCS_START`, `BTF_ID_FLAGS` and `BTF_KFUNCS_END` do in C. The flags come from the
/// signatures.
///
/// The kernel keeps one set for each module and kind of program. Two sets of one module that name
/// the same kind do not compile.
///
/// # Examples
///
/// ```ignore
/// kfunc_set! {
///     /// What tracing programs may call.
///     static TRACING_KFUNCS = {
///         prog_types: [Tracing, Syscall],
///         kfuncs: [bpf_count_zeroes],
///     };
/// }
/// ```
///
/// `with objects [Counter, ...]` after the list lets programs keep references to such objects in
/// maps. `if function` restricts who may call to the programs for which `fn(&bpf::Prog) -> bool`
/// returns `true`:
///
/// ```ignore
/// kfunc_set! {
///     static COUNTERS = {
///         prog_types: [StructOps],
///         kfuncs: [bpf_counter_add],
///         objects: [Counter],
///         filter: may_count,
///     };
/// }
/// ```
#[proc_macro]
pub fn kfunc_set(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as kfunc_set::KfuncSet);
    kfunc_set::expand(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a function that prologues and epilogues can call: `BPF_CALL_0` to `BPF_CALL_5` of C.
///
/// ```ignore
/// bpf_helper! {
///     /// Takes one off what is left of the request's budget.
///     static CHARGE = fn(request: &Object<Request>, cost: u64) -> u64 {
///         request.charge(cost)
///     };
/// }
///
/// // In gen_prologue:
/// let left = prologue.call(&CHARGE, [Input::Arg(0), Input::Const(1)]);
/// ```
///
/// It defines a static `bpf::pro_epilogue::Helper`. The `StructOps` implementation whose prologues or
/// epilogues call the helper lists it in `HELPERS`. References among the arguments are valid until
/// the helper returns.
#[proc_macro]
pub fn bpf_helper(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as bpf_helper::BpfHelper);
    bpf_helper::expand(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Lets a function panic.
///
/// `scripts/rust-panic` refuses a module with a function that can panic. Where the compiler cannot
/// see that a panic never happens, and the code cannot be written so that it does, the author says
/// why:
///
/// ```ignore
/// #[may_panic("the table has an entry for each of the 256 values of a byte")]
/// fn weight(byte: u8) -> u32 {
///     WEIGHTS[usize::from(byte)]
/// }
/// ```
///
/// The attribute is for functions and methods: also for a [`macro@kfunc`], `new` and `next` of an
/// iterator, `drop`, a function with a default body in a [`macro@struct_ops`] trait. It is for the
/// code of that function, what is inlined into it, and its closures; not for functions that it calls,
/// unless they are generic functions of other crates. The function is not inlined, so its call costs
/// a few instructions.
///
/// If it panics nevertheless, the kernel stops.
#[proc_macro_attribute]
pub fn may_panic(attr: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemFn);
    may_panic::expand(attr.into(), item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Declares a table of functions that BPF programs implement.
///
/// The `bpf` crate documents it in its module `struct_ops`. `#[struct_ops(bpf_my_ops)]` on a trait
/// `MyOps` leaves the trait, whose methods the subsystem calls on a table that is attached, and
/// defines
///
/// - the struct `MyOpsTable`, which is `struct bpf_my_ops` for BPF programs, and what describes it,
///   and the value of its map, to the BTF step;
/// - a stub for each function, by which the kernel knows its type;
/// - the implementation of the trait on `bpf::struct_ops::Ops<MyOpsTable>`.
#[proc_macro_attribute]
pub fn struct_ops(attr: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemTrait);
    struct_ops::expand(attr.into(), item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
