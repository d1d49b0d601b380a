// SPDX-License-Identifier: GPL-2.0

//! The functions that an exception unwinds, and their places in the source.
//!
//! C header: [`include/linux/bpf.h`](srctree/include/linux/bpf.h)

use crate::unwind::{
    Boundary,
    Frame,
    Stack, //
};
use core::ptr;
use kernel::{
    bindings,
    ffi::{
        c_char,
        c_int, //
    },
    prelude::*, //
};

/// The verifier limits the depth of calls in a program to this.
const MOST: usize = bindings::BPF_THROW_FRAMES as usize;

/// A function of a program, and the place from which it has not returned yet.
#[derive(Clone, Copy)]
pub(crate) struct Call<'a> {
    prog: &'a bindings::bpf_prog,
    ip: u64,
}

/// A place in the source of a program.
pub(crate) struct Place<'a> {
    pub(crate) file: &'a CStr,
    pub(crate) text: &'a CStr,
    pub(crate) line: u32,
}

/// The calls that an exception unwinds, the innermost first.
pub(crate) struct Chain<'a> {
    calls: [Option<Call<'a>>; MOST],
    main: Option<Call<'a>>,
}

impl<'a> Chain<'a> {
    /// Takes the calls on the stack. The main program is the last of them.
    pub(crate) fn on(stack: &'a Stack) -> Self {
        let mut calls = [None; MOST];
        let mut main = None;
        let mut free = calls.iter_mut();
        Boundary::find(stack, |frame| {
            if let Frame::Program(prog, ip) = frame {
                main = Some(Call { prog, ip });
                if let Some(call) = free.next() {
                    *call = main;
                }
            }
        });
        Self { calls, main }
    }

    /// The call in the main program, if the walk over the stack found it.
    pub(crate) fn main(&self) -> Option<Call<'a>> {
        self.main
    }

    /// The calls, the innermost first.
    pub(crate) fn calls(&self) -> impl Iterator<Item = Call<'a>> + '_ {
        self.calls.iter().flatten().copied()
    }
}

impl<'a> Call<'a> {
    pub(crate) fn prog(&self) -> &'a bindings::bpf_prog {
        self.prog
    }

    pub(crate) fn aux(&self) -> &'a bindings::bpf_prog_aux {
        // SAFETY: The data of a program lives as long as the program, and does not change.
        unsafe { &*self.prog.aux }
    }

    /// The number of the function in its program. The main program has 0.
    pub(crate) fn index(&self) -> u32 {
        self.aux().func_idx
    }

    /// The distance of the place from the begin of the function, in bytes of machine code.
    pub(crate) fn offset(&self) -> u64 {
        let start = self.aux().ksym.start;
        self.ip.wrapping_sub(start as u64)
    }

    /// The name of the function.
    pub(crate) fn name(&self) -> &'a [u8] {
        // kallsyms shows the function as "bpf_prog_TAG_NAME", with 16 digits for the tag.
        const BEFORE: usize = "bpf_prog_0123456789abcdef_".len();
        let symbol = text(&self.aux().ksym.name);
        symbol.get(BEFORE..).unwrap_or(symbol)
    }

    /// The place of the call in the source, if the program was loaded with line information.
    pub(crate) fn place(&self) -> Option<Place<'a>> {
        let (mut file, mut text) = (ptr::null::<c_char>(), ptr::null::<c_char>());
        let mut line: c_int = 0;
        // SAFETY: The program has a frame on this stack, so its BTF and its line information are not
        // freed, and `ip` is an address in it. The function writes to the three variables.
        let err = unsafe {
            bindings::bpf_prog_get_file_line(
                ptr::from_ref(self.prog).cast_mut(),
                self.ip as usize,
                &mut file,
                &mut text,
                &mut line,
            )
        };
        if err != 0 || file.is_null() || text.is_null() {
            return None;
        }
        // SAFETY: Both are strings of the program's BTF, which lives as long as the program.
        let [file, text] = [file, text].map(|string| unsafe { CStr::from_char_ptr(string) });
        Some(Place {
            file,
            text,
            line: line as u32,
        })
    }
}

/// Returns the bytes before the first NUL.
pub(crate) fn text(bytes: &[c_char]) -> &[u8] {
    let end = bytes.iter().position(|&byte| byte == 0);
    end.and_then(|end| bytes.get(..end)).unwrap_or(bytes)
}
