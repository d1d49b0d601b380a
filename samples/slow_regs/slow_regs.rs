// SPDX-License-Identifier: GPL-2.0

//! A driver that offers its slow registers to BPF programs.
//!
//! A program finds a device by its number, and reads and writes registers. An access sleeps, as on an
//! I2C bus. The device can be unbound at any time; later accesses return `ENODEV`. The registers are
//! simulated, so the driver takes any platform device that user space binds to it.

use bpf::{
    prelude::*,
    revocable::Sleepable, //
};
use kernel::{
    device::Core,
    devres::Devres,
    new_mutex,
    platform,
    prelude::*,
    sync::Mutex,
    time, //
};

module! {
    type: SlowRegs,
    name: "slow_regs",
    description: "Rust sample: slow registers of a device for BPF programs",
    license: "GPL",
}

/// A device. A program can hold the object longer than the device is bound.
#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_slow_regs", registry = 8)]
struct Regs {
    /// Register 0 is the time of an access in milliseconds.
    #[pin]
    io: Sleepable<Mutex<[u32; 16]>>,
}

impl Regs {
    /// Calls `f` with a register, one caller after the other. Only one of them delays an unbind, for
    /// at most a second.
    fn with<R>(&self, index: u32, f: impl FnOnce(&mut u32) -> R) -> Result<R> {
        self.io.access(|io| {
            let mut registers = io.lock();
            if self.io.is_revoked() {
                return Err(ENODEV);
            }
            let [milliseconds, ..] = *registers;
            let register = registers.get_mut(index as usize).ok_or(EINVAL)?;
            time::delay::fsleep(time::Delta::from_millis(milliseconds.clamp(1, 1000).into()));
            Ok(f(register))
        })?
    }
}

/// Returns a reference to the device with @number. Returns null if no device has the number.
#[kfunc]
fn bpf_slow_regs_find(number: u32) -> Option<ARef<Object<Regs>>> {
    Object::find_get(number.into())
}

/// Releases a reference.
#[kfunc]
fn bpf_slow_regs_release(regs: ARef<Object<Regs>>) {
    drop(regs);
}

/// Returns the value of register @index, EINVAL if there is none, or ENODEV after the unbind.
#[kfunc(sleepable)]
fn bpf_slow_regs_read(regs: &Object<Regs>, index: u32) -> Result<u32> {
    regs.with(index, |register| *register)
}

/// Sets register @index to @value. Returns 0, or the errors of bpf_slow_regs_read().
#[kfunc(sleepable)]
fn bpf_slow_regs_write(regs: &Object<Regs>, index: u32, value: u32) -> Result<()> {
    regs.with(index, |register| *register = value)
}

/// Sets the bits of @mask in register @index to those of @value, in one access. Returns the old
/// value, or the errors of bpf_slow_regs_read().
#[kfunc(sleepable)]
fn bpf_slow_regs_update(regs: &Object<Regs>, index: u32, mask: u32, value: u32) -> Result<u32> {
    regs.with(index, |register| {
        core::mem::replace(register, *register & !mask | value & mask)
    })
}

kfunc_set! {
    /// For tracing programs of all types, and for programs that user space runs.
    static KFUNCS = {
        prog_types: [Tracing, Syscall],
        kfuncs: [
            bpf_slow_regs_find,
            bpf_slow_regs_release,
            bpf_slow_regs_read,
            bpf_slow_regs_write,
            bpf_slow_regs_update,
        ],
    };
}

/// What the driver keeps while a device is bound. Its drop ends the access of programs.
struct Revoke(ARef<Object<Regs>>);

impl Drop for Revoke {
    fn drop(&mut self) {
        self.0.leave();
        // It fails only in an access, and no access unbinds the device.
        let _ = self.0.io.revoke();
    }
}

struct Driver;

impl platform::Driver for Driver {
    type IdInfo = ();
    type Data<'bound> = Devres<Revoke>;

    fn probe<'bound>(
        device: &'bound platform::Device<Core<'_>>,
        _info: Option<&'bound ()>,
    ) -> impl PinInit<Devres<Revoke>, Error> + 'bound {
        let regs = Object::pin_init(pin_init!(Regs {
            io <- Sleepable::new(new_mutex!([1; 16])),
        }))?;
        // The lowest number that no other device has.
        let number = (0..8).find(|&number| regs.enter(number).is_ok());
        let number = number.ok_or(ENOSPC)?;
        dev_info!(device, "BPF programs find the device as number {number}\n");
        Devres::new(device.as_ref(), Revoke(regs))
    }
}

#[pin_data]
struct SlowRegs {
    #[pin]
    _driver: kernel::driver::Registration<platform::Adapter<Driver>>,
}

impl kernel::InPlaceModule for SlowRegs {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _: { KFUNCS.register(module)? },
            _driver <- kernel::driver::Registration::new(c"slow_regs", module),
        })
    }
}
