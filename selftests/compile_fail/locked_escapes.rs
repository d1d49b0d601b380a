// SPDX-License-Identifier: GPL-2.0

//! The value behind a lock does not leave the call.

use bpf::prelude::*;
use kernel::prelude::*;

#[derive(BtfType)]
#[btf(object, name = "cf_spot", lock = number)]
struct Spot {
    number: ResSpinLock<u64>,
}

static KEPT: ResSpinLock<Option<&'static u64>> = ResSpinLock::new(None);

#[kfunc]
fn bpf_cf_keep(spot: &Locked<'_, Spot>) {
    let _ = KEPT.with(|kept| *kept = Some(&**spot)); //~ borrowed data escapes outside of function
}
