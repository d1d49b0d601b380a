// SPDX-License-Identifier: GPL-2.0

//! A HID device, and requests to it.
//!
//! This module does not find devices: see [`Watch`](crate::Watch).
//!
//! C header: [`include/linux/hid.h`](srctree/include/linux/hid.h)

use crate::helpers::{
    rust_hid_helper_close,
    rust_hid_helper_get,
    rust_hid_helper_info,
    rust_hid_helper_input_report,
    rust_hid_helper_open,
    rust_hid_helper_output_report,
    rust_hid_helper_put,
    rust_hid_helper_raw_request,
    rust_hid_helper_report_len,
    rust_hid_helper_turn_begins,
    rust_hid_helper_turn_ends,
    rust_hid_helper_turn_init,
    Info,
    Raw, //
};
#[cfg(not(kernel_has_EILSEQ))]
use bpf::prelude::EPROTO;
use bpf::{
    revocable::Sleepable,
    BtfType,
    Object, //
};
use core::{
    mem::MaybeUninit,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::to_result,
    prelude::*,
    sync::aref::ARef,
    types::Opaque, //
};

/// The type of a report.
///
/// C: `enum hid_report_type`.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReportType {
    /// From the device: events.
    Input = 0,
    /// To the device: lamps, motors.
    Output = 1,
    /// In both directions: settings.
    Feature = 2,
}

impl TryFrom<u32> for ReportType {
    type Error = Error;

    /// Returns [`EINVAL`] for a number that is no type.
    fn try_from(kind: u32) -> Result<Self> {
        match kind {
            0 => Ok(Self::Input),
            1 => Ok(Self::Output),
            2 => Ok(Self::Feature),
            _ => Err(EINVAL),
        }
    }
}

/// A reference to a device that is bound to a driver.
///
/// # Invariants
///
/// Owns a reference to the `struct hid_device`. Code that has access to the value runs before the
/// driver of the device is unbound.
pub(crate) struct Bound(NonNull<Raw>);

// SAFETY: Any thread may use a device, and release a reference to it.
unsafe impl Send for Bound {}

// SAFETY: The functions of the HID core that the methods call may run at the same time.
unsafe impl Sync for Bound {}

impl Drop for Bound {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the value owns a reference.
        unsafe { rust_hid_helper_put(self.0.as_ptr()) };
    }
}

/// A device that is powered up and open.
struct Open<'a>(&'a Bound);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        // SAFETY: The device is bound, and `Bound::open` has opened it.
        unsafe { rust_hid_helper_close(self.0 .0.as_ptr()) };
    }
}

/// Returns the number of bytes in the result of a request of `len` bytes.
///
/// A signal that interrupts a request is [`EINTR`]: programs do not know the codes that only the
/// kernel uses.
fn transferred(result: i32, len: usize) -> Result<usize> {
    match to_result(result) {
        Err(ERESTARTSYS) => Err(EINTR),
        Err(err) => Err(err),
        Ok(()) => Ok(len.min(result as usize)),
    }
}

impl Bound {
    fn open(&self) -> Result<Open<'_>> {
        // SAFETY: The device is bound.
        to_result(unsafe { rust_hid_helper_open(self.0.as_ptr()) })?;
        Ok(Open(self))
    }

    /// Returns the size of a report in a request. See [`Device::report_len`].
    fn report_len(&self, kind: ReportType, id: u8) -> Result<usize> {
        // SAFETY: The device is bound.
        let len = unsafe { rust_hid_helper_report_len(self.0.as_ptr(), kind as u32, id) };
        to_result(len)?;
        Ok(len as usize)
    }

    /// Returns a copy of `report`, which the device can access, after the checks for a whole
    /// report.
    fn copy(&self, kind: ReportType, report: &[u8]) -> Result<KVec<u8>> {
        let id = *report.first().ok_or(EMSGSIZE)?;
        if report.len() != self.report_len(kind, id)? {
            return Err(EMSGSIZE);
        }
        let mut copy = KVec::with_capacity(report.len(), GFP_KERNEL)?;
        copy.extend_from_slice(report, GFP_KERNEL)?;
        Ok(copy)
    }

    fn get_report(&self, kind: ReportType, report: &mut [u8]) -> Result<usize> {
        let id = *report.first().ok_or(EMSGSIZE)?;
        let len = report.len();
        if len > self.report_len(kind, id)? {
            return Err(EMSGSIZE);
        }
        let mut answer = KVec::from_elem(0, len, GFP_KERNEL)?;
        if let Some(first) = answer.first_mut() {
            *first = id;
        }
        let _open = self.open()?;
        // SAFETY: The device is bound. The buffer has `len` bytes, at least one.
        let result = unsafe {
            rust_hid_helper_raw_request(
                self.0.as_ptr(),
                answer.as_mut_ptr(),
                len,
                kind as u32,
                true,
            )
        };
        let len = transferred(result, len)?;
        let answer = answer.get(..len).unwrap_or_default();
        // A device with numbered reports says which report it sends.
        if answer.first().is_none_or(|&first| id != 0 && first != id) {
            return Err(EPROTO);
        }
        for (to, from) in report.iter_mut().zip(answer) {
            *to = *from;
        }
        Ok(len)
    }

    fn set_report(&self, kind: ReportType, report: &[u8]) -> Result<usize> {
        let mut copy = self.copy(kind, report)?;
        let _open = self.open()?;
        // SAFETY: The device is bound. The buffer has that many bytes, at least one.
        let result = unsafe {
            rust_hid_helper_raw_request(
                self.0.as_ptr(),
                copy.as_mut_ptr(),
                copy.len(),
                kind as u32,
                false,
            )
        };
        transferred(result, copy.len())
    }

    fn output_report(&self, report: &[u8]) -> Result<usize> {
        let mut copy = self.copy(ReportType::Output, report)?;
        let _open = self.open()?;
        // SAFETY: The device is bound. The buffer has that many bytes, at least one.
        let result = unsafe {
            rust_hid_helper_output_report(self.0.as_ptr(), copy.as_mut_ptr(), copy.len())
        };
        transferred(result, copy.len())
    }

    fn input_report(&self, report: &[u8]) -> Result {
        let mut copy = self.copy(ReportType::Input, report)?;
        let len = u32::try_from(copy.len()).map_err(|_| EMSGSIZE)?;
        // SAFETY: The device is bound. The buffer has `len` bytes, at least one.
        let result =
            unsafe { rust_hid_helper_input_report(self.0.as_ptr(), copy.as_mut_ptr(), len) };
        transferred(result, 0).map(drop)
    }
}

/// The order of requests: a thread waits for its turn, and a signal ends the wait.
#[pin_data]
struct Turns {
    #[pin]
    mutex: Opaque<bindings::mutex>,
}

// SAFETY: A mutex can be used by all threads.
unsafe impl Send for Turns {}

// SAFETY: As for `Send`.
unsafe impl Sync for Turns {}

impl Turns {
    fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            mutex <- Opaque::ffi_init(|slot: *mut bindings::mutex| {
                // SAFETY: `slot` is valid for writes, and does not move.
                unsafe { rust_hid_helper_turn_init(slot.cast()) };
            }),
        })
    }

    /// Calls `f` when it is this thread's turn.
    fn with<R>(&self, f: impl FnOnce() -> Result<R>) -> Result<R> {
        let turn = self.mutex.get().cast();
        // SAFETY: The mutex is initialized.
        to_result(unsafe { rust_hid_helper_turn_begins(turn) })?;
        let result = f();
        // SAFETY: This thread holds the mutex.
        unsafe { rust_hid_helper_turn_ends(turn) };
        result
    }
}

/// The part of a device that its handles share.
#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "rust_hid_state")]
pub(crate) struct State {
    info: Info,
    #[pin]
    turns: Turns,
    #[pin]
    bound: Sleepable<Bound>,
}

impl State {
    /// Calls `f` with the device. If other requests were made meanwhile, and the device is being
    /// unbound, the request ends: the thread that unbinds it waits for one request.
    fn request<R>(&self, f: impl FnOnce(&Bound) -> Result<R>) -> Result<R> {
        self.bound.access(|bound| {
            self.turns.with(|| {
                if self.bound.is_revoked() {
                    return Err(ENODEV);
                }
                f(bound)
            })
        })?
    }
}

/// A handle for a device.
///
/// It can be cloned and dropped in any context, NMI included. It does not keep the device bound.
#[derive(Clone)]
pub struct Device(ARef<Object<State>>);

/// Returns the text before the first NUL byte.
fn text(bytes: &[u8]) -> &[u8] {
    bytes.split(|&byte| byte == 0).next().unwrap_or_default()
}

impl Device {
    /// Creates a handle.
    ///
    /// # Safety
    ///
    /// `hdev` must be bound to a driver. The caller must hold its lock during the call, and must
    /// call [`revoke`](Self::revoke) before the driver is unbound.
    pub(crate) unsafe fn new(hdev: *mut Raw) -> Result<Self> {
        let mut info = MaybeUninit::<Info>::uninit();
        // SAFETY: The caller passes a device that is bound, with its lock.
        unsafe { rust_hid_helper_info(hdev, info.as_mut_ptr()) };
        // SAFETY: The helper has initialized all fields.
        let info = unsafe { info.assume_init() };
        // INVARIANT: The helper adds the reference. The caller calls `revoke()` in time.
        // SAFETY: The device is valid, so the pointer is not null.
        let bound = Bound(unsafe { NonNull::new_unchecked(rust_hid_helper_get(hdev)) });
        // The reference must be released where the code may sleep, so not by an RCU callback.
        let state = Object::pin_init(pin_init!(State {
            info,
            turns <- Turns::new(),
            bound <- Sleepable::new(bound),
        }))?;
        Ok(Self(state))
    }

    /// Lets no request begin any more, waits for the one that runs, and releases the reference to
    /// the `struct hid_device`. May sleep.
    ///
    /// # Errors
    ///
    /// [`EDEADLK`]: this thread is in the request.
    pub(crate) fn revoke(&self) -> Result {
        self.0.bound.revoke_in_any_case()
    }

    /// Returns the number of the device, which the kernel gives once. The names of its folders in
    /// sysfs end in this number, in hexadecimal digits.
    pub fn id(&self) -> u32 {
        self.0.info.id
    }

    /// Returns the bus: `BUS_*` in `include/uapi/linux/input.h`.
    pub fn bus(&self) -> u16 {
        self.0.info.bus
    }

    /// Returns the vendor of the device.
    pub fn vendor(&self) -> u32 {
        self.0.info.vendor
    }

    /// Returns the product, a number that the vendor has chosen.
    pub fn product(&self) -> u32 {
        self.0.info.product
    }

    /// Returns the version of the product.
    pub fn version(&self) -> u32 {
        self.0.info.version
    }

    /// Returns the group: `HID_GROUP_*` in `include/linux/hid.h`.
    pub fn group(&self) -> u16 {
        self.0.info.group
    }

    /// Returns the number of `/dev/hidraw<number>`, if the device had one when it was bound.
    pub fn hidraw(&self) -> Option<u32> {
        self.0.info.hidraw.try_into().ok()
    }

    /// Returns the name, at most 127 bytes in the encoding of the device.
    pub fn name(&self) -> &[u8] {
        text(&self.0.info.name)
    }

    /// Returns where the device is plugged in, at most 63 bytes.
    pub fn phys(&self) -> &[u8] {
        text(&self.0.info.phys)
    }

    /// Returns the serial number, at most 63 bytes.
    pub fn uniq(&self) -> &[u8] {
        text(&self.0.info.uniq)
    }

    /// Returns the size in bytes of the report `id` of a type: one byte for the ID, and the data.
    /// If the reports of that type have no IDs, `id` is 0.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: the device has no such report.
    /// - [`ENODEV`]: the device is not bound any more.
    /// - [`EDEADLK`], as for [`get_report`](Self::get_report).
    ///
    /// # Context
    ///
    /// A thread. Does not sleep.
    pub fn report_len(&self, kind: ReportType, id: u8) -> Result<usize> {
        self.0.bound.access(|device| device.report_len(kind, id))?
    }

    /// Asks the device for a report: a GET_REPORT request. The first byte of `report` says which
    /// one: its ID, or 0 if the reports of that type have no IDs. Returns the number of bytes that
    /// the device sent. A device may send less than it was asked for.
    ///
    /// # Errors
    ///
    /// - [`ENOENT`]: the device has no such report.
    /// - [`EMSGSIZE`]: `report` is empty, or longer than the report.
    /// - [`EPROTO`]: the device has sent nothing, or a report with another ID.
    /// - [`ENODEV`]: the device is not bound any more.
    /// - [`EIO`], [`EINTR`]: the device does not answer, or the thread got a signal.
    /// - [`EDEADLK`]: this thread is in a request, to this or another device: a program that the
    ///   HID core runs in a request (`hid_hw_request` of HID-BPF) makes another one.
    /// - [`ENOMEM`], and other errors of the transport driver.
    ///
    /// # Context
    ///
    /// Sleeps: until the requests before have ended, and then for the time that the device needs,
    /// at most the time limit of the transport driver.
    ///
    /// C: `hid_hw_raw_request()`.
    pub fn get_report(&self, kind: ReportType, report: &mut [u8]) -> Result<usize> {
        self.0.request(|device| device.get_report(kind, report))
    }

    /// Sets a report of the device: a SET_REPORT request. The first byte of `report` is the ID, or
    /// 0 if the reports of that type have no IDs. Returns the number of bytes that were sent.
    ///
    /// # Errors
    ///
    /// As for [`get_report`](Self::get_report), and [`EMSGSIZE`]: `report` is not as long as the
    /// report.
    ///
    /// # Context
    ///
    /// Sleeps, as [`get_report`](Self::get_report).
    ///
    /// C: `hid_hw_raw_request()`.
    pub fn set_report(&self, kind: ReportType, report: &[u8]) -> Result<usize> {
        self.0.request(|device| device.set_report(kind, report))
    }

    /// Sends an output report on the way of the device for such reports, or as a SET_REPORT
    /// request, if there is no such way. `report` is as for [`set_report`](Self::set_report).
    /// Returns the number of bytes that were sent.
    ///
    /// The result does not say that the device has received the report.
    ///
    /// # Errors
    ///
    /// As for [`set_report`](Self::set_report).
    ///
    /// # Context
    ///
    /// Sleeps, as [`get_report`](Self::get_report).
    ///
    /// C: `hid_hw_output_report()`.
    pub fn output_report(&self, report: &[u8]) -> Result<usize> {
        self.0.request(|device| device.output_report(report))
    }

    /// Injects an input report, as if the device had sent it. `report` is as for
    /// [`set_report`](Self::set_report).
    ///
    /// # Errors
    ///
    /// As for [`set_report`](Self::set_report), and those of HID-BPF programs, which see the
    /// report.
    ///
    /// # Context
    ///
    /// Sleeps until other input reports of the device are done.
    ///
    /// C: `hid_input_report()`.
    pub fn input_report(&self, report: &[u8]) -> Result {
        self.0.request(|device| device.input_report(report))
    }
}
