// SPDX-License-Identifier: GPL-2.0

//! Reads the names that DNS packets ask for.
//!
//! A name in a packet is a sequence of labels, each with its length before it, and all of it is
//! chosen by who sent the packet. In C, parsers of this have been written wrong many times: lengths
//! that lead out of the packet, names without an end. Here an index that is wrong is an error.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: DnsNames,
    name: "dns_names",
    description: "Rust sample: parses DNS packets for BPF programs",
    license: "GPL",
}

/// Where the question begins: after the header.
const HEADER: u32 = 12;

/// The longest name, in the form in which it is in a packet.
const MAX_NAME: usize = 255;

/// Copies the name in the question of the DNS packet at @offset of @packet to @name, in small
/// letters and with dots between the labels, and returns its length in bytes.
///
/// Context: any; does not sleep.
///
/// # Errors
///
/// - `E2BIG`: the packet ends before the name does, or @name is too short.
/// - `EBADMSG`: the packet has no question, or its name is none.
/// - `EILSEQ`: there are characters in it that are not those of host names.
#[kfunc]
fn bpf_dns_question(packet: Dynptr<'_>, offset: u32, name: &mut [u8]) -> Result<u32> {
    let mut header = [0; HEADER as usize];
    packet.read(offset, &mut header)?;
    let [_, _, _, _, high, low, ..] = header;
    if u16::from_be_bytes([high, low]) == 0 {
        return Err(EBADMSG);
    }

    let start = offset.checked_add(HEADER).ok_or(E2BIG)?;
    let mut question = [0; MAX_NAME];
    let rest = packet.len().checked_sub(start).ok_or(E2BIG)?;
    let question = question
        .get_mut(..MAX_NAME.min(rest as usize))
        .ok_or(E2BIG)?;
    packet.read(start, question)?;

    let len = copy_name(question, name)?;
    Ok(len.try_into()?)
}

/// Copies the labels at the beginning of `question` to `name`; returns how many bytes those are.
fn copy_name(mut question: &[u8], name: &mut [u8]) -> Result<usize> {
    let mut end: usize = 0;
    let mut put = |letter: u8| -> Result<usize> {
        *name.get_mut(end).ok_or(E2BIG)? = letter;
        end = end.saturating_add(1);
        Ok(end)
    };
    let mut len = 0;
    loop {
        let (&label_len, rest) = question.split_first().ok_or(E2BIG)?;
        match label_len {
            0 if len == 0 => return Err(EBADMSG),
            0 => return Ok(len),
            1..=63 => {}
            // A pointer to a name elsewhere; a question has none.
            _ => return Err(EBADMSG),
        }
        let (label, rest) = rest.split_at_checked(label_len.into()).ok_or(E2BIG)?;
        if len > 0 {
            put(b'.')?;
        }
        for letter in label.iter().map(u8::to_ascii_lowercase) {
            if !matches!(letter, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_') {
                return Err(EILSEQ);
            }
            len = put(letter)?;
        }
        question = rest;
    }
}

kfunc_set! {
    /// Programs that see packets, and those that user space runs.
    static DNS_NAMES = {
        prog_types: [SchedCls, Xdp, Syscall],
        kfuncs: [bpf_dns_question],
    };
}

struct DnsNames;

impl kernel::Module for DnsNames {
    fn init(module: &'static ThisModule) -> Result<Self> {
        DNS_NAMES.register(module)?;
        Ok(Self)
    }
}
