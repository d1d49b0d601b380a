// SPDX-License-Identifier: GPL-2.0

//! The instructions that prologues and epilogues consist of.
//!
//! Each function makes one instruction, like the macro of the kernel that its documentation names.
//! The destination is the first argument, as in the macros. There is a function for each
//! instruction that this crate needs, and for no other.
//!
//! C header: [`include/linux/filter.h`](srctree/include/linux/filter.h)
//!
//! Reference: <https://docs.kernel.org/bpf/standardization/instruction-set.html>

use super::{
    helper::HelperFn,
    Cond,
    Problem,
    Reg,
    Src, //
};
use kernel::{
    bindings::{
        self,
        bpf_insn, //
    },
    prelude::*, //
};

/// An encoded instruction.
#[derive(Clone, Copy)]
#[must_use = "an instruction has no effect before it is pushed"]
pub(crate) enum Insn {
    /// An instruction that takes one place in the buffer.
    One(bpf_insn),
    /// An instruction that takes two places in the buffer.
    Two([bpf_insn; 2]),
}

/// `BPF_REG_FP`, a macro that bindgen does not see.
pub(super) const FP: u8 = bindings::BPF_REG_10 as u8;

/// C: `BPF_RAW_INSN()`.
pub(super) fn encode(code: u32, dst: u8, src: u8, off: i16, imm: i32) -> bpf_insn {
    let mut insn = bpf_insn {
        // The parts of an opcode have eight bits each.
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
        Self::One(encode(code, dst, src, off, imm))
    }
}

/// `dst = src`
///
/// C: `BPF_MOV64_REG()`, `BPF_MOV64_IMM()`.
pub(crate) fn mov64(dst: Reg, src: impl Into<Src>) -> Insn {
    let code = bindings::BPF_ALU64 | bindings::BPF_MOV;
    match src.into() {
        Src::Reg(src) => Insn::one(code | bindings::BPF_X, dst as u8, src as u8, 0, 0),
        Src::Imm(imm) => Insn::one(code | bindings::BPF_K, dst as u8, 0, 0, imm),
    }
}

/// `dst = (u32)src`
///
/// C: `BPF_MOV32_REG()`.
pub(super) fn mov32(dst: Reg, src: Reg) -> Insn {
    let code = bindings::BPF_ALU | bindings::BPF_MOV | bindings::BPF_X;
    Insn::one(code, dst as u8, src as u8, 0, 0)
}

/// `dst = imm`, all 64 bits. The instruction takes two places in the buffer.
///
/// C: `BPF_LD_IMM64()`.
pub(super) fn ld_imm64(dst: Reg, imm: u64) -> Insn {
    let code = bindings::BPF_LD | bindings::BPF_DW | bindings::BPF_IMM;
    Insn::Two([
        encode(code, dst as u8, 0, 0, imm as i32),
        encode(0, 0, 0, 0, (imm >> 32) as i32),
    ])
}

const LDX_DW: u32 = bindings::BPF_LDX | bindings::BPF_MEM | bindings::BPF_DW;

/// `dst = context[index]`, where `context` is the context of a tracing or struct_ops program: an
/// array of `u64`.
///
/// C: `BPF_LDX_MEM(BPF_DW)`.
pub(super) fn ldx_arg(dst: Reg, context: Reg, index: u8) -> Insn {
    let off = i16::from(index).saturating_mul(size_of::<u64>() as i16);
    Insn::one(LDX_DW, dst as u8, context as u8, off, 0)
}

/// `dst = *(u64 *)(FP + off)`
///
/// C: `BPF_LDX_MEM(BPF_DW)`.
pub(super) fn ldx_stack(dst: Reg, off: i16) -> Insn {
    Insn::one(LDX_DW, dst as u8, FP, off, 0)
}

/// `if (dst cond imm) goto` an instruction that
/// [`Builder::land()`](super::builder::Builder::land) sets.
///
/// C: `BPF_JMP_IMM()`.
pub(super) fn jump_if(dst: Reg, cond: Cond, imm: i32) -> Insn {
    let code = bindings::BPF_JMP | bindings::BPF_K | cond as u32;
    Insn::one(code, dst as u8, 0, 0, imm)
}

/// `R0 = function(R1, ..., R5)`. `R1` to `R5` are undefined after the call.
///
/// One of the verifier's last steps, `bpf_do_misc_fixups()`, treats a call in a prologue or an
/// epilogue like a call of a helper: it asks `get_func_proto()` of the table for the number in the
/// instruction. `get_func_proto()` must return a `struct bpf_func_proto` of the function, because
/// the kernel dereferences the result without a check. A program cannot call the function by its
/// number: `bpf_get_helper_proto()` rejects all numbers from `__BPF_FUNC_MAX_ID` on.
///
/// # Errors
///
/// [`Problem::CallTooFar`] if the function is 2 GiB or more away from the kernel's text. On most
/// architectures, modules are nearer.
///
/// C: `BPF_EMIT_CALL()`.
pub(super) fn call(function: HelperFn) -> Result<Insn, Problem> {
    let imm = call_imm(function as usize)?;
    Ok(Insn::one(
        bindings::BPF_JMP | bindings::BPF_CALL,
        0,
        0,
        0,
        imm,
    ))
}

/// The number by which a call names the function at `address`.
///
/// C: `BPF_CALL_IMM()`.
pub(super) fn call_imm(address: usize) -> Result<i32, Problem> {
    extern "C" {
        fn __bpf_call_base(r1: u64, r2: u64, r3: u64, r4: u64, r5: u64) -> u64;
    }
    let base = __bpf_call_base as HelperFn as usize;
    // The distance can be negative.
    let distance = address.wrapping_sub(base) as isize;
    i32::try_from(distance).map_err(|_| Problem::CallTooFar)
}

/// `R0 = kfunc(R1, ..., R5)`, for the kfunc with this id in the kernel's own BTF. `R1` to `R5` are
/// undefined after the call.
///
/// C: `BPF_CALL_KFUNC(0, id)`.
pub(super) fn call_kfunc(id: u32) -> Insn {
    Insn::one(
        bindings::BPF_JMP | bindings::BPF_CALL,
        0,
        bindings::BPF_PSEUDO_KFUNC_CALL as u8,
        0,
        id as i32,
    )
}

/// `dst = (s64)(s32)src`
///
/// C: `BPF_MOVSX64_REG()`, with 32 bits.
pub(super) fn movsx32(dst: Reg, src: Reg) -> Insn {
    let code = bindings::BPF_ALU64 | bindings::BPF_MOV | bindings::BPF_X;
    Insn::one(code, dst as u8, src as u8, 32, 0)
}

/// `R0 = kfunc(R1, ..., R5)`, for the kfunc with this id in the BTF of the module of the table. The
/// kernel relocates the id.
///
/// C: `BPF_CALL_KFUNC(BPF_KFUNC_OWN_BTF, id)`.
pub(super) fn call_module_kfunc(id: u32) -> Insn {
    Insn::one(
        bindings::BPF_JMP | bindings::BPF_CALL,
        0,
        bindings::BPF_PSEUDO_KFUNC_CALL as u8,
        -1,
        id as i32,
    )
}

/// `return R0`
///
/// C: `BPF_EXIT_INSN()`.
pub(crate) fn exit() -> Insn {
    Insn::one(bindings::BPF_JMP | bindings::BPF_EXIT, 0, 0, 0, 0)
}

/// Compares every instruction with the kernel's own macro. The C compiler expands the macros in
/// `rust/helpers/pro_epilogue_kunit.c`.
#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_insn)]
mod tests {
    use super::{
        Reg::*,
        *, //
    };
    use kernel::ffi::c_int;

    /// A macro of the kernel. `rust/helpers/pro_epilogue_kunit.c` says which arguments each macro
    /// uses.
    type Macro = unsafe extern "C" fn(*mut bpf_insn, c_int, c_int, c_int, i16, i64);

    macro_rules! macros {
        ($($name:ident)*) => {
            mod c {
                use super::*;

                extern "C" {
                    $(
                        #[link_name = concat!("rust_bpf_kunit_", stringify!($name))]
                        pub(super) fn $name(
                            out: *mut bpf_insn,
                            op: c_int,
                            dst: c_int,
                            src: c_int,
                            off: i16,
                            imm: i64,
                        );
                    )*
                    #[link_name = "rust_bpf_kunit_call_base"]
                    pub(super) fn call_base() -> usize;
                }
            }
        };
    }

    macros! {
        mov64_reg mov64_imm mov32_reg ld_imm64 ldx jump_imm call call_kfunc exit
    }

    /// The arguments of a macro. Registers and comparisons are indices into the tables in C.
    #[derive(Clone, Copy, Default)]
    struct Args {
        op: usize,
        dst: usize,
        src: usize,
        off: i16,
        imm: i64,
    }

    /// The registers in the order of their numbers.
    const REGS: [Reg; 10] = [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9];
    const FP_INDEX: usize = 10;

    /// The comparisons in the order of the table in C.
    const CONDS: [Cond; 11] = [
        Cond::Eq,
        Cond::Ne,
        Cond::Gt,
        Cond::Ge,
        Cond::Lt,
        Cond::Le,
        Cond::SGt,
        Cond::SGe,
        Cond::SLt,
        Cond::SLe,
        Cond::Set,
    ];

    const IMMS: [i32; 7] = [0, 1, 31, -1, 0x1234_5678, i32::MAX, i32::MIN];

    /// All fields of an instruction.
    fn fields(insn: &bpf_insn) -> (u8, u8, u8, i16, i32) {
        (
            insn.code,
            insn.dst_reg(),
            insn.src_reg(),
            insn.off,
            insn.imm,
        )
    }

    /// Whether the instruction is the expansion of the macro.
    fn is(insn: Insn, expand: Macro, args: Args) -> bool {
        let mut c = [bpf_insn::default(); 2];
        // SAFETY: The buffer has room for two instructions, and no macro makes more. All indices
        // are within the tables in C.
        unsafe {
            expand(
                c.as_mut_ptr(),
                args.op as c_int,
                args.dst as c_int,
                args.src as c_int,
                args.off,
                args.imm,
            )
        };
        let rust = match insn {
            Insn::One(insn) => [insn, bpf_insn::default()],
            Insn::Two(insns) => insns,
        };
        let same = rust.iter().map(fields).eq(c.iter().map(fields));
        if !same {
            for (rust, c) in rust.iter().zip(&c) {
                pr_err!("Rust: {:x?}, C: {:x?}\n", fields(rust), fields(c));
            }
        }
        same
    }

    /// All pairs of a destination and a source register.
    fn pairs() -> impl Iterator<Item = (Reg, Reg, Args)> {
        (0..REGS.len() * REGS.len()).map(|pair| {
            let (dst, src) = (pair / REGS.len(), pair % REGS.len());
            let args = Args {
                dst,
                src,
                ..Default::default()
            };
            (REGS[dst], REGS[src], args)
        })
    }

    /// All pairs of a destination register and a number.
    fn with_imm() -> impl Iterator<Item = (Reg, i32, Args)> {
        (0..REGS.len() * IMMS.len()).map(|pair| {
            let (dst, imm) = (pair / IMMS.len(), IMMS[pair % IMMS.len()]);
            let args = Args {
                dst,
                imm: imm.into(),
                ..Default::default()
            };
            (REGS[dst], imm, args)
        })
    }

    #[test]
    fn moves_equal_the_macros() {
        for (dst, src, args) in pairs() {
            assert!(is(mov64(dst, src), c::mov64_reg, args));
            assert!(is(mov32(dst, src), c::mov32_reg, args));
        }
        for (dst, imm, args) in with_imm() {
            assert!(is(mov64(dst, imm), c::mov64_imm, args));
        }
    }

    #[test]
    fn constants_of_64_bits_equal_the_macro() {
        let imms = [0, 1, 0x1234_5678_9abc_def0, 0x8000_0000, u64::MAX, 1 << 63];
        for (dst, reg) in REGS.into_iter().enumerate() {
            for imm in imms {
                let args = Args {
                    dst,
                    imm: imm as i64,
                    ..Default::default()
                };
                assert!(is(ld_imm64(reg, imm), c::ld_imm64, args));
            }
        }
    }

    #[test]
    fn loads_of_arguments_equal_the_macro() {
        for (dst, context, args) in pairs() {
            for index in [0, 1, 11, u8::MAX] {
                let off = i16::from(index) * 8;
                let args = Args { off, ..args };
                assert!(is(ldx_arg(dst, context, index), c::ldx, args));
            }
        }
    }

    #[test]
    fn loads_from_the_stack_equal_the_macro() {
        for (dst, reg) in REGS.into_iter().enumerate() {
            for off in [-8, -16, -512, i16::MIN] {
                let args = Args {
                    dst,
                    src: FP_INDEX,
                    off,
                    ..Default::default()
                };
                assert!(is(ldx_stack(reg, off), c::ldx, args));
            }
        }
    }

    #[test]
    fn conditional_jumps_equal_the_macro() {
        for (op, cond) in CONDS.into_iter().enumerate() {
            for (dst, imm, args) in with_imm() {
                let args = Args { op, ..args };
                assert!(is(jump_if(dst, cond, imm), c::jump_imm, args));
            }
        }
    }

    #[test]
    fn the_exit_equals_the_macro() {
        assert!(is(exit(), c::exit, Args::default()));
    }

    extern "C" fn callee(_: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
        0
    }

    #[test]
    fn calls_equal_the_macros() {
        let args = Args {
            imm: callee as HelperFn as usize as i64,
            ..Default::default()
        };
        assert!(call(callee).is_ok_and(|insn| is(insn, c::call, args)));
        for id in [1, 0x7fff_ffff] {
            let args = Args {
                imm: id.into(),
                ..Default::default()
            };
            assert!(is(call_kfunc(id), c::call_kfunc, args));
        }
    }

    #[test]
    fn a_call_reaches_less_than_2_gib() {
        // SAFETY: The function returns an address and has no requirements.
        let base = unsafe { c::call_base() };
        assert_eq!(call_imm(base), Ok(0));
        assert_eq!(call_imm(base.wrapping_add(0x7fff_ffff)), Ok(i32::MAX));
        assert_eq!(call_imm(base.wrapping_sub(0x8000_0000)), Ok(i32::MIN));
        let far = Err(Problem::CallTooFar);
        assert_eq!(call_imm(base.wrapping_add(0x8000_0000)), far);
        assert_eq!(call_imm(base.wrapping_sub(0x8000_0001)), far);
        assert_eq!(call_imm(base.wrapping_add(usize::MAX / 2)), far);
    }
}
