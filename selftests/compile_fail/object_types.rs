// SPDX-License-Identifier: GPL-2.0

//! A type in `Object<T>` that is not declared as an object.

use bpf::prelude::*;
use kernel::prelude::*;

struct Plain(u64);

#[kfunc] //~ the trait bound `Plain: BtfObject` is not satisfied
fn bpf_not_an_object(plain: &Object<Plain>) {} //~ the trait bound `Plain: BtfObject` is not satisfied
