// SPDX-License-Identifier: GPL-2.0

//! Declarations of the C functions in `rust/hid/helpers.c`.
//!
//! C header: `rust/hid/helpers.h`

use core::ffi::c_void;
use kernel::{
    bindings,
    ffi::c_int, //
};

/// A `struct hid_device`, which the bindings of the kernel crate lack.
pub(crate) type Raw = c_void;

/// C: `struct rust_hid_info`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Info {
    pub(crate) id: u32,
    pub(crate) vendor: u32,
    pub(crate) product: u32,
    pub(crate) version: u32,
    pub(crate) hidraw: i32,
    pub(crate) bus: u16,
    pub(crate) group: u16,
    pub(crate) name: [u8; 128],
    pub(crate) phys: [u8; 64],
    pub(crate) uniq: [u8; 64],
}

/// C: `struct rust_hid_watcher`.
#[repr(C)]
pub(crate) struct Watcher {
    pub(crate) notifier: bindings::notifier_block,
    pub(crate) node: bindings::list_head,
    pub(crate) module: *const c_void,
    pub(crate) show: bindings::work_struct,
    pub(crate) is_registered: bool,
    pub(crate) bound: unsafe extern "C" fn(*mut c_void, *mut Raw),
    pub(crate) unbinds: unsafe extern "C" fn(*mut c_void, *mut Raw),
    pub(crate) close: unsafe extern "C" fn(*mut c_void),
    pub(crate) free: unsafe extern "C" fn(*mut c_void),
}

extern "C" {
    pub(crate) fn rust_hid_helper_close(hdev: *mut Raw);
    pub(crate) fn rust_hid_helper_get(hdev: *mut Raw) -> *mut Raw;
    pub(crate) fn rust_hid_helper_info(hdev: *mut Raw, info: *mut Info);
    pub(crate) fn rust_hid_helper_input_report(hdev: *mut Raw, data: *mut u8, size: u32) -> c_int;
    pub(crate) fn rust_hid_helper_open(hdev: *mut Raw) -> c_int;
    pub(crate) fn rust_hid_helper_output_report(
        hdev: *mut Raw,
        data: *mut u8,
        size: usize,
    ) -> c_int;
    pub(crate) fn rust_hid_helper_put(hdev: *mut Raw);
    pub(crate) fn rust_hid_helper_raw_request(
        hdev: *mut Raw,
        data: *mut u8,
        size: usize,
        kind: u32,
        is_get: bool,
    ) -> c_int;
    pub(crate) fn rust_hid_helper_report_len(hdev: *const Raw, kind: u32, id: u8) -> c_int;
    pub(crate) fn rust_hid_helper_turn_begins(turn: *mut c_void) -> c_int;
    pub(crate) fn rust_hid_helper_turn_ends(turn: *mut c_void);
    pub(crate) fn rust_hid_helper_turn_init(turn: *mut c_void);
    pub(crate) fn rust_hid_helper_watch(watcher: *mut c_void) -> c_int;
}
