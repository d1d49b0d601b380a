// SPDX-License-Identifier: GPL-2.0

//! The operands of instructions: registers, numbers, comparisons.
//!
//! The frame pointer is not a [`Reg`], because no program may write to the frame pointer. An
//! instruction that reads the stack has an encoder of its own.
//!
//! C header: [`include/uapi/linux/bpf.h`](srctree/include/uapi/linux/bpf.h)

use kernel::bindings;

/// A register that instructions may write to.
///
/// `R0` holds the result of a call, and of the program at its exit. `R1` to `R5` hold the
/// arguments of a call and are undefined after the call. `R6` to `R9` keep their values across a
/// call.
///
/// C: `BPF_REG_0` to `BPF_REG_9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Reg {
    R0 = bindings::BPF_REG_0 as u8,
    R1 = bindings::BPF_REG_1 as u8,
    R2 = bindings::BPF_REG_2 as u8,
    R3 = bindings::BPF_REG_3 as u8,
    R4 = bindings::BPF_REG_4 as u8,
    R5 = bindings::BPF_REG_5 as u8,
    R6 = bindings::BPF_REG_6 as u8,
    R7 = bindings::BPF_REG_7 as u8,
    R8 = bindings::BPF_REG_8 as u8,
    R9 = bindings::BPF_REG_9 as u8,
}

/// The source of a move: a register, or a number of 32 bits that the CPU extends with its sign.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Src {
    Reg(Reg),
    Imm(i32),
}

impl From<Reg> for Src {
    fn from(reg: Reg) -> Self {
        Self::Reg(reg)
    }
}

impl From<i32> for Src {
    fn from(imm: i32) -> Self {
        Self::Imm(imm)
    }
}

/// A comparison of two numbers of 64 bits.
///
/// [`Prologue::exit_unless`](super::Prologue::exit_unless) compares a value with a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cond {
    /// The numbers are equal (`BPF_JEQ`).
    Eq = bindings::BPF_JEQ as u8,
    /// The numbers differ (`BPF_JNE`).
    Ne = bindings::BPF_JNE as u8,
    /// The value is greater, both unsigned (`BPF_JGT`).
    Gt = bindings::BPF_JGT as u8,
    /// The value is greater or equal, both unsigned (`BPF_JGE`).
    Ge = bindings::BPF_JGE as u8,
    /// The value is less, both unsigned (`BPF_JLT`).
    Lt = bindings::BPF_JLT as u8,
    /// The value is less or equal, both unsigned (`BPF_JLE`).
    Le = bindings::BPF_JLE as u8,
    /// The value is greater, both signed (`BPF_JSGT`).
    SGt = bindings::BPF_JSGT as u8,
    /// The value is greater or equal, both signed (`BPF_JSGE`).
    SGe = bindings::BPF_JSGE as u8,
    /// The value is less, both signed (`BPF_JSLT`).
    SLt = bindings::BPF_JSLT as u8,
    /// The value is less or equal, both signed (`BPF_JSLE`).
    SLe = bindings::BPF_JSLE as u8,
    /// The numbers have a bit in common (`BPF_JSET`).
    Set = bindings::BPF_JSET as u8,
}
