// SPDX-License-Identifier: GPL-2.0

//! Describes types to the tool, and compares the added types and the messages with the expected
//! ones.

// Helper functions without `#[test]` fail by a panic, too.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

// Each test crate uses only a part of `common`.
#[allow(dead_code)]
mod common;

use common::{
    elf_for,
    module,
    with_type,
    Bench,
    Btf,
    ET_EXEC, //
};
use object::{
    Architecture,
    Endianness, //
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::select, //
};

/// The BTF of the kernel in these tests. Ids 1 to 23.
fn kernel() -> Btf {
    let mut btf = Btf::new(None);
    let int = btf.int("int", 4); // 1
    let unsigned = btf.int("unsigned int", 4); // 2
    btf.typedef("u32", unsigned); // 3
    let long = btf.int("long unsigned int", 8); // 4
    let u64 = btf.typedef("u64", long); // 5
    let char = btf.int("unsigned char", 1); // 6
    let u8 = btf.typedef("u8", char); // 7
    let index = btf.int("__ARRAY_SIZE_TYPE__", 4); // 8
    btf.structure("file", 16); // 9
    btf.member("f_pos", u64, 0, 0);
    btf.union("sigval", 8); // 10
    btf.member("n", int, 0, 0);
    btf.small_enum("mode", 4, &[("MODE_A", 0), ("MODE_B", 4_000_000_000)]); // 11
    btf.declared_struct("secret"); // 12
    btf.float("double"); // 13
    let matrix = btf.array(u8, 6, index); // 14
    let matrix = btf.array(matrix, 2, index); // 15
    btf.typedef("matrix_t", matrix); // 16
    btf.typedef("secret_t", 12); // 17
    btf.typedef("nothing_t", 0); // 18
    btf.structure("flags", 4); // 19
    btf.member("low", unsigned, 0, 3);
    btf.member("", 10, 32, 0);
    let huge = btf.array(u64, u32::MAX, index); // 20
    btf.typedef("huge_t", huge); // 21
    btf.small_enum("declared", 4, &[]); // 22
    btf.enumeration64("wide"); // 23
    btf
}

/// The BTF that `pahole` made of the C part of a module. Ids 24 to 28.
fn own() -> Btf {
    let mut btf = Btf::new(Some(kernel()));
    let name = btf.array(7, 8, 8); // 24
    btf.structure("bpf_pair", 24); // 25
    btf.member("id", 5, 0, 0);
    btf.member("name", name, 64, 0);
    btf.member("next", 26, 128, 0);
    btf.ptr(25); // 26
    btf.small_enum("bpf_sign", 2, &[("NO", -1), ("YES", 1)]); // 27
    btf.declared_struct("bpf_c"); // 28
    btf
}

const PAIR: &str = "struct bpf_pair 24 { id 0 u64, name 8 [8]u8, next 16 *struct bpf_pair }";

fn bench<T: AsRef<[u8]>>(descriptions: &[T]) -> Bench {
    Bench::new(&module(descriptions), &own().data(), Some(&kernel().data()))
}

fn new_lines(btf: &[u8]) -> Vec<String> {
    let old = own().dump();
    let mut new = Btf::parse(btf, Some(kernel())).unwrap().dump();
    assert_eq!(new[..old.len()], old);
    new.split_off(old.len())
}

/// The types that the tool adds to the module. A second run has to add nothing.
fn added(descriptions: &[&str]) -> Vec<String> {
    let bench = bench(descriptions);
    let first = bench.run();
    assert_eq!(first.code, 0, "{}", first.stderr);
    let second = bench.run();
    assert_eq!(second.code, 0, "{}", second.stderr);
    assert!(second.btf == first.btf);
    new_lines(&first.btf)
}

/// Runs the tool with wrong descriptions, and checks the error message.
fn rejected(descriptions: &[&str], message: &str) {
    fails(&bench(descriptions), message);
}

fn fails(bench: &Bench, message: &str) {
    let outcome = bench.run();
    assert_eq!(outcome.code, 1, "no error: {message}");
    let wanted = format!("rust-btf: x.ko: {message}");
    assert!(
        outcome.stderr.starts_with(&wanted),
        "'{wanted}' is not in '{}'",
        outcome.stderr
    );
}

#[test]
fn structs_are_added_with_their_members() {
    assert_eq!(
        added(&["struct bpf_registry_obj 32 { id 0 u64, name 8 [16]u8, __opaque 32 [0]u8 }"]),
        [
            "29 struct bpf_registry_obj size 32 (id bit 0 type 5, name bit 64 type 30, \
             __opaque bit 256 type 31)",
            "30 array 7 len 16 index 8",
            "31 array 7 len 0 index 8",
        ]
    );
    assert_eq!(
        added(&["struct bpf_iter_objs 16 { __opaque 0 [2]u64 }"]),
        [
            "29 struct bpf_iter_objs size 16 (__opaque bit 0 type 30)",
            "30 array 5 len 2 index 8",
        ]
    );
    assert_eq!(
        added(&["struct bpf_empty 0 {}"]),
        ["29 struct bpf_empty size 0 ()"]
    );
    // Members that are not aligned, and holes.
    assert_eq!(
        added(&["struct bpf_x 20 { a 0 u8, b 1 u64, c 9 u8, d 16 enum mode }"]),
        ["29 struct bpf_x size 20 (a bit 0 type 7, b bit 8 type 5, c bit 72 type 7, d bit 128 type 11)"]
    );
}

#[test]
fn unions_are_added_with_their_members() {
    assert_eq!(
        added(&["union bpf_u 16 { a 0 u64, b 0 [0]u32, c 0 struct file, d 0 matrix_t }"]),
        [
            "29 union bpf_u size 16 (a bit 0 type 5, b bit 0 type 30, c bit 0 type 9, \
             d bit 0 type 16)",
            "30 array 3 len 0 index 8",
        ]
    );
}

#[test]
fn enums_are_added_with_size_and_sign() {
    assert_eq!(
        added(&[
            "enum bpf_a 4 unsigned { A = 0, B = 7, C = 4294967295 }",
            "enum bpf_b 4 signed { D = -1, E = 1 }",
            "enum bpf_c 1 signed { F = 1 }",
            "enum bpf_d 2 unsigned { G = 65535 }",
            "enum bpf_e 8 unsigned { H = 18446744073709551615, I = 1 }",
            "enum bpf_f 8 signed { J = -2, K = 4294967296 }",
            "enum bpf_g 4 unsigned {}",
        ]),
        [
            "29 enum bpf_a size 4 (A 0, B 7, C -1)",
            "30 enum flag bpf_b size 4 (D -1, E 1)",
            "31 enum flag bpf_c size 1 (F 1)",
            "32 enum bpf_d size 2 (G 65535)",
            "33 enum64 bpf_e size 8 (H 0xffffffff:0xffffffff, I 0x0:0x1)",
            "34 enum64 flag bpf_f size 8 (J 0xffffffff:0xfffffffe, K 0x1:0x0)",
            "35 enum bpf_g size 4 ()",
        ]
    );
}

#[test]
fn types_come_before_kfuncs_and_are_found_first() {
    assert_eq!(
        added(&[
            "kfunc bpf_get(a *struct bpf_b, b *[4]u64) *const struct bpf_a",
            "union bpf_u 8 { p 0 *const struct bpf_b }",
            "struct bpf_b 16 { a 0 struct bpf_a, u 8 union bpf_u }",
            "struct bpf_a 8 { b 0 *struct bpf_b }",
            "enum bpf_e 4 unsigned { BPF_E = 1 }",
        ]),
        [
            "29 struct bpf_a size 8 (b bit 0 type 33)",
            "30 struct bpf_b size 16 (a bit 0 type 29, u bit 64 type 31)",
            "31 union bpf_u size 8 (p bit 0 type 35)",
            "32 enum bpf_e size 4 (BPF_E 1)",
            "33 ptr 30",
            "34 const 30",
            "35 ptr 34",
            "36 array 5 len 4 index 8",
            "37 ptr 36",
            "38 const 29",
            "39 ptr 38",
            "40 proto (a 33, b 37) 39",
            "41 func bpf_get 40 linkage 0",
        ]
    );
    // The C part only declares this one.
    assert_eq!(
        added(&["kfunc bpf_get() *struct bpf_c", "struct bpf_c 0 {}"]),
        [
            "29 struct bpf_c size 0 ()",
            "30 ptr 29",
            "31 proto () 30",
            "32 func bpf_get 31 linkage 0",
        ]
    );
    assert_eq!(
        added(&["enum declared 4 unsigned { ONE = 1 }"]),
        ["29 enum declared size 4 (ONE 1)"]
    );
}

#[test]
fn arrays_may_be_qualified() {
    assert_eq!(
        added(&["struct bpf_x 48 { a 0 const [2][3]*const u8 }"]),
        [
            "29 struct bpf_x size 48 (a bit 0 type 34)",
            "30 const 7",
            "31 ptr 30",
            "32 array 31 len 3 index 8",
            "33 array 32 len 2 index 8",
            "34 const 33",
        ]
    );
}

#[test]
fn equal_descriptions_are_merged() {
    let x = "struct bpf_x 8 { a 0 *struct bpf_x }";
    let wanted = ["29 struct bpf_x size 8 (a bit 0 type 30)", "30 ptr 29"];
    assert_eq!(added(&[x, x, "struct bpf_x 8{a 0 * struct bpf_x}"]), wanted);
    let checks = ["struct file 16", "struct file 16"];
    assert_eq!(added(&checks), [""; 0]);
}

#[test]
fn equal_types_of_the_btf_are_reused() {
    for (description, id) in [
        (PAIR, 25),
        ("enum bpf_sign 2 signed { NO = -1, YES = 1 }", 27),
        (
            "enum mode 4 unsigned { MODE_A = 0, MODE_B = 4000000000 }",
            11,
        ),
        ("enum wide 8 unsigned {}", 23),
    ] {
        let outcome = bench(&[description]).run();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert!(outcome.btf == own().data());

        let name: Vec<_> = description.split(' ').take(2).collect();
        let kfunc = format!("kfunc bpf_x() *{}", name.join(" "));
        assert_eq!(added(&[description, &kfunc])[0], format!("29 ptr {id}"));
    }
}

/// A program has pointers to objects of the kernel's type, and could pass one of them.
#[test]
fn equal_structs_of_the_kernel_are_rejected() {
    for description in [
        "struct file 16 { f_pos 0 u64 }",
        "union sigval 8 { n 0 int }",
    ] {
        let outcome = bench(&[description]).run();
        assert_eq!(outcome.code, 1);
        assert!(outcome.stderr.contains("vmlinux has the same type"));
        assert!(outcome.btf == own().data());
    }
}

#[test]
fn checks_compare_the_size_of_a_type() {
    let outcome = bench(&[
        "struct file 16",
        "union sigval 8",
        "enum mode 4",
        "enum wide 8",
        "struct bpf_pair 24",
        "enum bpf_sign 2",
    ])
    .run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.btf == own().data());
    assert_eq!(
        added(&["struct bpf_x 4", "struct bpf_x 4 {}"]),
        ["29 struct bpf_x size 4 ()"]
    );

    rejected(
        &["struct file 8"],
        "struct file: 8 bytes in Rust, but 16 in vmlinux; were the bindings made for this \
         kernel?",
    );
    rejected(
        &["struct bpf_pair 16"],
        "struct bpf_pair: 16 bytes in Rust, but 24 in x.ko; were",
    );
    rejected(
        &["struct bpf_x 4", "struct bpf_x 8 {}"],
        "struct bpf_x: 4 bytes in Rust, but 8 in its description; make",
    );
    rejected(
        &["struct file 16", "struct file 8"],
        "struct file: described twice, as 'struct file 8' and as 'struct file 16'; build",
    );
    for (check, why) in [
        ("struct foo 8", "check the name against"),
        ("struct sigval 8", "'sigval' is a union there: write 'union"),
        (
            "enum file 8",
            "'file' is a struct there: write 'struct file'",
        ),
        ("struct u32 4", "'u32' is a typedef there: write 'u32'"),
        ("struct secret 4", "'secret' is only declared, not defined"),
    ] {
        let named = check.rsplit_once(' ').unwrap().0;
        rejected(
            &[check],
            &format!("{named}: no '{named}' in the BTF of x.ko or of vmlinux; {why}"),
        );
    }
    // A module, and no BTF of the kernel.
    let elf = module(&["struct file 16"]);
    fails(
        &Bench::new(&elf, &Btf::new(None).data(), None),
        "struct file: no 'struct file' in the BTF of x.ko; the kernel's types are in vmlinux, and",
    );
}

#[test]
fn descriptions_of_a_kernel_image_are_added() {
    let vmlinux = with_type(
        module(&["struct file 16", "struct bpf_x 4 { a 0 u32 }"]),
        ET_EXEC,
    );
    let outcome = Bench::new(&vmlinux, &kernel().data(), None).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(
        Btf::parse(&outcome.btf, None).unwrap().dump()[23..],
        ["24 struct bpf_x size 4 (a bit 0 type 3)"]
    );
}

#[test]
fn arrays_find_an_index_type_of_4_bytes() {
    let description = ["struct bpf_x 8 { a 0 [2]int }"];
    for (ints, wanted) in [
        (&[("int", 4)][..], Ok(1)),
        (&[("int", 4), ("unsigned int", 4)], Ok(2)),
        (&[("int", 4), ("__ARRAY_SIZE_TYPE__", 4)], Ok(2)),
        (&[("int", 4), ("__ARRAY_SIZE_TYPE__", 8)], Ok(1)),
        (
            &[("int", 8)],
            Err("struct bpf_x: member 1 (a): '[2]int' ends at byte 16, but 'struct"),
        ),
    ] {
        let mut btf = Btf::new(None);
        for (name, size) in ints {
            btf.int(name, *size);
        }
        let bench = Bench::new(&module(&description), &btf.data(), None);
        match wanted {
            Ok(index) => {
                let outcome = bench.run();
                assert_eq!(outcome.code, 0, "{}", outcome.stderr);
                let dump = Btf::parse(&outcome.btf, None).unwrap().dump();
                let array = dump.last().unwrap();
                assert!(array.ends_with(&format!("array 1 len 2 index {index}")));
            }
            Err(why) => fails(&bench, why),
        }
    }
    let mut btf = Btf::new(None);
    btf.int("u4", 4);
    fails(
        &Bench::new(
            &module(&["struct bpf_x 8 { a 0 [2]u4 }"]),
            &btf.data(),
            None,
        ),
        "struct bpf_x: a: an array needs an index type, but neither the BTF of x.ko nor",
    );
}

#[test]
fn pointer_size_is_that_of_the_machine() {
    let modinfo = common::modinfo(&["struct bpf_x 8 { a 0 *u8, b 4 u32 }"]);
    for (arch, fits) in [(Architecture::Arm, true), (Architecture::Aarch64, false)] {
        let elf = elf_for(arch, Endianness::Little, &[(".modinfo", &modinfo)]);
        let bench = Bench::new(&elf, &own().data(), Some(&kernel().data()));
        match fits {
            true => assert_eq!(bench.run().code, 0),
            false => fails(&bench, "struct bpf_x: member 2 (b): starts at byte 4, but"),
        }
    }
}

#[test]
fn tool_keeps_the_byte_order() {
    let (mut base, mut btf) = (kernel(), own());
    base.set_big_endian();
    btf.set_big_endian();
    let descriptions = [
        "enum bpf_x 2 signed { A = 1 }",
        "struct bpf_x_s 2 { a 0 [2]u8 }",
    ];
    let elf = module(&descriptions);
    let outcome = Bench::new(&elf, &btf.data(), Some(&base.data())).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.btf[..2], [0xeb, 0x9f]);
    assert_eq!(
        new_lines(&outcome.btf),
        [
            "29 struct bpf_x_s size 2 (a bit 0 type 31)",
            "30 enum flag bpf_x size 2 (A 1)",
            "31 array 7 len 2 index 8",
        ]
    );
}

#[test]
fn contradicting_descriptions_are_errors() {
    rejected(
        &["struct bpf_x 8 { a 0 u64 }", "struct bpf_x 8 { a 0 u32 }"],
        "struct bpf_x: described twice, as 'struct bpf_x 8 { a 0 u32 }' and as 'struct bpf_x 8 { a \
         0 u64 }'; the first has 'a 0 u32' where the second has 'a 0 u64'; make",
    );
    rejected(
        &["struct bpf_x 8 { a 0 u64 }", "struct bpf_x 8 {}"],
        "struct bpf_x: described twice, as 'struct bpf_x 8 { a 0 u64 }' and as 'struct bpf_x 8 {}'; \
         the first has 'a 0 u64' where the second has nothing more; make",
    );
    rejected(
        &["enum bpf_x 4 signed {}", "enum bpf_x 4 unsigned {}"],
        "enum bpf_x: described twice, as 'enum bpf_x 4 signed {}' and as 'enum bpf_x 4 unsigned {}'",
    );
    rejected(
        &["struct bpf_x 8 {}", "union bpf_x 8 {}"],
        "union bpf_x: 'struct bpf_x' is described too, and C allows only one type with this name",
    );
}

#[test]
fn types_that_contradict_the_btf_are_errors() {
    for (description, ours, theirs) in [
        (
            "struct bpf_pair 16 { id 0 u64, name 8 [8]u8 }",
            "'struct bpf_pair 16'",
            "'struct bpf_pair 24'",
        ),
        (
            "struct bpf_pair 24 { id 0 u64, name 8 [4]u8, next 16 *struct bpf_pair }",
            "'name 8 [4]u8'",
            "'name 8 [8]u8'",
        ),
        (
            "struct bpf_pair 24 { id 0 u64, name 8 [8]u8, prev 16 *struct bpf_pair }",
            "'prev 16 *struct bpf_pair'",
            "'next 16 *struct bpf_pair'",
        ),
        (
            "struct bpf_pair 24 { id 0 u64, name 10 [8]u8 }",
            "'name 10 [8]u8'",
            "'name 8 [8]u8'",
        ),
        (
            "struct bpf_pair 24 { id 0 u64, name 8 [8]u8 }",
            "nothing more",
            "'next 16 *struct bpf_pair'",
        ),
        (
            "enum bpf_sign 2 signed { NO = -1, YES = 1, MAYBE = 2 }",
            "'MAYBE = 2'",
            "nothing more",
        ),
        (
            "enum bpf_sign 2 signed { NO = -1, YES = 2 }",
            "'YES = 2'",
            "'YES = 1'",
        ),
        (
            "enum bpf_sign 2 unsigned { NO = 65535, YES = 1 }",
            "'enum bpf_sign 2 unsigned'",
            "'enum bpf_sign 2 signed'",
        ),
    ] {
        let named = description.split(' ').take(2).collect::<Vec<_>>().join(" ");
        rejected(
            &[description],
            &format!(
                "{named}: described with {ours} where the BTF of x.ko has {theirs}; make the two \
                 equal, or rename one of them"
            ),
        );
    }
    for (description, ours, theirs) in [
        (
            "struct file 16 { f_pos 0 u32 }",
            "'f_pos 0 u32'",
            "'f_pos 0 u64'",
        ),
        (
            "struct flags 4 { low 0 u32 }",
            "'low 0 u32'",
            "'low (bit 0, 3 bits) unsigned int'",
        ),
        ("enum mode 4 unsigned {}", "nothing more", "'MODE_A = 0'"),
        (
            "enum wide 8 signed {}",
            "'enum wide 8 signed'",
            "'enum wide 8 unsigned'",
        ),
    ] {
        let named = description.split(' ').take(2).collect::<Vec<_>>().join(" ");
        rejected(
            &[description],
            &format!(
                "{named}: described with {ours} where vmlinux has {theirs}; rename your type, or \
                 use the kernel's type"
            ),
        );
    }
    rejected(
        &["union file 16 {}"],
        "union file: vmlinux has 'struct file', and C allows only one type with this name; rename \
         your type",
    );
    rejected(
        &["struct bpf_sign 2 {}"],
        "struct bpf_sign: the BTF of x.ko has 'enum bpf_sign', and C allows only one type with",
    );
}

#[test]
fn messages_show_types_without_description() {
    let mut btf = Btf::new(Some(kernel()));
    btf.structure("bpf_x", 8);
    btf.member("", 10, 0, 0);
    btf.structure("bpf_y", 8);
    btf.member("a\n", 12, 0, 0);
    for (description, message) in [
        (
            "struct bpf_x 8 { a 0 union sigval }",
            "struct bpf_x: described with 'a 0 union sigval' where the BTF of x.ko has \
             '(anonymous) 0 union sigval'",
        ),
        (
            "struct bpf_y 8 { a 0 u64 }",
            "struct bpf_y: described with 'a 0 u64' where the BTF of x.ko has 'a\\n 0 (declared \
             only) secret'",
        ),
    ] {
        let elf = module(&[description]);
        let bench = Bench::new(&elf, &btf.data(), Some(&kernel().data()));
        fails(&bench, message);
    }
}

#[test]
fn members_that_do_not_fit_are_errors() {
    for (description, why) in [
        (
            "struct bpf_x 8 { a 0 u64, b 8 u8 }",
            "member 2 (b): 'u8' ends at byte 9, but 'struct bpf_x' has 8 bytes; is the Rust type",
        ),
        (
            "struct bpf_x 8 { a 9 [0]u8 }",
            "member 1 (a): '[0]u8' ends at byte 9, but",
        ),
        (
            "union bpf_x 8 { a 0 struct file }",
            "member 1 (a): 'struct file' ends at byte 16, but 'union bpf_x' has 8 bytes",
        ),
        (
            "struct bpf_x 12 { a 0 *u8, b 4 u32 }",
            "member 2 (b): starts at byte 4, but the member before it, 'a 0 *u8', ends at byte 8",
        ),
        (
            "struct bpf_x 16 { a 0 matrix_t, b 11 u32 }",
            "member 2 (b): starts at byte 11, but the member before it, 'a 0 matrix_t', ends at \
             byte 12",
        ),
        (
            "struct bpf_x 16 { a 0 const [3]u32, b 8 enum mode }",
            "member 2 (b): starts at byte 8, but the member before it, 'a 0 const [3]u32', ends at",
        ),
        (
            "struct bpf_x 8 { a 0 u8, b 0 u8 }",
            "member 2 (b): starts at byte 0, but the member before it, 'a 0 u8', ends at byte 1",
        ),
        (
            "struct bpf_x 4294967295 { a 536870911 [4294967295]u8 }",
            "member 1 (a): '[4294967295]u8' ends at byte 4831838206, but",
        ),
        (
            "struct bpf_x 4294967295 { a 0 [4294967295]u32 }",
            "member 1 (a): an array of 4294967295 elements of 4 bytes in '[4294967295]u32' is \
             larger",
        ),
        (
            "struct bpf_x 8 { a 0 *[65536][65536]u8 }",
            "member 1 (a): an array of 65536 elements of 65536 bytes in '*[65536][65536]u8' is",
        ),
        (
            "struct bpf_x 8 { a 0 secret_t }",
            "member 1 (a): the BTF has no size for 'secret_t'; use a pointer to it",
        ),
        (
            "struct bpf_x 8 { a 0 nothing_t }",
            "member 1 (a): the BTF has no size for 'nothing_t'; use",
        ),
        (
            "struct bpf_x 8 { a 0 *[2]nothing_t }",
            "member 1 (a): the BTF has no size for 'nothing_t', so an array of it is impossible",
        ),
        (
            "struct bpf_x 8 { a 0 huge_t }",
            "member 1 (a): the BTF has no size for 'huge_t'",
        ),
        (
            "struct bpf_x 8 { a 0 double }",
            "member 1 (a): no 'double' in the BTF of x.ko or of vmlinux; 'double' is a floating",
        ),
        (
            "struct bpf_x 8 { a 0 *struct foo }",
            "member 1 (a): no 'struct foo' in the BTF of x.ko or of vmlinux; check the name",
        ),
        (
            "struct bpf_x 8 { a 0 *union bpf_x }",
            "member 1 (a): no 'union bpf_x' in the BTF of x.ko or of vmlinux; 'bpf_x' is a struct \
             there: write 'struct bpf_x'",
        ),
        (
            "struct bpf_x 8 { a 0 *bpf_x }",
            "member 1 (a): no 'bpf_x' in the BTF of x.ko or of vmlinux; 'bpf_x' is a struct",
        ),
    ] {
        let named = description.split(' ').take(2).collect::<Vec<_>>().join(" ");
        rejected(&[description], &format!("{named}: {why}"));
    }
    rejected(
        &["kfunc bpf_f(a *[2]secret_t) void"],
        "kfunc bpf_f: parameter 1 (a): the BTF has no size for 'secret_t', so an array of it",
    );
}

#[test]
fn types_that_contain_themselves_are_errors() {
    rejected(
        &["struct bpf_x 8 { a 0 struct bpf_x }"],
        "struct bpf_x: contains itself (struct bpf_x > struct bpf_x); put a pointer in between",
    );
    rejected(
        &["struct bpf_x 8 { a 0 *[1]struct bpf_x }"],
        "struct bpf_x: contains itself",
    );
    rejected(
        &[
            "struct bpf_a 8 { a 0 *struct bpf_a, b 8 struct bpf_b }",
            "struct bpf_b 8 { c 0 [1]union bpf_c }",
            "union bpf_c 8 { b 0 const struct bpf_b }",
        ],
        "struct bpf_b: contains itself (struct bpf_b > union bpf_c > struct bpf_b); put",
    );

    let chain = |len: usize| -> Vec<_> {
        let link = |i| match i + 1 == len {
            true => format!("struct bpf_{i} 1 {{ a 0 u8 }}"),
            false => format!("struct bpf_{i} 1 {{ a 0 struct bpf_{} }}", i + 1),
        };
        (0..len).map(link).collect()
    };
    // The innermost `u8` counts, too.
    let outcome = bench(&chain(23)).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    for len in [24, 25, 26, 100, 20_000] {
        let outcome = bench(&chain(len)).run();
        assert_eq!(outcome.code, 1);
        assert!(
            outcome
                .stderr
                .contains("more than 24 structs, arrays and qualifiers inside of each other"),
            "{}",
            outcome.stderr
        );
    }
    // The number of paths through these types is exponential; each type is visited only once.
    let wide: Vec<_> = (0..20)
        .map(|i| {
            let member = |j| format!("m{j} 0 struct bpf_{:02}", i + 1);
            let members: Vec<_> = (0..20).map(member).collect();
            format!("union bpf_{i:02} 1 {{ {} }}", members.join(", ")).replace("struct", "union")
        })
        .chain(["union bpf_20 1 {}".to_string()])
        .collect();
    assert_eq!(bench(&wide).run().code, 0);
}

#[test]
fn malformed_descriptions_are_errors() {
    // The parser has its own tests; this tests how the tool reports its errors.
    rejected(
        &["struct bpf_x 8 { a 0 u64, a 8 u64 }"],
        "description 'struct bpf_x 8 { a 0 u64, a 8 u64 }': column 27: member 2 (a) has the name of",
    );
    rejected(
        &["enum bpf_x 1 unsigned { A = 256 }"],
        "description 'enum bpf_x 1 unsigned { A = 256 }': column 29: enumerator 1 (A): value 256",
    );
}

#[test]
fn structs_have_up_to_65535_members() {
    let members: Vec<_> = (0..0xffff).map(|i| format!("m{i} {i} u8")).collect();
    let description = format!("struct bpf_x 65535 {{ {} }}", members.join(", "));
    let added = added(&[&description]);
    assert_eq!(added.len(), 1);
    assert!(added[0].ends_with("m65534 bit 524272 type 7)"));
}

/// A member without offset: the gap before it, its outer types, and the index of its core type.
type Field = (u32, Vec<u8>, usize);

/// A pointer to a function with arbitrary types.
fn function_pointer(gap: u32, at: usize, names: &[String]) -> String {
    let one = &names[at % names.len()];
    let other = &names[(at / 2) % names.len()];
    match gap {
        0..=2 => format!("*fn(x *{one}, *const {other}) void"),
        3..=5 => format!("*fn({one}) *fn(u8, *fn() *{other}) u64"),
        _ => format!("*fn(a u8, b *fn(*{one}) void) {other}"),
    }
}

/// Valid types. Each type contains only types that come before it in the vector.
fn valid_types() -> impl Strategy<Value = Vec<String>> {
    let field = || (0u32..9, vec(0u8..3, 0..3), any::<usize>());
    let fields = || vec(field(), 0..6);
    vec((select(vec!["struct", "union", "enum"]), fields()), 1..8).prop_map(|types| {
        let mut sizes: Vec<(String, u32)> = vec![
            ("u8".to_string(), 1),
            ("u64".to_string(), 8),
            ("struct file".to_string(), 16),
            ("enum mode".to_string(), 4),
        ];
        let names: Vec<_> = types
            .iter()
            .enumerate()
            .map(|(i, (tag, _))| format!("{tag} bpf_{i}"))
            .collect();
        let mut descriptions = Vec::new();
        for ((tag, fields), name) in types.iter().zip(&names) {
            let (text, size) = match *tag {
                "enum" => (enumeration(fields), 4),
                _ => aggregate(*tag == "union", fields, &names, &sizes),
            };
            let sign = if *tag == "enum" { " signed" } else { "" };
            descriptions.push(format!("{name} {size}{sign} {{ {text} }}"));
            sizes.push((name.clone(), size));
        }
        descriptions.push(format!("kfunc bpf_get(a *{}) void", names[0]));
        descriptions.push(format!("func bpf_stub(a *fn(*{}) void) void", names[0]));
        descriptions.push("struct file 16".to_string());
        descriptions
    })
}

fn enumeration(fields: &[Field]) -> String {
    let value = |(i, (gap, ..)): (usize, &Field)| format!("E{i} = {}", i64::from(*gap) - 4);
    let values: Vec<_> = fields.iter().enumerate().map(value).collect();
    values.join(", ")
}

fn aggregate(
    is_union: bool,
    fields: &[Field],
    names: &[String],
    sizes: &[(String, u32)],
) -> (String, u32) {
    let (mut size, mut members) = (0, Vec::new());
    for (i, (gap, outer, at)) in fields.iter().enumerate() {
        // A pointer may point to any type, also to a later one.
        let (mut ty, mut len) = match outer.iter().filter(|outer| **outer == 0).count() {
            0 => sizes[at % sizes.len()].clone(),
            1 => (format!("*{}", names[at % names.len()]), 8),
            _ => (function_pointer(*gap, *at, names), 8),
        };
        for outer in outer {
            (ty, len) = match outer {
                0 => (ty, len),
                1 => (format!("const {ty}"), len),
                _ => (format!("[3]{ty}"), 3 * len),
            };
        }
        let offset = if is_union { 0 } else { size + gap };
        members.push(format!("m{i} {offset} {ty}"));
        size = size.max(offset + len);
    }
    (members.join(", "), size)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn order_of_descriptions_in_the_object_does_not_matter(
        (types, shuffled, again) in valid_types().prop_flat_map(|types| {
            let again = select(types[..types.len() - 3].to_vec());
            (Just(types.clone()), Just(types).prop_shuffle(), again)
        })
    ) {
        let first = bench(&types).run();
        prop_assert_eq!(first.code, 0, "{}", first.stderr);
        prop_assert!(new_lines(&first.btf).len() > types.len() - 2);

        let twice = bench(&types);
        prop_assert!(twice.run().btf == first.btf && twice.run().btf == first.btf);

        let mut shuffled = shuffled;
        shuffled.push(again);
        let second = bench(&shuffled).run();
        prop_assert_eq!(second.code, 0, "{}", second.stderr);
        prop_assert!(second.btf == first.btf);
    }
}
