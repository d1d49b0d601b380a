// SPDX-License-Identifier: GPL-2.0

//! Resources that go away while kfuncs that sleep use them.
//!
//! A device can be unbound at any time: in the middle of a kfunc, and while programs and maps hold
//! references to the object that stands for the device. The resource of the device, its registers
//! for example, must then not be used any more.
//!
//! The kernel crate has [`Revocable`](kernel::revocable::Revocable), and
//! [`Devres`](kernel::devres::Devres), which revokes it when a device is unbound. A user of a
//! `Revocable` is in an RCU read-side critical section and must not sleep. A [`Sleepable`] is for
//! users that sleep: they have access in a closure, and the revocation waits for the closures that
//! run.
//!
//! # A driver
//!
//! A driver puts both together. The object for programs has a `Sleepable`. The driver's data is a
//! `Devres<Revoke>`: `Devres` drops the `Revoke` when the device is unbound, and the `Drop` of
//! `Revoke` revokes the `Sleepable`. `samples/slow_regs` is the whole driver.
//!
//! ```
//! # use bpf::{prelude::*, revocable::Sleepable};
//! # use kernel::{device::Core, devres::Devres, new_mutex, platform, prelude::*, sync::Mutex};
//! /// A device. A program can hold the object longer than the device is bound.
//! #[pin_data]
//! #[derive(BtfType)]
//! #[btf(object, name = "bpf_slow_regs", registry = 8)]
//! struct Regs {
//!     #[pin]
//!     io: Sleepable<Mutex<[u32; 16]>>,
//! }
//!
//! /// Reads a register.
//! #[kfunc(sleepable)]
//! fn bpf_slow_regs_read(regs: &Object<Regs>, index: u32) -> Result<u32> {
//!     // `ENODEV` after the unbind. The closure may sleep.
//!     regs.io
//!         .access(|io| io.lock().get(index as usize).copied().ok_or(EINVAL))?
//! }
//!
//! /// What the driver keeps while a device is bound. Its drop ends the access of programs.
//! struct Revoke(ARef<Object<Regs>>);
//!
//! impl Drop for Revoke {
//!     fn drop(&mut self) {
//!         self.0.leave();
//!         // It fails only in an access, and no access unbinds the device.
//!         let _ = self.0.io.revoke();
//!     }
//! }
//!
//! struct Driver;
//!
//! impl platform::Driver for Driver {
//!     type IdInfo = ();
//!     type Data<'bound> = Devres<Revoke>;
//!
//!     fn probe<'bound>(
//!         device: &'bound platform::Device<Core<'_>>,
//!         _info: Option<&'bound ()>,
//!     ) -> impl PinInit<Devres<Revoke>, Error> + 'bound {
//!         let regs = Object::pin_init(pin_init!(Regs {
//!             io <- Sleepable::new(new_mutex!([0; 16])),
//!         }))?;
//!         regs.enter(0)?;
//!         // If this fails, it drops the `Revoke`.
//!         Devres::new(device.as_ref(), Revoke(regs))
//!     }
//! }
//! ```
//!
//! The kernel calls the driver's `unbind()` before it drops the driver's data. A driver that turns
//! the device off in `unbind()` calls [`revoke`](Sleepable::revoke) there, before that.
//!
//! # What this module does not do
//!
//! - It does not interrupt a user. A closure must end after a bounded time, because the thread that
//!   unbinds the device waits for it.
//! - It does not let a thread use two resources at a time: a program that runs in a closure could
//!   make the closure of one device wait for another device.
//! - It does not exclude users from each other: put a `Mutex` into the resource.
//! - It does not revoke by itself. A resource that nobody has revoked is dropped with its owner. If
//!   the owner is an [`Object`](crate::Object), this is in an RCU callback, where the `Drop` of the
//!   resource must not sleep.
//!
//! C: `rust/helpers/revoke.c`.

#[cfg(not(kernel_has_EILSEQ))]
use crate::compat::EDEADLK;
use crate::helpers::{
    rust_bpf_helper_gate_close,
    rust_bpf_helper_gate_enter,
    rust_bpf_helper_gate_gone,
    rust_bpf_helper_gate_init,
    rust_bpf_helper_gate_is_closed,
    rust_bpf_helper_gate_leave,
    Gate,
    GateUser, //
};
use core::{
    convert::Infallible,
    mem::MaybeUninit, //
};
use kernel::{
    error::to_result,
    prelude::*,
    sync::atomic::{
        Acquire,
        Atomic,
        Release, //
    },
    types::Opaque, //
};
use pin_init::Wrapper;

/// A resource that users access in closures that may sleep, until it is revoked.
///
/// # Invariants
///
/// While `exists` is true, `data` is initialized. Only the thread to which the gate gave the right
/// to drop the resource sets it to false.
#[pin_data(PinnedDrop)]
pub struct Sleepable<T> {
    #[pin]
    gate: Opaque<Gate>,
    exists: Atomic<bool>,
    #[pin]
    data: Opaque<T>,
}

// SAFETY: The gate can be used on all CPUs. The `T`, which is `Send`, may be dropped by any thread.
unsafe impl<T: Send> Send for Sleepable<T> {}

// SAFETY: All users share the `T`, which is `Sync`, and any thread may drop it by `revoke()`.
unsafe impl<T: Send + Sync> Sync for Sleepable<T> {}

impl<T> Sleepable<T> {
    /// Creates a resource, which is not revoked.
    pub fn new<E: From<Infallible>>(data: impl PinInit<T, E>) -> impl PinInit<Self, E> {
        // INVARIANT: The initializer initializes `data`, or fails.
        try_pin_init!(Self {
            gate <- Opaque::ffi_init(|slot| {
                // SAFETY: `slot` is valid for writes, and does not move.
                unsafe { rust_bpf_helper_gate_init(slot) }
            }),
            exists: Atomic::new(true),
            data <- Opaque::pin_init(data),
        }? E)
    }

    /// Calls `f` with the resource. The resource is not revoked before `f` returns. Returns the
    /// result of `f`.
    ///
    /// # Errors
    ///
    /// - [`ENODEV`]: the resource is revoked.
    /// - [`EDEADLK`]: this thread has access to this or another `Sleepable` already, is in an
    ///   interrupt or has interrupts off.
    ///
    /// # Context
    ///
    /// A thread. If `f` sleeps, the caller must be `sleepable`.
    pub fn access<R>(&self, f: impl FnOnce(&T) -> R) -> Result<R> {
        let mut user = MaybeUninit::<GateUser>::uninit();
        // SAFETY: The gate is initialized. `user` does not move, and leaves the gate below.
        to_result(unsafe { rust_bpf_helper_gate_enter(self.gate.get(), user.as_mut_ptr()) })?;
        // SAFETY: This thread is in the gate, which was not closed. So `exists` stays true until
        // the thread leaves, and by the type invariants `data` is initialized.
        let result = f(unsafe { &*self.data.get() });
        // SAFETY: This thread has entered the gate with `user`.
        unsafe { rust_bpf_helper_gate_leave(self.gate.get(), user.as_mut_ptr()) };
        Ok(result)
    }

    /// Returns whether the resource is being revoked. A closure that waits for other users, for a
    /// lock for example, asks when its wait has ended, so that the revocation does not wait for
    /// each of them.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn is_revoked(&self) -> bool {
        // SAFETY: The gate is initialized.
        unsafe { rust_bpf_helper_gate_is_closed(self.gate.get()) }
    }

    /// Revokes the resource: closures do not begin any more. Waits for the closures that run, and
    /// then drops the resource. Returns after the resource is dropped, also if another thread has
    /// revoked it.
    ///
    /// # Errors
    ///
    /// [`EDEADLK`]: this thread is in a closure of this or another `Sleepable`, or drops the
    /// resource. Closures do not begin any more, but the resource is dropped only with the
    /// `Sleepable`.
    ///
    /// # Context
    ///
    /// May sleep. The `Drop` of a resource must not revoke another resource whose `Drop` revokes
    /// this one.
    pub fn revoke(&self) -> Result {
        self.close(false)
    }

    /// As [`revoke`](Self::revoke), but also waits if this thread is in a closure of another
    /// `Sleepable`. For resources that must not be used after this. Two threads that do so could
    /// wait for each other.
    #[doc(hidden)]
    pub fn revoke_in_any_case(&self) -> Result {
        self.close(true)
    }

    fn close(&self, must_wait: bool) -> Result {
        // SAFETY: The gate is initialized.
        match unsafe { rust_bpf_helper_gate_close(self.gate.get(), must_wait) } {
            0 => Ok(()),
            1 => {
                // No other thread has the right to drop the resource.
                self.exists.store(false, Release);
                // SAFETY: By the type invariants, `data` is initialized. No thread is in the gate,
                // and none enters it any more.
                unsafe { self.data.get().drop_in_place() };
                // SAFETY: The gate has given this thread the right to drop the resource.
                unsafe { rust_bpf_helper_gate_gone(self.gate.get()) };
                Ok(())
            }
            _ => Err(EDEADLK),
        }
    }
}

#[pinned_drop]
impl<T> PinnedDrop for Sleepable<T> {
    fn drop(self: Pin<&mut Self>) {
        if self.exists.load(Acquire) {
            // SAFETY: By the type invariants, `data` is initialized. This is its only user.
            unsafe { self.data.get().drop_in_place() };
        }
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_revocable)]
mod tests {
    use super::*;
    use kernel::{
        sync::{
            atomic::Relaxed,
            Arc, //
        },
        time::{
            delay::fsleep,
            Delta, //
        },
        workqueue, //
    };

    /// The number of resources that were dropped.
    static DROPS: Atomic<u32> = Atomic::new(0);

    struct Resource(u32);

    impl Drop for Resource {
        fn drop(&mut self) {
            DROPS.add(1, Relaxed);
        }
    }

    fn resource() -> Result<Arc<Sleepable<Resource>>> {
        DROPS.store(0, Relaxed);
        Arc::pin_init(Sleepable::new(Resource(7)), GFP_KERNEL)
    }

    #[test]
    fn a_revoked_resource_is_dropped_once_and_not_accessible() -> Result {
        let resource = resource()?;
        assert_eq!(resource.access(|resource| resource.0), Ok(7));
        assert!(!resource.is_revoked());
        resource.revoke()?;
        assert!(resource.is_revoked());
        assert_eq!(DROPS.load(Relaxed), 1);
        assert_eq!(resource.access(|resource| resource.0), Err(ENODEV));
        resource.revoke()?;
        drop(resource);
        assert_eq!(DROPS.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn a_resource_that_is_not_revoked_is_dropped_with_its_owner() -> Result {
        drop(resource()?);
        assert_eq!(DROPS.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn a_thread_has_access_once() -> Result {
        let resource = resource()?;
        let again = resource.access(|_| resource.access(|resource| resource.0));
        assert_eq!(again, Ok(Err(EDEADLK)));
        let other = Arc::pin_init(Sleepable::new(0), GFP_KERNEL)?;
        let other = resource.access(|_| other.access(|value| *value));
        assert_eq!(other, Ok(Err(EDEADLK)));
        assert_eq!(resource.access(|resource| resource.0), Ok(7));
        Ok(())
    }

    #[test]
    fn a_user_revokes_no_other_resource() -> Result {
        let resource = resource()?;
        let other = Arc::pin_init(Sleepable::new(0), GFP_KERNEL)?;
        let inside = other.access(|_| resource.revoke());
        assert_eq!(inside, Ok(Err(EDEADLK)));
        assert_eq!(resource.access(|resource| resource.0), Err(ENODEV));
        assert_eq!(DROPS.load(Relaxed), 0);
        resource.revoke()?;
        assert_eq!(DROPS.load(Relaxed), 1);
        Ok(())
    }

    #[test]
    fn a_revocation_by_a_user_does_not_wait() -> Result {
        let resource = resource()?;
        let inside = resource.access(|value| (value.0, resource.revoke(), DROPS.load(Relaxed)));
        assert_eq!(inside, Ok((7, Err(EDEADLK), 0)));
        assert_eq!(resource.access(|resource| resource.0), Err(ENODEV));
        drop(resource);
        assert_eq!(DROPS.load(Relaxed), 1);
        Ok(())
    }

    /// Whether the thread of `hold` has begun, and whether it has ended.
    static BEGUN: Atomic<u32> = Atomic::new(0);
    static ENDED: Atomic<u32> = Atomic::new(0);

    /// Lets another thread have access to a resource for a time. A short name: the symbol of the
    /// closure has it several times.
    fn hold(resource: Arc<Sleepable<Resource>>) -> Result {
        let spawned = workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
            let _ = resource.access(|_| {
                BEGUN.store(1, Relaxed);
                fsleep(Delta::from_millis(100));
                ENDED.store(1, Relaxed);
            });
        });
        spawned.map_err(|_| ENOMEM)
    }

    #[test]
    fn a_revocation_waits_for_other_threads() -> Result {
        BEGUN.store(0, Relaxed);
        ENDED.store(0, Relaxed);
        let resource = resource()?;
        hold(resource.clone())?;
        while BEGUN.load(Relaxed) == 0 {
            fsleep(Delta::from_millis(1));
        }
        resource.revoke()?;
        assert_eq!((ENDED.load(Relaxed), DROPS.load(Relaxed)), (1, 1));
        Ok(())
    }
}
