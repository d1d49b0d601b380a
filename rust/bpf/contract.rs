// SPDX-License-Identifier: GPL-2.0

//! What a kfunc's parameter tells the verifier.
//!
//! The verifier reads a prototype from BTF and a set of `KF_*` flags. [`Contract`] is the part of
//! both that one parameter decides: its type, the suffix of its name, the flags that it brings. The
//! rest of this module checks, at compile time, what the verifier demands of all parameters together
//! ([`broken_rule`]), so that the error is at the argument and not in the log of a program that
//! cannot be loaded.
//!
//! C: `check_kfunc_args()` in `kernel/bpf/verifier.c`.

use crate::describe::Composed;
use kernel::bindings;

/// The number of arguments that BPF passes in registers. More are passed on the stack.
const REGISTERS: usize = 5;

/// The number of arguments that BPF passes at all (`MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: usize = 12;

/// What a parameter tells the verifier.
#[derive(Clone, Copy)]
pub struct Contract {
    /// The type in BTF; empty if the program passes nothing.
    btf: &'static str,
    /// Whether a second register with the size of memory follows.
    has_size: bool,
    suffix: &'static str,
    name: &'static str,
    flags: u32,
    is_trusted: bool,
    is_constant: bool,
    lends: bool,
    in_register: bool,
    may_alias: bool,
    refused: &'static str,
}

impl Contract {
    const fn new(btf: &'static str) -> Self {
        Self {
            btf,
            has_size: false,
            suffix: "",
            name: "",
            flags: 0,
            is_trusted: false,
            is_constant: false,
            lends: false,
            in_register: false,
            may_alias: false,
            refused: "",
        }
    }

    /// The program passes nothing.
    pub const fn nothing() -> Self {
        Self::new("")
    }

    /// The program passes a number, or a pointer that cannot point to an object.
    pub const fn value(btf: &'static str) -> Self {
        Self::new(btf)
    }

    /// The program passes a pointer, perhaps to an object, or into an object, that another argument
    /// gives up. The verifier does not compare arguments.
    pub const fn pointer(btf: &'static str) -> Self {
        let mut contract = Self::new(btf);
        contract.may_alias = true;
        contract
    }

    /// The program passes a pointer and, in the next register, the number of bytes there (`__sz`).
    pub const fn memory(btf: &'static str) -> Self {
        let mut contract = Self::pointer(btf);
        contract.has_size = true;
        contract
    }

    /// The function sees a copy of the memory, which is never written back.
    pub const fn copied(mut self) -> Self {
        self.may_alias = false;
        self
    }

    /// The verifier does not look at the argument.
    pub const fn ignored(self) -> Self {
        Self::value(self.btf).suffix("__ign")
    }

    /// The suffix of the parameter's name, such as `__nullable`.
    pub const fn suffix(mut self, suffix: &'static str) -> Self {
        self.suffix = suffix;
        self
    }

    /// The name that the verifier wants the parameter to have.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// The `KF_*` flags that the parameter brings to the whole function.
    pub const fn with_flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }

    /// The type relies on the verifier to accept trusted pointers only, which the verifier does not
    /// for a function with `KF_RCU`.
    pub const fn trusted(mut self) -> Self {
        self.is_trusted = true;
        self
    }

    /// The verifier must know the value. The verifier remembers the value of one argument only.
    pub const fn constant(mut self) -> Self {
        self.is_constant = true;
        self
    }

    /// The parameter is the size of what the function lends to the program.
    pub const fn lends(mut self) -> Self {
        self.lends = true;
        self
    }

    /// The argument must be passed in a register, not on the stack.
    pub const fn in_register(mut self) -> Self {
        self.in_register = true;
        self
    }

    /// The verifier would refuse every program that passes such an argument; `why` is empty if it
    /// would not.
    pub const fn refused(mut self, why: &'static str) -> Self {
        self.refused = why;
        self
    }

    /// The `KF_*` flags that the parameter brings to the whole function.
    pub const fn flags(&self) -> u32 {
        self.flags
    }

    /// The number of registers, or places on the stack, that the program fills.
    pub const fn registers(&self) -> usize {
        if self.btf.is_empty() {
            0
        } else if self.has_size {
            2
        } else {
            1
        }
    }

    const fn is_implicit(&self) -> bool {
        self.flags & bindings::KF_IMPLICIT_ARGS != 0
    }

    /// Whether the program passes a pointer.
    const fn is_pointer(&self) -> bool {
        !self.is_implicit() && matches!(self.btf.as_bytes(), [b'*', ..])
    }

    /// The parameter in the language of `scripts/rust-btf`, with a comma in front of all but the
    /// first.
    // Inline, because only the compiler runs it, and it can panic there.
    #[inline]
    pub const fn describe(&self, name: &'static str, is_first: bool) -> Composed {
        if self.btf.is_empty() {
            return Composed::new(&[]);
        }
        let comma = if is_first { "" } else { ", " };
        let name = if self.name.is_empty() {
            name
        } else {
            self.name
        };
        if self.has_size {
            Composed::new(&[comma, name, " ", self.btf, ", ", name, "__sz u32"])
        } else {
            Composed::new(&[comma, name, self.suffix, " ", self.btf])
        }
    }
}

/// Whether one of the parameters may point to an object that another argument gives up.
pub const fn may_alias(args: &[Contract]) -> bool {
    let mut rest = args;
    while let [arg, others @ ..] = rest {
        if arg.may_alias {
            return true;
        }
        rest = others;
    }
    false
}

/// The flags that the parameters bring.
pub const fn flags(args: &[Contract]) -> u32 {
    let mut flags = 0;
    let mut rest = args;
    while let [arg, others @ ..] = rest {
        flags |= arg.flags;
        rest = others;
    }
    flags
}

/// The number of registers that the parameters take.
pub const fn registers(args: &[Contract]) -> usize {
    let mut registers: usize = 0;
    let mut rest = args;
    while let [arg, others @ ..] = rest {
        registers = registers.saturating_add(arg.registers());
        rest = others;
    }
    registers
}

/// What the verifier demands and the parameter at `index` does not keep, or nothing.
///
/// `leading` is the number of arguments before the author's, and `flags` are those of the function.
pub const fn broken_rule(
    index: usize,
    leading: usize,
    args: &[Contract],
    flags: u32,
) -> Option<&'static str> {
    let Some((before, [arg, after @ ..])) = args.split_at_checked(index) else {
        return None;
    };
    let place = registers(before).saturating_add(leading);
    let (mut constants, mut lenders, mut pointers) = (0_usize, 0_usize, 0_usize);
    let mut rest = args;
    while let [other, others @ ..] = rest {
        constants = constants.saturating_add(other.is_constant as usize);
        lenders = lenders.saturating_add(other.lends as usize);
        pointers = pointers.saturating_add(other.is_pointer() as usize);
        rest = others;
    }

    Some(if !arg.refused.is_empty() {
        arg.refused
    } else if place.saturating_add(arg.registers()) > MAX_ARGS {
        "BPF passes 12 arguments at most, and a slice takes two; put some of them into a \
                struct (`In<T>`)"
    } else if arg.flags & bindings::KF_RELEASE != 0 && leading > 0 {
        "the first argument is the iterator, and the verifier takes a reference away only \
                if that is the first; take `RcuPtr<'_, ...>` and call `try_get()`"
    } else if arg.flags & bindings::KF_RELEASE != 0 && index > 0 {
        "the verifier takes a reference away only if it is the first argument"
    } else if arg.is_implicit() && !after.is_empty() {
        "the kernel adds this argument: it must be the last"
    } else if (arg.in_register || arg.is_implicit()) && place >= REGISTERS {
        "the verifier takes this argument in a register only, of which there are 5; a slice \
                takes two; put it before others"
    } else if arg.is_constant && constants > 1 {
        "the verifier knows the value of one argument only; take one `Const`, and another \
                number as it is"
    } else if arg.lends && lenders > 1 {
        "the verifier takes one `RdonlyBufSize` only"
    } else if arg.lends && pointers > 1 {
        "the verifier ties what is lent to one pointer, and does not take a second; take \
                one argument that is a pointer"
    } else if arg.is_trusted && flags & bindings::KF_RCU != 0 {
        "beside an `RcuPtr` argument the verifier accepts pointers here that are valid only \
                under RCU; take `RcuPtr<'_, ...>`"
    } else {
        return None;
    })
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_contract)]
mod tests {
    use super::*;

    const VALUE: Contract = Contract::value("u32");
    const POINTER: Contract = Contract::pointer("*struct t").suffix("__nullable");
    const MEMORY: Contract = Contract::memory("*void");
    const NOTHING: Contract = Contract::nothing();

    #[test]
    fn parameters_are_described() {
        static TEXTS: [Composed; 6] = [
            VALUE.describe("n", true),
            POINTER.describe("p", false),
            MEMORY.describe("m", true),
            MEMORY.describe("m", false),
            NOTHING.describe("x", false),
            VALUE.named("size").describe("n", false),
        ];
        let texts = [
            "n u32",
            ", p__nullable *struct t",
            "m *void, m__sz u32",
            ", m *void, m__sz u32",
            "",
            ", size u32",
        ];
        for (composed, text) in TEXTS.iter().zip(texts) {
            assert_eq!(composed.text(), text);
        }
    }

    #[test]
    fn registers_are_counted() {
        assert_eq!(registers(&[]), 0);
        assert_eq!(registers(&[VALUE, NOTHING, MEMORY, POINTER]), 4);
    }

    #[test]
    fn pointers_may_alias_and_copies_do_not() {
        assert!(!may_alias(&[VALUE, NOTHING, MEMORY.copied()]));
        assert!(may_alias(&[VALUE, POINTER]));
        assert!(may_alias(&[MEMORY, VALUE]));
    }

    #[test]
    fn a_rule_is_for_its_argument() {
        let release = POINTER.with_flags(bindings::KF_RELEASE);
        let args = [release, VALUE, release];
        assert!(broken_rule(0, 0, &args, 0).is_none());
        assert!(broken_rule(1, 0, &args, 0).is_none());
        assert!(broken_rule(2, 0, &args, 0).is_some_and(|why| why.contains("first argument")));
        assert!(broken_rule(0, 1, &args, 0).is_some_and(|why| why.contains("iterator")));
        assert!(broken_rule(3, 0, &args, 0).is_none());

        let many = [MEMORY; 7];
        assert!(broken_rule(5, 0, &many, 0).is_none());
        assert!(broken_rule(5, 1, &many, 0).is_some());
        assert!(broken_rule(6, 0, &many, 0).is_some());
    }
}
