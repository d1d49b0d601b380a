// SPDX-License-Identifier: GPL-2.0

//! HID devices, for modules that offer them to BPF programs.
//!
//! A module [watches](watch) the HID bus, and gets a [`Device`] for each device that is bound to a
//! driver. With the `Device`, a kfunc or a [work](bpf::work) gets and sets reports:
//!
//! ```
//! # use bpf::prelude::*;
//! # use kernel::prelude::*;
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_lamp", registry = 16)]
//! struct Lamp {
//!     device: hid::Device,
//! }
//!
//! /// What the module keeps while a device is bound.
//! struct Bound(ARef<Object<Lamp>>);
//!
//! impl hid::Watch for Bound {
//!     fn bound(device: &hid::Device) -> Result<Self> {
//!         let lamp = Object::new(Lamp { device: device.clone() })?;
//!         lamp.enter(device.id().into())?;
//!         Ok(Self(lamp))
//!     }
//! }
//!
//! impl Drop for Bound {
//!     fn drop(&mut self) {
//!         self.0.leave();
//!     }
//! }
//!
//! /// Switches a lamp on or off.
//! #[kfunc(sleepable)]
//! fn bpf_lamp_set(lamp: &Object<Lamp>, is_on: bool) -> Result<u32> {
//!     let report = [1, is_on.into()];
//!     Ok(lamp.device.set_report(hid::ReportType::Output, &report)? as u32)
//! }
//! #
//! # struct Lamps;
//! # impl Lamps {
//! #     fn init(module: &'static ThisModule) -> Result<Self> {
//! hid::watch::<Bound>(module)?;
//! #         Ok(Self)
//! #     }
//! # }
//! ```
//!
//! The `Makefile` of the module names the crate, before it includes `users.mk` or `module.mk`:
//! `bpf-crates := hid`.
//!
//! # When a device goes away
//!
//! A `Device` is a handle, which programs can keep in maps through the objects of a module. It
//! does not keep the device bound, and it can be dropped in any context. When the device is
//! unbound, the crate lets no request begin any more, waits for the requests that run, and gives up
//! its reference to the `struct hid_device`, all before the driver of the device is told to stop.
//! After that, every request returns [`ENODEV`](kernel::error::code::ENODEV). The requests to a
//! device are made one after the other, so the wait is for one request. It ends: the transport
//! drivers of the kernel have time limits for requests, of five seconds.
//!
//! The HID core runs programs in a request, which may sleep (`hid_hw_request` of HID-BPF). Such a
//! program makes no request to any device and waits for no work: both are
//! [`EDEADLK`](kernel::error::code::EDEADLK).
//!
//! # What a request checks
//!
//! The type, the ID and the size of a report must be those of the report descriptor of the device.
//! The crate powers the device up and opens it for the time of the request, as hidraw does for the
//! time in which it is open.
//!
//! # What this crate does not do
//!
//! - It does not drive devices: it has no `hid_driver`. The drivers of the kernel stay bound.
//! - It does not show events: programs see those with HID-BPF (`hid_device_event`).
//! - A kfunc cannot take a `struct hid_device`: no program of 7.3 has a trusted pointer to one. A
//!   program passes the number of the device.
//! - It does not parse reports.
//! - It does not know when a driver stops a device that stays bound, as the driver of Wacom tablets
//!   does to change their mode. A request then goes to the transport driver, which must refuse it.
//!
//! C headers: [`include/linux/hid.h`](srctree/include/linux/hid.h),
//! [`include/linux/hid_bpf.h`](srctree/include/linux/hid_bpf.h)
//!
//! Reference: <https://docs.kernel.org/hid/index.html>

mod bus;
mod device;
mod helpers;

pub use bus::{
    watch,
    Watch, //
};
pub use device::{
    Device,
    ReportType, //
};

/// The prefix of this crate's log messages.
const __LOG_PREFIX: &[u8] = b"rust_hid\0";
