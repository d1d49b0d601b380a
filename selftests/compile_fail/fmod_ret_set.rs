// SPDX-License-Identifier: GPL-2.0

//! Mistakes in the list of functions whose results programs can replace.

use bpf::prelude::*;
use kernel::prelude::*;

#[traceable(fmod_ret)]
fn example_one() -> Result {
    Ok(())
}

#[traceable(fmod_ret, sleepable)]
fn example_two() -> Result {
    Ok(())
}

use example_two as example_alias;

kfunc_set! {
    static ALIAS = {
        fmod_ret: [example_one, example_alias], //~ evaluation of constant value failed | ALIAS: `example_alias` is an alias of a function; write the name of the function
    };
}

kfunc_set! {
    static TWICE = {
        fmod_ret: [example_one, self::example_one], //~ TWICE: `example_one` is in the set twice; remove one
    };
}

kfunc_set! {
    static NO_TYPES = { //~ NO_TYPES: `prog_types` must name the program types that may call the kfuncs
        kfuncs: [example_one],
        fmod_ret: [example_one],
    };
}

kfunc_set! {
    static NO_KFUNCS = { //~ NO_KFUNCS: the set has no kfuncs; name them in `kfuncs`
        prog_types: [Syscall],
        fmod_ret: [example_one],
    };
}
