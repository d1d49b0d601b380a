// SPDX-License-Identifier: GPL-2.0

//! Puts instructions into a buffer and resolves labels.

use super::{
    Encoded,
    Insn, //
};
use core::cell::Cell;
use kernel::{
    bindings::{
        self,
        bpf_insn, //
    },
    fmt,
    prelude::*, //
};

/// What is wrong with a list of instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The buffer has no room for it.
    BufferFull,
    /// Its offset does not fit into 16 bits.
    Offset,
    /// There is no such instruction of this size.
    Size,
    /// It accesses what is above the frame, or not all of it is below.
    AboveFrame,
    /// It divides by a constant that is zero.
    DivisionByZero,
    /// It shifts by a constant that is negative, or not less than the number of bits.
    Shift,
    /// It calls a function that is 2 GiB or more away.
    CallTooFar,
    /// It calls a function with an id that no function has.
    FunctionId,
    /// It calls a kfunc that the kernel does not have.
    NoKfunc,
    /// The label does not belong to this builder.
    ForeignLabel,
    /// There are more labels than [`Builder::MAX_LABELS`].
    TooManyLabels,
    /// The label was bound before.
    BoundTwice,
    /// It jumps to a label that is not bound.
    Unbound,
    /// It jumps further than 16 bits can say.
    JumpTooFar,
    /// It jumps behind the last instruction.
    JumpToEnd,
    /// It is the last instruction, and neither `exit` nor a jump.
    NoExit,
    /// There is no such argument.
    NoArgument,
    /// It passes something else than the function takes, or not as much.
    ArgumentType,
    /// There is no such value: it is one of another list of instructions.
    NoValue,
    /// There are more values than [`Prologue::call`](super::Prologue::call) can keep.
    TooManyValues,
    /// The member cannot return any number.
    NoReturn,
}

impl Problem {
    /// The same in words, for a message.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BufferFull => "the buffer has no room for it",
            Self::Offset => "its offset does not fit into 16 bits",
            Self::Size => "there is no such instruction of this size",
            Self::AboveFrame => "it accesses the stack above the frame pointer",
            Self::DivisionByZero => "it divides by a constant that is zero",
            Self::Shift => "it shifts by a constant that is out of range",
            Self::CallTooFar => "it calls a function that is 2 GiB or more away",
            Self::FunctionId => "it calls a function with an invalid id",
            Self::NoKfunc => "it calls a kfunc that the kernel does not have",
            Self::ForeignLabel => "the label does not belong to this builder",
            Self::TooManyLabels => "there are too many labels",
            Self::BoundTwice => "the label was bound before",
            Self::Unbound => "it jumps to a label that is not bound",
            Self::JumpTooFar => "it jumps too far for an offset of 16 bits",
            Self::JumpToEnd => "it jumps behind the last instruction",
            Self::NoExit => "it is the last one and does not exit",
            Self::NoArgument => "there is no such argument",
            Self::ArgumentType => "it passes something else than the function takes",
            Self::NoValue => "there is no such value; take one that a call in this list returned",
            Self::TooManyValues => "there are too many values",
            Self::NoReturn => "the member cannot return any number",
        }
    }
}

/// What is wrong, and with which instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InsnError {
    /// The number of the instruction, from 0. One that takes two places counts as two.
    pub at: usize,
    /// What is wrong with it.
    pub problem: Problem,
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
            Problem::CallTooFar | Problem::JumpTooFar => ERANGE,
            _ => EINVAL,
        }
    }
}

/// A place to jump to, of one [`Builder`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(u8);

/// A list of instructions in a buffer.
///
/// The first error stays. What comes after it is ignored, so that a list reads as one.
#[must_use = "jumps are resolved when it is finished"]
pub struct Builder<'a> {
    buf: &'a mut [bpf_insn],
    /// Not more than `buf` has.
    len: usize,
    /// Where each label is bound.
    labels: [Option<u16>; Builder::MAX_LABELS],
    nr_labels: u8,
    error: Option<InsnError>,
}

impl<'a> Builder<'a> {
    /// How many labels there can be.
    pub const MAX_LABELS: usize = 32;

    /// Begins a list in `buf`, which is as long as what is generated may be.
    pub fn new(buf: &'a mut [bpf_insn]) -> Self {
        Self {
            buf,
            len: 0,
            labels: [None; Self::MAX_LABELS],
            nr_labels: 0,
            error: None,
        }
    }

    /// How many instructions there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an instruction.
    pub fn push(&mut self, insn: Insn) -> &mut Self {
        match insn.0 {
            Ok(Encoded::One(insn)) => self.append(&[insn]),
            Ok(Encoded::Two(insns)) => self.append(&insns),
            Ok(Encoded::Jump(_, label)) if label.0 >= self.nr_labels => {
                self.fail(Problem::ForeignLabel)
            }
            Ok(Encoded::Jump(mut insn, label)) => {
                // Until it is resolved.
                insn.off = i16::from(label.0);
                self.append(&[insn])
            }
            Err(problem) => self.fail(problem),
        }
    }

    /// Makes a label, to jump to from anywhere.
    pub fn label(&mut self) -> Label {
        let label = Label(self.nr_labels);
        if usize::from(self.nr_labels) < Self::MAX_LABELS {
            self.nr_labels = self.nr_labels.saturating_add(1);
        } else {
            self.fail(Problem::TooManyLabels);
        }
        label
    }

    /// Binds `label` to the instruction that is pushed next.
    pub fn bind(&mut self, label: Label) -> &mut Self {
        let Ok(at) = u16::try_from(self.len) else {
            return self.fail(Problem::JumpTooFar);
        };
        if label.0 >= self.nr_labels {
            return self.fail(Problem::ForeignLabel);
        }
        match self.labels.get_mut(usize::from(label.0)) {
            Some(place @ None) => *place = Some(at),
            Some(Some(_)) => return self.fail(Problem::BoundTwice),
            None => return self.fail(Problem::ForeignLabel),
        }
        self
    }

    /// Resolves the jumps of a list that is complete, and returns its length. The last instruction
    /// must be `exit`, or a jump that is always taken.
    ///
    /// A list without instructions is complete.
    pub fn finish(mut self) -> Result<usize, InsnError> {
        self.resolve(self.len)?;
        if let Some(last) = self.insns().last() {
            let code = u32::from(last.code);
            if code != bindings::BPF_JMP | bindings::BPF_EXIT
                && code != bindings::BPF_JMP | bindings::BPF_JA
            {
                let at = self.len.saturating_sub(1);
                return Err(InsnError {
                    at,
                    problem: Problem::NoExit,
                });
            }
        }
        Ok(self.len)
    }

    /// Resolves the jumps of a list that runs before `first`, the first instruction of a program,
    /// appends that as it is, and returns the length. A label that is bound at the end is the
    /// program.
    pub fn finish_before(mut self, first: &bpf_insn) -> Result<usize, InsnError> {
        let len = self.len;
        self.append(&[*first]);
        self.resolve(len)?;
        Ok(self.len)
    }

    /// Takes back the instruction at `at`, if there was no error. No label may be bound behind it.
    pub(super) fn remove(&mut self, at: usize) {
        if self.error.is_some() {
            return;
        }
        if let Some(insns @ [_, ..]) = self.buf.get_mut(at..self.len) {
            for pair in Cell::from_mut(insns).as_slice_of_cells().windows(2) {
                if let [insn, next] = pair {
                    insn.swap(next);
                }
            }
            self.len = self.len.saturating_sub(1);
        }
    }

    /// Keeps the first error.
    pub(super) fn fail(&mut self, problem: Problem) -> &mut Self {
        self.error.get_or_insert(InsnError {
            at: self.len,
            problem,
        });
        self
    }

    fn append(&mut self, insns: &[bpf_insn]) -> &mut Self {
        if self.error.is_some() {
            return self;
        }
        let Some(room) = self
            .buf
            .get_mut(self.len..)
            .and_then(|rest| rest.get_mut(..insns.len()))
        else {
            return self.fail(Problem::BufferFull);
        };
        room.copy_from_slice(insns);
        self.len = self.len.saturating_add(insns.len());
        self
    }

    fn insns(&self) -> &[bpf_insn] {
        self.buf.get(..self.len).unwrap_or(&[])
    }

    /// Resolves the jumps in the first `len` instructions, to anything in the list.
    fn resolve(&mut self, len: usize) -> Result<(), InsnError> {
        if let Some(err) = self.error {
            return Err(err);
        }
        let end = self.len;
        for (at, insn) in (0..len).zip(self.buf.iter_mut()) {
            if !is_jump(insn) {
                continue;
            }
            insn.off = usize::try_from(insn.off)
                .ok()
                .and_then(|label| self.labels.get(label).copied().flatten())
                .ok_or(Problem::Unbound)
                .and_then(|target| distance(at, target, end))
                .map_err(|problem| InsnError { at, problem })?;
        }
        Ok(())
    }
}

/// Whether it is an instruction whose offset is a label. All other instructions of these two
/// classes are calls and `exit`.
fn is_jump(insn: &bpf_insn) -> bool {
    // What `BPF_CLASS()` and `BPF_OP()` take of an opcode.
    let (class, op) = (u32::from(insn.code & 0x07), u32::from(insn.code & 0xf0));
    matches!(class, bindings::BPF_JMP | bindings::BPF_JMP32)
        && !matches!(op, bindings::BPF_CALL | bindings::BPF_EXIT)
}

/// The offset of a jump: how many instructions behind the next one.
fn distance(at: usize, target: u16, end: usize) -> Result<i16, Problem> {
    if usize::from(target) >= end {
        return Err(Problem::JumpToEnd);
    }
    let next = at.checked_add(1).and_then(|next| i32::try_from(next).ok());
    next.and_then(|next| i32::from(target).checked_sub(next))
        .and_then(|distance| i16::try_from(distance).ok())
        .ok_or(Problem::JumpTooFar)
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_builder)]
mod tests {
    use super::{
        super::{
            alu64,
            call_kfunc,
            exit,
            jump,
            jump32_if,
            jump_if,
            ld_imm64,
            ldx,
            mov64,
            Alu,
            Cond,
            R0,
            R1,
            R2,
            R6, //
        },
        *, //
    };
    use crate::pro_epilogue::DW;
    use kernel::str::CString;

    fn buffer<const N: usize>() -> [bpf_insn; N] {
        [bpf_insn::default(); N]
    }

    /// What is wrong with a list that `fill` makes in a buffer of 8.
    fn error(fill: impl FnOnce(&mut Builder<'_>)) -> Option<(usize, Problem)> {
        let mut buf = buffer::<8>();
        let mut code = Builder::new(&mut buf);
        fill(&mut code);
        code.finish().err().map(|err| (err.at, err.problem))
    }

    /// The offsets of a list.
    fn offs<const N: usize>(buf: &[bpf_insn; N]) -> [i16; N] {
        buf.map(|insn| insn.off)
    }

    #[test]
    fn labels_are_resolved() -> Result {
        let mut buf = buffer::<8>();
        let mut code = Builder::new(&mut buf);
        let (again, skip, unused) = (code.label(), code.label(), code.label());
        code.push(mov64(R0, 0))
            .bind(again)
            .bind(unused)
            .push(jump_if(R1, Cond::Gt, R2, skip))
            .push(ld_imm64(R0, 1))
            .push(jump32_if(R0, Cond::Ne, 0, again))
            .bind(skip)
            .push(jump_if(R0, Cond::Eq, 0, again))
            .push(jump(skip))
            .push(exit());
        assert_eq!(code.len(), 8);
        assert_eq!(code.finish()?, 8);
        assert_eq!(offs(&buf), [0, 3, 0, 0, -4, -5, -2, 0]);
        Ok(())
    }

    #[test]
    fn a_jump_to_itself_and_to_the_next() -> Result {
        let mut buf = buffer::<3>();
        let mut code = Builder::new(&mut buf);
        let (here, next) = (code.label(), code.label());
        code.bind(here)
            .push(jump_if(R0, Cond::Eq, 0, here))
            .push(jump(next))
            .bind(next)
            .push(exit());
        assert_eq!(code.finish()?, 3);
        assert_eq!(offs(&buf), [-1, 0, 0]);
        Ok(())
    }

    #[test]
    fn the_program_comes_last_and_is_not_touched() -> Result {
        // Its offset looks like a label.
        let mut first = bpf_insn {
            code: (bindings::BPF_JMP | bindings::BPF_JEQ) as u8,
            off: 0,
            imm: 7,
            ..Default::default()
        };
        first.set_dst_reg(1);

        let mut buf = buffer::<4>();
        let mut code = Builder::new(&mut buf);
        let run = code.label();
        code.push(jump_if(R0, Cond::Eq, 0, run))
            .push(exit())
            .bind(run);
        assert_eq!(code.finish_before(&first)?, 3);
        assert_eq!(offs(&buf), [1, 0, 0, 0]);
        assert_eq!(buf[2].imm, 7);
        assert_eq!(buf[2].dst_reg(), 1);

        let code = Builder::new(&mut buf);
        assert_eq!(code.finish_before(&first)?, 1);
        assert_eq!(buf[0].imm, 7);
        Ok(())
    }

    #[test]
    fn the_program_needs_room() -> Result {
        let first = bpf_insn::default();
        let mut buf = buffer::<2>();
        let mut code = Builder::new(&mut buf);
        code.push(mov64(R6, R1));
        assert_eq!(code.finish_before(&first)?, 2);

        let mut code = Builder::new(&mut buf);
        code.push(mov64(R6, R1)).push(mov64(R6, R1));
        let err = InsnError {
            at: 2,
            problem: Problem::BufferFull,
        };
        assert_eq!(code.finish_before(&first), Err(err));
        Ok(())
    }

    #[test]
    fn no_instructions_are_a_list() -> Result {
        let code = Builder::new(&mut []);
        assert!(code.is_empty());
        assert_eq!(code.finish()?, 0);
        Ok(())
    }

    #[test]
    fn a_buffer_can_be_filled_and_not_more() -> Result {
        let mut buf = buffer::<3>();
        let mut code = Builder::new(&mut buf);
        code.push(ld_imm64(R0, 1)).push(exit());
        assert_eq!(code.finish()?, 3);

        let mut code = Builder::new(&mut buf);
        code.push(ld_imm64(R0, 1)).push(exit()).push(exit());
        let full = |at| InsnError {
            at,
            problem: Problem::BufferFull,
        };
        assert_eq!(code.finish(), Err(full(3)));

        // Of one that takes two places, there is no half.
        buf[2] = bpf_insn::default();
        let mut code = Builder::new(&mut buf);
        code.push(exit()).push(exit()).push(ld_imm64(R0, 1));
        assert_eq!(code.len(), 2);
        assert_eq!(code.finish(), Err(full(2)));
        assert_eq!(buf[2].code, 0);
        Ok(())
    }

    #[test]
    fn the_first_error_stays() {
        let err = error(|code| {
            let run = code.label();
            code.push(mov64(R0, 0))
                .push(call_kfunc(0, 0))
                .push(alu64(Alu::Div, R0, 0))
                .bind(run)
                .bind(run)
                .push(exit());
            // Nothing was appended behind it.
            for _ in 0..9 {
                code.push(exit());
            }
        });
        assert_eq!(err, Some((1, Problem::FunctionId)));
    }

    #[test]
    fn labels_are_bound_once() {
        let err = error(|code| {
            let label = code.label();
            code.push(exit()).bind(label).bind(label);
        });
        assert_eq!(err, Some((1, Problem::BoundTwice)));

        let err = error(|code| {
            let (_, label) = (code.label(), code.label());
            code.push(exit()).push(jump(label)).push(exit());
        });
        assert_eq!(err, Some((1, Problem::Unbound)));

        // To where nobody jumps need not be.
        let err = error(|code| {
            code.label();
            code.push(exit());
        });
        assert_eq!(err, None);
    }

    #[test]
    fn labels_of_others() {
        let mut buf = buffer::<1>();
        let mut other = Builder::new(&mut buf);
        let label = other.label();
        let err = error(|code| {
            code.push(jump(label)).push(exit());
        });
        assert_eq!(err, Some((0, Problem::ForeignLabel)));
        let err = error(|code| {
            code.push(exit()).bind(label);
        });
        assert_eq!(err, Some((1, Problem::ForeignLabel)));
    }

    #[test]
    fn labels_are_bounded() -> Result {
        let mut buf = buffer::<33>();
        let mut code = Builder::new(&mut buf);
        for _ in 0..Builder::MAX_LABELS {
            let next = code.label();
            code.push(jump(next)).bind(next);
        }
        code.push(exit());
        assert_eq!(code.finish()?, 33);
        assert_eq!(offs(&buf), [0; 33]);

        let err = error(|code| {
            code.push(exit());
            for _ in 0..Builder::MAX_LABELS + 1 {
                code.label();
            }
        });
        assert_eq!(err, Some((1, Problem::TooManyLabels)));
        Ok(())
    }

    #[test]
    fn nothing_is_behind_the_end() {
        let err = error(|code| {
            let end = code.label();
            code.push(jump(end)).push(exit()).bind(end);
        });
        assert_eq!(err, Some((0, Problem::JumpToEnd)));
    }

    #[test]
    fn the_last_one_exits() {
        let last = |insn| {
            error(|code| {
                code.push(mov64(R0, 0)).push(insn);
            })
        };
        assert_eq!(last(exit()), None);
        assert_eq!(last(mov64(R0, 0)), Some((1, Problem::NoExit)));
        assert_eq!(last(call_kfunc(0, 1)), Some((1, Problem::NoExit)));
        assert_eq!(last(ldx(DW, R0, R1.arg(0))), Some((1, Problem::NoExit)));
        assert_eq!(last(ld_imm64(R0, 0x95)), Some((2, Problem::NoExit)));

        // A jump that is always taken never gets to the end, and others do.
        let last = |insn: fn(Label) -> Insn| {
            error(|code| {
                let back = code.label();
                code.bind(back).push(exit()).push(insn(back));
            })
        };
        assert_eq!(last(jump), None);
        let jump_if = |back| jump_if(R0, Cond::Eq, 0, back);
        assert_eq!(last(jump_if), Some((1, Problem::NoExit)));
    }

    #[test]
    fn jumps_reach_as_far_as_16_bits() -> Result {
        const FAR: usize = i16::MAX as usize;

        let mut buf = KVVec::from_elem(bpf_insn::default(), FAR + 4, GFP_KERNEL)?;
        // From the first instruction over `skipped` others, and back over as many.
        let mut offs = |skipped| {
            let mut code = Builder::new(&mut buf);
            let (back, on) = (code.label(), code.label());
            code.bind(back).push(jump(on));
            for _ in 0..skipped {
                code.push(exit());
            }
            code.bind(on).push(jump(back));
            let len = code.finish()?;
            assert_eq!(len, skipped + 2);
            Ok((buf[0].off, buf[len - 1].off))
        };
        assert_eq!(offs(FAR - 1), Ok((i16::MAX - 1, -i16::MAX - 1)));
        let err = |at| {
            Err(InsnError {
                at,
                problem: Problem::JumpTooFar,
            })
        };
        assert_eq!(offs(FAR), err(FAR + 1));
        assert_eq!(offs(FAR + 1), err(0));
        Ok(())
    }

    #[test]
    fn errors_have_words() -> Result {
        let mut buf = buffer::<2>();
        let mut code = Builder::new(&mut buf);
        code.push(exit()).push(exit()).push(exit());
        let Err(err) = code.finish() else {
            return Err(EINVAL);
        };
        let text = CString::try_from_fmt(fmt!("{err}"))?;
        assert!(text.to_bytes() == b"instruction 2: the buffer has no room for it");
        assert_eq!(Error::from(err), E2BIG);
        Ok(())
    }
}
