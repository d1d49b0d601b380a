// SPDX-License-Identifier: GPL-2.0

//! What the types of the instruction builder refuse.

use bpf::{
    pro_epilogue::*,
    register::Content, //
};

/// No instruction writes to the frame pointer.
fn frame_pointer() -> [Insn; 6] {
    [
        mov64(FP, 0), //~ mismatched types | expected `Reg`, found `FramePointer`
        alu64(Alu::Sub, FP, 8), //~ mismatched types | expected `Reg`, found `FramePointer`
        ldx(DW, FP, R1.at(0)), //~ mismatched types | expected `Reg`, found `FramePointer`
        ld_imm64(FP, 0), //~ mismatched types | expected `Reg`, found `FramePointer`
        // It gets what was in memory.
        atomic(DW, Atomic::FetchAdd, R1.at(0), FP), //~ mismatched types | expected `Reg`, found `FramePointer`
        // It can be read.
        mov64(R1, FP),
    ]
}

unsafe extern "C" fn follows(pointer: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
    // SAFETY: The caller passes a pointer.
    unsafe { *(pointer as *const u64) }
}

/// Only `bpf_helper!`, which looks at the types, makes one.
static FOLLOWS: Helper = Helper::new("follows", follows, &[Content::Scalar]); //~ call to unsafe function `bpf::pro_epilogue::Helper::new` is unsafe

fn any_instruction(prologue: &mut Prologue<'_>) {
    prologue.raw().push(store(DW, R1.arg(0), 0)); //~ call to unsafe function `bpf::pro_epilogue::Prologue::<'a>::raw` is unsafe
}
