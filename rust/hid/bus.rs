// SPDX-License-Identifier: GPL-2.0

//! The devices of the HID bus that are bound to a driver.
//!
//! This module does not drive devices, and sees none that no driver is bound to.
//!
//! C header: [`include/linux/device/bus.h`](srctree/include/linux/device/bus.h)

use crate::{
    device::Device,
    helpers::{
        rust_hid_helper_watch,
        Raw,
        Watcher, //
    }, //
};
use core::ffi::c_void;
use kernel::{
    error::to_result,
    new_mutex,
    prelude::*,
    sync::Mutex,
    types::Opaque, //
};

/// What a module keeps for a device while the device is bound to a driver.
///
/// When the device is unbound, or the module is unloaded, the value is dropped, after the requests
/// to the device have ended.
pub trait Watch: Send + Sized + 'static {
    /// Called when a device is bound, and for all devices that are bound already. After an error,
    /// the module does not see the device; the error is printed.
    ///
    /// # Context
    ///
    /// A thread with the lock of the device. May sleep. Requests to the device are possible.
    fn bound(device: &Device) -> Result<Self>;
}

struct Entry<W> {
    hdev: *mut Raw,
    device: Device,
    _watch: W,
}

// SAFETY: `hdev` is only compared.
unsafe impl<W: Send> Send for Entry<W> {}

/// The devices of a watcher.
struct Entries<W> {
    /// No device is added any more.
    is_closed: bool,
    list: KVec<Entry<W>>,
}

/// # Invariants
///
/// The devices in `entries` are bound, or their handles are revoked.
#[repr(C)]
#[pin_data]
struct Inner<W: Watch> {
    // The first field: a pointer to the watcher is a pointer to this.
    #[pin]
    watcher: Opaque<Watcher>,
    #[pin]
    entries: Mutex<Entries<W>>,
}

// SAFETY: The mutex may be used by all threads, and the HID core uses the watcher under its locks.
unsafe impl<W: Watch> Send for Inner<W> {}

// SAFETY: As for `Send`.
unsafe impl<W: Watch> Sync for Inner<W> {}

impl<W: Watch> Inner<W> {
    fn new(module: &'static ThisModule) -> impl PinInit<Self> {
        // INVARIANT: There are no entries.
        pin_init!(Self {
            watcher <- Opaque::ffi_init(|slot: *mut Watcher| {
                let watcher = Watcher {
                    notifier: pin_init::zeroed(),
                    node: pin_init::zeroed(),
                    module: module.as_ptr().cast(),
                    show: pin_init::zeroed(),
                    is_registered: false,
                    bound: Self::bound,
                    unbinds: Self::unbinds,
                    close: Self::close,
                    free: Self::free,
                };
                // SAFETY: `slot` is valid for writes.
                unsafe { slot.write(watcher) };
            }),
            entries <- new_mutex!(
                Entries {
                    is_closed: false,
                    list: KVec::new(),
                },
                "hid::watch"
            ),
        })
    }

    /// # Safety
    ///
    /// `watcher` must be the first field of an `Inner` that is valid for `'a`.
    unsafe fn from_raw<'a>(watcher: *mut c_void) -> &'a Self {
        // SAFETY: The caller passes the first field.
        unsafe { &*watcher.cast() }
    }

    /// # Safety
    ///
    /// `watcher` must be the first field of an `Inner`. `hdev` must be bound, and the caller must
    /// hold its lock.
    unsafe extern "C" fn bound(watcher: *mut c_void, hdev: *mut Raw) {
        // SAFETY: The caller passes the first field of an `Inner`.
        let this = unsafe { Self::from_raw(watcher) };
        // The lock of the device excludes another call for it.
        let list = this.entries.lock();
        if list.is_closed || list.list.iter().any(|entry| entry.hdev == hdev) {
            return;
        }
        drop(list);
        // SAFETY: The caller passes a device that is bound, with its lock. If `add` fails, it
        // revokes the handle. Otherwise, `unbinds()` or `close()` does.
        if let Err(err) = unsafe { Device::new(hdev) }.and_then(|device| this.add(hdev, device)) {
            pr_err!("a HID device is hidden from BPF programs: {err:?}; bind its driver again\n");
        }
    }

    /// Adds a device that is bound, or revokes its handle.
    fn add(&self, hdev: *mut Raw, device: Device) -> Result {
        let watch = W::bound(&device).inspect_err(|_| Self::revoke(&device))?;
        let mut entry = Some(Entry {
            hdev,
            device: device.clone(),
            _watch: watch,
        });
        let mut entries = self.entries.lock();
        let mut result = if entries.is_closed {
            Err(ENODEV)
        } else {
            entries.list.reserve(1, GFP_KERNEL).map_err(Error::from)
        };
        if result.is_ok() {
            if let Some(new) = entry.take() {
                result = entries.list.push_within_capacity(new).map_err(|_| ENOMEM);
            }
        }
        drop(entries);
        if result.is_err() {
            // The value of the module is dropped after this.
            Self::revoke(&device);
        }
        result
    }

    /// # Safety
    ///
    /// `watcher` must be the first field of an `Inner`.
    unsafe extern "C" fn unbinds(watcher: *mut c_void, hdev: *mut Raw) {
        // SAFETY: The caller passes the first field of an `Inner`.
        let this = unsafe { Self::from_raw(watcher) };
        this.remove(|entry| entry.hdev == hdev);
    }

    /// Revokes a handle. If this thread is in a request to the device, nothing can wait for the
    /// request: the driver that unbinds the device in its own request has a bug.
    fn revoke(device: &Device) {
        if device.revoke().is_err() {
            pr_err!("a HID device is leaked: its driver must end a request before it unbinds\n");
            core::mem::forget(device.clone());
        }
    }

    /// Revokes the handles of some devices, and drops what the module keeps for them.
    fn remove(&self, which: impl Fn(&Entry<W>) -> bool) {
        loop {
            let entries = self.entries.lock();
            let found = entries.list.iter().find(|entry| which(entry));
            let Some(device) = found.map(|entry| entry.device.clone()) else {
                return;
            };
            drop(entries);
            // A thread that unbinds the device meanwhile waits here, too: it finds the entry.
            Self::revoke(&device);
            let mut entries = self.entries.lock();
            let is_same = |entry: &Entry<W>| entry.device.id() == device.id();
            let index = entries.list.iter().position(is_same);
            let entry = index.and_then(|index| entries.list.remove(index).ok());
            drop(entries);
            // The drop of the module's value runs without the lock.
            drop(entry);
        }
    }

    /// # Safety
    ///
    /// `watcher` must be the first field of an `Inner`.
    unsafe extern "C" fn close(watcher: *mut c_void) {
        // SAFETY: The caller passes the first field of an `Inner`.
        let this = unsafe { Self::from_raw(watcher) };
        this.entries.lock().is_closed = true;
        this.remove(|_| true);
    }

    /// # Safety
    ///
    /// `watcher` must be the first field of an `Inner` that `watch()` has created, and that no code
    /// uses any more.
    unsafe extern "C" fn free(watcher: *mut c_void) {
        // SAFETY: The caller passes the `Inner`, which is in a box.
        drop(unsafe { KBox::from_raw(watcher.cast::<Self>()) });
    }
}

/// Watches the HID bus, until the module is unloaded. Then the requests to all devices end, and the
/// values of the module are dropped, as if the devices were unbound. No value stands for the
/// registration, because a module could drop it in a request, or while the bus calls the module.
///
/// `module` must be the module that contains the code of `W`. A thread shows the devices that are
/// bound already. When the module's init has succeeded, and before its load returns, all of them
/// are shown.
///
/// # Errors
///
/// - [`EBUSY`]: the module is not in its init.
/// - [`EINVAL`]: the code of `W` is in another module.
/// - [`ENOMEM`].
///
/// # Context
///
/// The init of a module. Sleeps.
pub fn watch<W: Watch>(module: &'static ThisModule) -> Result {
    let inner = KBox::pin_init(Inner::<W>::new(module), GFP_KERNEL)?;
    bpf::init::during_init(module, Inner::<W>::bound as *const c_void, || {
        // SAFETY: The value does not move: `free()` gets the box back.
        let inner = KBox::into_raw(unsafe { Pin::into_inner_unchecked(inner) });
        // SAFETY: The watcher, which is the first field, stays until the helper calls `free()`. The
        // helper refuses a module that goes, so the notifier of its end always sees the watcher.
        let err = unsafe { rust_hid_helper_watch(inner.cast()) };
        if err != 0 {
            // SAFETY: The helper has failed, so no other code uses the watcher.
            drop(unsafe { KBox::from_raw(inner) });
        }
        to_result(err)
    })?
}
