// SPDX-License-Identifier: GPL-2.0

//! The reasons for which a prologue or an epilogue cannot be made.
//!
//! The crate prints an error to the kernel log, and the verifier rejects the program. A subsystem
//! does not see these errors.

use kernel::{
    fmt,
    prelude::*, //
};

/// A reason for which an instruction cannot be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Problem {
    /// The instructions do not fit into the kernel's buffer.
    BufferFull,
    /// The called function is 2 GiB or more away from the kernel's text.
    CallTooFar,
    /// The kernel does not have the called kfunc.
    NoKfunc,
    /// The member does not have the argument.
    NoArgument,
    /// The called function takes arguments of other types, or another number of arguments.
    ArgumentType,
    /// No call in this prologue or epilogue returned the value.
    NoValue,
    /// The registers do not suffice for the results of all calls.
    TooManyValues,
    /// The prologue or epilogue may not set the result of this member.
    NoReturn,
}

impl Problem {
    /// The text for the kernel log.
    const fn as_str(self) -> &'static str {
        match self {
            Self::BufferFull => "the kernel's buffer is full; call one helper that does more",
            Self::CallTooFar => {
                "the called function is 2 GiB or more away from the text of the kernel"
            }
            Self::NoKfunc => "the kernel does not have the called kfunc",
            Self::NoArgument => "the member does not have the argument",
            Self::ArgumentType => {
                "the types or the number of the arguments differ from those of the called function"
            }
            Self::NoValue => "the value is not the result of a call in this prologue or epilogue",
            Self::TooManyValues => {
                "no register is left for the result of the call; call one helper that does more"
            }
            Self::NoReturn => {
                "the result cannot be set, because the member does not return a number or takes a \
                 reference"
            }
        }
    }
}

/// An error of one instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct InsnError {
    /// The index of the instruction, from 0. An instruction that takes two places counts as two.
    pub(super) at: usize,
    /// The reason.
    pub(super) problem: Problem,
}

impl fmt::Display for InsnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_fmt(fmt!("instruction {}: {}", self.at, self.problem.as_str()))
    }
}

impl From<InsnError> for Error {
    fn from(err: InsnError) -> Self {
        match err.problem {
            Problem::BufferFull => E2BIG,
            Problem::CallTooFar => ERANGE,
            Problem::NoKfunc
            | Problem::NoArgument
            | Problem::ArgumentType
            | Problem::NoValue
            | Problem::TooManyValues
            | Problem::NoReturn => EINVAL,
        }
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_error)]
mod tests {
    use super::*;
    use kernel::str::CString;

    #[test]
    fn an_error_names_the_instruction_and_the_reason() -> Result {
        let err = InsnError {
            at: 2,
            problem: Problem::NoArgument,
        };
        let text = CString::try_from_fmt(fmt!("{err}"))?;
        assert!(text.to_bytes() == b"instruction 2: the member does not have the argument");
        Ok(())
    }

    #[test]
    fn errors_become_error_numbers() {
        let number = |problem| Error::from(InsnError { at: 0, problem });
        assert_eq!(number(Problem::BufferFull), E2BIG);
        assert_eq!(number(Problem::CallTooFar), ERANGE);
        assert_eq!(number(Problem::NoReturn), EINVAL);
    }
}
