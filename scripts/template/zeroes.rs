// SPDX-License-Identifier: GPL-2.0

//! Counts zero bytes for BPF programs.

use bpf::prelude::*;
use kernel::prelude::*;

module! {
    type: Zeroes,
    name: "zeroes",
    description: "Counts zero bytes for BPF programs",
    license: "GPL",
}

/// Returns how many bytes of @data are zero.
#[kfunc]
fn bpf_zeroes_count(data: &[u8]) -> Result<u32> {
    Ok(data.iter().filter(|&&byte| byte == 0).count() as u32)
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Tracing, Syscall],
        kfuncs: [bpf_zeroes_count],
    };
}

struct Zeroes;

impl kernel::Module for Zeroes {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        Ok(Self)
    }
}
