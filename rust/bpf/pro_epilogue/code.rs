// SPDX-License-Identifier: GPL-2.0

//! The common part of prologues and epilogues: calls, and the registers that hold values.
//!
//! | register | in a prologue | in an epilogue |
//! | --- | --- | --- |
//! | `R6` | the context of the program | the result of the program |
//! | `R7` | a value | not used |
//! | `R8`, `R9` | values | values |
//!
//! Calls and the program return their results in `R0`. Each of `R6` to `R9` that the code uses
//! costs the program an instruction to save the register. So a result moves to its own register
//! only before the next call, and the last result stays in `R0`.
//!
//! Values never move to the stack: the program's stack frame has no room for a prologue or an
//! epilogue.

use super::{
    helper::Helper,
    insn::{
        call,
        call_kfunc,
        call_module_kfunc,
        ld_imm64,
        ldx_arg,
        ldx_stack,
        mov32,
        movsx32, //
    },
    mov64,
    Builder,
    Insn,
    KernelKfunc,
    ModuleKfunc,
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
    },
    ResultSize, //
};
use crate::register::Content;
use kernel::{
    bindings::bpf_insn,
    prelude::*, //
};

/// The arguments and the result of a member of a struct_ops table.
#[derive(Clone, Copy, Debug)]
pub struct Signature {
    /// The content of each argument.
    pub(crate) args: &'static [Content],
    /// Whether a prologue or an epilogue may set the result. The result must be a number. No
    /// argument may be a reference, because a program that does not run does not release the
    /// reference.
    pub(crate) returns_any: bool,
}

/// The result of a call, or of the program.
///
/// A value belongs to the prologue or the epilogue that returned it. In another prologue or
/// epilogue, the value is an error, or stands for another number.
#[derive(Clone, Copy, Debug)]
pub struct Value(pub(super) Reg);

/// An argument of a call, or a result for the program.
#[derive(Clone, Copy, Debug)]
pub enum Input {
    /// The argument of the program with this index, from 0.
    Arg(u8),
    /// A constant.
    Const(u64),
    /// The result of a call, or of the program.
    Value(Value),
}

impl From<Value> for Input {
    fn from(value: Value) -> Self {
        Self::Value(value)
    }
}

/// The location of the program's context: an array of `u64` with the arguments.
#[derive(Clone, Copy)]
enum Context {
    /// The context is in this register.
    In(Reg),
    /// The kernel saved the context at this offset from the frame pointer.
    Saved(i16),
}

/// A function that prologues and epilogues can call: a [`Helper`], a [`ModuleKfunc`] or a
/// [`KernelKfunc`].
pub trait Callable: sealed::Call {}

impl<T: sealed::Call> Callable for T {}

mod sealed {
    use super::{
        Code,
        Input,
        Value, //
    };

    /// Only the types of this crate can be called.
    #[allow(unreachable_pub)]
    pub trait Call {
        /// Appends a call.
        #[allow(private_interfaces)]
        fn append<const N: usize>(&self, code: &mut Code<'_>, inputs: [Input; N]) -> Value;
    }
}

impl sealed::Call for Helper {
    #[allow(private_interfaces)]
    fn append<const N: usize>(&self, code: &mut Code<'_>, inputs: [Input; N]) -> Value {
        code.compare(self.params(), &inputs);
        code.call(call(self.function()), ResultSize::DW, inputs)
    }
}

impl sealed::Call for ModuleKfunc {
    #[allow(private_interfaces)]
    fn append<const N: usize>(&self, code: &mut Code<'_>, inputs: [Input; N]) -> Value {
        code.compare(self.params(), &inputs);
        match self.id() {
            Some(id) if self.is_built_in() => code.call(Ok(call_kfunc(id)), self.result(), inputs),
            Some(id) => code.call(Ok(call_module_kfunc(id)), self.result(), inputs),
            None => {
                pr_warn!(
                    "this kernel cannot call the kfunc {} of a module in a prologue or an epilogue; \
                     boot a kernel with the patches of this tree, or call a helper\n",
                    self.name()
                );
                code.asm.fail(Problem::NoKfunc);
                Value(R0)
            }
        }
    }
}

impl sealed::Call for KernelKfunc {
    #[allow(private_interfaces)]
    fn append<const N: usize>(&self, code: &mut Code<'_>, inputs: [Input; N]) -> Value {
        // All parameters are numbers, and any input is a number.
        if self.params() != N {
            code.asm.fail(Problem::ArgumentType);
        }
        match self.id() {
            Some(id) => code.call(Ok(call_kfunc(id)), self.result(), inputs),
            None => {
                pr_warn!(
                    "the kernel has no kfunc {} with this prototype; the kfunc may need another \
                     option in the kernel's configuration\n",
                    self.name()
                );
                code.asm.fail(Problem::NoKfunc);
                Value(R0)
            }
        }
    }
}

/// A prologue or an epilogue.
pub(super) struct Code<'a> {
    pub(super) asm: Builder<'a>,
    pub(super) member: Signature,
    ctx: Context,
    /// The registers that keep their values across a call and have no value yet.
    free: &'static [Reg],
    /// The registers whose values are still in `R0` and nowhere else, one bit each.
    in_r0: u16,
    /// The index of the instruction that moved the program's result to `R6`, until another
    /// instruction reads `R6`.
    unread: Option<usize>,
    /// Whether this is an epilogue.
    program_has_run: bool,
}

fn bit(reg: Reg) -> u16 {
    1 << reg as u8
}

impl<'a> Code<'a> {
    /// Begins a prologue in `buf`.
    pub(super) fn prologue(buf: &'a mut [bpf_insn], member: Signature) -> Self {
        Self {
            asm: Builder::new(buf),
            member,
            ctx: Context::In(R6),
            free: &[R7, R8, R9],
            in_r0: 0,
            unread: None,
            program_has_run: false,
        }
    }

    /// Begins an epilogue in `buf`. The kernel saves the context at `ctx_off` from the frame
    /// pointer.
    pub(super) fn epilogue(buf: &'a mut [bpf_insn], member: Signature, ctx_off: i16) -> Self {
        Self {
            asm: Builder::new(buf),
            member,
            ctx: Context::Saved(ctx_off),
            free: &[R8, R9],
            in_r0: bit(R6),
            unread: None,
            program_has_run: true,
        }
    }

    /// Returns whether a function can take `input` as a parameter of content `param`.
    fn fits(&self, input: Input, param: Content) -> bool {
        match input {
            Input::Arg(index) => match self.member.args.get(usize::from(index)) {
                Some(arg) => arg.can_be(param, self.program_has_run),
                // load() reports the missing argument.
                None => true,
            },
            Input::Const(_) | Input::Value(_) => param == Content::Scalar,
        }
    }

    /// Returns the register that holds the value, or [`None`] if no register of this prologue or
    /// epilogue can hold the value.
    pub(super) fn locate(&mut self, Value(reg): Value) -> Option<Reg> {
        if self.in_r0 & bit(reg) != 0 {
            return Some(R0);
        }
        // An epilogue does not use `R7`. In a prologue, `R6` holds the context.
        let other = if self.program_has_run { R7 } else { R6 };
        if reg == R0 || reg == other || self.free.contains(&reg) {
            return None;
        }
        if reg == R6 {
            self.unread = None;
        }
        Some(reg)
    }

    /// Moves `input` to the register `dst`.
    pub(super) fn load(&mut self, dst: Reg, input: Input) {
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

    /// Moves the values in `R0` to registers that keep their values across a call.
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

    /// Returns whether the result of an epilogue is in `R0`.
    pub(super) fn result_in_r0(&self) -> bool {
        self.in_r0 & bit(R6) != 0
    }

    /// Replaces the program's result in an epilogue.
    pub(super) fn set_result(&mut self, input: Input) {
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

    /// Compares the inputs of a call with the parameters of the function.
    fn compare(&mut self, params: &[Content], inputs: &[Input]) {
        let fit = |(&input, &param): (&Input, &Content)| self.fits(input, param);
        if params.len() != inputs.len() || !inputs.iter().zip(params).all(fit) {
            self.asm.fail(Problem::ArgumentType);
        }
    }

    /// Calls a function. Returns its result.
    pub(super) fn call_function<const N: usize>(
        &mut self,
        function: &impl Callable,
        inputs: [Input; N],
    ) -> Value {
        function.append(self, inputs)
    }

    fn call<const N: usize>(
        &mut self,
        call: Result<Insn, Problem>,
        size: ResultSize,
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
        // A C function leaves the upper 32 bits of the register undefined.
        match size {
            ResultSize::W => {
                self.asm.push(mov32(R0, R0));
            }
            ResultSize::SignedW => {
                self.asm.push(movsx32(R0, R0));
            }
            ResultSize::DW => {}
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

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_code)]
mod tests {
    use super::{
        super::{
            exit,
            kunit::*,
            Cond,
            Prologue, //
        },
        *, //
    };
    use crate::object::ObjectType;

    #[test]
    fn an_empty_list_leaves_the_program_alone() {
        assert_eq!(with_prologue(|_| (), [0, 0, 0, 7]), Ok(7));
        assert_eq!(with_epilogue(|_| (), [0, 0, 0, 7]), Ok(7));
    }

    #[test]
    fn a_constant_has_64_bits() {
        // Constants that fit into a move of 32 bits, and constants that need ld_imm64().
        for (imm, upper_half) in [
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
            assert_eq!(result, Ok(upper_half));
        }
    }

    #[test]
    fn an_argument_of_another_type_is_an_error() {
        // Two types with the same layout.
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
    }

    #[test]
    fn another_number_of_arguments_is_an_error() {
        let error = prologue_error(MEMBER, |prologue| {
            prologue.call(&TWO, [Input::Arg(0)]);
        });
        assert_eq!(error, Some(Problem::ArgumentType));
    }

    #[test]
    fn an_argument_after_the_last_one_is_an_error() {
        let member = Signature {
            args: &[Content::Scalar; 2],
            returns_any: false,
        };
        let with = |index| {
            let prologue = prologue_error(member, |prologue| {
                prologue.call(&UPPER, [Input::Arg(index)]);
            });
            let epilogue = epilogue_error(member, |epilogue| {
                epilogue.call(&UPPER, [Input::Arg(index)]);
            });
            (prologue, epilogue)
        };
        let missing = Some(Problem::NoArgument);
        assert_eq!(with(1), (None, None));
        assert_eq!(with(2), (missing, missing));
    }

    #[test]
    fn the_number_of_values_has_a_bound() {
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
    fn a_value_of_another_list_is_an_error() {
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
            let error = epilogue_error(MEMBER, |epilogue| epilogue.set_result(value));
            assert_eq!(error, other);
        }
    }

    #[test]
    fn a_failed_call_returns_no_value() {
        let mut value = None;
        let error = epilogue_error(MEMBER, |epilogue| {
            for _ in 0..4 {
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
    fn a_kfunc_is_called_by_its_id() -> Result {
        // SAFETY: The kfunc adds one to its argument.
        let kfunc = unsafe { KernelKfunc::new(c"bpf_fentry_test1", 1, ResultSize::W) };
        let id = kfunc.id().ok_or(ENOENT)?;
        let mut buf = buffer();
        // SAFETY: The instructions do not run.
        let mut prologue = unsafe { Prologue::new(&mut buf, MEMBER) };
        prologue.call(&kfunc, [Input::Arg(1)]);
        let len = prologue.finish(&bpf_insn::default())?;

        let mut expected = buffer();
        let insns = [
            mov64(R6, R1),
            ldx_arg(R1, R6, 1),
            call_kfunc(id),
            mov32(R0, R0),
            mov64(R1, R6),
            exit(),
        ];
        // The last instruction of the prologue is the first one of the program.
        assert_eq!(write(&mut expected, &insns)?, len);
        assert_same(&buf[..len - 1], &expected);

        let error = prologue_error(MEMBER, |prologue| {
            prologue.call(&kfunc, []);
        });
        assert_eq!(error, Some(Problem::ArgumentType));
        // SAFETY: The kernel has no such kfunc, so nothing calls the kfunc.
        let missing = unsafe { KernelKfunc::new(c"bpf_kunit_nobody", 0, ResultSize::DW) };
        let error = epilogue_error(MEMBER, |epilogue| {
            epilogue.call(&missing, []);
        });
        assert_eq!(error, Some(Problem::NoKfunc));
        Ok(())
    }
}
