// SPDX-License-Identifier: GPL-2.0

//! Names structs of the kernel to the tool, and compares its messages with the expected ones.

// Helper functions without `#[test]` fail by a panic, too.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

// Each test crate uses only a part of `common`.
#[allow(dead_code)]
mod common;

use common::{
    module,
    Bench,
    Btf, //
};

/// The BTF of the kernel in these tests.
fn kernel() -> Btf {
    let mut btf = Btf::new(None);
    let int = btf.int("int", 4);
    let u64 = btf.int("u64", 8);
    let bytes = btf.array(int, 2, int);
    let nothing = btf.array(int, 0, int);
    let pointer = btf.ptr(0);
    let pointers = btf.array(pointer, 1, int);

    // A struct of scalars, also with a struct or a union in it.
    let pair = btf.structure("pair", 16);
    btf.member("first", u64, 0, 0);
    btf.member("rest", bytes, 64, 0);
    let either = btf.union("either", 16);
    btf.member("pair", pair, 0, 0);
    btf.member("number", u64, 0, 0);
    btf.structure("nested", 24);
    btf.member("number", u64, 0, 0);
    btf.member("either", either, 64, 0);

    // Structs with something that is no scalar.
    let inode = btf.structure("inode", 16);
    btf.member("number", u64, 0, 0);
    btf.member("next", pointer, 64, 0);
    btf.structure("file", 24);
    btf.member("number", u64, 0, 0);
    btf.member("inode", inode, 64, 0);
    btf.structure("list", 8);
    btf.member("heads", pointers, 0, 0);
    btf.structure("flexible", 8);
    btf.member("number", u64, 0, 0);
    btf.member("rest", nothing, 64, 0);
    btf.declared_struct("secret");

    // A struct in an element of a flexible array.
    let inner = btf.structure("inner", 8);
    btf.member("next", pointer, 0, 0);
    let element = btf.structure("element", 16);
    btf.member("number", u64, 0, 0);
    btf.member("inner", inner, 64, 0);
    let elements = btf.array(element, 0, int);
    btf.structure("table", 8);
    btf.member("number", u64, 0, 0);
    btf.member("elements", elements, 64, 0);

    // The contexts of programs, and the same in the kernel.
    let seen = btf.structure("seen_ctx", 8);
    btf.member("data", pointer, 0, 0);
    let real = btf.structure("real_ctx", 8);
    btf.member("data", pointer, 0, 0);
    let regs = btf.structure("regs", 8);
    btf.member("sp", pointer, 0, 0);
    let alias = btf.typedef("user_regs_t", regs);
    btf.structure("bpf_ctx_convert", 32);
    btf.member("one_prog", seen, 0, 0);
    btf.member("one_kern", real, 64, 0);
    btf.member("other_prog", alias, 128, 0);
    btf.member("other_kern", real, 192, 0);
    btf
}

fn bench(description: &str) -> Bench {
    let mut own = Btf::new(Some(kernel()));
    let int = own.int("long", 8);
    let pointer = own.ptr(int);
    own.structure("of_the_module", 8);
    own.member("next", pointer, 0, 0);
    Bench::new(&module(&[description]), &own.data(), Some(&kernel().data()))
}

fn accepted(description: &str) {
    let outcome = bench(description).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
}

fn rejected(description: &str, message: &str) {
    let outcome = bench(description).run();
    assert_eq!(outcome.code, 1, "no error: {description}");
    let wanted = format!("rust-btf: x.ko: {description}: {message}");
    assert!(
        outcome.stderr.starts_with(&wanted),
        "'{wanted}' is not in '{}'",
        outcome.stderr
    );
}

#[test]
fn a_struct_with_a_member_that_is_no_scalar_is_accepted() {
    for name in ["inode", "file", "list", "flexible", "real_ctx", "table"] {
        accepted(&format!("pointer struct {name}"));
    }
}

#[test]
fn the_size_is_compared() {
    accepted("pointer struct inode 16");
    rejected(
        "pointer struct inode 24",
        "16 bytes in vmlinux; were the bindings made for this kernel?",
    );
}

#[test]
fn a_struct_of_scalars_is_rejected() {
    for name in ["pair", "nested"] {
        rejected(
            &format!("pointer struct {name}"),
            "all members are scalars, so the verifier accepts memory",
        );
    }
}

#[test]
fn an_element_of_a_flexible_array_is_rejected() {
    for name in ["element", "inner"] {
        rejected(
            &format!("pointer struct {name}"),
            "a struct of the kernel ends in an array of this struct without a length",
        );
    }
}

#[test]
fn the_context_of_a_program_is_rejected() {
    rejected(
        "pointer struct seen_ctx",
        "programs have a 'seen_ctx' as their context",
    );
    rejected(
        "pointer struct regs",
        "programs have a 'regs' as their context",
    );
}

#[test]
fn a_struct_that_is_not_the_kernels_is_rejected() {
    for name in ["secret", "nobody", "of_the_module", "either"] {
        rejected(
            &format!("pointer struct {name}"),
            &format!("no 'struct {name}' in the BTF of vmlinux; a struct of a module"),
        );
    }
}
