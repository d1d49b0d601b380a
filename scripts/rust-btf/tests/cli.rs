// SPDX-License-Identifier: GPL-2.0

//! Runs the tool on small files, and compares the BTF and the messages with the expected ones.

// Helper functions without `#[test]` fail by a panic, too.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

// Each test crate uses only a part of `common`.
#[allow(dead_code)]
mod common;

use common::{
    elf,
    elf_for,
    module,
    module_with_symbol,
    with_type,
    Bench,
    Btf,
    ET_EXEC, //
};
use object::{
    Architecture,
    Endianness, //
};
use std::{
    fs,
    os::unix::fs::{
        symlink,
        PermissionsExt, //
    },
    process::Command, //
};

/// The BTF of the kernel in these tests. Ids 1 to 15.
fn kernel() -> Btf {
    let mut btf = Btf::new(None);
    let int = btf.int("int", 4);
    let unsigned = btf.int("unsigned int", 4);
    let u32 = btf.typedef("u32", unsigned); // 3
    let s32 = btf.typedef("s32", int); // 4
    btf.structure("file", 8); // 5
    btf.union("sigval", 8); // 6
    btf.enumeration("mode"); // 7
    btf.enumeration64("wide"); // 8
    btf.declared_struct("secret"); // 9
    btf.float("double"); // 10
    btf.func("vfs_thing", &[("x", u32)], s32); // 11, 12
    btf.structure("twice", 4); // 13
    btf.int("flag", 1); // 14
    btf.typedef("flag", int); // 15
    btf
}

/// The BTF that `pahole` made of the C part of a module. Ids 16 to 23.
fn own() -> Btf {
    let mut btf = Btf::new(Some(kernel()));
    btf.structure("module", 64); // 16
    btf.structure("twice", 8); // 17
    let constant = btf.constant(5); // 18
    let file = btf.ptr(constant); // 19
    btf.func("bpf_own", &[("file", file), ("n", 3)], 4); // 20, 21
    btf.func("bpf_own_void", &[], 0); // 22, 23
    btf
}

fn bench(descriptions: &[&str]) -> Bench {
    Bench::new(&module(descriptions), &own().data(), Some(&kernel().data()))
}

/// The types that the tool adds to the module.
fn added(descriptions: &[&str]) -> Vec<String> {
    let outcome = bench(descriptions).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    new_lines(&outcome.btf)
}

fn new_lines(btf: &[u8]) -> Vec<String> {
    let old = own().dump();
    let mut new = Btf::parse(btf, Some(kernel())).unwrap().dump();
    assert_eq!(new[..old.len()], old);
    new.split_off(old.len())
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
        outcome.stderr.contains(&wanted),
        "'{wanted}' is not in '{}'",
        outcome.stderr
    );
}

#[test]
fn kfuncs_get_the_tag_that_pahole_was_asked_for() {
    let descriptions = ["kfunc bpf_b() void", "func bpf_a() void"];
    let line = ["--decl_tag_kfuncs", "--btf_base", "vmlinux", "--btf"];
    let outcome = bench(&descriptions).run_with(&[&line[..], &["x.BTF", "x.ko"]].concat());
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(
        new_lines(&outcome.btf),
        [
            "24 proto () 0",
            "25 func bpf_a 24 linkage 0",
            "26 func bpf_b 24 linkage 0",
            "27 tag bpf_kfunc of 26 part -1",
        ]
    );
}

#[test]
fn functions_are_added_in_the_order_of_their_names() {
    assert_eq!(
        added(&[
            "kfunc bpf_b(name *const void, name__sz u32) s32",
            "kfunc bpf_a(a *struct file, b **const union sigval, c enum mode, d enum wide) void",
            "kfunc bpf_c() *struct module",
        ]),
        [
            "24 ptr 5",
            "25 const 6",
            "26 ptr 25",
            "27 ptr 26",
            "28 proto (a 24, b 27, c 7, d 8) 0",
            "29 func bpf_a 28 linkage 0",
            "30 const 0",
            "31 ptr 30",
            "32 proto (name 31, name__sz 3) 4",
            "33 func bpf_b 32 linkage 0",
            "34 ptr 16",
            "35 proto () 34",
            "36 func bpf_c 35 linkage 0",
        ]
    );
}

#[test]
fn equal_pointers_and_prototypes_are_added_once() {
    assert_eq!(
        added(&[
            "kfunc bpf_a(p *const void) *void",
            "kfunc bpf_b(p *const void) *void",
            "kfunc bpf_c(q *const void) *void",
        ]),
        [
            "24 const 0",
            "25 ptr 24",
            "26 ptr 0",
            "27 proto (p 25) 26",
            "28 func bpf_a 27 linkage 0",
            "29 func bpf_b 27 linkage 0",
            "30 proto (q 25) 26",
            "31 func bpf_c 30 linkage 0",
        ]
    );
}

#[test]
fn order_of_descriptions_in_the_object_does_not_matter() {
    let a = "kfunc bpf_a(a *struct file) u32";
    let b = "kfunc bpf_b(b *const struct module) s32";
    let c = "kfunc bpf_c(c flag) void";
    let first = bench(&[a, b, c]).run();
    assert_eq!(first.code, 0);
    for order in [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
        assert!(bench(&order).run().btf == first.btf, "{order:?}");
    }
}

#[test]
fn own_types_and_typedefs_are_found_first() {
    assert_eq!(
        added(&["kfunc bpf_a(a *struct twice, b flag, c int) void"]),
        [
            "24 ptr 17",
            "25 proto (a 24, b 15, c 1) 0",
            "26 func bpf_a 25 linkage 0",
        ]
    );
}

#[test]
fn functions_have_up_to_12_parameters_like_in_the_kernel() {
    let params: Vec<_> = (0..12).map(|i| format!("p{i} u32")).collect();
    let added = added(&[&format!("kfunc bpf_a({}) void", params.join(", "))]);
    assert_eq!(
        added[0],
        format!("24 proto ({}) 0", params.join(", ").replace("u32", "3"))
    );
}

#[test]
fn without_descriptions_no_btf_is_read_or_written() {
    for elf in [
        module::<&str>(&[]),
        elf(&[(".text", b"\xc3")]),
        elf(&[(".modinfo", b"")]),
        elf(&[(
            ".modinfo",
            b"not_rust_btf=kfunc f(\0rust_btf_not=kfunc f(\0",
        )]),
    ] {
        let bench = Bench::new(&elf, b"not BTF at all", Some(b"neither"));
        let outcome = bench.run();
        assert_eq!(outcome.code, 0);
        assert_eq!(outcome.btf, b"not BTF at all");
    }
}

#[test]
fn descriptions_of_a_kernel_image_are_added() {
    let modinfo = b"demo.license=GPL\0\0demo.rust_btf=kfunc bpf_b(f *struct file) void\0\0\0\
        other.rust_btf=kfunc bpf_a() u32\0";
    let vmlinux = with_type(elf(&[(".modinfo", modinfo)]), ET_EXEC);
    let outcome = Bench::new(&vmlinux, &kernel().data(), None).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(
        Btf::parse(&outcome.btf, None).unwrap().dump()[15..],
        [
            "16 proto () 3",
            "17 func bpf_a 16 linkage 0",
            "18 ptr 5",
            "19 proto (f 18) 0",
            "20 func bpf_b 19 linkage 0",
        ]
    );
}

#[test]
fn base_is_an_elf_file_or_raw_btf() {
    let description = ["kfunc bpf_a(a *struct file) u32"];
    let raw = bench(&description).run();
    let vmlinux = with_type(elf(&[(".text", b""), (".BTF", &kernel().data())]), ET_EXEC);
    let bench = Bench::new(&module(&description), &own().data(), Some(&vmlinux));
    let outcome = bench.run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.btf == raw.btf);
    assert_eq!(new_lines(&raw.btf).len(), 3);
}

#[test]
fn objects_of_other_machines_are_read() {
    let modinfo = common::modinfo(&["kfunc bpf_a() u32"]);
    for (arch, endian) in [
        (Architecture::PowerPc, Endianness::Big),
        (Architecture::S390x, Endianness::Big),
        (Architecture::Arm, Endianness::Little),
    ] {
        let elf = elf_for(arch, endian, &[(".modinfo", &modinfo)]);
        let outcome = Bench::new(&elf, &own().data(), Some(&kernel().data())).run();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);
        assert_eq!(new_lines(&outcome.btf).len(), 2);
    }
}

#[test]
fn tool_keeps_the_byte_order() {
    let (mut base, mut btf) = (kernel(), own());
    base.set_big_endian();
    btf.set_big_endian();
    let elf = module(&["kfunc bpf_a(a *void) u32"]);
    let outcome = Bench::new(&elf, &btf.data(), Some(&base.data())).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert_eq!(outcome.btf[..2], [0xeb, 0x9f]);
    assert_eq!(
        new_lines(&outcome.btf),
        [
            "24 ptr 0",
            "25 proto (a 24) 3",
            "26 func bpf_a 25 linkage 0"
        ]
    );
}

/// Adds the longer header and the layout section that newer versions of `pahole` write.
fn with_layout(btf: &[u8]) -> Vec<u8> {
    let number = |at| u32::from_le_bytes(btf[at..at + 4].try_into().unwrap());
    let (types_len, strings_len) = (number(12), number(20));
    let layout = [0xaa; 16];
    let mut new = btf[..4].to_vec();
    for value in [32, 0, types_len, types_len + 16, strings_len, types_len, 16] {
        new.extend_from_slice(&u32::to_le_bytes(value));
    }
    let strings = 24 + types_len as usize;
    new.extend_from_slice(&btf[24..strings]);
    new.extend_from_slice(&layout);
    new.extend_from_slice(&btf[strings..]);
    new
}

#[test]
fn layout_section_is_dropped() {
    let descriptions = ["kfunc bpf_a(a *struct file) u32"];
    let plain = bench(&descriptions).run();
    let outcome = Bench::new(
        &module(&descriptions),
        &with_layout(&own().data()),
        Some(&with_layout(&kernel().data())),
    )
    .run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.btf == plain.btf);
}

#[test]
fn functions_that_the_btf_has_are_not_added() {
    let descriptions = [
        "kfunc bpf_own(file *const struct file, n u32) s32",
        "kfunc bpf_own_void() void",
    ];
    let outcome = bench(&descriptions).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.btf == own().data());

    assert_eq!(
        added(&[descriptions[0], "kfunc bpf_a() void"]),
        ["24 proto () 0", "25 func bpf_a 24 linkage 0"]
    );
}

#[test]
fn second_run_changes_nothing() {
    let bench = bench(&[
        "kfunc bpf_a(a *const struct twice, b enum mode) *union sigval",
        "kfunc bpf_b(a flag, b **void) int",
    ]);
    let first = bench.run();
    let second = bench.run();
    assert_eq!((first.code, second.code), (0, 0), "{}", second.stderr);
    assert!(first.btf != own().data());
    assert!(first.btf == second.btf);
}

#[test]
fn replacing_keeps_permissions_and_symbolic_links() {
    let bench = bench(&["kfunc bpf_a() void"]);
    let target = bench.dir.join("real.BTF");
    let link = bench.dir.join("x.BTF");
    fs::rename(&link, &target).unwrap();
    symlink("real.BTF", &link).unwrap();
    fs::set_permissions(&target, PermissionsExt::from_mode(0o640)).unwrap();
    let status = Command::new(env!("CARGO_BIN_EXE_rust-btf"))
        .args(["--btf_base", "vmlinux", "--btf", "x.BTF", "x.ko"])
        .current_dir(&bench.dir)
        .status()
        .unwrap();
    assert!(status.success());
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(
        fs::metadata(&target).unwrap().permissions().mode() & 0o7777,
        0o640
    );
    assert_eq!(new_lines(&fs::read(&target).unwrap()).len(), 2);
}

#[test]
fn unknown_types_are_errors() {
    rejected(
        &["kfunc bpf_x(a u32, task *struct foo) void"],
        "kfunc bpf_x: parameter 2 (task): no 'struct foo' in the BTF of x.ko or of vmlinux; check \
         the name",
    );
    rejected(
        &["kfunc bpf_x() const foo_t"],
        "kfunc bpf_x: return type: no 'foo_t' in the BTF of x.ko or of vmlinux; check",
    );
    for (ty, why) in [
        ("struct u32", "'u32' is a typedef there: write 'u32'"),
        ("union int", ""),
        ("file", "'file' is a struct there: write 'struct file'"),
        ("enum file", "'file' is a struct there: write 'struct file'"),
        ("sigval", "'sigval' is a union there: write 'union sigval'"),
        ("mode", "'mode' is an enum there: write 'enum mode'"),
        ("struct wide", "'wide' is an enum there: write 'enum wide'"),
        ("double", "'double' is a floating-point type there, and"),
        (
            "struct secret",
            "'secret' is only declared, not defined there: use",
        ),
        ("struct module_", "check the name"),
    ] {
        let message = match ty {
            "union int" => "description 'kfunc bpf_x(a *union int) void': column 22".to_string(),
            _ => format!(
                "kfunc bpf_x: parameter 1 (a): no '{ty}' in the BTF of x.ko or of vmlinux; {why}"
            ),
        };
        rejected(&[&format!("kfunc bpf_x(a *{ty}) void")], &message);
    }
}

#[test]
fn unknown_type_without_base_is_an_error() {
    let elf = module(&["kfunc bpf_x(f *struct file) void"]);
    let mut btf = Btf::new(None);
    btf.structure("module", 64);
    fails(
        &Bench::new(&elf, &btf.data(), None),
        "kfunc bpf_x: parameter 1 (f): no 'struct file' in the BTF of x.ko; the kernel's types are \
         in vmlinux, and --btf_base is missing: the build passes it if vmlinux exists and has BTF \
         (CONFIG_DEBUG_INFO_BTF)",
    );
    // The kernel image has no base.
    fails(
        &Bench::new(&with_type(elf, ET_EXEC), &btf.data(), None),
        "kfunc bpf_x: parameter 1 (f): no 'struct file' in the BTF of x.ko; check the name",
    );
}

#[test]
fn functions_of_the_same_name_are_errors() {
    let one = "kfunc bpf_x(a u32) void";
    rejected(
        &[one, "kfunc bpf_y() void", "kfunc bpf_x() void"],
        "kfunc bpf_x: described twice, as 'kfunc bpf_x(a u32) void' and as 'kfunc bpf_x() void'; \
         rename",
    );
    rejected(&[one, one], "kfunc bpf_x: described twice");
    rejected(
        &["kfunc bpf_own(file *struct file, n u32) s32"],
        "kfunc bpf_own: described as 'kfunc bpf_own(file *struct file, n u32) s32', but the BTF of \
         x.ko has it as 'kfunc bpf_own(file *const struct file, n u32) s32'; make",
    );
    for other in [
        "kfunc bpf_own() s32",
        "kfunc bpf_own(file *const struct file, n u32) u32",
        "kfunc bpf_own(file *const struct file, m u32) s32",
        "kfunc bpf_own(file *const struct file, n u32, more u32) s32",
    ] {
        rejected(
            &[other],
            &format!("kfunc bpf_own: described as '{other}', but"),
        );
    }
    for same_or_not in ["kfunc vfs_thing(x u32) s32", "kfunc vfs_thing() void"] {
        rejected(
            &[same_or_not],
            "kfunc vfs_thing: vmlinux already has a function of that name, and the kernel does not \
             load a module",
        );
    }
}

#[test]
fn messages_show_a_contradicting_prototype() {
    let mut btf = Btf::new(Some(kernel()));
    let volatile = btf.volatile(6);
    let union = btf.ptr(volatile);
    let secret = btf.ptr(9);
    let odd = btf.int("in\n\u{1b}t", 4);
    let params = [("a", union), ("b", secret), ("c", 7), ("d", 2), ("e", odd)];
    btf.func("bpf_x", &params, 8);
    fails(
        &Bench::new(
            &module(&["kfunc bpf_x() void"]),
            &btf.data(),
            Some(&kernel().data()),
        ),
        "kfunc bpf_x: described as 'kfunc bpf_x() void', but the BTF of x.ko has it as 'kfunc \
         bpf_x(a *volatile union sigval, b *(declared only) secret, c enum mode, d unsigned int, \
         e in\\n\\u{1b}t) enum wide'",
    );
}

#[test]
fn messages_cut_circular_types() {
    let mut btf = Btf::new(Some(kernel()));
    // The type 16 points to itself.
    btf.ptr(16);
    btf.func("bpf_x", &[("a", 16)], 0);
    fails(
        &Bench::new(
            &module(&["kfunc bpf_x() void"]),
            &btf.data(),
            Some(&kernel().data()),
        ),
        "kfunc bpf_x: described as 'kfunc bpf_x() void', but the BTF of x.ko has it as 'kfunc \
         bpf_x(a ********************************...) void'",
    );
}

#[test]
fn malformed_descriptions_are_errors() {
    // The parser has its own tests; this tests how the tool reports its errors.
    rejected(
        &["kfunc bpf_ok() void", "kfunc bpf_x(a) void"],
        "description 'kfunc bpf_x(a) void': column 14: type expected, found ')'; descriptions come \
         from the macros of the bpf crate",
    );
    rejected(
        &[""],
        "description '': column 1: 'kfunc', 'func', 'struct',",
    );
    rejected(
        &["kfunc \u{1b}[m\n() void"],
        "description 'kfunc \\x1b[m\\n() void': column 7: not",
    );
    rejected(
        &["kfunc bpf_x(a void) void"],
        "description 'kfunc bpf_x(a void) void': column 15: parameter 1 (a): a parameter",
    );
    let params: Vec<_> = (0..13).map(|i| format!("p{i} u32")).collect();
    rejected(
        &[&format!("kfunc bpf_x({}) void", params.join(", "))],
        "description 'kfunc bpf_x(p0 u32, p1 u32",
    );
}

#[test]
fn missing_files_are_errors() {
    let bench = bench(&["kfunc bpf_a() void"]);
    for (args, message) in [
        (
            ["--btf_base", "vmlinux", "--btf", "x.BTF", "no.ko"],
            "rust-btf: no.ko: cannot open no.ko: No such file",
        ),
        (
            ["--btf_base", "vmlinux", "--btf", "no.BTF", "x.ko"],
            "rust-btf: x.ko: cannot read no.BTF: No such file",
        ),
        (
            ["--btf_base", "novmlinux", "--btf", "x.BTF", "x.ko"],
            "rust-btf: x.ko: cannot open novmlinux: No such file",
        ),
        (
            ["--btf_base", ".", "--btf", "x.BTF", "x.ko"],
            "rust-btf: x.ko: cannot read .: Is a directory",
        ),
    ] {
        let outcome = bench.run_with(&args);
        assert_eq!(outcome.code, 1);
        assert!(outcome.stderr.starts_with(message), "{}", outcome.stderr);
    }
}

#[test]
fn damaged_elf_files_are_errors() {
    let good = module(&["kfunc bpf_a() void"]);
    let btf = own().data();
    let base = kernel().data();
    for len in 0..good.len() {
        fails(
            &Bench::new(&good[..len], &btf, Some(&base)),
            "x.ko: no valid ELF file: ",
        );
    }
    fails(
        &Bench::new(&b"garbage ".repeat(100), &btf, Some(&base)),
        "x.ko: no valid ELF file: ",
    );
    const ET_CORE: u8 = 4;
    fails(
        &Bench::new(&with_type(good, ET_CORE), &btf, Some(&base)),
        "x.ko: neither a module nor a kernel image",
    );
}

#[test]
fn damaged_btf_is_an_error() {
    let elf = module(&["kfunc bpf_a() void"]);
    let base = kernel().data();
    let good = own().data();
    for len in 0..good.len() {
        fails(
            &Bench::new(&elf, &good[..len], Some(&base)),
            "--btf x.BTF: no valid BTF: the data is truncated; run pahole again",
        );
    }
    fails(
        &Bench::new(&elf, &b"garbage ".repeat(100), Some(&base)),
        "--btf x.BTF: no valid BTF: the data does not start with the BTF magic number; run \
         pahole again (--btf_base",
    );
    fails(
        &Bench::new(&elf, &good, None),
        "--btf x.BTF: no valid BTF: libbpf: Invalid argument (os error 22); run pahole again (the \
         BTF of a module can only be read together with its --btf_base)",
    );
    for (at, value, why) in [
        (2, 2, "the BTF version is 2, this tool knows version 1"),
        (
            4,
            23,
            "the header has 23 bytes, but at least 24 are required",
        ),
        (4, 0, "the header has 0 bytes"),
        (15, 0xff, "the data is truncated"),
        (23, 0xff, "the data is truncated"),
        (24, 0xff, "libbpf: Invalid argument"),
        (27, 0xff, "libbpf: Invalid argument"),
    ] {
        let mut bad = good.clone();
        bad[at] = value;
        fails(
            &Bench::new(&elf, &bad, Some(&base)),
            &format!("--btf x.BTF: no valid BTF: {why}"),
        );
    }
}

#[test]
fn damaged_base_is_an_error() {
    let elf_file = module(&["kfunc bpf_a() void"]);
    let btf = own().data();
    let base = kernel().data();
    for (base, why) in [
        (
            elf(&[(".text", b"")]),
            "vmlinux: no .BTF section; take the vmlinux of",
        ),
        (
            elf(&[(".BTF", b"")]),
            "vmlinux: no valid BTF: the data is truncated; take the",
        ),
        (
            base[..base.len() - 1].to_vec(),
            "vmlinux: no valid BTF: the data is truncated",
        ),
        (
            b"garbage".to_vec(),
            "vmlinux: no valid BTF: the data does not start with the BTF magic number",
        ),
        (Vec::new(), "vmlinux: no valid BTF: the data is truncated"),
    ] {
        fails(
            &Bench::new(&elf_file, &btf, Some(&base)),
            &format!("--btf_base {why}"),
        );
    }
    let vmlinux = elf(&[(".BTF", &base)]);
    fails(
        &Bench::new(&elf_file, &btf, Some(&vmlinux[..vmlinux.len() - 1])),
        "vmlinux: no valid ELF file: ",
    );
}

#[test]
fn failing_write_leaves_no_file() {
    // In this process each write to a file fails with an error (not with a signal).
    let shell = "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\"";
    let outcome = bench(&["kfunc bpf_a() void"]).run_command(
        Command::new("sh")
            .args(["-c", shell, env!("CARGO_BIN_EXE_rust-btf")])
            .args(["--btf_base", "vmlinux", "--btf", "x.BTF", "x.ko"]),
    );
    assert_eq!(outcome.code, 1);
    assert!(
        outcome.stderr.starts_with(
            "rust-btf: x.ko: cannot replace x.BTF: File too large (os error 27); its folder"
        ),
        "{}",
        outcome.stderr
    );
}

#[test]
fn function_with_the_name_of_a_symbol_of_the_kernel_is_an_error() {
    let map = b"ffffffff81000000 T _text\nffffffff81000010 d bpf_jit_limit\n";
    for (role, why) in [
        ("kfunc", "programs would call that symbol"),
        ("func", "kprobes would attach to that symbol"),
    ] {
        let module = module(&[&format!("{role} bpf_jit_limit() u32")]);
        let own = own().data();
        let bench = Bench::new(&module, &own, Some(&kernel().data()));
        let outcome = bench.run();
        assert_eq!(outcome.code, 0, "{}", outcome.stderr);

        let bench = Bench::new(&module, &own, Some(&kernel().data()));
        bench.write("System.map", map);
        let outcome = bench.run();
        assert_eq!(outcome.code, 1);
        assert!(
            outcome.stderr.contains(&format!(
                "{role} bpf_jit_limit: vmlinux has a symbol of that name that is not in its BTF, \
                 and {why}; rename your function"
            )),
            "{}",
            outcome.stderr
        );
    }
}

#[test]
fn function_with_the_name_of_an_exported_symbol_is_an_error() {
    let list = b"0x00000000\tsystem_wq\tvmlinux\tEXPORT_SYMBOL_GPL\t\n\
                 0x00000000\tx_own\tdrivers/x\tEXPORT_SYMBOL_GPL\t\n\
                 0x00000000\tdummy_open\tdrivers/net/dummy\tEXPORT_SYMBOL\tDUMMY\n";
    for (symbol, owner) in [
        ("system_wq", Some("vmlinux")),
        ("dummy_open", Some("dummy")),
        ("rust_bpf_helper_free", Some("rust_bpf")),
        // The module itself exports it.
        ("x_own", None),
        ("x_other", None),
    ] {
        let module = module_with_symbol("func x_thing() u32", symbol);
        let bench = Bench::new(&module, &own().data(), Some(&kernel().data()));
        bench.write("Module.symvers", list);
        let outcome = bench.run();
        assert_eq!(
            outcome.code,
            i32::from(owner.is_some()),
            "{}",
            outcome.stderr
        );
        if let Some(owner) = owner {
            let expected = format!(
                "rust-btf: x.ko: {symbol}: {owner} exports a symbol of that name, and code in \
                 this module would use yours in its place; rename your function"
            );
            assert!(outcome.stderr.contains(&expected), "{}", outcome.stderr);
        }
    }
}
