// SPDX-License-Identifier: GPL-2.0

//! The language of the descriptions, as the macros of the `bpf` crate write it.
//!
//! ```text
//! decl      := function | aggregate | enum | check | pointer
//! function  := ( "kfunc" | "func" ) NAME "(" [ param { "," param } ] ")" type
//! param     := NAME type
//! aggregate := ( "struct" | "union" ) NAME SIZE "{" [ member { "," member } ] "}"
//! member    := NAME OFFSET type
//! enum      := "enum" NAME SIZE ( "signed" | "unsigned" ) "{" [ value { "," value } ] "}"
//! value     := NAME "=" VALUE
//! check     := ( "struct" | "union" | "enum" ) NAME SIZE
//! pointer   := "pointer" "struct" NAME [ SIZE ]
//! type      := "void" | "*" type | "const" type | "[" LENGTH "]" type
//!            | [ "struct" | "union" | "enum" ] NAME
//!            | "fn" "(" [ fn-param { "," fn-param } ] ")" type
//! fn-param  := [ NAME ] type
//! ```
//!
//! For example:
//!
//! ```text
//! kfunc bpf_exec_name_hash(name *const void, name__sz u32) s64
//! struct bpf_registry_obj 32 { id 0 u64, name 8 [16]u8, __opaque 32 [0]u8 }
//! enum bpf_color 4 unsigned { BPF_RED = 0, BPF_BLUE = 7 }
//! struct task_struct 9792
//! pointer struct net_device
//! ```
//!
//! The first three add types to the BTF. The last two add nothing. A check gives the size that Rust
//! code assumes for a type of the kernel. A pointer names a struct of the kernel to which programs
//! pass pointers: the verifier must accept nothing else for such a parameter. It can give the size
//! as well.
//!
//! A struct_ops needs these: its struct, the value type of its maps (shown on three lines, but a
//! description is always one line), and a stub for each member that points to a function:
//!
//! ```text
//! struct rate_ops 16 { admit 0 *fn(request *struct bpf_request, now u64) u32, id 8 u32 }
//! struct bpf_struct_ops_rate_ops 128 {
//!     common 0 struct bpf_struct_ops_common_value, data 64 struct rate_ops
//! }
//! func rate_ops__admit(request__nullable *struct bpf_request, now u64) u32
//! ```
//!
//! A `kfunc` and a `func` add the same types to the BTF; the sets in `.BTF_ids` say which functions
//! are kfuncs. A `func` is a function that the kernel looks up in the BTF but that no program
//! calls: the stub of a struct_ops member, or a function that tracers attach to. The names of its
//! parameters tell the verifier their properties (`__nullable`, `__ref`). Neither may have the name
//! of a function of the kernel: the kernel does not load a module with such a kfunc, and the kernel
//! and libbpf would find the kernel's function in place of such a `func`.
//!
//! A parameter of a kfunc whose name ends in `__async` or `__s_async` is a callback, which the
//! kernel calls later. Its type is a pointer to a function, and the names of this function's
//! parameters have suffixes as well, so they become those of a `func` of their own:
//!
//! ```text
//! kfunc bpf_later(cb__s_async *fn(task__ref *struct bpf_task_obj, n u32) s32) s32
//! ```
//!
//! A type reads from left to right: `*const struct file` is a pointer to a constant `struct file`,
//! `[4]*u8` is an array of four pointers. A `NAME` alone is a typedef, or an integer type of C.
//! `void` is the return type of a function without a result, or the target of a pointer, never a
//! parameter, a member or an element. An array is a member, or the target of a pointer.
//!
//! `fn(...)` is a function and comes right behind a pointer: `*fn(a u32, b u8) void` points to a
//! function that takes a `u32` and a `u8`, and so does `*fn(u32, u8) void`. As in C, the parameters
//! of such a function need no names, and two types that differ only in these names are equal.
//! Functions may be parameters and results of others, up to three inside of each other.
//!
//! `SIZE` and `OFFSET` count bytes. All members have names. The parser sorts the members of a
//! struct by their offsets, and only the last member may be an array of length 0. All members of a
//! union have the offset 0.
//!
//! Everything is ASCII, numbers are decimal, and any number of spaces separates words.
//!
//! This module knows the language and the kernel's limits on names and numbers. It does not check
//! whether a type exists, what it is, or whether members fit: [`crate::add`] does.

use std::fmt;

use crate::Result;

mod grammar;
mod lexer;

#[cfg(test)]
mod tests;

/// The largest number of parameters of a prototype in the kernel (`MAX_BPF_FUNC_ARGS` in
/// `include/linux/bpf.h`). The verifier may allow a BPF program to pass fewer arguments.
pub(crate) const MAX_PARAMS: usize = 12;

/// The largest number of members or enumerators of one type in BTF. Linux 7.3 has more bits for the
/// number; older kernels and libraries do not.
const MAX_VLEN: usize = 0xffff;

/// The largest number of pointers, arrays and qualifiers of one type. The kernel gives up after 32
/// steps (`MAX_RESOLVE_DEPTH`), and resolving typedefs needs some of these steps.
const MAX_TYPE_DEPTH: usize = 16;

/// The largest number of functions inside of each other, each the parameter or the result of the
/// function around it. The kernel has no such limit; this limit bounds the work with invalid BTF.
pub(crate) const MAX_FN_DEPTH: usize = 3;

/// The largest number of bytes of a description that a message shows.
const MAX_QUOTE: usize = 200;

/// A declaration.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Decl {
    Function(Function),
    Type(Definition),
    Check(Check),
    Pointer(Pointer),
}

/// A function with its prototype. All parameters have names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Function {
    pub(crate) role: Role,
    pub(crate) name: String,
    pub(crate) proto: Proto,
}

/// The purpose of a function.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Role {
    /// BPF programs call it.
    Kfunc,
    /// The kernel or a tracer looks it up in the BTF; no program calls it.
    Func,
}

/// A prototype: parameters and return type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Proto {
    pub(crate) params: Vec<Param>,
    pub(crate) ret: Type,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Param {
    /// Empty if the parameter has no name.
    pub(crate) name: String,
    pub(crate) ty: Type,
}

/// A struct, union or enum with its members or enumerators. The tag of `named` fits the body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Definition {
    pub(crate) named: Named,
    pub(crate) size: u32,
    pub(crate) body: Body,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Body {
    Members(Vec<Member>),
    Values {
        signed: bool,
        values: Vec<Enumerator>,
    },
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Member {
    pub(crate) name: String,
    pub(crate) offset: u32,
    pub(crate) ty: Type,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Enumerator {
    pub(crate) name: String,
    pub(crate) value: i128,
}

/// The size that a type has to have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Check {
    pub(crate) named: Named,
    pub(crate) size: u32,
}

/// A struct of the kernel to which programs pass pointers, and the size that it has to have.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Pointer {
    pub(crate) named: Named,
    pub(crate) size: Option<u32>,
}

/// A type: its core, and the pointers, arrays and qualifiers around the core, outermost first.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Type {
    pub(crate) outer: Vec<Outer>,
    pub(crate) core: Core,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Outer {
    Ptr,
    Const,
    Array(u32),
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Core {
    Void,
    Named(Named),
    /// A function; the innermost element of [`Type::outer`] is a pointer.
    Fn(Box<Proto>),
}

/// A type of C that has a name.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Named {
    pub(crate) tag: Tag,
    pub(crate) name: String,
}

/// The word in front of the name of a type.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) enum Tag {
    /// A typedef, or an integer type.
    None,
    Struct,
    Union,
    Enum,
}

impl Function {
    /// The same function, with [`Type::bare`] applied to its parameters and its result.
    pub(crate) fn bare(&self) -> Function {
        let mut bare = self.clone();
        for param in &mut bare.proto.params {
            param.ty = param.ty.bare();
        }
        bare.proto.ret = bare.proto.ret.bare();
        bare
    }
}

impl Definition {
    /// The same definition, with [`Type::bare`] applied to its members.
    pub(crate) fn bare(&self) -> Definition {
        let mut bare = self.clone();
        if let Body::Members(members) = &mut bare.body {
            for member in members {
                member.ty = member.ty.bare();
            }
        }
        bare
    }

    /// The text before the braces.
    pub(crate) fn head(&self) -> String {
        let sign = match &self.body {
            Body::Members(_) => "",
            Body::Values { signed: true, .. } => " signed",
            Body::Values { signed: false, .. } => " unsigned",
        };
        format!("{} {}{sign}", self.named, self.size)
    }

    /// The items between the braces.
    pub(crate) fn items(&self) -> Vec<String> {
        match &self.body {
            Body::Members(members) => members.iter().map(Member::to_string).collect(),
            Body::Values { values, .. } => values.iter().map(Enumerator::to_string).collect(),
        }
    }
}

impl Type {
    /// The same type, without the names of the parameters of functions in the type. In C these
    /// names are no part of the type, and compilers leave them out of the debug information of
    /// pointers to functions.
    pub(crate) fn bare(&self) -> Type {
        let mut bare = self.clone();
        if let Core::Fn(proto) = &mut bare.core {
            for param in &mut proto.params {
                param.name.clear();
                param.ty = param.ty.bare();
            }
            proto.ret = proto.ret.bare();
        }
        bare
    }

    /// Whether this is `void` itself, qualified or not, and not a pointer to `void`.
    pub(crate) fn is_void(&self) -> bool {
        self.core == Core::Void && !self.outer.contains(&Outer::Ptr)
    }

    /// The length of an array, qualified or not; `None` if this is something else.
    fn array_len(&self) -> Option<u32> {
        match self.outer.iter().find(|outer| **outer != Outer::Const) {
            Some(Outer::Array(len)) => Some(*len),
            _ => None,
        }
    }

    /// Whether there is an array between the core and the innermost pointer.
    fn has_inner_array(&self) -> bool {
        let inner = self.outer.rsplit(|outer| *outer == Outer::Ptr).next();
        inner.is_some_and(|inner| inner.iter().any(|outer| matches!(outer, Outer::Array(_))))
    }

    /// Whether C needs the definition of the core before it accepts this type. A pointer needs only
    /// the name of its target, but a pointer to an array needs the definition of the element.
    pub(crate) fn needs_definition(&self) -> bool {
        !self.outer.contains(&Outer::Ptr) || self.has_inner_array()
    }
}

impl fmt::Display for Decl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Decl::Function(function) => function.fmt(f),
            Decl::Type(definition) => definition.fmt(f),
            Decl::Check(check) => check.fmt(f),
            Decl::Pointer(pointer) => pointer.fmt(f),
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "pointer {}", self.named)?;
        match self.size {
            Some(size) => write!(f, " {size}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.role, self.name, self.proto)
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Kfunc => "kfunc",
            Role::Func => "func",
        })
    }
}

impl fmt::Display for Proto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(")?;
        for (i, Param { name, ty }) in self.params.iter().enumerate() {
            let comma = if i == 0 { "" } else { ", " };
            let space = if name.is_empty() { "" } else { " " };
            write!(f, "{comma}{name}{space}{ty}")?;
        }
        write!(f, ") {}", self.ret)
    }
}

impl fmt::Display for Definition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let items = self.items();
        if items.is_empty() {
            return write!(f, "{} {{}}", self.head());
        }
        write!(f, "{} {{ {} }}", self.head(), items.join(", "))
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.name, self.offset, self.ty)
    }
}

impl fmt::Display for Enumerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} = {}", self.name, self.value)
    }
}

impl fmt::Display for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.named, self.size)
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for outer in &self.outer {
            match outer {
                Outer::Ptr => f.write_str("*")?,
                Outer::Const => f.write_str("const ")?,
                Outer::Array(len) => write!(f, "[{len}]")?,
            }
        }
        match &self.core {
            Core::Void => f.write_str("void"),
            Core::Named(named) => named.fmt(f),
            Core::Fn(proto) => write!(f, "fn{proto}"),
        }
    }
}

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.tag, self.name)
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tag::None => "",
            Tag::Struct => "struct ",
            Tag::Union => "union ",
            Tag::Enum => "enum ",
        })
    }
}

/// The name of the parameter at this index in messages.
pub(crate) fn parameter(index: usize, name: &str) -> String {
    match name {
        "" => format!("parameter {}", index + 1),
        name => format!("parameter {} ({name})", index + 1),
    }
}

/// A description in the form that messages show.
pub(crate) fn quote(text: &[u8]) -> String {
    let cut = if text.len() > MAX_QUOTE { "..." } else { "" };
    let shown = text.get(..MAX_QUOTE).unwrap_or(text).escape_ascii();
    format!("'{shown}{cut}'")
}

/// Parses one description. An error names the description and the column.
pub(crate) fn description(text: &[u8]) -> Result<Decl> {
    let result = match text.iter().position(|byte| !(b' '..=b'~').contains(byte)) {
        Some(at) => lexer::fail(at, "not a printable ASCII character".to_string()),
        // Printable ASCII is valid UTF-8, so this replaces no bytes.
        None => grammar::description(&String::from_utf8_lossy(text)),
    };

    result.map_err(|lexer::Error { at, why }| {
        format!(
            "description {}: column {}: {why}; descriptions come from the macros of the bpf crate: \
             build it and this tool from the same tree",
            quote(text),
            at + 1
        )
    })
}
