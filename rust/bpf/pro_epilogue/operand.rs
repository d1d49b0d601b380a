// SPDX-License-Identifier: GPL-2.0

//! What instructions work on: registers, sizes, operators, places in memory.
//!
//! C headers: [`include/uapi/linux/bpf.h`](srctree/include/uapi/linux/bpf.h),
//! [`include/uapi/linux/bpf_common.h`](srctree/include/uapi/linux/bpf_common.h)

use super::Problem;
use kernel::{
    bindings,
    prelude::*, //
};

/// A register that can be written to.
///
/// [`R0`](Reg::R0) is what calls and the program return. [`R1`](Reg::R1) to [`R5`](Reg::R5) are
/// arguments and do not survive a call. [`R6`](Reg::R6) to [`R9`](Reg::R9) do.
///
/// C: `BPF_REG_0` to `BPF_REG_9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs)]
pub enum Reg {
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

impl Reg {
    /// The memory `off` bytes behind where the register points to.
    pub fn at(self, off: impl TryInto<i16>) -> Place {
        Place {
            base: self as u8,
            off: off.try_into().ok(),
        }
    }

    /// The argument with this number, from 0, if the register is a pointer to the context of a
    /// tracing or struct_ops program, which is an array of `u64`.
    pub fn arg(self, index: u8) -> Place {
        self.at(u16::from(index).saturating_mul(8))
    }
}

/// The type of [`FP`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FramePointer;

/// The frame pointer, of which the stack is below. It can be read and is no [`Reg`], so that no
/// instruction that writes to it compiles.
///
/// C: `BPF_REG_FP`.
pub const FP: FramePointer = FramePointer;

/// [`FP`], as instructions spell it. `BPF_REG_FP` is a macro that bindgen does not see.
const FP_NUMBER: u8 = bindings::BPF_REG_10 as u8;

impl FramePointer {
    /// The place on the stack with this offset, which is negative.
    pub fn at(self, off: impl TryInto<i16>) -> Place {
        Place {
            base: FP_NUMBER,
            off: off.try_into().ok(),
        }
    }
}

/// A place in memory: a register and an offset. [`Reg::at`] makes one.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    base: u8,
    off: Option<i16>,
}

impl Place {
    /// The register and the offset, if `size` bytes can be there.
    pub(super) fn fields(self, size: Size) -> Result<(u8, i16), Problem> {
        let off = self.off.ok_or(Problem::Offset)?;
        // What is above the frame are saved registers and the return address.
        if self.base == FP_NUMBER && off.saturating_add(size.bytes()) > 0 {
            return Err(Problem::AboveFrame);
        }
        Ok((self.base, off))
    }
}

/// What an instruction reads beside its destination: a register or a number of 32 bits, which is
/// extended with its sign.
#[derive(Clone, Copy, Debug)]
pub struct Src(Operand);

#[derive(Clone, Copy, Debug)]
pub(super) enum Operand {
    Reg(u8),
    Imm(i32),
}

impl Src {
    pub(super) fn operand(self) -> Operand {
        self.0
    }
}

impl From<Reg> for Src {
    fn from(reg: Reg) -> Self {
        Self(Operand::Reg(reg as u8))
    }
}

impl From<FramePointer> for Src {
    fn from(_: FramePointer) -> Self {
        Self(Operand::Reg(FP_NUMBER))
    }
}

impl From<i32> for Src {
    fn from(imm: i32) -> Self {
        Self(Operand::Imm(imm))
    }
}

/// How many bytes are read or written.
///
/// C: `BPF_B`, `BPF_H`, `BPF_W`, `BPF_DW`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Size {
    /// One byte.
    B = bindings::BPF_B as u8,
    /// A half word: two bytes.
    H = bindings::BPF_H as u8,
    /// A word: four bytes.
    W = bindings::BPF_W as u8,
    /// A double word: eight bytes.
    DW = bindings::BPF_DW as u8,
}

impl Size {
    pub(super) const fn bytes(self) -> i16 {
        match self {
            Self::B => 1,
            Self::H => 2,
            Self::W => 4,
            Self::DW => 8,
        }
    }

    pub(super) const fn bits(self) -> i16 {
        self.bytes().saturating_mul(8)
    }
}

/// What is computed of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alu {
    /// `BPF_ADD`
    Add,
    /// `BPF_SUB`
    Sub,
    /// `BPF_MUL`
    Mul,
    /// `BPF_DIV`, unsigned. By zero, it is zero.
    Div,
    /// `BPF_DIV` with an offset of 1, signed. By zero, it is zero.
    SDiv,
    /// `BPF_MOD`, unsigned. By zero, the destination stays as it is.
    Mod,
    /// `BPF_MOD` with an offset of 1, signed. By zero, the destination stays as it is.
    SMod,
    /// `BPF_OR`
    Or,
    /// `BPF_AND`
    And,
    /// `BPF_XOR`
    Xor,
    /// `BPF_LSH`
    Lsh,
    /// `BPF_RSH`, with zeroes.
    Rsh,
    /// `BPF_ARSH`, with the sign.
    Arsh,
}

impl Alu {
    /// The operator and the offset that goes with it.
    pub(super) const fn code(self) -> (u32, i16) {
        match self {
            Self::Add => (bindings::BPF_ADD, 0),
            Self::Sub => (bindings::BPF_SUB, 0),
            Self::Mul => (bindings::BPF_MUL, 0),
            Self::Div => (bindings::BPF_DIV, 0),
            Self::SDiv => (bindings::BPF_DIV, 1),
            Self::Mod => (bindings::BPF_MOD, 0),
            Self::SMod => (bindings::BPF_MOD, 1),
            Self::Or => (bindings::BPF_OR, 0),
            Self::And => (bindings::BPF_AND, 0),
            Self::Xor => (bindings::BPF_XOR, 0),
            Self::Lsh => (bindings::BPF_LSH, 0),
            Self::Rsh => (bindings::BPF_RSH, 0),
            Self::Arsh => (bindings::BPF_ARSH, 0),
        }
    }

    /// Whether `imm` can be the second operand. The verifier refuses what cannot, and the JIT
    /// relies on it.
    pub(super) fn check(self, imm: i32, bits: i32) -> Result<(), Problem> {
        match self {
            Self::Div | Self::SDiv | Self::Mod | Self::SMod if imm == 0 => {
                Err(Problem::DivisionByZero)
            }
            Self::Lsh | Self::Rsh | Self::Arsh if !(0..bits).contains(&imm) => Err(Problem::Shift),
            _ => Ok(()),
        }
    }
}

/// What is computed of a place in memory and a register, atomically.
///
/// C: `BPF_ATOMIC_OP()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Atomic {
    /// Adds the register to the memory.
    Add = bindings::BPF_ADD as u8,
    /// Clears the bits that the register does not have.
    And = bindings::BPF_AND as u8,
    /// Sets the bits that the register has.
    Or = bindings::BPF_OR as u8,
    /// Flips the bits that the register has.
    Xor = bindings::BPF_XOR as u8,
    /// [`Add`](Atomic::Add); the register gets what was there.
    FetchAdd = (bindings::BPF_ADD | bindings::BPF_FETCH) as u8,
    /// [`And`](Atomic::And); the register gets what was there.
    FetchAnd = (bindings::BPF_AND | bindings::BPF_FETCH) as u8,
    /// [`Or`](Atomic::Or); the register gets what was there.
    FetchOr = (bindings::BPF_OR | bindings::BPF_FETCH) as u8,
    /// [`Xor`](Atomic::Xor); the register gets what was there.
    FetchXor = (bindings::BPF_XOR | bindings::BPF_FETCH) as u8,
    /// Exchanges the memory and the register.
    Xchg = bindings::BPF_XCHG as u8,
    /// Writes the register if [`R0`](Reg::R0) is what is there; R0 gets what was there.
    Cmpxchg = bindings::BPF_CMPXCHG as u8,
}

/// When a jump is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Cond {
    /// `BPF_JEQ`: they are equal.
    Eq = bindings::BPF_JEQ as u8,
    /// `BPF_JNE`: they are not.
    Ne = bindings::BPF_JNE as u8,
    /// `BPF_JGT`: the first is greater, unsigned.
    Gt = bindings::BPF_JGT as u8,
    /// `BPF_JGE`: the first is not less, unsigned.
    Ge = bindings::BPF_JGE as u8,
    /// `BPF_JLT`: the first is less, unsigned.
    Lt = bindings::BPF_JLT as u8,
    /// `BPF_JLE`: the first is not greater, unsigned.
    Le = bindings::BPF_JLE as u8,
    /// `BPF_JSGT`: the first is greater, signed.
    SGt = bindings::BPF_JSGT as u8,
    /// `BPF_JSGE`: the first is not less, signed.
    SGe = bindings::BPF_JSGE as u8,
    /// `BPF_JSLT`: the first is less, signed.
    SLt = bindings::BPF_JSLT as u8,
    /// `BPF_JSLE`: the first is not greater, signed.
    SLe = bindings::BPF_JSLE as u8,
    /// `BPF_JSET`: they have bits in common.
    Set = bindings::BPF_JSET as u8,
}
