// SPDX-License-Identifier: GPL-2.0

//! The contract of a parameter of a kfunc.
//!
//! The verifier reads the prototype of a kfunc from BTF, and its `KF_*` flags. A [`Contract`] is
//! the part that one parameter contributes: its type, the suffix of its name, and its flags.
//!
//! [`broken_rule`] checks at compile time the rules of the verifier for all parameters together. So
//! the compiler reports an error at the argument; otherwise, the error would be in the verifier log
//! of a program. This module does not handle results: see [`KfuncRet`](crate::kfunc::KfuncRet).
//!
//! C: `check_kfunc_args()` in `kernel/bpf/verifier.c`.

use crate::{
    compat,
    describe::Composed,
    kfunc_set::ProgType, //
};
use kernel::bindings;

/// The number of arguments that BPF passes in registers. The others are on the stack.
const REGISTERS: usize = 5;

/// The largest number of arguments that BPF passes (`MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: usize = 12;

/// The types of programs for which a contract is true.
///
/// For a parameter with the type of the program's context, the verifier accepts the context in
/// place of a pointer to the struct (`btf_is_prog_ctx_type()`). The contract is true only if the
/// context of each such program is that struct in the kernel.
#[derive(Clone, Copy)]
pub enum Programs {
    /// All types.
    All,
    /// All types that a set can name. [`ProgType::Any`] contains flow dissectors, whose context is
    /// `struct __sk_buff` to the verifier and no skb in the kernel.
    Named,
}

/// Returns the programs that can pass a pointer to a struct of the kernel.
///
/// `struct sk_buff` and `struct xdp_buff` are the contexts of programs (`btf_is_projection_of()`),
/// the second only of XDP programs. `scripts/rust-btf` does not accept other structs that are
/// contexts.
pub const fn programs_of(btf: &str) -> Programs {
    match btf.as_bytes() {
        b"struct sk_buff" => Programs::Named,
        _ => Programs::All,
    }
}

/// The part of a prototype and of the flags that one parameter contributes.
#[derive(Clone, Copy)]
pub struct Contract {
    /// The type in BTF; empty if the program passes no argument.
    btf: &'static str,
    /// Whether the next register has the size of the memory.
    has_size: bool,
    suffix: &'static str,
    name: &'static str,
    flags: u32,
    is_trusted: bool,
    is_constant: bool,
    lends: bool,
    in_register: bool,
    may_alias: bool,
    is_locked: bool,
    is_exclusive: bool,
    programs: Programs,
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
            is_locked: false,
            is_exclusive: false,
            programs: Programs::All,
            refused: "",
        }
    }

    /// The contract of a parameter for which the program passes no argument.
    pub const fn nothing() -> Self {
        Self::new("")
    }

    /// The contract of a number, or of a pointer that cannot point to an object.
    pub const fn value(btf: &'static str) -> Self {
        Self::new(btf)
    }

    /// The contract of a pointer that can point to an object, or into an object.
    ///
    /// Another argument of the call can release the same object, because the verifier does not
    /// compare arguments.
    pub const fn pointer(btf: &'static str) -> Self {
        let mut contract = Self::new(btf);
        contract.may_alias = true;
        contract
    }

    /// The contract of a pointer to memory, with the size in bytes in the next register (`__sz`).
    pub const fn memory(btf: &'static str) -> Self {
        let mut contract = Self::pointer(btf);
        contract.has_size = true;
        contract
    }

    /// Says that the kfunc gets a copy of the memory, which the crate does not write back.
    pub const fn copied(mut self) -> Self {
        self.may_alias = false;
        self
    }

    /// Says that the verifier does not check the argument.
    pub const fn ignored(self) -> Self {
        Self::value(self.btf).suffix("__ign")
    }

    /// Sets the suffix of the parameter's name, such as `__nullable`.
    pub const fn suffix(mut self, suffix: &'static str) -> Self {
        self.suffix = suffix;
        self
    }

    /// Sets a name that has a meaning to the verifier, in place of the author's name.
    pub const fn named(mut self, name: &'static str) -> Self {
        self.name = name;
        self
    }

    /// Sets the `KF_*` flags that the parameter adds to the kfunc.
    pub const fn with_flags(mut self, flags: u32) -> Self {
        self.flags = flags;
        self
    }

    /// Says that the argument must be a trusted pointer. For a kfunc with `KF_RCU`, the verifier
    /// also accepts RCU pointers.
    pub const fn trusted(mut self) -> Self {
        self.is_trusted = true;
        self
    }

    /// Says that the verifier must know the value. The verifier supports one such argument for each
    /// kfunc.
    pub const fn constant(mut self) -> Self {
        self.is_constant = true;
        self
    }

    /// Says that the argument is the size of memory that the kfunc lends to the program.
    pub const fn lends(mut self) -> Self {
        self.lends = true;
        self
    }

    /// Says that the argument must be in a register, not on the stack.
    pub const fn in_register(mut self) -> Self {
        self.in_register = true;
        self
    }

    /// Says that the program holds the object locked.
    pub const fn locked(mut self) -> Self {
        self.is_locked = true;
        self
    }

    /// Says that the kfunc may change the value of the lock.
    pub const fn exclusive(mut self) -> Self {
        self.is_exclusive = true;
        self
    }

    /// Says that the contract is true only for programs of these types.
    pub const fn only_for(mut self, programs: Programs) -> Self {
        self.programs = programs;
        self
    }

    /// Says that the verifier rejects all programs that pass such an argument. `why` is the reason;
    /// empty if the verifier does not reject them.
    pub const fn refused(mut self, why: &'static str) -> Self {
        self.refused = why;
        self
    }

    /// Returns the `KF_*` flags that the parameter adds to the kfunc.
    pub const fn flags(&self) -> u32 {
        self.flags
    }

    /// Returns the number of registers, or of words on the stack, that the program fills.
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

    const fn is_map(&self) -> bool {
        matches!(self.suffix.as_bytes(), b"__map")
    }

    /// Returns whether the program passes a pointer.
    const fn is_pointer(&self) -> bool {
        !self.is_implicit() && matches!(self.btf.as_bytes(), [b'*', ..])
    }

    /// Returns the parameter in the language of `scripts/rust-btf`, with a comma before it unless
    /// `is_first` is true.
    // Inline: only the compiler evaluates the function, so no object file has its panics.
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

/// Returns whether one of the parameters can point to an object that another argument releases.
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

/// Returns whether two texts are equal.
pub const fn is_text(text: &str, other: &str) -> bool {
    let (mut rest, mut others) = (text.as_bytes(), other.as_bytes());
    if rest.len() != others.len() {
        return false;
    }
    while let ([byte, bytes @ ..], [of_other, of_others @ ..]) = (rest, others) {
        if *byte != *of_other {
            return false;
        }
        (rest, others) = (bytes, of_others);
    }
    true
}

/// Returns whether `name` is the text.
pub const fn is_name(name: &core::ffi::CStr, text: &str) -> bool {
    match name.to_str() {
        Ok(name) => is_text(name, text),
        Err(_) => false,
    }
}

/// Returns whether the verifier treats the arguments of two kfuncs alike.
pub const fn are_same(args: &[Contract], others: &[Contract]) -> bool {
    let (mut rest, mut of_others) = (args, others);
    if rest.len() != of_others.len() {
        return false;
    }
    while let ([arg, args @ ..], [other, others @ ..]) = (rest, of_others) {
        if !is_text(arg.btf, other.btf)
            || !is_text(arg.suffix, other.suffix)
            || !is_text(arg.name, other.name)
            || arg.has_size != other.has_size
            || arg.flags != other.flags
            || arg.is_trusted != other.is_trusted
        {
            return false;
        }
        (rest, of_others) = (args, others);
    }
    true
}

/// Returns the flags that the parameters add to the kfunc.
pub const fn flags(args: &[Contract]) -> u32 {
    let mut flags = 0;
    let mut rest = args;
    while let [arg, others @ ..] = rest {
        flags |= arg.flags;
        rest = others;
    }
    flags
}

/// Returns the number of registers that the parameters take.
pub const fn registers(args: &[Contract]) -> usize {
    let mut registers: usize = 0;
    let mut rest = args;
    while let [arg, others @ ..] = rest {
        registers = registers.saturating_add(arg.registers());
        rest = others;
    }
    registers
}

/// Returns why a kfunc with these parameters cannot be in a set for `prog_type`, or [`None`].
pub const fn refused_for(args: &[Contract], prog_type: ProgType) -> Option<&'static str> {
    let mut rest = args;
    while let [arg, others @ ..] = rest {
        match arg.programs {
            Programs::Named if matches!(prog_type, ProgType::Any) => {
                return Some(
                    "`Any` contains flow dissectors, whose context is a `struct __sk_buff` but no \
                     skb; name the types of programs",
                );
            }
            _ => {}
        }
        rest = others;
    }
    None
}

/// Returns the rule of the verifier that the parameter at `index` breaks, or [`None`].
///
/// `leading` is the number of arguments before those of the author, and `flags` are the flags of
/// the kfunc.
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
    let (mut maps, mut locked, mut of_this_lock) = (0_usize, 0_usize, 0_usize);
    let mut rest = args;
    while let [other, others @ ..] = rest {
        constants = constants.saturating_add(other.is_constant as usize);
        lenders = lenders.saturating_add(other.lends as usize);
        pointers = pointers.saturating_add(other.is_pointer() as usize);
        maps = maps.saturating_add(other.is_map() as usize);
        locked = locked.saturating_add(other.is_locked as usize);
        // Each type of object has a name of its own.
        let is_same = other.is_locked && is_text(other.btf, arg.btf);
        of_this_lock = of_this_lock.saturating_add(is_same as usize);
        rest = others;
    }

    Some(if !arg.refused.is_empty() {
        arg.refused
    } else if place.saturating_add(arg.registers()) > MAX_ARGS {
        "a kfunc has at most 12 arguments, and a slice counts as two; put some of them into a \
                struct (`In<T>`)"
    } else if arg.flags & bindings::KF_RELEASE != 0 && leading > 0 {
        "the verifier releases only a reference in the first argument, which is the iterator; \
                take `RcuPtr<'_, ...>` and call `try_get()`"
    } else if arg.flags & bindings::KF_RELEASE != 0 && index > 0 {
        "the verifier releases only a reference in the first argument; put it first"
    } else if arg.is_implicit() && !after.is_empty() {
        "the kernel adds this argument after those of the program; put it last"
    } else if (arg.in_register || arg.is_implicit()) && place >= REGISTERS {
        "this argument must be in one of the 5 argument registers, and a slice takes two; put it \
                before other arguments"
    } else if arg.is_constant && constants > 1 {
        "the verifier supports one constant argument; take one `Const`, and the other as a plain \
                integer"
    } else if arg.is_map() && maps > compat::MAPS {
        "the verifier of this kernel crashes if a kfunc takes two maps; take one, or require Linux \
                7.3"
    } else if arg.is_exclusive && of_this_lock > 1 {
        "the program can pass the same object for two `Locked` arguments, and one of them changes \
                it; take `&Locked<'_, ...>` for both, or change one object in each kfunc"
    } else if arg.is_locked && flags & bindings::KF_SLEEPABLE != 0 {
        "a program that holds a lock cannot call a kfunc that may sleep; remove `sleepable`, and \
                do what sleeps in a kfunc without `Locked`, or in a work (`bpf::work`); or return no \
                `Lock` that sleeps"
    } else if arg.lends && locked > 0 {
        "the program could use the lent memory when another kfunc changes the value of the lock, or \
                when it has unlocked it; return a copy"
    } else if arg.lends && lenders > 1 {
        "the verifier supports one `RdonlyBufSize` or `RdwrBufSize` argument; remove the other"
    } else if arg.lends && pointers > 1 {
        "the verifier can bind the lent memory to one pointer only; take at most one pointer \
                argument"
    } else if arg.is_trusted && flags & bindings::KF_RCU != 0 {
        "if the kfunc has an `RcuPtr` argument, the verifier also accepts RCU pointers for this \
                argument; take `RcuPtr<'_, ...>` for both or for none"
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
    fn describe_writes_the_name_and_the_type() {
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
    fn one_lock_has_one_writer() {
        const A: Contract = Contract::pointer("*struct a_locked").locked();
        const B: Contract = Contract::pointer("*struct b_locked").locked();
        const WRITER: Contract = A.exclusive();
        let rule = |args: &[Contract]| broken_rule(0, 0, args, 0).unwrap_or_default();
        assert!(rule(&[WRITER, A]).contains("the same object"));
        assert!(rule(&[WRITER, B, WRITER]).contains("the same object"));
        assert_eq!(rule(&[WRITER, B.exclusive()]), "");
        assert_eq!(rule(&[A, A]), "");
    }

    #[test]
    fn memory_takes_two_registers() {
        assert_eq!(registers(&[]), 0);
        assert_eq!(registers(&[VALUE, NOTHING, MEMORY, POINTER]), 4);
    }

    #[test]
    fn a_pointer_may_alias_and_a_copy_may_not() {
        assert!(!may_alias(&[VALUE, NOTHING, MEMORY.copied()]));
        assert!(may_alias(&[VALUE, POINTER]));
        assert!(may_alias(&[MEMORY, VALUE]));
    }

    #[test]
    fn arguments_are_the_same_if_all_of_them_are() {
        let release = POINTER.with_flags(bindings::KF_RELEASE);
        assert!(are_same(&[], &[]));
        assert!(are_same(&[VALUE, POINTER], &[VALUE, POINTER]));
        assert!(!are_same(&[VALUE, POINTER], &[VALUE]));
        assert!(!are_same(&[VALUE, POINTER], &[VALUE, release]));
        assert!(!are_same(&[VALUE], &[Contract::value("u64")]));
        assert!(!are_same(&[POINTER], &[Contract::pointer("*struct t")]));
    }

    #[test]
    fn refused_for_reports_a_set_for_which_the_contract_is_not_true() {
        let skb = [VALUE, POINTER.only_for(Programs::Named)];
        let refused = |args: &[Contract], prog_type| refused_for(args, prog_type).is_some();
        assert!(!refused(&[VALUE, POINTER], ProgType::Any));
        assert!(refused(&skb, ProgType::Any));
        assert!(!refused(&skb, ProgType::Tracing));
        assert!(!refused(&skb, ProgType::Xdp));
    }

    #[test]
    fn broken_rule_reports_the_argument_that_breaks_it() {
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
