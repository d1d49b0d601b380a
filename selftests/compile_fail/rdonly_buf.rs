// SPDX-License-Identifier: GPL-2.0

//! A kfunc that lends memory which does not exist after the call.

use bpf::{
    prelude::*,
    RdonlyBuf,
    RdonlyBufSize, //
};

#[kfunc]
fn bpf_lend_copy<'a>(data: &'a [u8], size: RdonlyBufSize<'a>) -> Option<RdonlyBuf<'a>> { //~ `Option<RdonlyBuf<'static>>` cannot report that an argument has no value
    size.lend(data)
}
