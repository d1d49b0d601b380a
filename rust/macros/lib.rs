// SPDX-License-Identifier: GPL-2.0

//! Procedural macros of the `bpf` crate.
//!
//! [`macro@kfunc`] makes a kfunc of a Rust function. [`kfunc_set!`] lists the kfuncs of a module
//! and the program types that may call them. Each macro has a module, and parsing a signature
//! ([`mod@signature`]) is separate from code generation ([`mod@kfunc`], [`mod@kfunc_set`]).
//!
//! The macros know tokens, not types. They do not decide what a type means to the verifier: the
//! generated code uses the traits of the `bpf` crate for that. A macro rejects a wrong type if the
//! tokens show it, because the macro can then name the type to use instead. A trait bound rejects
//! every other wrong type.

mod bpf_helper;
mod btf_type;
mod declaration;
mod kernel_type;
mod kfunc;
mod kfunc_iterator;
mod kfunc_set;
mod may_panic;
mod modinfo;
mod module_kfunc;
mod names;
mod signature;
mod struct_ops;
mod traceable;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Makes a kfunc of a function, so that BPF programs can call it.
///
/// The signature is the contract that the verifier enforces; the `bpf` crate documents the meaning
/// of each type. Rust code can still call the function by its name. In addition, the macro defines:
///
/// - the symbol that BPF programs call, with the C calling convention. The function is inlined into
///   the symbol, so there is no second call.
/// - a description of the prototype for the module's BTF. `scripts/rust-btf` reads it in the build.
/// - a type with the name of the function, which [`kfunc_set!`] uses.
///
/// The name of the function is the name of the kfunc, which must begin with `bpf_`. The name is
/// global: two modules cannot have kfuncs of the same name.
///
/// The options of `#[kfunc(...)]` are `sleepable`, `destructive`, `perfmon` and `spinlock_safe`.
///
/// # Examples
///
/// ```
/// # use bpf::prelude::*;
/// # use kernel::prelude::*;
/// #
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
/// `#[kfunc_iterator(name)]` on the `impl` of the type defines the kfuncs `bpf_iter_<name>_new`,
/// `_next` and `_destroy`. With `#[kfunc_iterator(name, sleepable)]`, only programs that may sleep
/// can use the iterator. For details, see the module `iterator` of the `bpf` crate.
#[proc_macro_attribute]
pub fn kfunc_iterator(attr: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemImpl);
    kfunc_iterator::expand(attr.into(), item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Gives a type a name and a layout in BTF, so that kfuncs can take and return values of the type.
///
/// For details, see the modules `types` and `object` of the `bpf` crate. The options on the type
/// are:
///
/// - `#[btf(name = "bpf_thing")]`: the name in BTF. Without it, the name is the Rust name in snake
///   case.
/// - `#[btf(object)]`: programs can hold references to values of the type. Only fields with
///   `#[btf]` are in BTF.
/// - `#[btf(object, registry = 64)]`: in addition, kfuncs can find up to 64 objects by a key.
#[proc_macro_derive(BtfType, attributes(btf))]
pub fn btf_type(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as syn::DeriveInput);
    btf_type::expand(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Declares a set of kfuncs and the BPF program types that may call them.
///
/// The set is a static of type `bpf::KfuncSet`. The module registers it from its `init`. The flags
/// come from the signatures.
///
/// The kernel has one set for each module and group of program types (see `bpf::ProgType`). Two
/// sets of one module with types of the same group do not compile.
///
/// C: `BTF_KFUNCS_START`, `BTF_ID_FLAGS` and `BTF_KFUNCS_END` in
/// [`include/linux/btf_ids.h`](srctree/include/linux/btf_ids.h).
///
/// # Examples
///
/// ```
/// # use bpf::prelude::*;
/// # use kernel::prelude::*;
/// #
/// # #[kfunc]
/// # fn bpf_count_zeroes(data: &[u8]) -> Result<u32> {
/// #     Ok(data.iter().filter(|&&b| b == 0).count() as u32)
/// # }
/// #
/// kfunc_set! {
///     /// The kfuncs of tracing programs.
///     static TRACING_KFUNCS = {
///         prog_types: [Tracing, Syscall],
///         kfuncs: [bpf_count_zeroes],
///     };
/// }
/// ```
///
/// With `fmod_ret`, programs can replace the results of these functions; see [`macro@traceable`]. A
/// set can have `fmod_ret` without kfuncs.
///
/// Programs can keep references to objects in map values, if a kfunc of the set returns references
/// to objects of the type, or if `objects` names the type. A module with several sets names all its
/// types in `objects` of the set that it registers first. With `filter`, only the programs for which
/// this function returns `true` can call the kfuncs, and can replace the results of the functions in
/// `fmod_ret`:
///
/// ```
/// # use bpf::prelude::*;
/// # use kernel::prelude::*;
/// #
/// # #[derive(BtfType)]
/// # #[btf(object, name = "bpf_counter")]
/// # struct Counter {
/// #     count: kernel::sync::atomic::Atomic<u64>,
/// # }
/// #
/// # #[kfunc]
/// # fn bpf_counter_add(counter: &Object<Counter>, amount: u64) {
/// #     counter.count.add(amount, kernel::sync::atomic::Relaxed);
/// # }
/// #
/// fn may_count(prog: &bpf::Prog) -> bool {
///     prog.is_sleepable()
/// }
///
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

/// Declares a struct of the kernel, so that kfuncs can take pointers to it.
///
/// The name after the colon is the name of the struct in C. The build fails if the kernel's BTF does
/// not have the struct, or if a program could pass something else for it. Each field is the method
/// that reads the field of the same name in C; a field in a nested struct has its path after `=`.
/// A field has a type of any content: an integer, or an array of integers.
///
/// The offsets of fields come from `kernel::bindings`. A struct that the bindings do not have has
/// no fields: a kfunc can take a pointer to it and compare or pass it on.
///
/// # Examples
///
/// ```
/// # use bpf::{kernel_type, prelude::*};
/// #
/// kernel_type! {
///     /// An inode.
///     pub struct Inode: inode {
///         /// The number of the inode.
///         pub i_ino: u64,
///         /// The user id of the owner, in the initial user namespace.
///         pub i_uid: u32 = i_uid.val,
///     }
/// }
///
/// /// Returns whether @inode belongs to root.
/// #[kfunc]
/// fn bpf_inode_is_roots(inode: Trusted<'_, Inode>) -> bool {
///     inode.i_uid() == 0
/// }
/// ```
#[proc_macro]
pub fn kernel_type(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as kernel_type::KernelType);
    kernel_type::expand(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a helper: a function that prologues and epilogues can call.
///
/// The macro defines a static of type `bpf::pro_epilogue::Helper`. `bpf::struct_ops::StructOps::HELPERS` of
/// the subsystem must list it. The arguments are valid during the call.
///
/// C: `BPF_CALL_0` to `BPF_CALL_5` in [`include/linux/filter.h`](srctree/include/linux/filter.h).
///
/// # Examples
///
/// ```
/// # use bpf::{bpf_helper, pro_epilogue::{Input, Prologue}, prelude::*};
/// # use kernel::{prelude::*, sync::atomic::{Atomic, Relaxed}};
/// #
/// # #[derive(BtfType)]
/// # #[btf(object, name = "bpf_request")]
/// # struct Request {
/// #     cost: Atomic<u64>,
/// # }
/// #
/// bpf_helper! {
///     /// Adds @cost to the cost of the request and returns the old cost.
///     static CHARGE = fn(request: &Object<Request>, cost: u64) -> u64 {
///         request.cost.fetch_add(cost, Relaxed)
///     };
/// }
///
/// # fn gen_prologue(prologue: &mut Prologue<'_>) {
/// // In gen_prologue():
/// let cost = prologue.call(&CHARGE, [Input::Arg(0), Input::Const(1)]);
/// # let _ = cost;
/// # }
/// ```
#[proc_macro]
pub fn bpf_helper(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as bpf_helper::BpfHelper);
    bpf_helper::expand(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a kfunc of the module callable for prologues and epilogues of struct_ops programs.
///
/// `static NAME = kfunc(argument: type, ...) -> type;` repeats the signature of the kfunc. The types
/// of the arguments are those of [`bpf_helper!`]; the kfunc returns `Result<()>`, or a number of 32 or
/// 64 bits. See `bpf::pro_epilogue::ModuleKfunc`.
#[proc_macro]
pub fn module_kfunc(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as module_kfunc::ModuleKfunc);
    module_kfunc::expand(input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Allows a function to contain code that panics.
///
/// `scripts/rust-panic` rejects a module with a function that can panic. If the author knows that a
/// panic never happens, but can write no code for which the compiler proves it, the attribute gives
/// the reason:
///
/// ```
/// # use bpf::may_panic;
/// #
/// # const WEIGHTS: [u32; 256] = [1; 256];
/// #
/// #[may_panic("the table has an entry for each of the 256 values of a byte")]
/// fn weight(byte: u8) -> u32 {
///     WEIGHTS[usize::from(byte)]
/// }
/// ```
///
/// The attribute can be on a function or a method, also on a [`macro@kfunc`], `new` and `next` of
/// an iterator, `drop`, and a default body in a [`macro@struct_ops`] trait. It covers the code of
/// the function, its closures, and the functions that are inlined into it. It does not cover
/// functions that the function calls, except generic functions of other crates. The compiler does
/// not inline the function, so a call costs a few more instructions.
///
/// If the function panics in spite of the reason, the kernel stops.
#[proc_macro_attribute]
pub fn may_panic(attr: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemFn);
    may_panic::expand(attr.into(), item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Lets tracers attach to a function.
///
/// The attribute can be on a [`macro@kfunc`], above or below `#[kfunc]`, and on another function
/// whose name begins with the name of the module and `_`. The name of the function is the name that
/// tracers use. The options of `#[traceable(...)]` are `fmod_ret` and, for a function that is no
/// kfunc, `sleepable`. For details, see the module `traceable` of the `bpf` crate.
///
/// # Examples
///
/// ```
/// # use bpf::prelude::*;
/// #
/// #[traceable]
/// fn example_weight(bytes: u64, urgent: bool) -> u64 {
///     if urgent { 0 } else { bytes }
/// }
/// ```
#[proc_macro_attribute]
pub fn traceable(attr: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemFn);
    traceable::expand(attr.into(), item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Declares a table of functions that BPF programs implement.
///
/// `#[struct_ops(bpf_my_ops)]` is on a trait, for example `MyOps`. The subsystem calls the methods
/// of the trait on an attached table. In addition to the trait, the macro defines:
///
/// - the struct `MyOpsTable`, which is `struct bpf_my_ops` for BPF programs, and the descriptions
///   of this struct and of its map value for the BTF step;
/// - a stub for each function, which tells the kernel the prototype of the function;
/// - the implementation of the trait for `bpf::struct_ops::Ops<MyOpsTable>`.
///
/// For details, see the module `struct_ops` of the `bpf` crate.
#[proc_macro_attribute]
pub fn struct_ops(attr: TokenStream, item: TokenStream) -> TokenStream {
    let item = parse_macro_input!(item as syn::ItemTrait);
    struct_ops::expand(attr.into(), item)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
