// SPDX-License-Identifier: GPL-2.0

//! What the kernel puts around the programs of a table: asks the subsystem for it, checks it, and
//! answers the verifier's questions about the functions that are called.
//!
//! The kernel asks for a prologue and an epilogue when the program is verified, and cannot be told
//! of errors then. So all is made once before, when `check_member` can still refuse the program.
//!
//! C: `bpf_convert_ctx_accesses()` and `bpf_do_misc_fixups()` in `kernel/bpf/fixups.c`.

use super::{
    prog::MemberProg,
    subsystem::StructOps, //
};
use crate::{
    helpers::rust_bpf_helper_throw_id,
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

/// Whether an instruction calls a function of the kernel by its address, or a helper by its id.
fn is_call(insn: &bpf_insn) -> bool {
    u32::from(insn.code) == bindings::BPF_JMP | bindings::BPF_CALL && insn.src_reg() == 0
}

/// Whether the verifier will find all functions that are called; it does not ask whether it has.
fn check_calls<S: StructOps>(insns: &[bpf_insn], prog: &Prog) -> Result {
    for insn in insns.iter().filter(|insn| is_call(insn)) {
        // SAFETY: The program is valid.
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

/// The function behind the number in a call: one of the subsystem's, or a helper.
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
    // The callee of a tail call may be of another table, whose arguments have the same types but
    // other rules.
    if imm == bindings::bpf_func_id_BPF_FUNC_tail_call as i32 {
        return core::ptr::null();
    }
    // SAFETY: By the safety requirements. The function knows all numbers that are no helper's.
    unsafe { bindings::bpf_base_func_proto(imm as bindings::bpf_func_id, prog.as_raw()) }
}

/// Writes the prologue of a program that begins with `first`.
pub(super) fn prologue<S: StructOps>(
    buf: &mut [bpf_insn],
    prog: &MemberProg<'_>,
    first: &bpf_insn,
) -> Result<usize> {
    // SAFETY: The buffer is used for programs of this member only, whose context is an array of
    // `u64`, as that of every trampoline. `func_proto` knows the functions, or it is not used.
    let mut code = unsafe { Prologue::new(buf, prog.member.signature) };
    S::prologue(prog, &mut code);
    let len = code
        .finish(first)
        .inspect_err(|err| explain::<S>(prog, "prologue", err))?;
    if len > 0 {
        check_program::<S>(prog)?;
    }
    // The program's own first instruction is checked by the verifier.
    check_calls::<S>(buf.get(..len.saturating_sub(1)).unwrap_or(&[]), prog.prog)?;
    Ok(len)
}

/// Writes the epilogue of a program whose context is saved at `ctx_off` from the frame pointer.
pub(super) fn epilogue<S: StructOps>(
    buf: &mut [bpf_insn],
    prog: &MemberProg<'_>,
    ctx_off: i16,
) -> Result<usize> {
    // SAFETY: As for the prologue; the kernel saves the context there.
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

fn explain<S: StructOps>(prog: &MemberProg<'_>, what: &str, err: &InsnError) {
    pr_warn!(
        "struct {}: the {} of {} cannot be made: {}\n",
        <S::Table as super::Table>::NAME,
        what,
        prog.member.name,
        err
    );
}

/// Makes both once, to see whether they can be made, and the program have them around it.
pub(super) fn check<S: StructOps>(prog: &MemberProg<'_>) -> Result {
    let mut buf = [bpf_insn::default(); INSN_BUF_SIZE];
    prologue::<S>(&mut buf, prog, &bpf_insn::default())?;
    epilogue::<S>(&mut buf, prog, -8)?;
    Ok(())
}

/// Whether a program can have something around it. Asked each time, because the subsystem may not
/// answer the same each time.
fn check_program<S: StructOps>(prog: &MemberProg<'_>) -> Result {
    if !prog.prog.insns().iter().any(evades) {
        return Ok(());
    }
    pr_warn!(
        "struct {}: a program for {} must not throw, nor jump through a table: it could evade its \
         prologue or epilogue\n",
        <S::Table as super::Table>::NAME,
        prog.member.name
    );
    Err(EINVAL)
}

/// Whether an instruction can leave the program without its epilogue (`bpf_throw()`), or come to
/// its prologue again: the kernel moves the targets of jumps, but not those in tables.
fn evades(insn: &bpf_insn) -> bool {
    let code = u32::from(insn.code);
    let throws = code == bindings::BPF_JMP | bindings::BPF_CALL
        && u32::from(insn.src_reg()) == bindings::BPF_PSEUDO_KFUNC_CALL
        && insn.off == 0
        // SAFETY: The function returns a number.
        && insn.imm == unsafe { rust_bpf_helper_throw_id() } as i32;
    throws || code == bindings::BPF_JMP | bindings::BPF_JA | bindings::BPF_X
}

/// In place of what could be made once and now cannot: the program does not run, and returns 0.
pub(super) fn refuse(buf: &mut [bpf_insn], first: Option<&bpf_insn>) -> usize {
    let mut code = Builder::new(buf);
    code.push(mov64(R0, 0)).push(exit());
    match first {
        Some(first) => code.finish_before(first),
        None => code.finish(),
    }
    .unwrap_or(0)
}
