// SPDX-License-Identifier: GPL-2.0

//! The report of an exception to the user: text in the stream `BPF_STDERR` of the program, which
//! `bpftool prog tracelog` and `bpf_prog_stream_read()` read.
//!
//! A stream has limited room, and a report that finds no room or no memory is lost. The kernel counts
//! each exception of a program in any case (`exceptions` in the `fdinfo` of the program).
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
    prelude::*,
    str::BStr, //
};

/// The longest line, in bytes. The rest of a longer one is cut off.
const LONGEST: usize = 256;

/// Writes the report.
pub(crate) fn write(record: &bindings::bpf_throw_record, reason: &CStr, chain: &Chain) {
    let Some(main) = chain.main() else { return };
    let mut report = Report::new();

    report.line(fmt!(
        "ERROR: exception in {} (id {}): {}\n",
        BStr::from_bytes(main.name()),
        record.prog_id,
        BStr::from_bytes(reason.to_bytes()),
    ));
    let [a, b, c] = record.values.map(Value);
    report.line(fmt!("Values: {a}, {b}, {c}\n"));
    report.line(fmt!("Cookie: {}\n", Value(record.cookie)));
    report.line(fmt!("Call trace:\n"));
    for call in chain.calls() {
        report.line(fmt!(
            "{}+{:#x}\n",
            BStr::from_bytes(call.name()),
            call.offset()
        ));
        if let Some(place) = call.place() {
            report.line(fmt!(
                "  {} @ {}:{}\n",
                BStr::from_bytes(place.text.to_bytes()),
                BStr::from_bytes(place.file.to_bytes()),
                place.line
            ));
        }
    }
    report.commit(main);
}

/// A number whose type only the program knows.
struct Value(u64);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_fmt(fmt!("{} ({:#x})", self.0 as i64, self.0))
    }
}

/// Lines that go to a stream together.
struct Report {
    stage: bindings::bpf_stream_stage,
}

impl Report {
    fn new() -> Self {
        let mut stage = MaybeUninit::uninit();
        // SAFETY: The function initializes the stage, a list without nodes, which can be moved.
        unsafe { bindings::bpf_stream_stage_init(stage.as_mut_ptr()) };
        Self {
            // SAFETY: It is initialized.
            stage: unsafe { stage.assume_init() },
        }
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        let mut line = Line {
            bytes: [0; LONGEST],
            len: 0,
        };
        // A line that is too long is cut off, which is no error here.
        let _ = line.write_fmt(text);
        // SAFETY: `bytes` has `len` bytes. The function copies them.
        unsafe {
            helpers::bpf_stream_stage_push(&mut self.stage, line.bytes.as_ptr(), line.len as i32)
        };
    }

    /// Moves the lines to the stream `BPF_STDERR` of a program.
    fn commit(mut self, main: &Call) {
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

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // The last byte is for the end of the line.
        let room = LONGEST.saturating_sub(1);
        let free = self.bytes.iter_mut().take(room).skip(self.len);
        for (to, from) in free.zip(text.bytes()) {
            *to = from;
            self.len = self.len.wrapping_add(1);
        }
        if self.len >= room {
            if let Some(last) = self.bytes.last_mut() {
                *last = b'\n';
                self.len = LONGEST;
            }
            return Err(fmt::Error);
        }
        Ok(())
    }
}
