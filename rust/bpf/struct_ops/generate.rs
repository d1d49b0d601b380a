// SPDX-License-Identifier: GPL-2.0

//! Prologues and epilogues of the programs of a table.
//!
//! This module asks the subsystem for the prologue and the epilogue, and checks both. It also tells
//! the verifier which functions they may call. It does not encode instructions: see
//! [`pro_epilogue`](crate::pro_epilogue).
//!
//! The kernel calls `gen_prologue` and `gen_epilogue` near the end of verification, and they cannot
//! return errors. So `check_member` makes both once before, when it can still refuse the program.
//!
//! C: `bpf_convert_ctx_accesses()` and `bpf_do_misc_fixups()` in `kernel/bpf/fixups.c`.

use super::{
    prog::MemberProg,
    subsystem::StructOps, //
};
use crate::{
    helpers::rust_bpf_helper_throws,
    kfunc_set::Prog,
    pro_epilogue::{
        exit,
        mov64,
        Builder,
        Epilogue,
        InsnError,
        Prologue,
        Reg::R0,
        INSN_BUF_SIZE, //
    }, //
};
use kernel::{
    bindings::{
        self,
        bpf_insn, //
    },
    prelude::*, //
};

/// Returns whether an instruction calls a function by its distance, or a kernel helper by its id.
fn is_call(insn: &bpf_insn) -> bool {
    u32::from(insn.code) == bindings::BPF_JMP | bindings::BPF_CALL && insn.src_reg() == 0
}

/// Checks that [`func_proto`] knows all called functions. The kernel does not check that.
///
/// # Errors
///
/// `EINVAL` for an unknown function.
fn check_calls<S: StructOps>(insns: &[bpf_insn], prog: &Prog) -> Result {
    for insn in insns.iter().filter(|insn| is_call(insn)) {
        // SAFETY: `prog` is a borrowed program, so the program is valid.
        if unsafe { func_proto::<S>(insn.imm, prog) }.is_null() {
            pr_warn!(
                "struct {}: a prologue or an epilogue calls a function that is not in HELPERS\n",
                <S::Table as super::Table>::NAME
            );
            return Err(EINVAL);
        }
    }
    Ok(())
}

/// Returns the function behind the number in a call: a helper of the subsystem or a helper of the
/// kernel. Returns null for an unknown function.
///
/// # Safety
///
/// The program must be valid.
pub(super) unsafe fn func_proto<S: StructOps>(
    imm: i32,
    prog: &Prog,
) -> *const bindings::bpf_func_proto {
    for helper in S::HELPERS {
        if helper.imm() == Ok(imm) {
            return helper.proto();
        }
    }
    // The target of a tail call may be a program of another table, whose arguments have the same
    // types but other rules.
    if imm == bindings::bpf_func_id_BPF_FUNC_tail_call as i32 {
        return core::ptr::null();
    }
    // SAFETY: The caller guarantees that the program is valid. The function returns null for
    // numbers that are not the id of a kernel helper.
    unsafe { bindings::bpf_base_func_proto(imm as bindings::bpf_func_id, prog.as_raw()) }
}

/// Writes the prologue of a program that begins with `first`. Returns the number of instructions.
///
/// # Errors
///
/// The subsystem's prologue has an error, calls an unknown function, or the program could evade it.
/// The kernel log has the reason.
pub(super) fn prologue<S: StructOps>(
    buf: &mut [bpf_insn],
    prog: &MemberProg<'_>,
    first: &bpf_insn,
) -> Result<usize> {
    // SAFETY: Only programs of this member run the instructions. A trampoline calls them, so their
    // context is an array of `u64`. The caller does not use the instructions if `func_proto` does
    // not know a function: `check_calls` returns an error.
    let mut code = unsafe { Prologue::new(buf, prog.member.signature) };
    S::prologue(prog, &mut code);
    let len = code
        .finish(first)
        .inspect_err(|err| explain::<S>(prog, "prologue", err))?;
    if len > 0 {
        check_program::<S>(prog)?;
    }
    // The last instruction is the first one of the program, which the verifier checks.
    check_calls::<S>(buf.get(..len.saturating_sub(1)).unwrap_or(&[]), prog.prog)?;
    Ok(len)
}

/// Writes the epilogue of a program whose context the kernel saves at `ctx_off` from the frame
/// pointer. Returns the number of instructions.
///
/// # Errors
///
/// The subsystem's epilogue has an error, calls an unknown function, or the program could evade it.
/// The kernel log has the reason.
pub(super) fn epilogue<S: StructOps>(
    buf: &mut [bpf_insn],
    prog: &MemberProg<'_>,
    ctx_off: i16,
) -> Result<usize> {
    // SAFETY: Only programs of this member run the instructions. A trampoline calls them, so their
    // context is an array of `u64`, which the kernel saves at `ctx_off`. The caller does not use
    // the instructions if `func_proto` does not know a function: `check_calls` returns an error.
    let mut code = unsafe { Epilogue::new(buf, prog.member.signature, ctx_off) };
    S::epilogue(prog, &mut code);
    let len = code
        .finish()
        .inspect_err(|err| explain::<S>(prog, "epilogue", err))?;
    if len > 0 {
        check_program::<S>(prog)?;
    }
    check_calls::<S>(buf.get(..len).unwrap_or(&[]), prog.prog)?;
    Ok(len)
}

/// Prints the error of a prologue or an epilogue to the kernel log.
fn explain<S: StructOps>(prog: &MemberProg<'_>, what: &str, err: &InsnError) {
    pr_warn!(
        "struct {}: the {} of {} cannot be made: {}\n",
        <S::Table as super::Table>::NAME,
        what,
        prog.member.name,
        err
    );
}

/// Makes the prologue and the epilogue of a program once, to find their errors.
///
/// # Errors
///
/// The errors of [`prologue`] and [`epilogue`].
pub(super) fn check<S: StructOps>(prog: &MemberProg<'_>) -> Result {
    let mut buf = [bpf_insn::default(); INSN_BUF_SIZE];
    prologue::<S>(&mut buf, prog, &bpf_insn::default())?;
    epilogue::<S>(&mut buf, prog, -8)?;
    Ok(())
}

/// Checks that a program cannot evade a prologue or an epilogue. Each call of [`prologue`] and
/// [`epilogue`] checks this, because the subsystem may write other instructions each time.
///
/// # Errors
///
/// `EINVAL` if the program has an instruction that [`evades`].
fn check_program<S: StructOps>(prog: &MemberProg<'_>) -> Result {
    if !prog.prog.insns().iter().any(evades) {
        return Ok(());
    }
    pr_warn!(
        "struct {}: a program for {} must not call bpf_throw() or jump through a table: it could \
         skip its epilogue or run its prologue again\n",
        <S::Table as super::Table>::NAME,
        prog.member.name
    );
    Err(EINVAL)
}

/// Returns whether an instruction can leave the program without the epilogue (`bpf_throw()`,
/// `bpf_throw_reason()`), or run the prologue again (a jump through a table: the kernel corrects the
/// targets of other jumps, but not the targets in tables).
fn evades(insn: &bpf_insn) -> bool {
    let code = u32::from(insn.code);
    let throws = code == bindings::BPF_JMP | bindings::BPF_CALL
        && u32::from(insn.src_reg()) == bindings::BPF_PSEUDO_KFUNC_CALL
        && insn.off == 0
        // SAFETY: The C function compares numbers and has no requirements.
        && unsafe { rust_bpf_helper_throws(insn.imm) };
    throws || code == bindings::BPF_JMP | bindings::BPF_JA | bindings::BPF_X
}

/// Writes instructions that return 0, in place of a prologue or an epilogue that `check` could make
/// but that cannot be made any more. `first` is the first instruction of the program for a
/// prologue, and the program then does not run; it is [`None`] for an epilogue. Returns the number
/// of instructions.
pub(super) fn refuse(buf: &mut [bpf_insn], first: Option<&bpf_insn>) -> usize {
    let mut code = Builder::new(buf);
    code.push(mov64(R0, 0)).push(exit());
    match first {
        Some(first) => code.finish_before(first),
        None => code.finish(),
    }
    .unwrap_or(0)
}
