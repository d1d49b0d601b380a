// SPDX-License-Identifier: GPL-2.0

//! Prologues: the instructions that run before a program.
//!
//! C: `gen_prologue` in `struct bpf_verifier_ops`, `bpf_convert_ctx_accesses()`.

use super::{
    code::Code,
    exit,
    insn::jump_if,
    mov64,
    Callable,
    Cond,
    Input,
    InsnError,
    Problem,
    Reg::{
        R0,
        R1,
        R6, //
    },
    Signature,
    Value, //
};
use kernel::{
    bindings::bpf_insn,
    prelude::*, //
};

/// The instructions that run before a program.
///
/// [`StructOps::prologue`](crate::struct_ops::StructOps::prologue) fills in a prologue. A prologue
/// to which nothing is added costs nothing.
///
/// ```
/// # use bpf::{bpf_helper, prelude::*, pro_epilogue::{Cond, Input, Prologue}};
/// # use kernel::prelude::*;
/// bpf_helper! {
///     /// Returns 0 if a request of this size may enter the queue, or an error number.
///     static ADMIT = fn(size: u64) -> Result<()> {
///         if size <= 4096 { Ok(()) } else { Err(E2BIG) }
///     };
/// }
///
/// /// The program runs if `ADMIT` returns 0. Otherwise, the result of `ADMIT` is the result of the
/// /// program.
/// fn admit_first(prologue: &mut Prologue<'_>) {
///     let errno = prologue.call(&ADMIT, [Input::Arg(0)]);
///     prologue.exit_unless(errno, Cond::Eq, 0, errno);
/// }
/// ```
#[must_use = "a prologue has no effect before it is finished"]
pub struct Prologue<'a>(Code<'a>);

impl<'a> Prologue<'a> {
    /// Begins a prologue in the kernel's buffer.
    ///
    /// # Safety
    ///
    /// - Only programs that implement a member with the signature `member` run the instructions.
    /// - The context of these programs is an array of `u64`.
    /// - The table's `get_func_proto()` knows each function that the prologue calls: see
    ///   [`call`](super::insn::call).
    pub(crate) unsafe fn new(buf: &'a mut [bpf_insn], member: Signature) -> Self {
        Self(Code::prologue(buf, member))
    }

    /// Calls a function: a [`Helper`](super::Helper) or a [`ModuleKfunc`](super::ModuleKfunc) of the
    /// module, or a [`KernelKfunc`](super::KernelKfunc).
    ///
    /// `inputs` are the arguments of the function. A number can be an argument of the program, a
    /// constant or a value; an object can only be an argument of the program that has the same
    /// type. Returns the result of the function. A prologue has room for the results of three
    /// calls.
    pub fn call<const N: usize>(&mut self, function: &impl Callable, inputs: [Input; N]) -> Value {
        self.begin();
        self.0.call_function(function, inputs)
    }

    /// Stops the program unless `value cond than` is true.
    ///
    /// `than` has 32 bits and is extended with its sign. A stopped program does not run and returns
    /// `result` to the subsystem. The epilogue does not run either.
    ///
    /// The member must return a number and must not take a reference, because a stopped program
    /// would not release the reference.
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

    /// Completes the prologue of a program whose first instruction is `first`. Returns the number
    /// of instructions, which is 0 for a prologue to which nothing was added.
    ///
    /// # Errors
    ///
    /// The first error of the prologue.
    pub(crate) fn finish(mut self, first: &bpf_insn) -> Result<usize, InsnError> {
        if self.0.asm.is_empty() {
            return self.0.asm.finish();
        }
        self.0.asm.push(mov64(R1, R6));
        self.0.asm.finish_before(first)
    }

    /// Moves the context to a register that keeps its value across a call.
    fn begin(&mut self) {
        if self.0.asm.is_empty() {
            self.0.asm.push(mov64(R6, R1));
        }
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_prologue)]
mod tests {
    use super::{
        super::{
            insn::ldx_arg,
            kunit::*,
            Builder,
            Reg::R2,
            INSN_BUF_SIZE, //
        },
        *, //
    };
    use crate::register::Content;

    #[test]
    fn a_function_gets_its_arguments() {
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
    }

    #[test]
    fn a_value_survives_calls() {
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
    }

    #[test]
    fn a_prologue_stops_the_program() {
        let stop = |prologue: &mut Prologue<'_>| {
            let errno = prologue.call(&UPPER, [Input::Arg(0)]);
            prologue.exit_unless(errno, Cond::Eq, 0, errno);
        };
        assert_eq!(with_prologue(stop, [0, 0, 0, 7]), Ok(7));
        assert_eq!(with_prologue(stop, [9 << 32, 0, 0, 7]), Ok(9));
    }

    #[test]
    fn every_comparison_has_its_meaning() {
        for (cond, for_2, for_4, for_6, for_minus_1) in [
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
                (runs(2), runs(4), runs(6), runs(u64::MAX)),
                (for_2, for_4, for_6, for_minus_1)
            );
        }
    }

    #[test]
    fn the_constant_of_a_comparison_is_signed() {
        let result = with_prologue(
            |prologue| {
                let value = prologue.call(&SAME, [Input::Arg(0)]);
                prologue.exit_unless(value, Cond::Eq, -1, Input::Const(1));
            },
            [u64::MAX, 0, 0, 7],
        );
        assert_eq!(result, Ok(7));
    }

    #[test]
    fn exit_unless_needs_a_member_that_returns_a_number() {
        let member = Signature {
            args: &[Content::Scalar; 2],
            returns_any: false,
        };
        let error = prologue_error(member, |prologue| {
            let value = prologue.call(&NOTHING, []);
            prologue.exit_unless(value, Cond::Eq, 0, value);
        });
        assert_eq!(error, Some(Problem::NoReturn));
    }

    /// Compares a prologue with the one of bpf_qdisc, in `net/sched/bpf_qdisc.c`.
    #[test]
    fn a_prologue_equals_the_one_of_bpf_qdisc() -> Result {
        let mut buf = buffer();
        // SAFETY: The instructions do not run.
        let mut prologue = unsafe { Prologue::new(&mut buf, MEMBER) };
        let errno = prologue.call(&TWO, [Input::Arg(0), Input::Arg(2)]);
        prologue.exit_unless(errno, Cond::Eq, 0, errno);
        let len = prologue.finish(&bpf_insn::default())?;

        let mut expected = buffer();
        let mut code = Builder::new(&mut expected);
        code.push(mov64(R6, R1))
            .push(ldx_arg(R1, R6, 0))
            .push(ldx_arg(R2, R6, 2))
            .push(call_helper(&TWO));
        let jump = code.len();
        code.push(jump_if(R0, Cond::Eq, 0)).push(exit());
        code.land(jump);
        code.push(mov64(R1, R6));
        assert_eq!(code.finish_before(&bpf_insn::default())?, len);
        assert_same(&buf, &expected);
        Ok(())
    }

    #[test]
    fn a_prologue_is_shorter_than_the_kernels_buffer() {
        // Two moves, a call, the program's first instruction, and three or two instructions for
        // each exit.
        let error = |of_three, of_two| {
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
        assert_eq!(error(9, 0), None);
        assert_eq!(error(8, 2), Some(Problem::BufferFull));
    }
}
