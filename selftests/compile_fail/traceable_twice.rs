// SPDX-License-Identifier: GPL-2.0

//! Two functions with the same symbol.

use bpf::prelude::*;

mod one {
    use super::*;

    #[traceable]
    pub fn example_same(value: u32) -> u32 {
        value
    }
}

mod two {
    use super::*;

    #[traceable]
    pub fn example_same(value: u32) -> u32 { //~ symbol `__bpf_entry_example_same` is already defined
        value ^ 1
    }
}
