// SPDX-License-Identifier: GPL-2.0

//! A struct of the kernel that does not exist.
#![allow(missing_docs, dead_code)]

use bpf::kernel_type;

kernel_type! {
    struct Nobody: nobody { //~ cannot find type `nobody` in | not found in
        number: u32,
    }
}
