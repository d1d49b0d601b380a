// SPDX-License-Identifier: GPL-2.0

//! Epilogues: the instructions that run when a program exits.
//!
//! C: `gen_epilogue` in `struct bpf_verifier_ops`, `bpf_convert_ctx_accesses()`.

use super::{
    code::Code,
    exit,
    mov64,
    Callable,
    Input,
    InsnError,
    Problem,
    Reg::{
        R0,
        R6, //
    },
    Signature,
    Value, //
};
use kernel::{
    bindings::bpf_insn,
    prelude::*, //
};

/// The instructions that run when a program exits.
///
/// [`StructOps::epilogue`](crate::struct_ops::StructOps::epilogue) fills in an epilogue. An
/// epilogue to which nothing is added costs nothing.
///
/// ```
/// # use bpf::{bpf_helper, prelude::*, pro_epilogue::{Epilogue, Input}};
/// # use kernel::prelude::*;
/// bpf_helper! {
///     /// Bounds the result of the program.
///     static BOUND = fn(bound: u32, cost: u32) -> u32 {
///         cost.min(bound)
///     };
/// }
///
/// /// The result of `BOUND` replaces the result of the program.
/// fn bound_result(epilogue: &mut Epilogue<'_>) {
///     let result = epilogue.result();
///     let bounded = epilogue.call(&BOUND, [Input::Arg(0), result.into()]);
///     epilogue.set_result(bounded);
/// }
/// ```
#[must_use = "an epilogue has no effect before it is finished"]
pub struct Epilogue<'a>(Code<'a>);

impl<'a> Epilogue<'a> {
    /// Begins an epilogue in the kernel's buffer.
    ///
    /// # Safety
    ///
    /// - Only programs that implement a member with the signature `member` run the instructions.
    /// - The context of these programs is an array of `u64`, and the kernel saves the pointer to
    ///   the context at `ctx_off` from the frame pointer.
    /// - The table's `get_func_proto()` knows each function that the epilogue calls: see
    ///   [`call`](super::insn::call).
    pub(crate) unsafe fn new(buf: &'a mut [bpf_insn], member: Signature, ctx_off: i16) -> Self {
        Self(Code::epilogue(buf, member, ctx_off))
    }

    /// Returns the result of the program, or the argument of the last
    /// [`set_result`](Epilogue::set_result). If the member returns nothing, the value is any
    /// number.
    pub fn result(&mut self) -> Value {
        Value(R6)
    }

    /// Calls a function: a [`Helper`](super::Helper) or a [`ModuleKfunc`](super::ModuleKfunc) of the
    /// module, or a [`KernelKfunc`](super::KernelKfunc).
    ///
    /// `inputs` are the arguments of the function. A number can be an argument of the program, a
    /// constant or a value; an object can only be an argument of the program that has the same
    /// type. A reference cannot be an input, because the program may have released the reference.
    /// Returns the result of the function. An epilogue has room for the results of two calls.
    pub fn call<const N: usize>(&mut self, function: &impl Callable, inputs: [Input; N]) -> Value {
        self.0.call_function(function, inputs)
    }

    /// Replaces the result of the program.
    ///
    /// The member must return a number and must not take a reference.
    pub fn set_result(&mut self, result: impl Into<Input>) {
        if self.0.member.returns_any {
            self.0.set_result(result.into());
        } else {
            self.0.asm.fail(Problem::NoReturn);
        }
    }

    /// Completes the epilogue. Returns the number of instructions, which is 0 for an epilogue to
    /// which nothing was added.
    ///
    /// # Errors
    ///
    /// The first error of the epilogue.
    pub(crate) fn finish(mut self) -> Result<usize, InsnError> {
        if self.0.asm.is_empty() {
            return self.0.asm.finish();
        }
        if !self.0.result_in_r0() {
            self.0.asm.push(mov64(R0, R6));
        }
        self.0.asm.push(exit());
        self.0.asm.finish()
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_epilogue)]
mod tests {
    use super::{
        super::{
            insn::{
                ldx_arg,
                ldx_stack, //
            },
            kunit::*,
            Reg::{
                R1,
                R2, //
            }, //
        },
        *, //
    };
    use crate::register::Content;

    #[test]
    fn a_function_gets_its_arguments() {
        let epilogue = |epilogue: &mut Epilogue<'_>| {
            let inputs = [
                Input::Arg(2),
                Input::Const(2),
                Input::Arg(1),
                Input::Const(4),
                Input::Arg(0),
            ];
            let value = epilogue.call(&DIGITS, inputs);
            epilogue.set_result(value);
        };
        assert_eq!(with_epilogue(epilogue, [5, 3, 1, 7]), Ok(12345));
    }

    #[test]
    fn the_programs_result_survives_calls() {
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
    }

    #[test]
    fn a_call_leaves_the_programs_result_alone() {
        let result = with_epilogue(
            |epilogue| {
                epilogue.call(&UPPER, [Input::Arg(0)]);
            },
            [9 << 32, 0, 0, 7],
        );
        assert_eq!(result, Ok(7));
    }

    #[test]
    fn an_argument_can_be_the_result() {
        let result = with_epilogue(|epilogue| epilogue.set_result(Input::Arg(1)), [5, 6, 0, 7]);
        assert_eq!(result, Ok(6));
    }

    #[test]
    fn a_replaced_result_stays_a_value() {
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
    }

    #[test]
    fn an_epilogue_has_no_superfluous_instruction() -> Result {
        let mut buf = buffer();
        // SAFETY: The instructions do not run.
        let mut epilogue = unsafe { Epilogue::new(&mut buf, MEMBER, -8) };
        let result = epilogue.result();
        let result = epilogue.call(&TWO, [Input::Arg(1), result.into()]);
        epilogue.set_result(result);
        let len = epilogue.finish()?;

        let mut expected = buffer();
        let insns = [
            ldx_stack(R1, -8),
            ldx_arg(R1, R1, 1),
            mov64(R2, R0),
            call_helper(&TWO),
            exit(),
        ];
        assert_eq!(write(&mut expected, &insns)?, len);
        assert_same(&buf[..len], &expected[..len]);
        Ok(())
    }

    #[test]
    fn set_result_needs_a_member_that_returns_a_number() {
        let member = Signature {
            args: &[Content::Scalar; 2],
            returns_any: false,
        };
        let error = epilogue_error(member, |epilogue| {
            epilogue.set_result(Input::Const(0));
        });
        assert_eq!(error, Some(Problem::NoReturn));
    }
}
