// SPDX-License-Identifier: GPL-2.0

//! The functions that an exception unwinds, and their places in the source.
//!
//! C header: [`include/linux/bpf.h`](srctree/include/linux/bpf.h)

use crate::unwind::{
    self,
    Walk, //
};
use core::ptr::{
    self,
    NonNull, //
};
use kernel::{
    bindings,
    ffi::{
        c_char,
        c_int, //
    },
    prelude::*, //
};

/// The number of calls that are taken. The verifier limits the depth of calls to this number, but
/// begins to count again in each global function.
const MOST: usize = bindings::BPF_THROW_FRAMES as usize;

/// A function of a program, and the place from which it has not returned yet.
///
/// # Invariants
///
/// `prog` has a frame on this stack, so neither it nor its data and its BTF are freed, and they do
/// not change.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    prog: NonNull<bindings::bpf_prog>,
    ip: u64,
}

/// A place in the source of a program.
pub(crate) struct Place<'a> {
    pub(crate) file: &'a CStr,
    pub(crate) text: &'a CStr,
    pub(crate) line: u32,
}

/// The calls that an exception unwinds, the innermost first. If there are more than fit, the last one
/// is that in the main program.
pub(crate) struct Chain {
    calls: [Option<Call>; MOST],
    main: Option<Call>,
    count: u32,
}

impl Chain {
    /// Takes the calls on the stack. The main program is the last of them.
    pub(crate) fn take() -> Self {
        let mut chain = Self {
            calls: [None; MOST],
            main: None,
            count: 0,
        };
        let mut walk: Walk<'_> = pin_init::zeroed();
        walk.chain = Some(&mut chain);
        unwind::run(&mut walk);
        chain
    }

    /// Adds the call in `prog`, which has a frame on this stack, behind the others.
    pub(crate) fn add(&mut self, prog: *mut bindings::bpf_prog, ip: u64) {
        // INVARIANT: The walk over the stack found the program.
        self.main = NonNull::new(prog).map(|prog| Call { prog, ip });
        let free = self.calls.iter().position(Option::is_none);
        if let Some(call) = self.calls.get_mut(free.unwrap_or(MOST - 1)) {
            *call = self.main;
        }
        self.count = self.count.saturating_add(1);
    }

    /// The number of calls, also of those that did not fit.
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// The number of calls that did not fit. They are before the last one.
    pub(crate) fn left_out(&self) -> u32 {
        self.count.saturating_sub(MOST as u32)
    }

    /// The call in the main program, if the walk over the stack found it.
    pub(crate) fn main(&self) -> Option<&Call> {
        self.main.as_ref()
    }

    /// The calls, the innermost first.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &Call> {
        self.calls.iter().flatten()
    }
}

impl Call {
    pub(crate) fn prog(&self) -> *mut bindings::bpf_prog {
        self.prog.as_ptr()
    }

    fn aux(&self) -> *const bindings::bpf_prog_aux {
        // SAFETY: By the type invariants, the program is not freed.
        unsafe { (*self.prog.as_ptr()).aux }
    }

    /// The number of the function in its program. The main program has 0.
    pub(crate) fn index(&self) -> u32 {
        // SAFETY: By the type invariants, the data of the program is not freed and does not change.
        unsafe { (*self.aux()).func_idx }
    }

    /// The number of the program, if this is its main program.
    pub(crate) fn id(&self) -> u32 {
        // SAFETY: By the type invariants, the data of the program is not freed. Only this field of it
        // changes: it becomes 0 when the last reference to the program is put.
        unsafe { ptr::addr_of!((*self.aux()).id).read_volatile() }
    }

    /// The name that the program was loaded with, if this is its main program.
    pub(crate) fn loaded_as(&self) -> &[u8] {
        // SAFETY: By the type invariants, the data of the program is not freed and does not change.
        text(unsafe { &(*self.aux()).name })
    }

    /// The distance of the place from the begin of the function, in bytes of machine code.
    pub(crate) fn offset(&self) -> u64 {
        // SAFETY: By the type invariants, the data of the program is not freed and does not change.
        let start = unsafe { (*self.aux()).ksym.start };
        self.ip.wrapping_sub(start as u64)
    }

    /// The name of the function.
    pub(crate) fn name(&self) -> &[u8] {
        // kallsyms shows the function as "bpf_prog_TAG_NAME", with 16 digits for the tag.
        const BEFORE: usize = "bpf_prog_0123456789abcdef_".len();
        // SAFETY: By the type invariants, the data of the program is not freed and does not change.
        let symbol = text(unsafe { &(*self.aux()).ksym.name });
        symbol.get(BEFORE..).unwrap_or(symbol)
    }

    /// The place of the call in the source, if the program was loaded with line information.
    pub(crate) fn place(&self) -> Option<Place<'_>> {
        let (mut file, mut text) = (ptr::null::<c_char>(), ptr::null::<c_char>());
        let mut line: c_int = 0;
        // SAFETY: By the type invariants, the line information of the program is not freed. `ip` is an
        // address in it. The function writes to the three variables.
        let err = unsafe {
            bindings::bpf_prog_get_file_line(
                self.prog.as_ptr(),
                self.ip as usize,
                &mut file,
                &mut text,
                &mut line,
            )
        };
        if err != 0 || file.is_null() || text.is_null() {
            return None;
        }
        // SAFETY: Both are strings of the program's BTF, which is not freed by the type invariants.
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
