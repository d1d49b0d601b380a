// SPDX-License-Identifier: GPL-2.0

//! The common part of the KUnit tests in this directory: programs with a prologue or an epilogue.
//!
//! The JIT compiles a program and the CPU runs it, without the verifier.

use super::{
    exit,
    insn::{
        call,
        encode,
        ldx_arg,
        FP, //
    },
    Builder,
    Epilogue,
    Helper,
    Insn,
    Problem,
    Prologue,
    Reg::{
        R0,
        R1, //
    },
    Signature,
    INSN_BUF_SIZE, //
};
use crate::register::Content;
use kernel::{
    bindings::{
        self,
        bpf_insn, //
    },
    prelude::*, //
};

extern "C" {
    // In `rust/helpers/pro_epilogue_kunit.c`.
    fn rust_bpf_kunit_run(
        insns: *const bpf_insn,
        len: u32,
        ctx: *const u64,
        result: *mut u32,
    ) -> kernel::ffi::c_int;
}

/// Runs instructions with `ctx` as the context. Returns the lower 32 bits of `R0`.
///
/// # Safety
///
/// The instructions must access only the context and the stack, and must call only functions that
/// accept the arguments.
unsafe fn run(insns: &[bpf_insn], ctx: &mut [u64; 4]) -> Result<u32> {
    let mut result = 0;
    // SAFETY: `insns` has `len` instructions. The caller guarantees that they access only the
    // context and the stack.
    kernel::error::to_result(unsafe {
        rust_bpf_kunit_run(
            insns.as_ptr(),
            insns.len() as u32,
            ctx.as_mut_ptr(),
            &mut result,
        )
    })?;
    Ok(result)
}

/// A member with four numbers that returns a number.
pub(super) const MEMBER: Signature = Signature {
    args: &[Content::Scalar; 4],
    returns_any: true,
};

/// A buffer with room for a prologue or an epilogue, and a program.
pub(super) fn buffer() -> [bpf_insn; 40] {
    [bpf_insn::default(); 40]
}

/// Writes a program to `buf`. Returns the number of instructions.
pub(super) fn write(buf: &mut [bpf_insn], insns: &[Insn]) -> Result<usize> {
    let mut code = Builder::new(buf);
    for insn in insns {
        code.push(*insn);
    }
    Ok(code.finish()?)
}

/// Runs a program with a prologue. The program returns its argument 3.
pub(super) fn with_prologue(
    fill: impl FnOnce(&mut Prologue<'_>),
    mut ctx: [u64; 4],
) -> Result<u32> {
    let mut program = buffer();
    let program_len = write(&mut program, &[ldx_arg(R0, R1, 3), exit()])?;
    let mut buf = buffer();
    // SAFETY: The program has a context of four `u64`, as in `MEMBER`. Nothing asks for the
    // functions, because the verifier does not see the program.
    let mut prologue = unsafe { Prologue::new(&mut buf, MEMBER) };
    fill(&mut prologue);
    let len = prologue.finish(&program[0])?;
    assert!(len < INSN_BUF_SIZE);
    // Like the kernel, replace the first instruction of the program with the prologue.
    let at = len.saturating_sub(1);
    let end = at + program_len;
    buf[at..end].copy_from_slice(&program[..program_len]);
    // SAFETY: The program reads its context. A prologue reads the context and calls helpers that
    // take numbers.
    unsafe { run(&buf[..end], &mut ctx) }
}

/// Runs a program with an epilogue. The program returns its argument 3.
pub(super) fn with_epilogue(
    fill: impl FnOnce(&mut Epilogue<'_>),
    mut ctx: [u64; 4],
) -> Result<u32> {
    let mut buf = buffer();
    // *(u64 *)(FP - 8) = R1
    let code = bindings::BPF_STX | bindings::BPF_MEM | bindings::BPF_DW;
    let save = Insn::One(encode(code, FP, R1 as u8, -8, 0));
    let mut end = write(&mut buf, &[save, ldx_arg(R0, R1, 3), exit()])?;
    // SAFETY: The program has a context of four `u64`, as in `MEMBER`, and saves the pointer to
    // the context at -8. Nothing asks for the functions, because the verifier does not see the
    // program.
    let mut epilogue = unsafe { Epilogue::new(&mut buf[2..], MEMBER, -8) };
    fill(&mut epilogue);
    let len = epilogue.finish()?;
    assert!(len < INSN_BUF_SIZE);
    if len != 0 {
        end = 2 + len;
    }
    // SAFETY: The program accesses its context and its stack. An epilogue reads the context and
    // calls helpers that take numbers.
    unsafe { run(&buf[..end], &mut ctx) }
}

/// Compares two lists of instructions.
pub(super) fn assert_same(a: &[bpf_insn], b: &[bpf_insn]) {
    for (a, b) in a.iter().zip(b) {
        assert_eq!(a.code, b.code);
        assert_eq!(a.dst_reg(), b.dst_reg());
        assert_eq!(a.src_reg(), b.src_reg());
        assert_eq!(a.off, b.off);
        assert_eq!(a.imm, b.imm);
    }
}

/// Returns the error of a prologue.
pub(super) fn prologue_error(
    member: Signature,
    fill: impl FnOnce(&mut Prologue<'_>),
) -> Option<Problem> {
    let mut buf = buffer();
    // SAFETY: The instructions do not run.
    let mut prologue = unsafe { Prologue::new(&mut buf, member) };
    fill(&mut prologue);
    prologue
        .finish(&bpf_insn::default())
        .err()
        .map(|err| err.problem)
}

/// Returns the error of an epilogue.
pub(super) fn epilogue_error(
    member: Signature,
    fill: impl FnOnce(&mut Epilogue<'_>),
) -> Option<Problem> {
    let mut buf = buffer();
    // SAFETY: The instructions do not run.
    let mut epilogue = unsafe { Epilogue::new(&mut buf, member, -8) };
    fill(&mut epilogue);
    epilogue.finish().err().map(|err| err.problem)
}

/// Returns a call of `helper`.
pub(super) fn call_helper(helper: &Helper) -> Insn {
    call(helper.function()).unwrap_or(exit())
}

crate::bpf_helper! {
    /// Returns its arguments as the digits of a number.
    pub(super) static DIGITS = fn(a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
        [a, b, c, d, e]
            .iter()
            .fold(0, |digits, digit| digits * 10 + digit)
    };
}

crate::bpf_helper! {
    /// Returns its arguments as the digits of a number.
    pub(super) static TWO = fn(a: u64, b: u64) -> u64 {
        a * 10 + b
    };
}

crate::bpf_helper! {
    pub(super) static NOTHING = fn() {};
}

crate::bpf_helper! {
    /// Returns its argument.
    pub(super) static SAME = fn(a: u64) -> u64 {
        a
    };
}

crate::bpf_helper! {
    /// Returns the upper half of its argument.
    pub(super) static UPPER = fn(a: u64) -> u64 {
        a >> 32
    };
}
