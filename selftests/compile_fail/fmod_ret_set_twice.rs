// SPDX-License-Identifier: GPL-2.0

//! The kernel has one list for each module: it would drop all sets of the module after the second.

use bpf::prelude::*;
use kernel::prelude::*;

#[traceable(fmod_ret)]
fn example_one() -> Result {
    Ok(())
}

kfunc_set! {
    static FIRST = {
        fmod_ret: [example_one],
    };
}

kfunc_set! {
    static SECOND = { //~ symbol `only_one_kfunc_set_per_module_with_fmod_ret__selftests_compile_fail_example` is already defined
        fmod_ret: [example_one],
    };
}
