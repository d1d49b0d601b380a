// SPDX-License-Identifier: GPL-2.0

//! Compares every instruction with what the kernel's own macro makes, which the C compiler expands
//! in `rust/helpers/pro_epilogue_kunit.c`.

#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue)]
mod tests {
    use super::super::*;
    use kernel::ffi::c_int;

    /// A macro of the kernel, in `rust/helpers/pro_epilogue_kunit.c`. Which of its arguments it uses
    /// is there.
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
        mov64_reg mov64_imm mov32_reg mov32_imm movsx64 movsx32 ld_imm64
        alu64_reg alu64_imm alu32_reg alu32_imm to_le to_be bswap
        ldx ldsx stx st atomic
        jump jump_reg jump_imm jump32_reg jump32_imm
        call call_helper call_kfunc exit
    }

    /// What is passed to a macro.
    #[derive(Clone, Copy, Default)]
    struct Args {
        op: usize,
        dst: usize,
        src: usize,
        off: i16,
        imm: i64,
    }

    /// All that there is in an instruction.
    fn fields(insn: &bpf_insn) -> (u8, u8, u8, i16, i32) {
        (
            insn.code,
            insn.dst_reg(),
            insn.src_reg(),
            insn.off,
            insn.imm,
        )
    }

    /// What the macro makes: one instruction, or two.
    fn expand(expand: Macro, args: Args) -> [bpf_insn; 2] {
        let mut insns = [bpf_insn::default(); 2];
        // SAFETY: There is room for two, and no macro makes more. The tests pass indices that are
        // in its tables.
        unsafe {
            expand(
                insns.as_mut_ptr(),
                args.op as c_int,
                args.dst as c_int,
                args.src as c_int,
                args.off,
                args.imm,
            )
        };
        insns
    }

    fn same(rust: &[bpf_insn], c: &[bpf_insn]) -> bool {
        let same = rust.iter().map(fields).eq(c.iter().map(fields));
        if !same {
            for insn in rust {
                pr_err!("Rust: {:x?}\n", fields(insn));
            }
            for insn in c {
                pr_err!("C:    {:x?}\n", fields(insn));
            }
        }
        same
    }

    /// Whether the instruction is what the macro makes.
    fn is(insn: Insn, c: Macro, args: Args) -> bool {
        let c = expand(c, args);
        match insn.0 {
            Ok(Encoded::One(insn)) => same(&[insn, bpf_insn::default()], &c),
            Ok(Encoded::Two(insns)) => same(&insns, &c),
            _ => false,
        }
    }

    /// Whether the jump is what the macro makes, forward and backward.
    fn jumps(insn: impl Fn(Label) -> Insn, c: Macro, args: Args) -> bool {
        let mut buf = [bpf_insn::default(); 5];
        let mut code = Builder::new(&mut buf);
        let (back, on) = (code.label(), code.label());
        code.bind(back)
            .push(insn(on))
            .push(exit())
            .push(insn(back))
            .bind(on)
            .push(exit());
        if code.finish() != Ok(4) {
            return false;
        }
        let on = expand(c, Args { off: 2, ..args });
        let back = expand(c, Args { off: -3, ..args });
        same(&buf[..1], &on[..1]) && same(&buf[2..3], &back[..1])
    }

    fn problem(insn: Insn) -> Option<Problem> {
        insn.0.err()
    }

    /// In the order of the numbers.
    const REGS: [Reg; 10] = [R0, R1, R2, R3, R4, R5, R6, R7, R8, R9];
    const FP_INDEX: usize = 10;

    /// As the tables in C.
    const SIZES: [Size; 4] = [B, H, W, DW];
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
    const ATOMICS: [Atomic; 10] = [
        Atomic::Add,
        Atomic::And,
        Atomic::Or,
        Atomic::Xor,
        Atomic::FetchAdd,
        Atomic::FetchAnd,
        Atomic::FetchOr,
        Atomic::FetchXor,
        Atomic::Xchg,
        Atomic::Cmpxchg,
    ];
    const LOAD_ACQUIRE: i64 = 10;
    const STORE_RELEASE: i64 = 11;

    /// With the index in C, and the offset that makes it signed.
    const ALUS: [(Alu, usize, i16); 13] = [
        (Alu::Add, 0, 0),
        (Alu::Sub, 1, 0),
        (Alu::Mul, 2, 0),
        (Alu::Div, 3, 0),
        (Alu::SDiv, 3, 1),
        (Alu::Mod, 4, 0),
        (Alu::SMod, 4, 1),
        (Alu::Or, 5, 0),
        (Alu::And, 6, 0),
        (Alu::Xor, 7, 0),
        (Alu::Lsh, 8, 0),
        (Alu::Rsh, 9, 0),
        (Alu::Arsh, 10, 0),
    ];
    const NEG: usize = 11;

    const IMMS: [i32; 7] = [0, 1, 31, -1, 0x1234_5678, i32::MAX, i32::MIN];
    const OFFS: [i16; 7] = [0, 1, 8, -1, -512, i16::MAX, i16::MIN];

    /// All pairs of a register that is written to and one that is read, as both sides name them.
    // Numbers in place of iterators in iterators, whose functions have names of hundreds of bytes.
    fn pairs() -> impl Iterator<Item = (Reg, Src, Args)> {
        let srcs = REGS.len() + 1;
        (0..REGS.len() * srcs).map(move |pair| {
            let (dst, src) = (pair / srcs, pair % srcs);
            let args = Args {
                dst,
                src,
                ..Default::default()
            };
            let from = REGS.get(src).map_or(FP.into(), |&reg| reg.into());
            (REGS[dst], from, args)
        })
    }

    /// All pairs of a register that is written to and a number.
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

    /// All pairs of registers with all offsets and sizes.
    fn places() -> impl Iterator<Item = (Size, Reg, Reg, i16, Args)> {
        let (regs, offs) = (REGS.len(), OFFS.len());
        (0..SIZES.len() * regs * regs * offs).map(move |place| {
            let (pair, off) = (place / offs, OFFS[place % offs]);
            let (op, dst, src) = (pair / regs / regs, pair / regs % regs, pair % regs);
            let args = Args {
                op,
                dst,
                src,
                off,
                imm: 0,
            };
            (SIZES[op], REGS[dst], REGS[src], off, args)
        })
    }

    #[test]
    fn moves() {
        for (dst, src, args) in pairs() {
            assert!(is(mov64(dst, src), c::mov64_reg, args));
            assert!(is(mov32(dst, src), c::mov32_reg, args));
        }
        for (dst, imm, args) in with_imm() {
            assert!(is(mov64(dst, imm), c::mov64_imm, args));
            assert!(is(mov32(dst, imm), c::mov32_imm, args));
        }
    }

    #[test]
    fn moves_with_the_sign() {
        for (dst, reg) in REGS.into_iter().enumerate() {
            for (src, from) in REGS.into_iter().enumerate() {
                for (size, off) in [(B, 8), (H, 16), (W, 32)] {
                    let args = Args {
                        dst,
                        src,
                        off,
                        ..Default::default()
                    };
                    assert!(is(movsx64(size, reg, from), c::movsx64, args));
                    if size != W {
                        assert!(is(movsx32(size, reg, from), c::movsx32, args));
                    }
                }
            }
        }
        assert_eq!(problem(movsx64(DW, R0, R1)), Some(Problem::Size));
        assert_eq!(problem(movsx32(W, R0, R1)), Some(Problem::Size));
        assert_eq!(problem(movsx32(DW, R0, R1)), Some(Problem::Size));
    }

    #[test]
    fn constants_of_64_bits() {
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
    fn arithmetic() {
        for (alu, op, off) in ALUS {
            for (dst, src, args) in pairs() {
                let args = Args { op, off, ..args };
                assert!(is(alu64(alu, dst, src), c::alu64_reg, args));
                assert!(is(alu32(alu, dst, src), c::alu32_reg, args));
            }
            for (dst, imm, args) in with_imm() {
                let args = Args { op, off, ..args };
                if alu.check(imm, 64).is_ok() {
                    assert!(is(alu64(alu, dst, imm), c::alu64_imm, args));
                }
                if alu.check(imm, 32).is_ok() {
                    assert!(is(alu32(alu, dst, imm), c::alu32_imm, args));
                }
            }
        }
        for (dst, reg) in REGS.into_iter().enumerate() {
            let args = Args {
                op: NEG,
                dst,
                ..Default::default()
            };
            assert!(is(neg64(reg), c::alu64_imm, args));
            assert!(is(neg32(reg), c::alu32_imm, args));
        }
    }

    #[test]
    fn constants_that_the_jit_takes_on_trust() {
        for alu in [Alu::Div, Alu::SDiv, Alu::Mod, Alu::SMod] {
            assert_eq!(problem(alu64(alu, R0, 0)), Some(Problem::DivisionByZero));
            assert_eq!(problem(alu32(alu, R0, 0)), Some(Problem::DivisionByZero));
            assert_eq!(problem(alu64(alu, R0, -1)), None);
            assert_eq!(problem(alu64(alu, R0, R1)), None);
        }
        for alu in [Alu::Lsh, Alu::Rsh, Alu::Arsh] {
            for imm in [-1, 64, i32::MAX, i32::MIN] {
                assert_eq!(problem(alu64(alu, R0, imm)), Some(Problem::Shift));
                assert_eq!(problem(alu32(alu, R0, imm)), Some(Problem::Shift));
            }
            assert_eq!(problem(alu32(alu, R0, 32)), Some(Problem::Shift));
            for imm in [0, 31] {
                assert_eq!(problem(alu32(alu, R0, imm)), None);
            }
            for imm in [0, 32, 63] {
                assert_eq!(problem(alu64(alu, R0, imm)), None);
            }
        }
    }

    #[test]
    fn byte_orders() {
        for (dst, reg) in REGS.into_iter().enumerate() {
            for (size, imm) in [(H, 16), (W, 32), (DW, 64)] {
                let args = Args {
                    dst,
                    imm,
                    ..Default::default()
                };
                assert!(is(to_le(size, reg), c::to_le, args));
                assert!(is(to_be(size, reg), c::to_be, args));
                assert!(is(bswap(size, reg), c::bswap, args));
            }
        }
        for swap in [to_le, to_be, bswap] {
            assert_eq!(problem(swap(B, R0)), Some(Problem::Size));
        }
    }

    #[test]
    fn loads() {
        for (size, dst, src, off, args) in places() {
            let place = src.at(off);
            assert!(is(ldx(size, dst, place), c::ldx, args));
            if size != DW {
                assert!(is(ldsx(size, dst, place), c::ldsx, args));
            }
            let imm = LOAD_ACQUIRE;
            let args = Args { imm, ..args };
            assert!(is(load_acquire(size, dst, place), c::atomic, args));
        }
        assert_eq!(problem(ldsx(DW, R0, R1.at(0))), Some(Problem::Size));
    }

    #[test]
    fn stores() {
        for (size, dst, src, off, args) in places() {
            let place = dst.at(off);
            assert!(is(store(size, place, src), c::stx, args));
            let imm = STORE_RELEASE;
            let release = Args { imm, ..args };
            assert!(is(store_release(size, place, src), c::atomic, release));
            for imm in IMMS {
                let args = Args {
                    src: 0,
                    imm: imm.into(),
                    ..args
                };
                assert!(is(store(size, place, imm), c::st, args));
            }
        }
        let args = Args {
            op: 3,
            dst: 1,
            src: FP_INDEX,
            off: 8,
            imm: 0,
        };
        assert!(is(store(DW, R1.at(8), FP), c::stx, args));
    }

    #[test]
    fn atomics() {
        for (size, dst, src, off, args) in places() {
            for (imm, op) in ATOMICS.into_iter().enumerate() {
                let insn = atomic(size, op, dst.at(off), src);
                if matches!(size, B | H) {
                    assert_eq!(problem(insn), Some(Problem::Size));
                } else {
                    let imm = imm as i64;
                    assert!(is(insn, c::atomic, Args { imm, ..args }));
                }
            }
        }
    }

    #[test]
    fn the_stack_is_below_the_frame_pointer() {
        for (op, size) in SIZES.into_iter().enumerate() {
            let bytes = size.bytes();
            for off in [-bytes, -512, -520, i16::MIN] {
                let args = Args {
                    op,
                    off,
                    ..Default::default()
                };
                let reads = Args {
                    src: FP_INDEX,
                    ..args
                };
                let writes = Args {
                    dst: FP_INDEX,
                    ..args
                };
                assert!(is(ldx(size, R0, FP.at(off)), c::ldx, reads));
                assert!(is(store(size, FP.at(off), R0), c::stx, writes));
                assert!(is(store(size, FP.at(off), 0), c::st, writes));
            }
            for off in [1 - bytes, 0, 1, 16, i16::MAX] {
                let above = Some(Problem::AboveFrame);
                assert_eq!(problem(ldx(size, R0, FP.at(off))), above);
                assert_eq!(problem(load_acquire(size, R0, FP.at(off))), above);
                assert_eq!(problem(store(size, FP.at(off), R0)), above);
                assert_eq!(problem(store(size, FP.at(off), 0)), above);
                assert_eq!(problem(store_release(size, FP.at(off), R0)), above);
            }
        }
        let add = atomic(DW, Atomic::Add, FP.at(-4), R0);
        assert_eq!(problem(add), Some(Problem::AboveFrame));
    }

    #[test]
    fn offsets_have_16_bits() {
        let problem = |place| problem(ldx(DW, R0, place));
        assert_eq!(problem(R1.at(0x7fff)), None);
        assert_eq!(problem(R1.at(-0x8000)), None);
        assert_eq!(problem(R1.at(0x8000)), Some(Problem::Offset));
        assert_eq!(problem(R1.at(-0x8001)), Some(Problem::Offset));
        // As of offset_of!().
        assert_eq!(problem(R1.at(0x7fff_usize)), None);
        assert_eq!(problem(R1.at(0xffff_usize)), Some(Problem::Offset));
        assert_eq!(problem(R1.at(usize::MAX)), Some(Problem::Offset));
        assert_eq!(problem(FP.at(-0x8001)), Some(Problem::Offset));
    }

    #[test]
    fn arguments_are_words_of_the_context() {
        for index in [0, 1, 11, u8::MAX] {
            let args = Args {
                op: 3,
                dst: 2,
                src: 1,
                off: i16::from(index) * 8,
                imm: 0,
            };
            assert!(is(ldx(DW, R2, R1.arg(index)), c::ldx, args));
        }
    }

    #[test]
    fn conditional_jumps() {
        for (op, cond) in CONDS.into_iter().enumerate() {
            for (dst, src, args) in pairs() {
                let args = Args { op, ..args };
                assert!(jumps(
                    |label| jump_if(dst, cond, src, label),
                    c::jump_reg,
                    args
                ));
                assert!(jumps(
                    |label| jump32_if(dst, cond, src, label),
                    c::jump32_reg,
                    args
                ));
            }
            for (dst, imm, args) in with_imm() {
                let args = Args { op, ..args };
                assert!(jumps(
                    |label| jump_if(dst, cond, imm, label),
                    c::jump_imm,
                    args
                ));
                assert!(jumps(
                    |label| jump32_if(dst, cond, imm, label),
                    c::jump32_imm,
                    args
                ));
            }
        }
        assert!(jumps(jump, c::jump, Args::default()));
    }

    #[test]
    fn the_end() {
        assert!(is(exit(), c::exit, Args::default()));
    }

    extern "C" fn native(_: u64, _: u64, _: u64, _: u64, _: u64) -> u64 {
        0
    }

    #[test]
    fn calls() {
        let imm = native as HelperFn as usize as i64;
        let args = Args {
            imm,
            ..Default::default()
        };
        assert!(is(call(native), c::call, args));
        for id in [1, 0x7fff_ffff] {
            let args = Args {
                imm: id.into(),
                ..Default::default()
            };
            assert!(is(call_helper(id), c::call_helper, args));
            for off in [0, 1, i16::MAX] {
                let args = Args { off, ..args };
                assert!(is(call_kfunc(off, id), c::call_kfunc, args));
            }
        }
        let wrong = Some(Problem::FunctionId);
        assert_eq!(problem(call_helper(1 << 31)), wrong);
        assert_eq!(problem(call_kfunc(0, 1 << 31)), wrong);
        // What BTF_ID() is if the function is not in BTF.
        assert_eq!(problem(call_kfunc(0, 0)), wrong);
    }

    #[test]
    fn functions_within_2_gib_can_be_called() {
        // SAFETY: It has no conditions.
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
