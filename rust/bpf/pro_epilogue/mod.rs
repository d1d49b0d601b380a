// SPDX-License-Identifier: GPL-2.0

//! Instructions that the kernel puts around a BPF program: prologues and epilogues.
//!
//! A struct_ops table can have instructions run before the first one of each program that
//! implements a member of it (`gen_prologue`), and in place of each `exit` (`gen_epilogue`). **The
//! verifier does not look at them.** It has verified the program at that time and takes it for
//! granted that they keep all that it concluded.
//!
//! So there are two layers:
//!
//! - [`Prologue`] and [`Epilogue`] do what can be done in safe Rust: call functions of the module
//!   ([`Helper`]) with arguments of the program, and functions of the kernel ([`KernelKfunc`]), look at
//!   what they return, end the program. Take these.
//! - [`Builder`] takes any instruction. To make a list of instructions is safe: it is data. To give
//!   it to the kernel is not; that is what [`Prologue::raw`] and [`Epilogue::raw`] are `unsafe`
//!   for, and where the rules are.
//!
//! # Instructions
//!
//! The functions of this module make one instruction each. The destination comes first, as in the
//! kernel's macros. A [`Builder`] puts instructions into a buffer of the kernel and resolves
//! labels:
//!
//! ```ignore
//! use bpf::pro_epilogue::*;
//!
//! // As bpf_qdisc_gen_prologue() in net/sched/bpf_qdisc.c: the program runs if a function of the
//! // kernel, which gets its arguments 0 and 2, returns 0; else what it returned is the result.
//! let mut code = Builder::new(buf);
//! let run = code.label();
//! code.push(mov64(R6, R1)) // the context
//!     .push(ldx(DW, R2, R1.arg(2)))
//!     .push(ldx(DW, R1, R1.arg(0)))
//!     .push(call_kfunc(0, init_prologue_id))
//!     .push(jump_if(R0, Cond::Eq, 0, run))
//!     .push(exit())
//!     .bind(run)
//!     .push(mov64(R1, R6));
//! let len = code.finish_before(first)?;
//! ```
//!
//! Whatever cannot be encoded, and whatever the JIT would take on trust from the verifier and can
//! be seen in a single instruction, is an error: an offset that is too far, a shift by 64, a
//! division by a constant zero, a store above the frame. So is an instruction for which the buffer
//! has no room. The first error stays, what comes after it is ignored, and
//! [`finish`](Builder::finish) returns it with the number of the instruction. To write to the
//! frame pointer does not compile.
//!
//! `gen_prologue` and `gen_epilogue` cannot fail: the kernel reports its own bug if they return
//! [`INSN_BUF_SIZE`] or more, and corrupts memory if they return something negative. So a list is
//! made for the first time in `check_member`, which can refuse the program, and its error printed.
//!
//! # What it does not do
//!
//! - It does not verify: nobody knows what registers contain, where pointers point to, and whether
//!   a loop ends.
//! - Loads from packets (`BPF_LD_ABS`), maps and BTF ids as 64-bit constants, jumps further than 16
//!   bits, calls of BPF functions, arenas, `may_goto`: a prologue has no use for them.
//!
//! C header: [`include/linux/filter.h`](srctree/include/linux/filter.h)
//!
//! Reference: <https://docs.kernel.org/bpf/standardization/instruction-set.html>

mod builder;
mod helper;
pub mod kfunc;
#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
mod kunit;
mod operand;
mod prologue;

pub use builder::{
    Builder,
    InsnError,
    Label,
    Problem, //
};
pub use helper::{
    Helper,
    HelperArg,
    HelperFn,
    HelperRet, //
};
pub use kfunc::KernelKfunc;
pub use operand::{
    Alu,
    Atomic,
    Cond,
    FramePointer,
    Place,
    Reg::{
        self,
        R0,
        R1,
        R2,
        R3,
        R4,
        R5,
        R6,
        R7,
        R8,
        R9, //
    },
    Size::{
        self,
        B,
        DW,
        H,
        W, //
    },
    Src,
    FP, //
};
pub use prologue::{
    Epilogue,
    Input,
    Prologue,
    Signature,
    Value, //
};

use kernel::{
    bindings::{
        self,
        bpf_insn, //
    },
    prelude::*, //
};
use operand::Operand;

/// The size of the buffers that the kernel lends to `gen_prologue` and `gen_epilogue`. What they
/// generate must be shorter by one.
///
/// C: `INSN_BUF_SIZE` in `include/linux/bpf_verifier.h`.
pub const INSN_BUF_SIZE: usize = 32;

/// An instruction, or why there can be none of the kind.
#[derive(Clone, Copy)]
#[must_use = "an instruction does nothing before it is pushed"]
pub struct Insn(Result<Encoded, Problem>);

#[derive(Clone, Copy)]
enum Encoded {
    One(bpf_insn),
    Two([bpf_insn; 2]),
    /// Its offset is known when the builder finishes.
    Jump(bpf_insn, Label),
}

fn encode(code: u32, dst: u8, src: u8, off: i16, imm: i32) -> bpf_insn {
    let mut insn = bpf_insn {
        // Each of the constants that it is made of has eight bits.
        code: code as u8,
        off,
        imm,
        ..Default::default()
    };
    insn.set_dst_reg(dst);
    insn.set_src_reg(src);
    insn
}

impl Insn {
    fn one(code: u32, dst: u8, src: u8, off: i16, imm: i32) -> Self {
        Self(Ok(Encoded::One(encode(code, dst, src, off, imm))))
    }

    /// An instruction whose last operand is a register or a number.
    fn with_src(code: u32, dst: Reg, src: Operand, off: i16) -> Self {
        match src {
            Operand::Reg(src) => Self::one(code | bindings::BPF_X, dst as u8, src, off, 0),
            Operand::Imm(imm) => Self::one(code | bindings::BPF_K, dst as u8, 0, off, imm),
        }
    }

    fn jump(code: u32, dst: Reg, src: Operand, label: Label) -> Self {
        Self(Ok(Encoded::Jump(
            match src {
                Operand::Reg(src) => encode(code | bindings::BPF_X, dst as u8, src, 0, 0),
                Operand::Imm(imm) => encode(code | bindings::BPF_K, dst as u8, 0, 0, imm),
            },
            label,
        )))
    }

    /// An instruction that reads from `place`.
    fn load(code: u32, size: Size, dst: Reg, place: Place, imm: i32) -> Self {
        match place.fields(size) {
            Ok((base, off)) => Self::one(code | size as u32, dst as u8, base, off, imm),
            Err(problem) => Self::wrong(problem),
        }
    }

    /// An instruction that writes to `place`.
    fn store(code: u32, size: Size, place: Place, src: u8, imm: i32) -> Self {
        match place.fields(size) {
            Ok((base, off)) => Self::one(code | size as u32, base, src, off, imm),
            Err(problem) => Self::wrong(problem),
        }
    }

    fn wrong(problem: Problem) -> Self {
        Self(Err(problem))
    }
}

/// `dst = src`
///
/// C: `BPF_MOV64_REG()`, `BPF_MOV64_IMM()`.
pub fn mov64(dst: Reg, src: impl Into<Src>) -> Insn {
    let code = bindings::BPF_ALU64 | bindings::BPF_MOV;
    Insn::with_src(code, dst, src.into().operand(), 0)
}

/// `dst = (u32)src`
///
/// C: `BPF_MOV32_REG()`, `BPF_MOV32_IMM()`.
pub fn mov32(dst: Reg, src: impl Into<Src>) -> Insn {
    let code = bindings::BPF_ALU | bindings::BPF_MOV;
    Insn::with_src(code, dst, src.into().operand(), 0)
}

/// `dst = (s64)(s8, s16 or s32)src`
///
/// C: `BPF_MOVSX64_REG()`.
pub fn movsx64(size: Size, dst: Reg, src: Reg) -> Insn {
    if size == DW {
        return Insn::wrong(Problem::Size);
    }
    let code = bindings::BPF_ALU64 | bindings::BPF_MOV;
    Insn::with_src(code, dst, Operand::Reg(src as u8), size.bits())
}

/// `dst = (u32)(s32)(s8 or s16)src`
///
/// C: `BPF_MOVSX32_REG()`.
pub fn movsx32(size: Size, dst: Reg, src: Reg) -> Insn {
    if !matches!(size, B | H) {
        return Insn::wrong(Problem::Size);
    }
    let code = bindings::BPF_ALU | bindings::BPF_MOV;
    Insn::with_src(code, dst, Operand::Reg(src as u8), size.bits())
}

/// `dst = imm`, all 64 bits. It takes two places in the buffer.
///
/// C: `BPF_LD_IMM64()`.
pub fn ld_imm64(dst: Reg, imm: u64) -> Insn {
    let code = bindings::BPF_LD | bindings::BPF_DW | bindings::BPF_IMM;
    Insn(Ok(Encoded::Two([
        encode(code, dst as u8, 0, 0, imm as i32),
        encode(0, 0, 0, 0, (imm >> 32) as i32),
    ])))
}

/// `dst = dst op src`
///
/// C: `BPF_ALU64_REG()`, `BPF_ALU64_IMM()`; `BPF_ALU64_REG_OFF()`, `BPF_ALU64_IMM_OFF()`.
pub fn alu64(op: Alu, dst: Reg, src: impl Into<Src>) -> Insn {
    alu(bindings::BPF_ALU64, 64, op, dst, src.into())
}

/// `dst = (u32)dst op (u32)src`
///
/// C: `BPF_ALU32_REG()`, `BPF_ALU32_IMM()`; `BPF_ALU32_REG_OFF()`, `BPF_ALU32_IMM_OFF()`.
pub fn alu32(op: Alu, dst: Reg, src: impl Into<Src>) -> Insn {
    alu(bindings::BPF_ALU, 32, op, dst, src.into())
}

fn alu(class: u32, bits: i32, op: Alu, dst: Reg, src: Src) -> Insn {
    let (code, off) = op.code();
    if let Operand::Imm(imm) = src.operand() {
        if let Err(problem) = op.check(imm, bits) {
            return Insn::wrong(problem);
        }
    }
    Insn::with_src(class | code, dst, src.operand(), off)
}

/// `dst = -dst`
///
/// C: `BPF_ALU64_IMM(BPF_NEG, dst, 0)`.
pub fn neg64(dst: Reg) -> Insn {
    Insn::one(
        bindings::BPF_ALU64 | bindings::BPF_NEG | bindings::BPF_K,
        dst as u8,
        0,
        0,
        0,
    )
}

/// `dst = (u32)-dst`
///
/// C: `BPF_ALU32_IMM(BPF_NEG, dst, 0)`.
pub fn neg32(dst: Reg) -> Insn {
    Insn::one(
        bindings::BPF_ALU | bindings::BPF_NEG | bindings::BPF_K,
        dst as u8,
        0,
        0,
        0,
    )
}

/// `dst = cpu_to_le16(dst)`, or of 32 or 64 bits. Bits above are cleared.
///
/// C: `BPF_ENDIAN(BPF_TO_LE)`.
pub fn to_le(size: Size, dst: Reg) -> Insn {
    swap(bindings::BPF_ALU | bindings::BPF_TO_LE, size, dst)
}

/// `dst = cpu_to_be16(dst)`, or of 32 or 64 bits. Bits above are cleared.
///
/// C: `BPF_ENDIAN(BPF_TO_BE)`.
pub fn to_be(size: Size, dst: Reg) -> Insn {
    swap(bindings::BPF_ALU | bindings::BPF_TO_BE, size, dst)
}

/// `dst = swab16(dst)`, or of 32 or 64 bits. Bits above are cleared.
///
/// C: `BPF_BSWAP()`.
pub fn bswap(size: Size, dst: Reg) -> Insn {
    swap(bindings::BPF_ALU64 | bindings::BPF_TO_LE, size, dst)
}

fn swap(code: u32, size: Size, dst: Reg) -> Insn {
    if size == B {
        return Insn::wrong(Problem::Size);
    }
    Insn::one(
        code | bindings::BPF_END,
        dst as u8,
        0,
        0,
        i32::from(size.bits()),
    )
}

/// `dst = *(size *)src`
///
/// C: `BPF_LDX_MEM()`.
pub fn ldx(size: Size, dst: Reg, src: Place) -> Insn {
    Insn::load(bindings::BPF_LDX | bindings::BPF_MEM, size, dst, src, 0)
}

/// `dst = *(signed size *)src`
///
/// C: `BPF_LDX_MEMSX()`.
pub fn ldsx(size: Size, dst: Reg, src: Place) -> Insn {
    if size == DW {
        return Insn::wrong(Problem::Size);
    }
    Insn::load(bindings::BPF_LDX | bindings::BPF_MEMSX, size, dst, src, 0)
}

/// `*(size *)dst = src`
///
/// C: `BPF_STX_MEM()`, `BPF_ST_MEM()`.
pub fn store(size: Size, dst: Place, src: impl Into<Src>) -> Insn {
    match src.into().operand() {
        Operand::Reg(src) => Insn::store(bindings::BPF_STX | bindings::BPF_MEM, size, dst, src, 0),
        Operand::Imm(imm) => Insn::store(bindings::BPF_ST | bindings::BPF_MEM, size, dst, 0, imm),
    }
}

/// An operation on memory, of 32 or 64 bits, that is atomic.
///
/// C: `BPF_ATOMIC_OP()`.
pub fn atomic(size: Size, op: Atomic, dst: Place, src: Reg) -> Insn {
    if !matches!(size, W | DW) {
        return Insn::wrong(Problem::Size);
    }
    let code = bindings::BPF_STX | bindings::BPF_ATOMIC;
    Insn::store(code, size, dst, src as u8, op as i32)
}

/// `dst = smp_load_acquire((size *)src)`
///
/// C: `BPF_ATOMIC_OP(BPF_LOAD_ACQ)`.
pub fn load_acquire(size: Size, dst: Reg, src: Place) -> Insn {
    let code = bindings::BPF_STX | bindings::BPF_ATOMIC;
    Insn::load(code, size, dst, src, bindings::BPF_LOAD_ACQ as i32)
}

/// `smp_store_release((size *)dst, src)`
///
/// C: `BPF_ATOMIC_OP(BPF_STORE_REL)`.
pub fn store_release(size: Size, dst: Place, src: Reg) -> Insn {
    let code = bindings::BPF_STX | bindings::BPF_ATOMIC;
    Insn::store(code, size, dst, src as u8, bindings::BPF_STORE_REL as i32)
}

/// `goto label`
///
/// C: `BPF_JMP_A()`.
pub fn jump(label: Label) -> Insn {
    let code = bindings::BPF_JMP | bindings::BPF_JA;
    Insn::jump(code, R0, Operand::Imm(0), label)
}

/// `if (dst cond src) goto label`, of all 64 bits.
///
/// C: `BPF_JMP_REG()`, `BPF_JMP_IMM()`.
pub fn jump_if(dst: Reg, cond: Cond, src: impl Into<Src>, label: Label) -> Insn {
    let code = bindings::BPF_JMP | cond as u32;
    Insn::jump(code, dst, src.into().operand(), label)
}

/// `if ((u32)dst cond (u32)src) goto label`
///
/// C: `BPF_JMP32_REG()`, `BPF_JMP32_IMM()`.
pub fn jump32_if(dst: Reg, cond: Cond, src: impl Into<Src>, label: Label) -> Insn {
    let code = bindings::BPF_JMP32 | cond as u32;
    Insn::jump(code, dst, src.into().operand(), label)
}

/// `R0 = function(R1, ..., R5)`. [`R1`] to [`R5`] are lost.
///
/// One of the verifier's last steps, `bpf_do_misc_fixups()`, takes a call in a prologue or epilogue
/// for one of a helper, and asks `get_func_proto` of the table for the helper with the number in
/// the instruction. It must answer with a `struct bpf_func_proto` of this function, or the kernel
/// follows a null pointer. No program can call the function by that number, because
/// `bpf_get_helper_proto()` lets none through that is not below `__BPF_FUNC_MAX_ID`.
///
/// The function must be less than 2 GiB away from the kernel's text, as modules are on most
/// architectures.
///
/// C: `BPF_EMIT_CALL()`.
pub fn call(function: HelperFn) -> Insn {
    match call_imm(function as usize) {
        Ok(imm) => Insn::one(bindings::BPF_JMP | bindings::BPF_CALL, 0, 0, 0, imm),
        Err(problem) => Insn::wrong(problem),
    }
}

/// The number that stands for a function in a call, and what `get_func_proto` is asked for.
///
/// C: `BPF_CALL_IMM()`.
pub(crate) fn call_imm(address: usize) -> Result<i32, Problem> {
    extern "C" {
        fn __bpf_call_base(r1: u64, r2: u64, r3: u64, r4: u64, r5: u64) -> u64;
    }
    let base = __bpf_call_base as HelperFn as usize;
    // A distance in either direction.
    let distance = address.wrapping_sub(base) as isize;
    i32::try_from(distance).map_err(|_| Problem::CallTooFar)
}

/// `R0 = helper(R1, ..., R5)`, by the number in `enum bpf_func_id`. [`R1`] to [`R5`] are lost. The
/// table's `get_func_proto` must know the helper.
///
/// C: `BPF_RAW_INSN(BPF_JMP | BPF_CALL, 0, 0, 0, id)`.
pub fn call_helper(id: u32) -> Insn {
    match i32::try_from(id) {
        Ok(id) => Insn::one(bindings::BPF_JMP | bindings::BPF_CALL, 0, 0, 0, id),
        Err(_) => Insn::wrong(Problem::FunctionId),
    }
}

/// `R0 = kfunc(R1, ..., R5)`, by the id in BTF. [`R1`] to [`R5`] are lost.
///
/// If `off` is 0, the id is one of the kernel's own BTF. Else it is one of a module's, and `off`
/// an index into the list of modules that **the loader of the program** passes with it: nothing
/// that a prologue could rely on.
///
/// C: `BPF_CALL_KFUNC()`.
pub fn call_kfunc(off: i16, id: u32) -> Insn {
    match i32::try_from(id) {
        Ok(id) if id != 0 => Insn::one(
            bindings::BPF_JMP | bindings::BPF_CALL,
            0,
            bindings::BPF_PSEUDO_KFUNC_CALL as u8,
            off,
            id,
        ),
        _ => Insn::wrong(Problem::FunctionId),
    }
}

/// `return R0`
///
/// C: `BPF_EXIT_INSN()`.
pub fn exit() -> Insn {
    Insn::one(bindings::BPF_JMP | bindings::BPF_EXIT, 0, 0, 0, 0)
}
