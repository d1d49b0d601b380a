// SPDX-License-Identifier: GPL-2.0

//! Runs the tool on valid files with a few random changes.
//!
//! `Bench::run()` checks each time that the tool exits with 0 or 1, not by a signal or a panic, and
//! that an error leaves all files unchanged. The tests check that the result of a success is BTF.

// Helper functions without `#[test]` fail by a panic, too.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

// Each test crate uses only a part of `common`.
#[allow(dead_code)]
mod common;

use common::{
    elf,
    module,
    Bench,
    Btf, //
};
use proptest::{
    collection::vec,
    prelude::*,
    sample::{
        select,
        Index, //
    }, //
};

const DESCRIPTIONS: [&str; 14] = [
    "kfunc bpf_own(file *const struct file, n u32) int",
    "kfunc bpf_b(name *const void, name__sz u32) u32",
    "kfunc bpf_a(file *struct file) *struct file",
    "struct bpf_s 32 { a 0 pair_t, u 16 union bpf_u, next 24 *const struct bpf_s, end 32 [0]u32 }",
    "union bpf_u 8 { a 0 [2]u32, e 0 enum bpf_e }",
    "enum bpf_e 8 signed { A = -1, B = 4294967296 }",
    "struct bpf_there 16 { a 0 [2]u32, next 8 *struct bpf_there }",
    "enum bpf_sign 4 signed { NO = -1, YES = 1 }",
    "struct file 8",
    "struct bpf_ops 24 { a 0 *fn(x *struct bpf_s, n u32) u32, b 8 const *fn(*fn() void) *u32 }",
    "struct bpf_struct_ops_bpf_ops 32 { common 0 struct file, data 8 struct bpf_ops }",
    "struct bpf_ops_there 8 { a 0 *fn(x *struct bpf_there, y *fn(u32) void) void }",
    "func bpf_ops__a(x__nullable *struct bpf_s, n u32) u32",
    "func bpf_stub(x__ref *struct bpf_there) void",
];

const WORDS: &[&str] = &[
    "0 ",
    "8 ",
    "16 ",
    "32 ",
    "4294967295 ",
    "[2]",
    "[4294967295]",
    "*",
    "const ",
    "void ",
    "a ",
    "u32 ",
    "pair_t, ",
    "mode ",
    "file ",
    "bpf_u ",
    "bpf_s, ",
    "bpf_there }",
    "fn ",
    "*fn(a u32, ",
    "*fn(u32) ",
    "fn(*fn(*fn() ",
    ") ",
    "func ",
    "struct ",
    "union ",
    "enum ",
    "{ ",
    "}",
    "",
];

fn kernel() -> Btf {
    let mut btf = Btf::new(None);
    let int = btf.int("int", 4);
    let u32 = btf.typedef("u32", int);
    btf.structure("file", 8);
    btf.enumeration("mode");
    btf.func("vfs_thing", &[("x", u32)], int); // 5, 6
    let pair = btf.array(u32, 4, int);
    btf.typedef("pair_t", pair); // 8
    btf
}

fn own() -> Btf {
    let mut btf = Btf::new(Some(kernel()));
    btf.structure("module", 64);
    let constant = btf.constant(3);
    let file = btf.ptr(constant);
    btf.func("bpf_own", &[("file", file), ("n", 2)], 1);
    let array = btf.array(2, 2, 1);
    let there = btf.structure("bpf_there", 16);
    btf.member("a", array, 0, 0);
    btf.member("next", there + 1, 64, 0);
    btf.ptr(there);
    btf.small_enum("bpf_sign", 4, &[("NO", -1), ("YES", 1)]);
    let inner = btf.proto(&[("", 2)], 0);
    let inner = btf.ptr(inner);
    let outer = btf.proto(&[("", there + 1), ("", inner)], 0);
    let outer = btf.ptr(outer);
    btf.structure("bpf_ops_there", 8);
    btf.member("a", outer, 0, 0);
    btf.func("bpf_stub", &[("x__ref", there + 1)], 0);
    btf
}

/// One change to some bytes.
#[derive(Clone, Debug)]
enum Change {
    Byte(Index, u8),
    Number(Index, u32),
    /// A number near the start, where headers are.
    Header(u8, u32),
    Remove(Index, usize),
    Insert(Index, Vec<u8>),
    Cut(Index),
}

fn change() -> impl Strategy<Value = Change> {
    let number = || {
        prop_oneof![
            0u32..40,
            select(vec![0x7fff_ffff, 0x8000_0000, u32::MAX, u32::MAX - 3]),
            any::<u32>()
        ]
    };
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Change::Byte(at, byte)),
        4 => (any::<Index>(), number()).prop_map(|(at, number)| Change::Number(at, number)),
        2 => (0u8..16, number()).prop_map(|(at, number)| Change::Header(at, number)),
        1 => (any::<Index>(), 1usize..30).prop_map(|(at, len)| Change::Remove(at, len)),
        1 => (any::<Index>(), vec(any::<u8>(), 1..30)).prop_map(|(at, new)| Change::Insert(at, new)),
        1 => any::<Index>().prop_map(Change::Cut),
    ]
}

fn apply(mut data: Vec<u8>, changes: &[Change]) -> Vec<u8> {
    for change in changes {
        if data.is_empty() {
            break;
        }
        let len = data.len();
        let put = |data: &mut Vec<u8>, at: usize, number: u32| {
            for (byte, new) in data.iter_mut().skip(at & !3).zip(number.to_le_bytes()) {
                *byte = new;
            }
        };
        match change {
            Change::Byte(at, byte) => data[at.index(len)] = *byte,
            Change::Number(at, number) => put(&mut data, at.index(len), *number),
            Change::Header(at, number) => put(&mut data, usize::from(*at) * 4, *number),
            Change::Remove(at, count) => {
                let at = at.index(len);
                data.drain(at..len.min(at + count));
            }
            Change::Insert(at, new) => {
                let at = at.index(len);
                data.splice(at..at, new.iter().copied());
            }
            Change::Cut(at) => data.truncate(at.index(len)),
        }
    }
    data
}

fn changes() -> impl Strategy<Value = Vec<Change>> {
    vec(change(), 1..4)
}

/// Runs the tool; the BTF file must be unchanged, or valid BTF after a success.
fn check(elf: &[u8], btf: &[u8], base: &[u8], readable_base: Btf) {
    let outcome = Bench::new(elf, btf, Some(base)).run();
    if outcome.btf != btf {
        assert_eq!(outcome.code, 0);
        assert!(Btf::parse(&outcome.btf, Some(readable_base)).is_some());
    }
}

/// The tool has to accept the unchanged files: otherwise the other tests prove nothing.
#[test]
fn unchanged_files_are_accepted() {
    let (elf, btf, base) = (module(&DESCRIPTIONS), own().data(), kernel().data());
    let outcome = Bench::new(&elf, &btf, Some(&base)).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.btf.len() > btf.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn changed_description_gives_btf_or_an_error(
        which in 0..DESCRIPTIONS.len(), changes in changes()
    ) {
        let mut descriptions: Vec<_> = DESCRIPTIONS.map(|text| text.as_bytes().to_vec()).into();
        descriptions[which] = apply(descriptions[which].clone(), &changes);
        check(&module(&descriptions), &own().data(), &kernel().data(), kernel());
    }

    /// The parser rejects most changes of bytes. Changes of words get past the parser.
    #[test]
    fn changed_word_gives_btf_or_an_error(
        which in 0..DESCRIPTIONS.len(), at in any::<Index>(), word in select(WORDS)
    ) {
        let mut descriptions = DESCRIPTIONS.map(str::to_string);
        let mut words: Vec<_> = DESCRIPTIONS[which].split_inclusive(' ').collect();
        let at = at.index(words.len());
        words[at] = word;
        descriptions[which] = words.concat();
        check(&module(&descriptions), &own().data(), &kernel().data(), kernel());
    }

    #[test]
    fn changed_elf_gives_btf_or_an_error(changes in changes()) {
        let elf = apply(module(&DESCRIPTIONS), &changes);
        check(&elf, &own().data(), &kernel().data(), kernel());
    }

    #[test]
    fn changed_btf_gives_btf_or_an_error(changes in changes()) {
        let btf = apply(own().data(), &changes);
        check(&module(&DESCRIPTIONS), &btf, &kernel().data(), kernel());
    }

    #[test]
    fn changed_base_gives_success_or_an_error(changes in changes(), in_elf in any::<bool>()) {
        let raw = apply(kernel().data(), &changes);
        let base = if in_elf { elf(&[(".BTF", &raw)]) } else { raw };
        let outcome = Bench::new(&module(&DESCRIPTIONS), &own().data(), Some(&base)).run();
        prop_assert!(outcome.code == 0 || outcome.code == 1);
    }
}
