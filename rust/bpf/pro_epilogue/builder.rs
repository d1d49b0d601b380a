// SPDX-License-Identifier: GPL-2.0

//! A list of instructions in a buffer of the kernel.
//!
//! The builder appends instructions, sets the offset of a forward jump, and keeps the first error.
//! The builder does not verify: nothing checks the contents of registers. [`Prologue`] and
//! [`Epilogue`] push only instructions that keep the verifier's conclusions true.
//!
//! [`Epilogue`]: super::Epilogue
//! [`Prologue`]: super::Prologue

use super::{
    Insn,
    InsnError,
    Problem,
    INSN_BUF_SIZE, //
};
use core::cell::Cell;
use kernel::{
    bindings::bpf_insn,
    prelude::*, //
};

/// A list of instructions in a buffer.
///
/// After the first error, the list does not change any more, and [`finish`](Builder::finish)
/// returns the error. So callers can push a whole list before they check for errors.
#[must_use = "a list has no effect before it is finished"]
pub(crate) struct Builder<'a> {
    /// Shorter than [`INSN_BUF_SIZE`].
    buf: &'a mut [bpf_insn],
    /// The number of instructions. Not more than the buffer has room for.
    len: usize,
    error: Option<InsnError>,
}

impl<'a> Builder<'a> {
    /// Begins a list in `buf`. The list takes less than [`INSN_BUF_SIZE`] places, because the
    /// kernel rejects a longer list.
    pub(crate) fn new(buf: &'a mut [bpf_insn]) -> Self {
        let len = buf.len().min(INSN_BUF_SIZE - 1);
        Self {
            buf: buf.split_at_mut(len).0,
            len: 0,
            error: None,
        }
    }

    /// Returns the number of instructions.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Returns whether the list has no instructions.
    pub(super) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Appends an instruction.
    pub(crate) fn push(&mut self, insn: Insn) -> &mut Self {
        match insn {
            Insn::One(insn) => self.append(&[insn]),
            Insn::Two(insns) => self.append(&insns),
        }
    }

    /// Sets the target of the jump at index `at`: the instruction that the caller pushes next.
    pub(super) fn land(&mut self, at: usize) {
        if self.error.is_some() {
            return;
        }
        let skipped = self.len.saturating_sub(at).saturating_sub(1);
        if let Some(jump) = self.buf.get_mut(at) {
            // A list is shorter than `INSN_BUF_SIZE`.
            jump.off = skipped as i16;
        }
    }

    /// Removes the instruction at index `at`. No jump may cross the instruction.
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

    /// Records an error at the end of the list, unless the list has an error already.
    pub(super) fn fail(&mut self, problem: Problem) -> &mut Self {
        self.error.get_or_insert(InsnError {
            at: self.len,
            problem,
        });
        self
    }

    /// Completes the list. Returns the number of instructions, which may be 0.
    ///
    /// # Errors
    ///
    /// The first error of the list.
    pub(crate) fn finish(self) -> Result<usize, InsnError> {
        match self.error {
            Some(err) => Err(err),
            None => Ok(self.len),
        }
    }

    /// Completes a list that runs before `first`, the first instruction of a program: appends
    /// `first` unchanged. Returns the number of instructions.
    ///
    /// # Errors
    ///
    /// The first error of the list.
    pub(crate) fn finish_before(mut self, first: &bpf_insn) -> Result<usize, InsnError> {
        self.append(&[*first]);
        self.finish()
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
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_pro_epilogue_builder)]
mod tests {
    use super::{
        super::{
            exit,
            insn::{
                jump_if,
                ld_imm64, //
            },
            mov64,
            Cond,
            Reg::{
                R0,
                R1,
                R6, //
            }, //
        },
        *, //
    };
    use kernel::bindings;

    fn buffer<const N: usize>() -> [bpf_insn; N] {
        [bpf_insn::default(); N]
    }

    fn full(at: usize) -> Result<usize, InsnError> {
        Err(InsnError {
            at,
            problem: Problem::BufferFull,
        })
    }

    #[test]
    fn a_jump_lands_on_the_next_instruction() {
        let mut buf = buffer::<6>();
        let mut code = Builder::new(&mut buf);
        let far = code.len();
        code.push(jump_if(R0, Cond::Eq, 0)).push(ld_imm64(R0, 1));
        let near = code.len();
        code.push(jump_if(R0, Cond::Eq, 0));
        code.land(near);
        code.push(exit());
        code.land(far);
        code.push(exit());
        assert_eq!(code.finish(), Ok(6));
        assert_eq!(buf.map(|insn| insn.off), [4, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_list_keeps_the_first_instruction_of_the_program() {
        let mut first = bpf_insn {
            code: (bindings::BPF_JMP | bindings::BPF_JEQ) as u8,
            off: 5,
            imm: 7,
            ..Default::default()
        };
        first.set_dst_reg(1);

        let mut buf = buffer::<4>();
        let mut code = Builder::new(&mut buf);
        code.push(jump_if(R0, Cond::Eq, 0)).push(exit());
        code.land(0);
        assert_eq!(code.finish_before(&first), Ok(3));
        assert_eq!(buf.map(|insn| insn.off), [1, 0, 5, 0]);
        assert_eq!(buf[2].imm, 7);
        assert_eq!(buf[2].dst_reg(), 1);

        let code = Builder::new(&mut buf);
        assert_eq!(code.finish_before(&first), Ok(1));
        assert_eq!(buf[0].imm, 7);
    }

    #[test]
    fn the_first_instruction_of_the_program_needs_room() {
        let first = bpf_insn::default();
        let mut buf = buffer::<2>();
        let mut code = Builder::new(&mut buf);
        code.push(mov64(R6, R1));
        assert_eq!(code.finish_before(&first), Ok(2));

        let mut code = Builder::new(&mut buf);
        code.push(mov64(R6, R1)).push(mov64(R6, R1));
        assert_eq!(code.finish_before(&first), full(2));
    }

    #[test]
    fn an_empty_list_is_complete() {
        let code = Builder::new(&mut []);
        assert!(code.is_empty());
        assert_eq!(code.finish(), Ok(0));
    }

    #[test]
    fn a_list_fills_the_buffer_and_no_more() {
        let mut buf = buffer::<3>();
        let mut code = Builder::new(&mut buf);
        code.push(ld_imm64(R0, 1)).push(exit());
        assert_eq!(code.finish(), Ok(3));

        let mut code = Builder::new(&mut buf);
        code.push(ld_imm64(R0, 1)).push(exit()).push(exit());
        assert_eq!(code.finish(), full(3));

        // The builder does not push half of an instruction that takes two places.
        buf[2] = bpf_insn::default();
        let mut code = Builder::new(&mut buf);
        code.push(exit()).push(exit()).push(ld_imm64(R0, 1));
        assert_eq!(code.len(), 2);
        assert_eq!(code.finish(), full(2));
        assert_eq!(buf[2].code, 0);
    }

    #[test]
    fn a_list_is_shorter_than_the_kernels_buffer() {
        let list = |len| {
            let mut buf = buffer::<{ INSN_BUF_SIZE + 8 }>();
            let mut code = Builder::new(&mut buf);
            for _ in 0..len {
                code.push(exit());
            }
            code.finish()
        };
        assert_eq!(list(INSN_BUF_SIZE - 1), Ok(INSN_BUF_SIZE - 1));
        assert_eq!(list(INSN_BUF_SIZE), full(INSN_BUF_SIZE - 1));
    }

    #[test]
    fn a_removed_instruction_leaves_no_gap() {
        let mut buf = buffer::<3>();
        let mut code = Builder::new(&mut buf);
        code.push(mov64(R0, 1)).push(mov64(R0, 2)).push(exit());
        code.remove(0);
        code.push(mov64(R0, 3));
        code.remove(2);
        assert_eq!(code.finish(), Ok(2));
        assert_eq!(buf[0].imm, 2);
        assert_eq!(
            u32::from(buf[1].code),
            bindings::BPF_JMP | bindings::BPF_EXIT
        );
    }

    #[test]
    fn a_list_keeps_its_first_error() {
        let mut buf = buffer::<8>();
        let mut code = Builder::new(&mut buf);
        code.push(mov64(R0, 0))
            .fail(Problem::NoArgument)
            .fail(Problem::NoValue);
        // A list with an error does not change.
        for _ in 0..9 {
            code.push(exit());
        }
        code.remove(0);
        code.land(0);
        assert_eq!(code.len(), 1);
        let err = InsnError {
            at: 1,
            problem: Problem::NoArgument,
        };
        assert_eq!(code.finish(), Err(err));
        assert_eq!(buf[0].off, 0);
        assert_eq!(buf[1].code, 0);
    }
}
