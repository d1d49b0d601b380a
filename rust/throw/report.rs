// SPDX-License-Identifier: GPL-2.0

//! The report of an exception to the user: text in the stream `BPF_STDERR` of the program, which
//! `bpftool prog tracelog` and `bpf_prog_stream_read()` read.
//!
//! A stream has limited room, and a report that finds no room, or no memory for one of its lines, is
//! lost. The kernel counts each exception of a program in any case (`exceptions` in the `fdinfo` of
//! the program).
//!
//! The text is formatted on the stack, and not in the buffers of `bpf_stream_stage_printk()`: a CPU
//! has three of these, and an exception can happen in a fourth context, NMI, on top of the others.

use crate::{
    chain::{
        Call,
        Chain, //
    },
    helpers, //
};
use core::mem::MaybeUninit;
use kernel::{
    bindings,
    fmt::{
        self,
        Write, //
    },
    prelude::*, //
};

/// The longest line, in bytes. The rest of a longer one is cut off.
const LONGEST: usize = 256;

/// The longest text from the source, so that the place behind it fits into the line.
const LONGEST_SOURCE: usize = 120;

/// Writes the report.
pub(crate) fn write(record: &bindings::bpf_throw_record, reason: &CStr, chain: &Chain) {
    let Some(main) = chain.main() else { return };
    // SAFETY: The program has a frame on this stack, so it is not freed.
    if unsafe { helpers::bpf_stream_is_full(main.prog(), bindings::bpf_stream_id_BPF_STDERR) } {
        return;
    }
    let mut report = Report::new();

    report.line(fmt!(
        "ERROR: exception in {} (id {}): {}",
        Text(main.name()),
        record.prog_id,
        Text(reason.to_bytes()),
    ));
    let [a, b, c] = record.values.map(Value);
    report.line(fmt!("Values: {a}, {b}, {c}"));
    report.line(fmt!("Cookie: {}", Value(record.cookie)));
    report.line(fmt!("Call trace:"));
    for (number, call) in chain.calls().enumerate() {
        if chain.left_out() > 0 && number.wrapping_add(1) == record.frames.len() {
            report.line(fmt!("({} more)", chain.left_out()));
        }
        report.line(fmt!("{}+{:#x}", Text(call.name()), call.offset()));
        if let Some(place) = call.place() {
            let text = place.text.to_bytes();
            report.line(fmt!(
                "  {} @ {}:{}",
                Text(text.get(..LONGEST_SOURCE).unwrap_or(text)),
                Text(place.file.to_bytes()),
                place.line
            ));
        }
    }
    report.commit(main);
}

/// Text of the author of a program, which should be UTF-8. It ends where it is not. Other characters
/// replace those that control a terminal.
struct Text<'a>(&'a [u8]);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(chunk) = self.0.utf8_chunks().next() else {
            return Ok(());
        };
        for character in chunk.valid().chars() {
            f.write_char(if character.is_control() {
                '?'
            } else {
                character
            })?;
        }
        Ok(())
    }
}

/// A number whose type only the program knows.
struct Value(u64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_fmt(fmt!("{} ({:#x})", self.0 as i64, self.0))
    }
}

/// Lines that go to a stream together, or not at all.
struct Report {
    stage: bindings::bpf_stream_stage,
    is_complete: bool,
}

impl Report {
    fn new() -> Self {
        let mut stage = MaybeUninit::uninit();
        // SAFETY: The function initializes the stage, a list without nodes, which can be moved.
        unsafe { bindings::bpf_stream_stage_init(stage.as_mut_ptr()) };
        Self {
            // SAFETY: It is initialized.
            stage: unsafe { stage.assume_init() },
            is_complete: true,
        }
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        let mut line = Line {
            bytes: [0; LONGEST],
            len: 0,
        };
        // A line that is too long is cut off, which is no error here.
        let _ = line.write_fmt(text);
        line.end();
        // SAFETY: `bytes` has `len` bytes. The function copies them.
        let err = unsafe {
            helpers::bpf_stream_stage_push(&mut self.stage, line.bytes.as_ptr(), line.len as i32)
        };
        self.is_complete &= err == 0;
    }

    /// Moves the lines to the stream `BPF_STDERR` of a program.
    fn commit(mut self, main: &Call) {
        if !self.is_complete {
            return;
        }
        // SAFETY: The stream of a program has its own synchronization.
        unsafe {
            bindings::bpf_stream_stage_commit(
                &mut self.stage,
                main.prog(),
                bindings::bpf_stream_id_BPF_STDERR,
            )
        };
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        // SAFETY: The stage is initialized. It is empty if it was committed.
        unsafe { bindings::bpf_stream_stage_free(&mut self.stage) };
    }
}

struct Line {
    bytes: [u8; LONGEST],
    len: usize,
}

impl Line {
    fn end(&mut self) {
        if let Some(end) = self.bytes.get_mut(self.len) {
            *end = b'\n';
            self.len = self.len.wrapping_add(1);
        }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last byte is for the end of the line.
        let room = LONGEST.saturating_sub(1);
        let free = self.bytes.iter_mut().take(room).skip(self.len);
        let mut written: usize = 0;
        for (to, from) in free.zip(text.bytes()) {
            *to = from;
            written = written.wrapping_add(1);
        }
        self.len = self.len.wrapping_add(written);
        if written == text.len() {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}
