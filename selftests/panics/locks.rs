// SPDX-License-Identifier: GPL-2.0

//! Locks that a kfunc may take, and locks and clocks for which a kfunc must not wait: the calling
//! program may have interrupted the code that holds the lock or that updates the clock.

use bpf::{
    prelude::*,
    ResSpinLock, //
};
use kernel::{
    fs::LocalFile,
    interrupt::local_interrupt_disable,
    prelude::*,
    sync::SpinLock,
    time::{
        Instant,
        Monotonic, //
    },
    xarray::XArray, //
};

static WAITS: ModuleState<SpinLock<u32>> = ModuleState::new();
static FAILS: ResSpinLock<u32> = ResSpinLock::new(0);

#[inline(never)]
fn read(lock: &SpinLock<u32>) -> u32 {
    *lock.lock() //~ a kfunc waits for a spinlock | kfunc `bpf_waits`
}

#[kfunc]
fn bpf_waits(module: &ModuleRef) -> Result<u32> {
    Ok(read(WAITS.get(module).ok_or(ENODEV)?))
}

#[kfunc(sleepable)]
fn bpf_waits_directly(module: &ModuleRef) -> Result {
    *WAITS.get(module).ok_or(ENODEV)?.lock() = 1; //~ a kfunc waits for a spinlock | write: `bpf::ResSpinLock`
    Ok(())
}

#[kfunc]
fn bpf_tries(module: &ModuleRef) -> Result {
    let lock = WAITS.get(module).ok_or(ENODEV)?;
    core::mem::forget(lock.try_lock()); //~ a kfunc turns preemption or interrupts off, and they stay off if it forgets the guard
    Ok(())
}

#[kfunc]
fn bpf_reads_for_ever() {
    core::mem::forget(rcu::read_lock()); //~ a kfunc enters an RCU read-side critical section, and stays in it if it forgets the guard
}

#[kfunc]
fn bpf_reads() -> u32 {
    with_rcu(|_| 1)
}

/// Also where the program may sleep.
#[kfunc(sleepable)]
fn bpf_keeps_the_memory() {
    if let Some(mm) = current!().mm() {
        core::mem::forget(mm.mmap_read_lock()); //~ a kfunc takes a lock with a guard, and keeps the lock if it forgets the guard | `bpf::mm::VmaWalk`
    }
}

#[kfunc]
fn bpf_keeps_an_area(address: u64) {
    if let Some(mm) = current!().mm() {
        core::mem::forget(mm.lock_vma_under_rcu(address as usize)); //~ a kfunc takes a lock with a guard
    }
}

#[kfunc(sleepable)]
fn bpf_opens(number: u32) -> Result<u32> {
    let file = LocalFile::fget(number)?; //~ a kfunc looks at the open files of the task, and a task that exits has none
    Ok(file.flags())
}

#[kfunc]
fn bpf_turns_interrupts_off() {
    core::mem::forget(local_interrupt_disable()); //~ a kfunc turns preemption or interrupts off | write: `bpf::ResSpinLock`
}

#[kfunc]
fn bpf_fails() -> Result<u32> {
    FAILS.with(|value| *value)
}

#[kfunc]
fn bpf_reads_a_clock() {
    core::hint::black_box(Instant::<Monotonic>::now()); //~ a kfunc waits for the update of a clock | write: a parameter for the time
}

/// Its destructor runs in an RCU callback, which may interrupt the code that holds the lock.
#[derive(BtfType)]
#[btf(object, name = "bpf_locks_thing")]
struct Thing {
    lock: Pin<KBox<SpinLock<u32>>>,
}

impl Drop for Thing {
    fn drop(&mut self) {
        *self.lock.lock() = 1; //~ a kfunc waits for a spinlock | RCU callback that drops an object of `locks::Thing`
    }
}

#[kfunc]
fn bpf_locks_release(thing: ARef<Object<Thing>>) {
    drop(thing);
}

static MAP: ModuleState<XArray<KBox<u32>>> = ModuleState::new();

#[kfunc]
fn bpf_locks_a_map(module: &ModuleRef) -> Result<u32> {
    let guard = MAP.get(module).ok_or(ENODEV)?.lock(); //~ a kfunc waits for a spinlock | kfunc `bpf_locks_a_map`
    Ok(guard.get(0).map_or(0, |value| *value))
}

/// No kfunc reaches this code.
pub struct Driver;

impl Driver {
    /// A function that only the kernel calls.
    #[inline(never)]
    pub fn run(lock: &SpinLock<u32>) -> u32 {
        *lock.lock()
    }
}
