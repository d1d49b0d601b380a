// SPDX-License-Identifier: GPL-2.0

//! Feeds the tool files that are almost right.
//!
//! `Bench::run()` checks each time that the tool ends with 0 or 1, not by a signal or a panic, and
//! that after an error no file is changed. What it accepts has to be BTF.

// The helpers are no `#[test]` functions, but fail the same way.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

// Each test crate uses some of it.
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

const DESCRIPTIONS: [&str; 3] = [
    "kfunc bpf_own(file *const struct file, n u32) int",
    "kfunc bpf_b(name *const void, name__sz u32) u32",
    "kfunc bpf_a(file *struct file) *struct file",
];

fn kernel() -> Btf {
    let mut btf = Btf::new(None);
    let int = btf.int("int", 4);
    let u32 = btf.typedef("u32", int);
    btf.structure("file", 8);
    btf.enumeration("mode");
    btf.func("vfs_thing", &[("x", u32)], int);
    btf
}

fn own() -> Btf {
    let mut btf = Btf::new(Some(kernel()));
    btf.structure("module", 64);
    let constant = btf.constant(3);
    let file = btf.ptr(constant);
    btf.func("bpf_own", &[("file", file), ("n", 2)], 1);
    btf
}

/// One change to some bytes.
#[derive(Clone, Debug)]
enum Change {
    Byte(Index, u8),
    Number(Index, u32),
    /// The same near the start, where headers are.
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

/// Runs the tool; what it accepts must be as it was, or BTF.
fn check(elf: &[u8], btf: &[u8], base: &[u8], readable_base: Btf) {
    let outcome = Bench::new(elf, btf, Some(base)).run();
    if outcome.btf != btf {
        assert_eq!(outcome.code, 0);
        assert!(Btf::parse(&outcome.btf, Some(readable_base)).is_some());
    }
}

/// The unchanged files have to be accepted, or the properties would hold for nothing.
#[test]
fn unchanged() {
    let (elf, btf, base) = (module(&DESCRIPTIONS), own().data(), kernel().data());
    let outcome = Bench::new(&elf, &btf, Some(&base)).run();
    assert_eq!(outcome.code, 0, "{}", outcome.stderr);
    assert!(outcome.btf.len() > btf.len());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    #[test]
    fn changed_description(changes in changes()) {
        let description = apply(DESCRIPTIONS[1].as_bytes().to_vec(), &changes);
        check(&module(&[description]), &own().data(), &kernel().data(), kernel());
    }

    #[test]
    fn changed_elf(changes in changes()) {
        let elf = apply(module(&DESCRIPTIONS), &changes);
        check(&elf, &own().data(), &kernel().data(), kernel());
    }

    #[test]
    fn changed_btf(changes in changes()) {
        let btf = apply(own().data(), &changes);
        check(&module(&DESCRIPTIONS), &btf, &kernel().data(), kernel());
    }

    #[test]
    fn changed_base(changes in changes(), in_elf in any::<bool>()) {
        let raw = apply(kernel().data(), &changes);
        let base = if in_elf { elf(&[(".BTF", &raw)]) } else { raw };
        let outcome = Bench::new(&module(&DESCRIPTIONS), &own().data(), Some(&base)).run();
        prop_assert!(outcome.code == 0 || outcome.code == 1);
    }
}
