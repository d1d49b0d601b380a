// SPDX-License-Identifier: GPL-2.0

//! Prologues and epilogues in safe Rust.
//!
//! They call functions with arguments of the program and with what other functions returned. A
//! prologue can end the program before it begins, an epilogue can change what it returned.
//!
//! Nothing else: everything that a function can do is in functions. Writing to memory is; the stack
//! is not offered, because its size is that of the program's own frame, to which neither can add.
//!
//! | register | in a prologue | in an epilogue |
//! | --- | --- | --- |
//! | `R6` | the context | what the program returned |
//! | `R7` | a value | nothing |
//! | `R8`, `R9` | values | values |
//!
//! What a function or the program returned is moved there from `R0` before the next call, so that
//! the last one costs no register, which the program would have to save.
//!
//! C: `gen_prologue` and `gen_epilogue` in `struct bpf_verifier_ops`, `bpf_convert_ctx_accesses()`.

use super::{
    exit,
    helper::Helper,
    insn::{
        call,
        call_kfunc,
        jump_if,
        ld_imm64,
        ldx_arg,
        ldx_stack,
        mov32, //
    },
    kfunc::Size,
    mov64,
    Builder,
    Cond,
    Insn,
    InsnError,
    KernelKfunc,
    Problem,
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
    }, //
};
use crate::register::Content;
use kernel::{
    bindings::bpf_insn,
    prelude::*, //
};

/// What the kernel passes to a member of a struct_ops table, and takes from it.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// Its arguments.
    pub(crate) args: &'static [Content],
    /// Whether it may return any number: not if it returns nothing, or a pointer. Neither if it is
    /// given references, which a program that is stopped before it begins would not give up.
    pub(crate) returns_any: bool,
}

/// What a function returned.
#[derive(Clone, Copy, Debug)]
pub struct Value(Reg);

/// What is passed to a function, or returned to the kernel.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// The argument of the program with this number, from 0.
    Arg(u8),
    /// A number.
    Const(u64),
    /// What a function returned.
    Value(Value),
}

impl From<Value> for Input {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// Where the context of the program is.
#[derive(Clone, Copy)]
enum Context {
    In(Reg),
    /// At this offset from the frame pointer.
    Saved(i16),
}

/// What prologues and epilogues have in common.
struct Code<'a> {
    asm: Builder<'a>,
    member: Signature,
    ctx: Context,
    /// Registers that survive calls and are not used yet.
    free: &'static [Reg],
    /// Registers whose values are still in `R0` and nowhere else, one bit each.
    in_r0: u16,
    /// The instruction that moved the program's result to `R6`, if nothing reads it there.
    unread: Option<usize>,
    /// Whether it is an epilogue.
    program_has_run: bool,
}

fn bit(reg: Reg) -> u16 {
    1 << reg as u8
}

impl<'a> Code<'a> {
    fn new(
        buf: &'a mut [bpf_insn],
        member: Signature,
        ctx: Context,
        free: &'static [Reg],
        program_has_run: bool,
    ) -> Self {
        Self {
            asm: Builder::new(buf),
            member,
            ctx,
            free,
            in_r0: if program_has_run { bit(R6) } else { 0 },
            unread: None,
            program_has_run,
        }
    }

    /// Whether this can be passed to such a parameter.
    fn fits(&self, input: Input, param: Content) -> bool {
        match input {
            Input::Arg(index) => match self.member.args.get(usize::from(index)) {
                Some(arg) => arg.can_be(param, self.program_has_run),
                // Loading it is an error by itself.
                None => true,
            },
            Input::Const(_) | Input::Value(_) => param == Content::Scalar,
        }
    }

    /// The register that has the value; [`None`] for one of another list of instructions that
    /// there is none of in this one.
    fn locate(&mut self, Value(reg): Value) -> Option<Reg> {
        if self.in_r0 & bit(reg) != 0 {
            return Some(R0);
        }
        let context = if self.program_has_run { R7 } else { R6 };
        if reg == R0 || reg == context || self.free.contains(&reg) {
            return None;
        }
        if reg == R6 {
            self.unread = None;
        }
        Some(reg)
    }

    fn load(&mut self, dst: Reg, input: Input) {
        match input {
            Input::Arg(index) if usize::from(index) < self.member.args.len() => match self.ctx {
                Context::In(ctx) => self.asm.push(ldx_arg(dst, ctx, index)),
                Context::Saved(off) => self
                    .asm
                    .push(ldx_stack(dst, off))
                    .push(ldx_arg(dst, dst, index)),
            },
            Input::Arg(_) => self.asm.fail(Problem::NoArgument),
            Input::Const(imm) => match i32::try_from(imm as i64) {
                Ok(imm) => self.asm.push(mov64(dst, imm)),
                Err(_) => self.asm.push(ld_imm64(dst, imm)),
            },
            Input::Value(value) => match self.locate(value) {
                Some(src) if src == dst => &mut self.asm,
                Some(src) => self.asm.push(mov64(dst, src)),
                None => self.asm.fail(Problem::NoValue),
            },
        };
    }

    /// Moves what is in `R0` to where it survives a call.
    fn save(&mut self) {
        for reg in [R6, R7, R8, R9] {
            if self.in_r0 & bit(reg) == 0 {
                continue;
            }
            if reg == R6 {
                self.unread = Some(self.asm.len());
            }
            self.asm.push(mov64(reg, R0));
        }
        self.in_r0 = 0;
    }

    /// Replaces what the program returned.
    fn set_result(&mut self, input: Input) {
        match input {
            Input::Value(Value(reg)) if self.in_r0 & bit(reg) != 0 => self.in_r0 |= bit(R6),
            _ => {
                self.load(R6, input);
                self.in_r0 &= !bit(R6);
            }
        }
        if let Some(at) = self.unread.take() {
            self.asm.remove(at);
        }
    }

    fn call_helper<const N: usize>(&mut self, helper: &Helper, inputs: [Input; N]) -> Value {
        let params = helper.params();
        let fit = |(&input, &param): (&Input, &Content)| self.fits(input, param);
        if params.len() != N || !inputs.iter().zip(params).all(fit) {
            self.asm.fail(Problem::ArgumentType);
        }
        self.call(call(helper.function()), Size::DW, inputs)
    }

    fn call_kfunc<const N: usize>(&mut self, kfunc: &KernelKfunc, inputs: [Input; N]) -> Value {
        if kfunc.params() != N {
            self.asm.fail(Problem::ArgumentType);
        }
        match kfunc.id() {
            Some(id) => self.call(Ok(call_kfunc(id)), kfunc.result(), inputs),
            None => {
                pr_warn!("the kernel has no kfunc {} of this prototype; it may need another option of the kernel\n", kfunc.name());
                self.asm.fail(Problem::NoKfunc);
                Value(R0)
            }
        }
    }

    fn call<const N: usize>(
        &mut self,
        call: Result<Insn, Problem>,
        size: Size,
        inputs: [Input; N],
    ) -> Value {
        const { assert!(N <= 5, "a function has up to five arguments") };

        for (reg, input) in [R1, R2, R3, R4, R5].into_iter().zip(inputs) {
            self.load(reg, input);
        }
        self.save();
        match call {
            Ok(call) => self.asm.push(call),
            Err(problem) => self.asm.fail(problem),
        };
        if size == Size::W {
            // What C leaves above 32 bits is any.
            self.asm.push(mov32(R0, R0));
        }
        if let [reg, free @ ..] = self.free {
            self.free = free;
            self.in_r0 = bit(*reg);
            Value(*reg)
        } else {
            self.asm.fail(Problem::TooManyValues);
            Value(R0)
        }
    }
}

/// What runs before a program.
///
/// ```ignore
/// // The program runs if `admit`, a function with its first argument, returns 0.
/// let errno = prologue.call(&ADMIT, [Input::Arg(0)]);
/// prologue.exit_unless(errno, Cond::Eq, 0, errno);
/// ```
#[must_use = "it is complete when it is finished"]
pub struct Prologue<'a>(Code<'a>);

impl<'a> Prologue<'a> {
    /// Begins a prologue in the kernel's buffer.
    ///
    /// # Safety
    ///
    /// What comes to be in `buf` must be run for no programs but those that implement `member`,
    /// and `member` must be true of them. Their context must be an array of `u64`. The
    /// `get_func_proto` of the table must know the functions that are called; see
    /// [`call`](super::insn::call).
    pub(crate) unsafe fn new(buf: &'a mut [bpf_insn], member: Signature) -> Self {
        Self(Code::new(
            buf,
            member,
            Context::In(R6),
            &[R7, R8, R9],
            false,
        ))
    }

    /// Has a function called with these arguments. The results of up to three functions are kept.
    pub fn call<const N: usize>(&mut self, helper: &'static Helper, inputs: [Input; N]) -> Value {
        self.begin();
        self.0.call_helper(helper, inputs)
    }

    /// Has a kfunc of the kernel called with these numbers. Its result counts as one of the three.
    pub fn call_kfunc<const N: usize>(&mut self, kfunc: &KernelKfunc, inputs: [Input; N]) -> Value {
        self.begin();
        self.0.call_kfunc(kfunc, inputs)
    }

    /// Lets the program run if the comparison holds; else it returns `result` at once, and does
    /// not come to its epilogue.
    pub fn exit_unless(&mut self, value: Value, cond: Cond, than: i32, result: impl Into<Input>) {
        self.begin();
        if !self.0.member.returns_any {
            self.0.asm.fail(Problem::NoReturn);
            return;
        }
        let Some(value) = self.0.locate(value) else {
            self.0.asm.fail(Problem::NoValue);
            return;
        };
        let jump = self.0.asm.len();
        self.0.asm.push(jump_if(value, cond, than));
        self.0.load(R0, result.into());
        self.0.asm.push(exit());
        self.0.asm.land(jump);
    }

    /// Completes the prologue of a program that begins with `first`. Returns the number of
    /// instructions, which is 0 if there is nothing to do.
    pub(crate) fn finish(mut self, first: &bpf_insn) -> Result<usize, InsnError> {
        if self.0.asm.is_empty() {
            return self.0.asm.finish();
        }
        self.0.asm.push(mov64(R1, R6));
        self.0.asm.finish_before(first)
    }

    fn begin(&mut self) {
        if self.0.asm.is_empty() {
            self.0.asm.push(mov64(R6, R1));
        }
    }
}

/// What runs when a program returns.
///
/// ```ignore
/// // The kernel gets what `settle` makes of the program's first argument and its result.
/// let result = epilogue.result();
/// let settled = epilogue.call(&SETTLE, [Input::Arg(0), result.into()]);
/// epilogue.set_result(settled);
/// ```
#[must_use = "it is complete when it is finished"]
pub struct Epilogue<'a>(Code<'a>);

impl<'a> Epilogue<'a> {
    /// Begins an epilogue in the kernel's buffer.
    ///
    /// # Safety
    ///
    /// As for [`Prologue::new`]. The kernel must have said that it saves the context at `ctx_off`.
    pub(crate) unsafe fn new(buf: &'a mut [bpf_insn], member: Signature, ctx_off: i16) -> Self {
        Self(Code::new(
            buf,
            member,
            Context::Saved(ctx_off),
            &[R8, R9],
            true,
        ))
    }

    /// What the program returned; if it returned nothing, any number.
    pub fn result(&mut self) -> Value {
        Value(R6)
    }

    /// Has a function called with these arguments. The results of up to two functions are kept.
    pub fn call<const N: usize>(&mut self, helper: &'static Helper, inputs: [Input; N]) -> Value {
        self.0.call_helper(helper, inputs)
    }

    /// Has a kfunc of the kernel called with these numbers. Its result counts as one of the two.
    pub fn call_kfunc<const N: usize>(&mut self, kfunc: &KernelKfunc, inputs: [Input; N]) -> Value {
        self.0.call_kfunc(kfunc, inputs)
    }

    /// Has the program return something else.
    pub fn set_result(&mut self, result: impl Into<Input>) {
        if self.0.member.returns_any {
            self.0.set_result(result.into());
        } else {
            self.0.asm.fail(Problem::NoReturn);
        }
    }

    /// Completes the epilogue. Returns the number of instructions, which is 0 if there is nothing
    /// to do.
    pub(crate) fn finish(mut self) -> Result<usize, InsnError> {
        if self.0.asm.is_empty() {
            return self.0.asm.finish();
        }
        if self.0.in_r0 & bit(R6) == 0 {
            self.0.asm.push(mov64(R0, R6));
        }
        self.0.asm.push(exit());
        self.0.asm.finish()
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_prologue)]
mod tests {
    use super::{
        super::{
            insn::{
                encode,
                FP, //
            },
            INSN_BUF_SIZE, //
        },
        *, //
    };
    use crate::object::ObjectType;
    use kernel::bindings;

    extern "C" {
        fn rust_bpf_kunit_run(
            insns: *const bpf_insn,
            len: u32,
            ctx: *const u64,
            result: *mut u32,
        ) -> kernel::ffi::c_int;
    }

    /// Has the JIT compile instructions and runs them with `ctx` as the context.
    ///
    /// # Safety
    ///
    /// The instructions must do nothing bad.
    unsafe fn run(insns: &[bpf_insn], ctx: &mut [u64; 4]) -> Result<u32> {
        let mut result = 0;
        // SAFETY: There are so many instructions, of which the caller vouches for the rest.
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

    const MEMBER: Signature = Signature {
        args: &[Content::Scalar; 4],
        returns_any: true,
    };

    fn buffer() -> [bpf_insn; 40] {
        [bpf_insn::default(); 40]
    }

    /// Writes a program to `buf`.
    fn write(buf: &mut [bpf_insn], insns: &[Insn]) -> Result<usize> {
        let mut code = Builder::new(buf);
        for insn in insns {
            code.push(*insn);
        }
        Ok(code.finish()?)
    }

    /// Runs a program that returns its argument 3, behind a prologue.
    fn with_prologue(fill: impl FnOnce(&mut Prologue<'_>), mut ctx: [u64; 4]) -> Result<u32> {
        let mut program = buffer();
        let program_len = write(&mut program, &[ldx_arg(R0, R1, 3), exit()])?;
        let mut buf = buffer();
        // SAFETY: The program has such a context.
        let mut prologue = unsafe { Prologue::new(&mut buf, MEMBER) };
        fill(&mut prologue);
        let len = prologue.finish(&program[0])?;
        assert!(len < INSN_BUF_SIZE);
        // As the kernel puts it in the place of the first instruction.
        let at = len.saturating_sub(1);
        let end = at + program_len;
        buf[at..end].copy_from_slice(&program[..program_len]);
        // SAFETY: A prologue in safe Rust, and a program that reads its context.
        unsafe { run(&buf[..end], &mut ctx) }
    }

    /// Runs a program that returns its argument 3, with an epilogue.
    fn with_epilogue(fill: impl FnOnce(&mut Epilogue<'_>), mut ctx: [u64; 4]) -> Result<u32> {
        let mut buf = buffer();
        // *(u64 *)(FP - 8) = R1
        let code = bindings::BPF_STX | bindings::BPF_MEM | bindings::BPF_DW;
        let save = Insn::One(encode(code, FP, R1 as u8, -8, 0));
        let program = [save, ldx_arg(R0, R1, 3), exit()];
        let mut end = write(&mut buf, &program)?;
        // SAFETY: The program has such a context and saves it there.
        let mut epilogue = unsafe { Epilogue::new(&mut buf[2..], MEMBER, -8) };
        fill(&mut epilogue);
        let len = epilogue.finish()?;
        assert!(len < INSN_BUF_SIZE);
        if len != 0 {
            end = 2 + len;
        }
        // SAFETY: An epilogue in safe Rust, and a program that reads its context.
        unsafe { run(&buf[..end], &mut ctx) }
    }

    fn assert_same(a: &[bpf_insn], b: &[bpf_insn]) {
        for (a, b) in a.iter().zip(b) {
            assert_eq!(a.code, b.code);
            assert_eq!(a.dst_reg(), b.dst_reg());
            assert_eq!(a.src_reg(), b.src_reg());
            assert_eq!(a.off, b.off);
            assert_eq!(a.imm, b.imm);
        }
    }

    fn prologue_error(member: Signature, fill: impl FnOnce(&mut Prologue<'_>)) -> Option<Problem> {
        let mut buf = buffer();
        // SAFETY: It is not run.
        let mut prologue = unsafe { Prologue::new(&mut buf, member) };
        fill(&mut prologue);
        prologue
            .finish(&bpf_insn::default())
            .err()
            .map(|err| err.problem)
    }

    fn epilogue_error(member: Signature, fill: impl FnOnce(&mut Epilogue<'_>)) -> Option<Problem> {
        let mut buf = buffer();
        // SAFETY: It is not run.
        let mut epilogue = unsafe { Epilogue::new(&mut buf, member, -8) };
        fill(&mut epilogue);
        epilogue.finish().err().map(|err| err.problem)
    }

    crate::bpf_helper! {
        static DIGITS = fn(a: u64, b: u64, c: u64, d: u64, e: u64) -> u64 {
            [a, b, c, d, e]
                .iter()
                .fold(0, |digits, digit| digits * 10 + digit)
        };
    }

    crate::bpf_helper! {
        static TWO = fn(a: u64, b: u64) -> u64 {
            a * 10 + b
        };
    }

    crate::bpf_helper! {
        static NOTHING = fn() {};
    }

    crate::bpf_helper! {
        static SAME = fn(a: u64) -> u64 {
            a
        };
    }

    fn call_helper(helper: &Helper) -> Insn {
        call(helper.function()).unwrap_or(exit())
    }

    crate::bpf_helper! {
        static UPPER = fn(a: u64) -> u64 {
            a >> 32
        };
    }

    #[test]
    fn nothing_to_do_is_nothing() {
        assert_eq!(with_prologue(|_| (), [0, 0, 0, 7]), Ok(7));
        assert_eq!(with_epilogue(|_| (), [0, 0, 0, 7]), Ok(7));
    }

    #[test]
    fn functions_get_arguments() {
        let inputs = [
            Input::Arg(2),
            Input::Const(2),
            Input::Arg(1),
            Input::Const(4),
            Input::Arg(0),
        ];
        let prologue = |prologue: &mut Prologue<'_>| {
            let value = prologue.call(&DIGITS, inputs);
            prologue.exit_unless(value, Cond::Ne, 12345, Input::Const(1));
        };
        assert_eq!(with_prologue(prologue, [5, 3, 1, 7]), Ok(1));
        assert_eq!(with_prologue(prologue, [5, 3, 2, 7]), Ok(7));

        let epilogue = |epilogue: &mut Epilogue<'_>| {
            let value = epilogue.call(&DIGITS, inputs);
            epilogue.set_result(value);
        };
        assert_eq!(with_epilogue(epilogue, [5, 3, 1, 7]), Ok(12345));
    }

    #[test]
    fn constants_have_64_bits() {
        // Those that 32 bits can say, and those that they cannot.
        for (imm, expected) in [
            (0x7fff_ffff, 0),
            (0x8000_0000, 0),
            (0xffff_ffff, 0),
            (u64::MAX, u32::MAX),
            (0xffff_ffff_8000_0000, u32::MAX),
            (0xffff_ffff_7fff_ffff, u32::MAX),
            (0x1234_5678_9abc_def0, 0x1234_5678),
        ] {
            let result = with_epilogue(
                |epilogue| {
                    let value = epilogue.call(&UPPER, [Input::Const(imm)]);
                    epilogue.set_result(value);
                },
                [0; 4],
            );
            assert_eq!(result, Ok(expected));
        }
    }

    #[test]
    fn values_are_kept() {
        let result = with_prologue(
            |prologue| {
                let zero = Input::Const(0);
                let one = prologue.call(&UPPER, [Input::Arg(0)]);
                let two = prologue.call(&UPPER, [Input::Arg(1)]);
                let inputs = [zero, zero, zero, one.into(), two.into()];
                let both = prologue.call(&DIGITS, inputs);
                prologue.exit_unless(both, Cond::Ne, 12, both);
                prologue.exit_unless(one, Cond::Eq, 1, one);
            },
            [1 << 32, 2 << 32, 0, 7],
        );
        assert_eq!(result, Ok(12));

        let result = with_epilogue(
            |epilogue| {
                let zero = Input::Const(0);
                let result = epilogue.result();
                let one = epilogue.call(&UPPER, [Input::Arg(0)]);
                let inputs = [zero, zero, zero, one.into(), result.into()];
                let both = epilogue.call(&DIGITS, inputs);
                epilogue.set_result(both);
            },
            [1 << 32, 0, 0, 7],
        );
        assert_eq!(result, Ok(17));
    }

    #[test]
    fn a_program_runs_unless_it_is_stopped() {
        let stop = |prologue: &mut Prologue<'_>| {
            let errno = prologue.call(&UPPER, [Input::Arg(0)]);
            prologue.exit_unless(errno, Cond::Eq, 0, errno);
        };
        assert_eq!(with_prologue(stop, [0, 0, 0, 7]), Ok(7));
        assert_eq!(with_prologue(stop, [9 << 32, 0, 0, 7]), Ok(9));
    }

    #[test]
    fn the_result_of_a_program_stays() {
        let only_call = |epilogue: &mut Epilogue<'_>| {
            epilogue.call(&UPPER, [Input::Arg(0)]);
        };
        assert_eq!(with_epilogue(only_call, [9 << 32, 0, 0, 7]), Ok(7));
    }

    #[test]
    fn comparisons_compare_as_their_names_say() {
        let minus_one = u64::from(u32::MAX) << 32 | u64::from(u32::MAX);
        for (cond, less, equal, greater, negative) in [
            (Cond::Eq, false, true, false, false),
            (Cond::Ne, true, false, true, true),
            (Cond::Gt, false, false, true, true),
            (Cond::Ge, false, true, true, true),
            (Cond::Lt, true, false, false, false),
            (Cond::Le, true, true, false, false),
            (Cond::SGt, false, false, true, false),
            (Cond::SGe, false, true, true, false),
            (Cond::SLt, true, false, false, true),
            (Cond::SLe, true, true, false, true),
            // 2 has no bit in common with 4, and 6 does.
            (Cond::Set, false, true, true, true),
        ] {
            let runs = |value: u64| {
                let result = with_prologue(
                    |prologue| {
                        let value = prologue.call(&SAME, [Input::Arg(0)]);
                        prologue.exit_unless(value, cond, 4, Input::Const(1));
                    },
                    [value, 0, 0, 7],
                );
                result == Ok(7)
            };
            assert_eq!(
                (runs(2), runs(4), runs(6), runs(minus_one)),
                (less, equal, greater, negative)
            );
        }
    }

    #[test]
    fn as_bpf_qdisc() -> Result {
        let mut buf = buffer();
        // SAFETY: It is not run.
        let mut prologue = unsafe { Prologue::new(&mut buf, MEMBER) };
        let errno = prologue.call(&TWO, [Input::Arg(0), Input::Arg(2)]);
        prologue.exit_unless(errno, Cond::Eq, 0, errno);
        let len = prologue.finish(&bpf_insn::default())?;

        let mut same = buffer();
        let mut code = Builder::new(&mut same);
        code.push(mov64(R6, R1))
            .push(ldx_arg(R1, R6, 0))
            .push(ldx_arg(R2, R6, 2))
            .push(call_helper(&TWO));
        let jump = code.len();
        code.push(jump_if(R0, Cond::Eq, 0)).push(exit());
        code.land(jump);
        code.push(mov64(R1, R6));
        assert_eq!(code.finish_before(&bpf_insn::default())?, len);
        assert_same(&buf, &same);
        Ok(())
    }

    /// What an author would write by hand.
    #[test]
    fn a_result_needs_no_register() -> Result {
        let mut buf = buffer();
        // SAFETY: It is not run.
        let mut epilogue = unsafe { Epilogue::new(&mut buf, MEMBER, -8) };
        let result = epilogue.result();
        let result = epilogue.call(&TWO, [Input::Arg(1), result.into()]);
        epilogue.set_result(result);
        let len = epilogue.finish()?;

        let mut same = buffer();
        let same_len = write(
            &mut same,
            &[
                ldx_stack(R1, -8),
                ldx_arg(R1, R1, 1),
                mov64(R2, R0),
                call_helper(&TWO),
                exit(),
            ],
        )?;
        assert_eq!(len, same_len);
        assert_same(&buf[..len], &same[..len]);
        Ok(())
    }

    /// A result that was replaced is not kept, one that is read later is.
    #[test]
    fn results_are_kept_as_long_as_they_are_read() {
        let results = |again: bool| {
            with_epilogue(
                |epilogue| {
                    let result = epilogue.result();
                    let first = epilogue.call(&TWO, [result.into(), Input::Const(2)]);
                    epilogue.set_result(first);
                    let result = epilogue.result();
                    let second = epilogue.call(&TWO, [result.into(), Input::Const(5)]);
                    epilogue.set_result(second);
                    if again {
                        epilogue.set_result(first);
                    }
                },
                [0, 0, 0, 7],
            )
        };
        assert_eq!(results(false), Ok(725));
        assert_eq!(results(true), Ok(72));

        let result = with_epilogue(
            |epilogue| {
                let result = epilogue.result();
                epilogue.call(&NOTHING, []);
                let second = epilogue.call(&TWO, [result.into(), Input::Arg(0)]);
                epilogue.set_result(second);
            },
            [5, 0, 0, 7],
        );
        assert_eq!(result, Ok(75));

        let result = with_epilogue(|epilogue| epilogue.set_result(Input::Arg(1)), [5, 6, 0, 7]);
        assert_eq!(result, Ok(6));
    }

    #[test]
    fn members_are_what_they_are() {
        let member = Signature {
            args: &[Content::Scalar; 2],
            returns_any: false,
        };
        let call = |prologue: &mut Prologue<'_>, inputs: [Input; 1]| {
            prologue.call(&UPPER, inputs);
        };
        let error = prologue_error(member, |prologue| call(prologue, [Input::Arg(1)]));
        assert_eq!(error, None);
        let error = prologue_error(member, |prologue| call(prologue, [Input::Arg(2)]));
        assert_eq!(error, Some(Problem::NoArgument));
        let error = prologue_error(member, |prologue| {
            let value = prologue.call(&NOTHING, []);
            prologue.exit_unless(value, Cond::Eq, 0, value);
        });
        assert_eq!(error, Some(Problem::NoReturn));

        let error = epilogue_error(member, |epilogue| {
            epilogue.call(&UPPER, [Input::Arg(2)]);
        });
        assert_eq!(error, Some(Problem::NoArgument));
        let error = epilogue_error(member, |epilogue| {
            epilogue.set_result(Input::Const(0));
        });
        assert_eq!(error, Some(Problem::NoReturn));
    }

    #[test]
    fn arguments_have_types() {
        // Of two types with one layout.
        struct First;
        struct Second;
        const FIRST: &ObjectType = &ObjectType::new::<First>(&[]);
        const SECOND: &ObjectType = &ObjectType::new::<Second>(&[]);
        const A: Content = Content::Object(FIRST);

        let can =
            |have: Content, want: Content| (have.can_be(want, false), have.can_be(want, true));
        let (yes, no) = ((true, true), (false, false));
        for have in [
            A,
            Content::Scalar,
            Content::ObjectOrNull(FIRST),
            Content::Reference(FIRST),
        ] {
            assert_eq!(can(have, Content::Scalar), yes);
        }
        assert_eq!(can(A, A), yes);
        assert_eq!(can(A, Content::ObjectOrNull(FIRST)), yes);
        assert_eq!(can(A, Content::Object(SECOND)), no);
        assert_eq!(can(Content::Scalar, A), no);
        assert_eq!(can(Content::ObjectOrNull(FIRST), A), no);
        assert_eq!(
            can(Content::ObjectOrNull(FIRST), Content::ObjectOrNull(FIRST)),
            yes
        );
        assert_eq!(can(Content::Reference(FIRST), A), (true, false));
        assert_eq!(can(Content::Reference(SECOND), A), no);

        let number = Some(Problem::ArgumentType);
        let error = prologue_error(MEMBER, |prologue| {
            prologue.call(&TWO, [Input::Arg(0)]);
        });
        assert_eq!(error, number);
    }

    #[test]
    fn values_are_bounded() {
        let calls = |count| {
            let prologue = prologue_error(MEMBER, |prologue| {
                for _ in 0..count {
                    prologue.call(&NOTHING, []);
                }
            });
            let epilogue = epilogue_error(MEMBER, |epilogue| {
                for _ in 0..count {
                    epilogue.call(&NOTHING, []);
                }
            });
            (prologue, epilogue)
        };
        let many = Some(Problem::TooManyValues);
        assert_eq!(calls(2), (None, None));
        assert_eq!(calls(3), (None, many));
        assert_eq!(calls(4), (many, many));
    }

    #[test]
    fn values_are_of_one_list() {
        let other = Some(Problem::NoValue);
        let mut values = KVec::new();
        let error = prologue_error(MEMBER, |prologue| {
            for _ in 0..3 {
                let _ = values.push(prologue.call(&NOTHING, []), GFP_KERNEL);
            }
        });
        assert_eq!(error, None);
        assert_eq!(values.len(), 3);
        for &value in &values {
            let error = prologue_error(MEMBER, |prologue| {
                prologue.exit_unless(value, Cond::Eq, 0, Input::Const(0));
            });
            assert_eq!(error, other);
            // Nor the context, which is in the register of the first.
            let error = epilogue_error(MEMBER, |epilogue| epilogue.set_result(value));
            assert_eq!(error, other);
        }
    }

    #[test]
    fn there_is_no_value_of_what_failed() {
        let mut value = None;
        let error = epilogue_error(MEMBER, |epilogue| {
            for _ in 0..3 {
                value = Some(epilogue.call(&NOTHING, []));
            }
        });
        assert_eq!(error, Some(Problem::TooManyValues));
        let error = value.and_then(|value| {
            epilogue_error(MEMBER, |epilogue| {
                epilogue.call(&NOTHING, []);
                epilogue.set_result(value);
            })
        });
        assert_eq!(error, Some(Problem::NoValue));
    }

    #[test]
    fn kfuncs_are_called_by_their_ids() -> Result {
        // SAFETY: It adds one.
        let kfunc = unsafe { KernelKfunc::new(c"bpf_fentry_test1", 1, Size::W) };
        let id = kfunc.id().ok_or(ENOENT)?;
        let mut buf = buffer();
        // SAFETY: It is not run.
        let mut prologue = unsafe { Prologue::new(&mut buf, MEMBER) };
        prologue.call_kfunc(&kfunc, [Input::Arg(1)]);
        let len = prologue.finish(&bpf_insn::default())?;

        let mut same = buffer();
        let insns = [
            mov64(R6, R1),
            ldx_arg(R1, R6, 1),
            call_kfunc(id),
            mov32(R0, R0),
            mov64(R1, R6),
            exit(),
        ];
        // It ends with the program's first instruction.
        assert_eq!(write(&mut same, &insns)?, len);
        assert_same(&buf[..len - 1], &same);

        let error = prologue_error(MEMBER, |prologue| {
            prologue.call_kfunc(&kfunc, []);
        });
        assert_eq!(error, Some(Problem::ArgumentType));
        // SAFETY: It is not called.
        let nobody = unsafe { KernelKfunc::new(c"bpf_kunit_nobody", 0, Size::DW) };
        let error = epilogue_error(MEMBER, |epilogue| {
            epilogue.call_kfunc(&nobody, []);
        });
        assert_eq!(error, Some(Problem::NoKfunc));
        Ok(())
    }

    #[test]
    fn the_buffer_of_the_kernel_is_not_filled() {
        // Four instructions: two moves, a call and the program's own.
        let fill = |of_three, of_two| {
            prologue_error(MEMBER, |prologue| {
                let value = prologue.call(&NOTHING, []);
                for _ in 0..of_three {
                    prologue.exit_unless(value, Cond::Eq, 0, Input::Const(0));
                }
                for _ in 0..of_two {
                    prologue.exit_unless(value, Cond::Eq, 0, value);
                }
            })
        };
        assert_eq!(4 + 9 * 3, INSN_BUF_SIZE - 1);
        assert_eq!(fill(9, 0), None);
        assert_eq!(fill(8, 2), Some(Problem::BufferFull));
    }
}
