// SPDX-License-Identifier: GPL-2.0

//! Finds branches to, and addresses of, code in the same section.
//!
//! If the target is a local symbol, the assembler fills in the distance and leaves no relocation.
//! This module does not find references that have a relocation: [`crate::elf`] reads these.
//!
//! This module also finds the numbers that code passes as the fourth argument of calls.

use iced_x86::{
    Code,
    Decoder,
    DecoderOptions,
    FlowControl,
    Instruction,
    OpKind,
    Register, //
};
use object::Architecture;

/// Calls `found` with the offset and the target of each such reference in `code`. `code` begins at
/// the offset `begin` of its section. `is_relocated` tells whether there is a relocation between
/// two offsets.
pub(crate) fn each(
    architecture: Architecture,
    code: &[u8],
    begin: u64,
    is_relocated: impl Fn(u64, u64) -> bool,
    mut found: impl FnMut(u64, u64),
) {
    if architecture == Architecture::Aarch64 {
        for (index, word) in code.chunks_exact(4).enumerate() {
            let at = begin.saturating_add(4 * index as u64);
            let word = word.try_into().map_or(0, u32::from_le_bytes);
            if is_relocated(at, at.saturating_add(4)) {
                continue;
            }
            if let Some(distance) = arm64(word) {
                found(at, at.wrapping_add_signed(distance));
            }
        }
        return;
    }
    let mut instruction = Instruction::default();
    let mut decoder = Decoder::with_ip(64, code, begin, DecoderOptions::NONE);
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        if is_relocated(instruction.ip(), instruction.next_ip()) {
            continue;
        }
        if let Some(target) = x86(&instruction) {
            found(instruction.ip(), target);
        }
    }
}

/// Calls `found` with the begin and the end of each call or jump in `code` before which the code
/// writes a number to the register of the fourth argument, and with the number. `code` begins at
/// the offset `begin` of its section.
///
/// The number is written in the straight code before the call. If there is a way into the middle of
/// this code, the number is not the argument of all calls, but it is the argument of some.
pub(crate) fn fourth_arguments(
    architecture: Architecture,
    code: &[u8],
    begin: u64,
    mut found: impl FnMut(u64, u64, u32),
) {
    let mut number = None;
    if architecture == Architecture::Aarch64 {
        for (index, word) in code.chunks_exact(4).enumerate() {
            let at = begin.saturating_add(4 * index as u64);
            let word = word.try_into().map_or(0, u32::from_le_bytes);
            if word & 0x7c00_0000 == 0x1400_0000 {
                // b, bl
                if let Some(number) = number.take() {
                    found(at, at.saturating_add(4), number);
                }
            } else if word & 0xffe0_001f == 0x5280_0003 {
                // mov w3, #number
                number = Some((word >> 5) & 0xffff);
            } else if word & 0x1f == 3 || word & 0xfe00_0000 == 0xd600_0000 {
                // Another instruction that may write w3, or a jump to an address in a register.
                number = None;
            }
        }
        return;
    }
    let mut instruction = Instruction::default();
    let mut decoder = Decoder::with_ip(64, code, begin, DecoderOptions::NONE);
    while decoder.can_decode() {
        decoder.decode_out(&mut instruction);
        let writes = |register: Register| register.full_register() == Register::RCX;
        match instruction.flow_control() {
            FlowControl::Next if instruction.code() == Code::Mov_r32_imm32 => {
                if instruction.op0_register() == Register::ECX {
                    number = Some(instruction.immediate32());
                }
            }
            // Another instruction, which may write the register.
            FlowControl::Next
                if writes(instruction.op0_register())
                    || writes(instruction.op1_register())
                    || instruction.has_rep_prefix() =>
            {
                number = None;
            }
            FlowControl::Next | FlowControl::ConditionalBranch => {}
            _ => {
                if let Some(number) = number.take() {
                    found(instruction.ip(), instruction.next_ip(), number);
                }
            }
        }
    }
}

fn x86(instruction: &Instruction) -> Option<u64> {
    if instruction.op0_kind() == OpKind::NearBranch64 {
        Some(instruction.near_branch_target())
    } else if instruction.is_ip_rel_memory_operand() {
        Some(instruction.ip_rel_memory_address())
    } else {
        None
    }
}

/// The distance in a branch instruction, or in `adr`.
fn arm64(word: u32) -> Option<i64> {
    // The field of `bits` bits at bit `shift`, as a signed number.
    let field =
        |shift: u32, bits: u32| i64::from(((word << (32 - bits - shift)) as i32) >> (32 - bits));
    if word & 0x7c00_0000 == 0x1400_0000 {
        // b, bl
        Some(field(0, 26) * 4)
    } else if word & 0xff00_0000 == 0x5400_0000 || word & 0x7e00_0000 == 0x3400_0000 {
        // b.cond, cbz, cbnz
        Some(field(5, 19) * 4)
    } else if word & 0x7e00_0000 == 0x3600_0000 {
        // tbz, tbnz
        Some(field(5, 14) * 4)
    } else if word & 0x9f00_0000 == 0x1000_0000 {
        // adr
        Some(field(5, 19) * 4 + i64::from((word >> 29) & 3))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets(architecture: Architecture, code: &[u8]) -> Vec<(u64, u64)> {
        let mut targets = Vec::new();
        // There is a relocation at 0x100.
        let is_relocated = |begin, end| (begin..end).contains(&0x100);
        each(architecture, code, 0x40, is_relocated, |at, target| {
            targets.push((at, target));
        });
        targets
    }

    #[test]
    fn x86_branches_have_targets() {
        let code = [
            0xe8, 0x10, 0, 0, 0, // call
            0xe9, 0xfb, 0xff, 0xff, 0xff, // jmp to itself
            0xeb, 0x20, // jmp, short
            0x0f, 0x84, 0, 1, 0, 0, // je
            0x74, 0xfe, // je, short
            0x48, 0x8d, 0x3d, 0x08, 0, 0, 0, // lea 8(%rip), %rdi
            0xff, 0xd0, // call *%rax
            0xb8, 0xe8, 0, 0, 0,    // mov $0xe8, %eax
            0xc3, // ret
        ];
        assert_eq!(
            targets(Architecture::X86_64, &code),
            [
                (0x40, 0x55),
                (0x45, 0x45),
                (0x4a, 0x6c),
                (0x4c, 0x152),
                (0x52, 0x52),
                (0x54, 0x63)
            ]
        );
    }

    #[test]
    fn relocated_branches_are_skipped() {
        let mut code = vec![0x90; 0xbf];
        code.extend([0xe8, 0, 0, 0, 0, 0xe8, 0, 0, 0, 0]);
        assert_eq!(targets(Architecture::X86_64, &code), [(0x104, 0x109)]);
    }

    fn arguments(architecture: Architecture, code: &[u8]) -> Vec<(u64, u64, u32)> {
        let mut arguments = Vec::new();
        fourth_arguments(architecture, code, 0x40, |begin, end, number| {
            arguments.push((begin, end, number));
        });
        arguments
    }

    #[test]
    fn x86_calls_have_a_number_as_the_fourth_argument() {
        let code = [
            0xb9, 0xc0, 0x0c, 0, 0, // mov $0xcc0, %ecx
            0x41, 0xb8, 1, 0, 0, 0, // mov $1, %r8d
            0xe8, 0, 0, 0, 0, // call
            0xe8, 0, 0, 0, 0, // call, which the first one left without a number
            0xb9, 0xc0, 0x0c, 0, 0, // mov $0xcc0, %ecx
            0x89, 0xd1, // mov %edx, %ecx
            0xe8, 0, 0, 0, 0, // call
            0xb9, 0x20, 0x08, 0, 0, // mov $0x820, %ecx
            0x74, 0xfe, // je
            0xe9, 0, 0, 0, 0, // jmp
        ];
        assert_eq!(
            arguments(Architecture::X86_64, &code),
            [(0x4b, 0x50, 0xcc0), (0x68, 0x6d, 0x820)]
        );
    }

    #[test]
    fn arm64_calls_have_a_number_as_the_fourth_argument() {
        let code: Vec<u8> = [
            0x5281_9803_u32, // mov w3, #0xcc0
            0x1280_0004,     // mov w4, #-1
            0x9400_0000,     // bl
            0x9400_0000,     // bl
            0x5281_9803,     // mov w3, #0xcc0
            0x2a02_03e3,     // mov w3, w2
            0x1400_0000,     // b
        ]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
        assert_eq!(
            arguments(Architecture::Aarch64, &code),
            [(0x48, 0x4c, 0xcc0)]
        );
    }

    #[test]
    fn arm64_branches_have_targets() {
        let code: Vec<u8> = [
            0x9400_0004_u32, // bl .+16
            0x17ff_ffff,     // b .-4
            0x5400_0040,     // b.eq .+8
            0xb4ff_ffe0,     // cbz x0, .-4
            0x3600_0060,     // tbz w0, #0, .+12
            0x3000_0060,     // adr x0, .+13
            0xd65f_03c0,     // ret
            0x9000_0000,     // adrp x0, .
        ]
        .iter()
        .flat_map(|word| word.to_le_bytes())
        .collect();
        assert_eq!(
            targets(Architecture::Aarch64, &code),
            [
                (0x40, 0x50),
                (0x44, 0x40),
                (0x48, 0x50),
                (0x4c, 0x48),
                (0x50, 0x5c),
                (0x54, 0x61)
            ]
        );
    }
}
