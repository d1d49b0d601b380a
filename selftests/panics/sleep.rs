// SPDX-License-Identifier: GPL-2.0

//! Calls that may sleep, in kfuncs and other functions that must not sleep, and in functions that
//! may.

use bpf::{
    bpf_helper,
    prelude::*,
    revocable::Sleepable,
    struct_ops,
    struct_ops::Slot,
    work, //
};
use kernel::{
    prelude::*,
    revocable::Revocable,
    sync::{
        Completion,
        CondVar,
        Mutex, //
    },
    task,
    time::{
        delay::fsleep,
        Delta, //
    },
    uaccess::{
        UserPtr,
        UserSlice, //
    },
    xarray::XArray, //
};

struct Shared {
    value: Pin<KBox<Mutex<u32>>>,
    changed: Pin<KBox<CondVar>>,
    ended: Pin<KBox<Completion>>,
    resource: Pin<KBox<Revocable<u32>>>,
}

static SHARED: ModuleState<Shared> = ModuleState::new();

#[kfunc]
fn bpf_sleep_lock(module: &ModuleRef) -> Result<u32> {
    Ok(*SHARED.get(module).ok_or(ENODEV)?.value.lock()) //~ Lock<u32, kernel::sync::lock::mutex::MutexBackend>>::lock`, which may sleep (`mutex_lock`), but the kfunc is not `sleepable` | reached from: kfunc `bpf_sleep_lock`
}

#[kfunc]
fn bpf_sleep_try_lock(module: &ModuleRef) -> Result<u32> {
    let shared = SHARED.get(module).ok_or(ENODEV)?;
    let value = *shared.value.try_lock().ok_or(EBUSY)?; //~ which may sleep (`mutex_trylock`), but the kfunc is not `sleepable`
    Ok(value)
}

#[inline(never)]
fn wait(shared: &Shared) -> u32 {
    let mut value = shared.value.lock(); //~ which may sleep (`mutex_lock`) | write: `#[kfunc(sleepable)]`, so that only programs that may sleep call it; or `bpf::ResSpinLock`
    shared.changed.wait(&mut value); //~ this calls `<kernel::sync::condvar::CondVar>::wait`, which may sleep | reached from: kfunc `bpf_sleep_wait`
    *value
}

#[kfunc]
fn bpf_sleep_wait(module: &ModuleRef) -> Result<u32> {
    Ok(wait(SHARED.get(module).ok_or(ENODEV)?))
}

/// The same, in a kfunc that may sleep.
#[kfunc(sleepable)]
fn bpf_sleep_wait_sleepable(module: &ModuleRef) -> Result<u32> {
    Ok(wait(SHARED.get(module).ok_or(ENODEV)?))
}

#[kfunc]
fn bpf_sleep_completion(module: &ModuleRef) -> Result {
    SHARED.get(module).ok_or(ENODEV)?.ended.wait_for_completion(); //~ Completion>::wait_for_completion`, which may sleep (`wait_for_completion`) | write: `#[kfunc(sleepable)]`, so that only programs that may sleep call it; or a work
    Ok(())
}

#[kfunc]
fn bpf_sleep_time() {
    fsleep(Delta::from_millis(1)); //~ this calls `kernel::time::delay::fsleep`, which may sleep (`fsleep`) | kfunc `bpf_sleep_time`
}

#[kfunc]
fn bpf_sleep_grace_period(module: &ModuleRef) -> Result {
    SHARED.get(module).ok_or(ENODEV)?.resource.revoke(); //~ this calls `<kernel::revocable::Revocable<u32>>::revoke`, which may sleep (`synchronize_rcu`)
    Ok(())
}

#[kfunc]
fn bpf_sleep_might() {
    task::might_sleep(); //~ this calls `kernel::task::might_sleep`, which may sleep (`might_resched`)
}

#[kfunc]
fn bpf_sleep_user(address: u64) -> Result<u32> {
    let mut bytes = [0; 4];
    let from = UserSlice::new(UserPtr::from_addr(address as usize), 4);
    from.reader().read_slice(&mut bytes)?; //~ UserSliceReader>::read_slice`, which may sleep (`copy_from_user`) | `&[u8]`
    Ok(u32::from_ne_bytes(bytes))
}

#[kfunc]
fn bpf_sleep_memory(number: u32) -> Result<u32> {
    let number = KBox::new(number, GFP_KERNEL)?; //~ which may sleep (`GFP_KERNEL`), but the kfunc is not `sleepable` | `Object::new()`
    Ok(*core::hint::black_box(number))
}

#[kfunc]
fn bpf_sleep_vector(number: u32) -> Result<u32> {
    let mut numbers = KVec::new();
    numbers.push(number, GFP_KERNEL)?; //~ Vec<u32, kernel::alloc::allocator::Kmalloc>>::push`, which may sleep (`GFP_KERNEL`)
    core::hint::black_box(&numbers).first().copied().ok_or(EINVAL)
}

static MAP: ModuleState<XArray<KBox<u32>>> = ModuleState::new();

#[kfunc]
fn bpf_sleep_map(module: &ModuleRef) -> Result {
    let map = MAP.get(module).ok_or(ENODEV)?;
    let mut map = map.try_lock().ok_or(EBUSY)?; //~ a kfunc turns preemption or interrupts off
    let number = KBox::new(1, GFP_ATOMIC)?;
    map.store(0, number, GFP_KERNEL)?; //~ kernel::xarray::Guard<kernel::alloc::kbox::Box<u32, kernel::alloc::allocator::Kmalloc>>>::store`, which may sleep (`GFP_KERNEL`)
    Ok(())
}

#[kfunc]
fn bpf_sleep_other_memory(number: u32) -> Result<u32> {
    let number = KBox::new(number, GFP_ATOMIC)?;
    Ok(*core::hint::black_box(number))
}

#[kfunc]
fn bpf_sleep_virtual_memory(number: u32) -> Result<u32> {
    let number = VBox::new(number, GFP_ATOMIC)?; //~ which may sleep (`vrealloc_node_align`)
    Ok(*core::hint::black_box(&*number))
} //~ this drops a `kernel::alloc::kbox::Box<u32, kernel::alloc::allocator::Vmalloc>`, which may sleep (`vrealloc_node_align`)

/// An object.
#[pin_data(PinnedDrop)]
#[derive(BtfType)]
#[btf(object, name = "bpf_sleep_thing")]
struct Thing {
    #[pin]
    status: work::Status,
    #[pin]
    resource: Sleepable<u32>,
    #[pin]
    lock: Mutex<u32>,
    device: hid::Device,
    /// An RCU callback may free the memory.
    memory: VVec<u64>,
}

#[pinned_drop]
impl PinnedDrop for Thing {
    fn drop(self: Pin<&mut Self>) {
        *self.lock.lock() = 1; //~ which may sleep (`mutex_lock`), but the caller must not sleep | reached from: RCU callback that drops an object of `sleep::Thing`
    }
}

#[kfunc]
fn bpf_sleep_poll(thing: &Object<Thing>) -> Result<u32> {
    thing.status.poll()
}

#[kfunc]
fn bpf_sleep_status(thing: &Object<Thing>) -> Result<u32> {
    thing.status.wait(1) //~ this calls `<bpf::work::status::Status>::wait`, which may sleep (`wait_for_completion_interruptible_timeout`)
}

#[kfunc(sleepable)]
fn bpf_sleep_status_sleepable(thing: &Object<Thing>) -> Result<u32> {
    thing.status.wait(1)
}

#[kfunc]
fn bpf_sleep_access(thing: &Object<Thing>) -> Result<u32> {
    thing.resource.access(|number| *number)
}

#[kfunc]
fn bpf_sleep_access_lock(thing: &Object<Thing>) -> Result<u32> {
    thing.resource.access(|number| {
        *thing.lock.lock() ^ number //~ which may sleep (`mutex_lock`) | kfunc `bpf_sleep_access_lock`
    })
}

#[kfunc]
fn bpf_sleep_revoke(thing: &Object<Thing>) -> Result {
    thing.resource.revoke() //~ this calls `<bpf::revocable::Sleepable<u32>>::revoke`, which may sleep (`schedule`)
}

#[kfunc]
fn bpf_sleep_report_len(thing: &Object<Thing>) -> Result<u32> {
    Ok(thing.device.report_len(hid::ReportType::Input, 1)? as u32)
}

#[kfunc]
fn bpf_sleep_report(thing: &Object<Thing>, report: &mut [u8]) -> Result<u32> {
    Ok(thing.device.get_report(hid::ReportType::Input, report)? as u32) //~ this calls `<hid::device::Device>::get_report`, which may sleep
}

#[kfunc]
fn bpf_sleep_release(thing: ARef<Object<Thing>>) {
    drop(thing);
}

/// A function behind a stub, which a program that may sleep can trace.
#[traceable(fmod_ret, sleepable)] //~ which may sleep (`might_resched`) | kfunc `bpf_sleep_traced`
fn example_sleep(number: u32) -> Result {
    let _ = number;
    Ok(())
}

#[traceable]
#[kfunc]
fn bpf_sleep_traced(number: u32) -> Result {
    example_sleep(number)
}

/// A table of functions.
#[struct_ops(bpf_sleep_ops)]
pub trait SleepOps {
    /// The program of this member may sleep.
    #[sleepable]
    fn sleeps(&self, number: u32) -> u32; //~ this calls `kernel::task::might_sleep`, which may sleep | reached from: kfunc `bpf_sleep_member`

    /// The program of this member must not sleep.
    fn runs(&self, number: u32) -> u32;
}

static SLOT: Slot<SleepOpsTable> = Slot::new();

#[kfunc]
fn bpf_sleep_member(number: u32) -> u32 {
    let Some(ops) = SLOT.get() else { return 0 };
    ops.runs(ops.sleeps(number))
}

struct Numbers(u32);

#[kfunc_iterator(sleep)]
impl Numbers {
    fn new(first: u32) -> Result<Self> {
        fsleep(Delta::from_millis(1)); //~ but the iterator is not `sleepable` | reached from: `new` of iterator `sleep`
        Ok(Self(first))
    }

    fn next(&mut self) -> Option<u32> {
        fsleep(Delta::from_millis(1)); //~ but the iterator is not `sleepable` | write: `#[kfunc_iterator(..., sleepable)]`
        self.0.checked_sub(1)
    }
}

impl Drop for Numbers {
    // The compiler calls it in several places.
    #[inline(never)]
    fn drop(&mut self) {
        fsleep(Delta::from_millis(1)); //~ but the iterator is not `sleepable` | reached from: `destroy` of iterator `sleep`
        self.0 = 0;
    }
}

struct Sleepers(u32);

#[kfunc_iterator(sleepers, sleepable)]
impl Sleepers {
    fn new(first: u32) -> Result<Self> {
        fsleep(Delta::from_millis(1));
        Ok(Self(first))
    }

    fn next(&mut self) -> Option<u32> {
        fsleep(Delta::from_millis(1));
        self.0.checked_sub(1)
    }
}

impl Drop for Sleepers {
    fn drop(&mut self) {
        fsleep(Delta::from_millis(1));
    }
}

bpf_helper! {
    /// A function that a prologue calls.
    pub static SLEEPER = fn(number: u64) -> u64 {
        fsleep(Delta::from_millis(1)); //~ but the caller must not sleep | reached from: helper `sleep::SLEEPER`
        number
    };
}

/// A work. It may sleep, and the kfunc that starts the work does not.
#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_sleep_work")]
struct Work {
    #[pin]
    status: work::Status,
}

impl work::Work for Work {
    fn run(self: &Object<Self>, running: &work::Running) {
        fsleep(Delta::from_millis(1));
        let _ = self.status.finish(running, || Ok(1));
    }
}

static QUEUE: ModuleState<work::Queue<Work>> = ModuleState::new();

#[kfunc]
fn bpf_sleep_start(module: &ModuleRef) -> Option<ARef<Object<Work>>> {
    let work = pin_init!(Work { status <- work::Status::new() });
    QUEUE.get(module)?.start(work).ok()
}

#[kfunc]
fn bpf_sleep_work_release(work: ARef<Object<Work>>) {
    drop(work);
}

/// The name of a function for programs, but no kfunc.
#[no_mangle]
pub extern "C" fn bpf_sleep_no_kfunc() {
    fsleep(Delta::from_millis(2));
}

/// No program reaches this code.
pub struct Driver;

impl Driver {
    /// A function that only the kernel calls.
    #[inline(never)]
    pub fn run(lock: &Mutex<u32>) -> u32 {
        bpf_sleep_no_kfunc();
        helper();
        *lock.lock()
    }
}

/// A function that is no helper of a prologue.
#[inline(never)]
fn helper() {
    fsleep(Delta::from_millis(1));
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall],
        kfuncs: [
            bpf_sleep_lock,
            bpf_sleep_try_lock,
            bpf_sleep_wait,
            bpf_sleep_wait_sleepable,
            bpf_sleep_completion,
            bpf_sleep_time,
            bpf_sleep_grace_period,
            bpf_sleep_might,
            bpf_sleep_user,
            bpf_sleep_memory,
            bpf_sleep_vector,
            bpf_sleep_map,
            bpf_sleep_other_memory,
            bpf_sleep_virtual_memory,
            bpf_sleep_poll,
            bpf_sleep_status,
            bpf_sleep_status_sleepable,
            bpf_sleep_access,
            bpf_sleep_access_lock,
            bpf_sleep_revoke,
            bpf_sleep_report_len,
            bpf_sleep_report,
            bpf_sleep_release,
            bpf_sleep_traced,
            bpf_sleep_member,
            bpf_iter_sleep_new,
            bpf_iter_sleep_next,
            bpf_iter_sleep_destroy,
            bpf_iter_sleepers_new,
            bpf_iter_sleepers_next,
            bpf_iter_sleepers_destroy,
            bpf_sleep_start,
            bpf_sleep_work_release,
        ],
        fmod_ret: [example_sleep],
    };
}
