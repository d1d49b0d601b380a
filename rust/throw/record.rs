// SPDX-License-Identifier: GPL-2.0

//! The record of an exception, which the exception callback of a program gets as its second
//! argument.
//!
//! The record is on the stack of the throw, so it lives exactly as long as the throw.
//!
//! C header: [`include/linux/bpf.h`](srctree/include/linux/bpf.h), `struct bpf_throw_record`

use crate::chain::Chain;
use kernel::{
    bindings,
    prelude::*, //
};

/// Takes the record of an exception.
pub(crate) fn take(
    cookie: u64,
    reason: &CStr,
    values: [u64; 3],
    chain: &Chain,
) -> bindings::bpf_throw_record {
    let mut record = bindings::bpf_throw_record {
        cookie,
        values,
        ..Default::default()
    };
    fill(&mut record.reason, reason.to_bytes());
    record.nr_frames = chain.count();
    for (frame, call) in record.frames.iter_mut().zip(chain.calls()) {
        frame.func = call.index();
        frame.line = call.place().map_or(0, |place| place.line);
    }
    if let Some(thrower) = chain.calls().next() {
        fill(&mut record.func, thrower.name());
        if let Some(place) = thrower.place() {
            fill_with_end(&mut record.file, place.file.to_bytes());
        }
    }
    if let Some(main) = chain.main() {
        record.prog_id = main.id();
        fill(&mut record.prog, main.loaded_as());
    }
    record
}

/// Copies the begin of `from`. The last byte of `to` stays 0.
fn fill(to: &mut [u8], from: &[u8]) {
    let room = to.len().saturating_sub(1);
    for (to, from) in to.iter_mut().take(room).zip(from) {
        *to = *from;
    }
}

/// Copies the end of `from`. The last byte of `to` stays 0.
fn fill_with_end(to: &mut [u8], from: &[u8]) {
    let room = to.len().saturating_sub(1);
    let skipped = from.len().saturating_sub(room);
    fill(to, from.get(skipped..).unwrap_or(from));
}
