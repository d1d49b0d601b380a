// SPDX-License-Identifier: GPL-2.0

//! A kfunc that reads the name in the question of a DNS packet.
//!
//! A name is a sequence of labels, each with its length before it. The sender of the packet chooses
//! every byte. Parsers in C often make mistakes here: a length leads out of the packet, or a name
//! has no end. In this parser, a wrong index becomes an error.
//!
//! The parser reads the first question only, and follows no compressed names.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: DnsNames,
    name: "dns_names",
    description: "Rust sample: parses DNS packets for BPF programs",
    license: "GPL",
}

/// The length of the header, in bytes. The question follows the header.
const HEADER: u32 = 12;

/// The maximum length of a name in a packet, in bytes.
const MAX_NAME: usize = 255;

/// Copies the name in the question of a DNS packet, in lower case and with dots between the labels.
///
/// The DNS packet begins at byte @offset of @packet. The kfunc writes the name to @name, without a
/// NUL byte, and returns the length of the name in bytes.
///
/// # Errors
///
/// - `E2BIG`: the packet ends before the name ends, or @name is too short, or longer than 8192
///   bytes.
/// - `EBADMSG`: the packet has no question, or the name is empty or compressed.
/// - `EILSEQ`: the name has a character that host names do not have.
/// - `ENOMEM`: there is no memory for the copy of @name.
/// - `EOPNOTSUPP`, `EFAULT`: the crate cannot read this dynptr (`Dynptr::read()`).
///
/// # Context
///
/// Any context. Does not sleep.
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

/// Copies the labels at the beginning of `question` to `name`. Returns the number of bytes written.
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
            // A compressed name, which points to another name. A question has none.
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
    /// For programs that get packets, and for programs that user space runs.
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
