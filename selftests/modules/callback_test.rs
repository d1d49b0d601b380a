// SPDX-License-Identifier: GPL-2.0

//! Kfuncs that call functions of programs later.

use bpf::{
    callback::{
        Callback,
        Kept,
        Lent,
        Scheduled,
        Sleepable, //
    },
    prelude::*,
    timer::{
        Expiry,
        Softirq,
        TimedInSoftirq,
        Timer, //
    },
    work,
    StateGuard, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    task::Task,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

module! {
    type: CallbackTest,
    name: "callback_test",
    description: "Callbacks for the BPF selftests",
    license: "GPL",
}

static LOCK: ResSpinLock<()> = ResSpinLock::new(());

/// The number of values that are not dropped.
static VALUES: Atomic<u32> = Atomic::new(0);

/// The number of callbacks that are not dropped.
static CALLBACKS: Atomic<u32> = Atomic::new(0);

#[derive(BtfType)]
#[btf(object, name = "bpf_cbtest_value")]
struct Value {
    number: u32,
}

impl Drop for Value {
    fn drop(&mut self) {
        VALUES.fetch_sub(1, Relaxed);
    }
}

type Numbers = fn(bool, u8, i16, u32, i64) -> i32;
type Give = fn(ARef<Object<Value>>, Option<ARef<Object<Value>>>) -> u32;
type Lend = fn(Lent<Value>, Option<Lent<Value>>) -> u32;

/// The callbacks, one for each prototype.
enum Kind {
    Numbers(Scheduled<Numbers, Sleepable>),
    Later(Scheduled<fn(u32) -> u32>),
    Sleep(Scheduled<fn(u32) -> u32, Sleepable>),
    Give(Scheduled<Give, Sleepable>),
    Lend(Scheduled<Lend>),
    /// Called under a lock first, where it must not sleep.
    Locked(Scheduled<fn(u32) -> u32, Sleepable>),
    /// No callback: the thread of the queue sleeps for this number of milliseconds.
    Block(u32),
}

/// Counts the callbacks that are not dropped.
struct Counted;

impl Counted {
    fn new() -> Self {
        CALLBACKS.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        CALLBACKS.fetch_sub(1, Relaxed);
    }
}

#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_cbtest_later")]
struct Later {
    kind: Kind,
    counted: Counted,
    #[pin]
    status: work::Status,
}

impl Later {
    fn start(kind: Kind, module: &ModuleRef) -> Option<ARef<Object<Self>>> {
        let counted = Counted::new();
        let later = pin_init!(Self { kind, counted, status <- work::Status::new() });
        QUEUE.get(module)?.start(later).ok()
    }
}

impl work::Work for Later {
    fn run(self: &Object<Self>, running: &work::Running) {
        let call = || {
            Ok(match &self.kind {
                Kind::Numbers(numbers) => numbers.call(running)? as u32,
                Kind::Later(later) => later.call(running)?,
                Kind::Sleep(sleep) => sleep.call(running)?,
                Kind::Give(give) => give.call(running)?,
                Kind::Lend(lend) => lend.call(running)?,
                Kind::Locked(locked) => match LOCK.with(|()| locked.call(running))? {
                    Err(EAGAIN) => locked.call(running)?,
                    _ => 0,
                },
                Kind::Block(milliseconds) => {
                    fsleep(Delta::from_millis(i64::from(*milliseconds)));
                    0
                }
            })
        };
        let _ = self.status.finish(running, call);
    }

    fn skipped(self: &Object<Self>) {
        self.status.skip();
    }
}

static QUEUE: ModuleState<work::Queue<Later>> = ModuleState::new();

/// Creates a value.
#[kfunc]
fn bpf_cbtest_value_new(number: u32) -> Option<ARef<Object<Value>>> {
    VALUES.fetch_add(1, Relaxed);
    // If the allocation fails, the value is dropped as well.
    Object::new(Value { number }).ok()
}

#[kfunc]
fn bpf_cbtest_value_get(value: &Object<Value>) -> u32 {
    value.number
}

#[kfunc]
fn bpf_cbtest_value_release(value: ARef<Object<Value>>) {
    drop(value);
}

/// The smallest or largest number of each type.
#[kfunc]
fn bpf_cbtest_numbers(
    owner: &Map,
    callback: Callback<'_, Numbers, Sleepable>,
    module: &ModuleRef,
) -> Option<ARef<Object<Later>>> {
    let args = (true, u8::MAX, i16::MIN, u32::MAX, i64::MIN);
    Later::start(Kind::Numbers(callback.schedule(owner, args).ok()?), module)
}

#[kfunc]
fn bpf_cbtest_later(
    owner: &Map,
    callback: Callback<'_, fn(u32) -> u32>,
    number: u32,
    module: &ModuleRef,
) -> Option<ARef<Object<Later>>> {
    let later = callback.schedule(owner, (number,)).ok()?;
    Later::start(Kind::Later(later), module)
}

/// Returns the error of `schedule()`.
#[kfunc]
fn bpf_cbtest_error(owner: &Map, callback: Callback<'_, fn(u32) -> u32>) -> Result<()> {
    callback.schedule(owner, (0,)).map(drop)
}

#[kfunc]
fn bpf_cbtest_sleep(
    owner: &Map,
    callback: Callback<'_, fn(u32) -> u32, Sleepable>,
    number: u32,
    module: &ModuleRef,
) -> Option<ARef<Object<Later>>> {
    let sleep = callback.schedule(owner, (number,)).ok()?;
    Later::start(Kind::Sleep(sleep), module)
}

/// @task calls @callback before it returns to user mode.
#[kfunc]
fn bpf_cbtest_in_task(
    task: Trusted<'_, Task>,
    owner: &Map,
    callback: Callback<'_, fn(u32) -> u32, Sleepable>,
    number: u32,
) -> Option<ARef<Object<Later>>> {
    let task = task.try_get()?;
    let kind = Kind::Sleep(callback.schedule(owner, (number,)).ok()?);
    let counted = Counted::new();
    let later = pin_init!(Later { kind, counted, status <- work::Status::new() });
    work::start_in_task(task, later).ok()
}

#[kfunc]
fn bpf_cbtest_locked(
    owner: &Map,
    callback: Callback<'_, fn(u32) -> u32, Sleepable>,
    number: u32,
    module: &ModuleRef,
) -> Option<ARef<Object<Later>>> {
    let locked = callback.schedule(owner, (number,)).ok()?;
    Later::start(Kind::Locked(locked), module)
}

/// The callback owns `value`, and a second reference to it if its number is odd, otherwise null.
#[kfunc]
fn bpf_cbtest_give(
    value: ARef<Object<Value>>,
    owner: &Map,
    callback: Callback<'_, Give, Sleepable>,
    module: &ModuleRef,
) -> Option<ARef<Object<Later>>> {
    let second = (value.number & 1 == 1).then(|| value.clone());
    let give = callback.schedule(owner, (value, second)).ok()?;
    Later::start(Kind::Give(give), module)
}

/// The kernel keeps `value` until the callback has returned.
#[kfunc]
fn bpf_cbtest_lend(
    value: ARef<Object<Value>>,
    owner: &Map,
    callback: Callback<'_, Lend>,
    module: &ModuleRef,
) -> Option<ARef<Object<Later>>> {
    let args = (Lent(value.clone()), Some(Lent(value)));
    Later::start(Kind::Lend(callback.schedule(owner, args).ok()?), module)
}

#[kfunc]
fn bpf_cbtest_block(milliseconds: u32, module: &ModuleRef) -> Option<ARef<Object<Later>>> {
    Later::start(Kind::Block(milliseconds), module)
}

/// Sleeps.
#[kfunc(sleepable)]
fn bpf_cbtest_nap(milliseconds: u32) {
    fsleep(Delta::from_millis(i64::from(milliseconds)));
}

#[kfunc(sleepable)]
fn bpf_cbtest_wait(later: &Object<Later>, milliseconds: u32) -> Result<u32> {
    later.status.wait(milliseconds)
}

#[kfunc]
fn bpf_cbtest_cancel(later: &Object<Later>) -> bool {
    match &later.kind {
        Kind::Numbers(numbers) => numbers.cancel(),
        Kind::Later(later) => later.cancel(),
        Kind::Sleep(sleep) => sleep.cancel(),
        Kind::Give(give) => give.cancel(),
        Kind::Lend(lend) => lend.cancel(),
        Kind::Locked(locked) => locked.cancel(),
        Kind::Block(_) => false,
    }
}

#[kfunc]
fn bpf_cbtest_release(later: ARef<Object<Later>>) {
    drop(later);
}

/// Calls a callback in softirqs.
#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_cbtest_soon")]
struct Soon {
    callback: Kept<fn(u32) -> u32>,
    counted: Counted,
    #[pin]
    timer: Timer,
    result: Atomic<u32>,
}

impl TimedInSoftirq for Soon {
    fn timer(&self) -> &Timer {
        &self.timer
    }

    fn expire(self: &Object<Self>, softirq: &Softirq) {
        match self.callback.call(softirq, (self.result.load(Relaxed),)) {
            Ok(result) => self.result.store(result, Relaxed),
            Err(_) => drop(self.timer.cancel()),
        }
    }
}

/// Calls @callback in a softirq, with 0 first and then with its result, each @period of nanoseconds,
/// or once if it is 0.
#[kfunc]
fn bpf_cbtest_soon(
    owner: &Map,
    callback: Callback<'_, fn(u32) -> u32>,
    period: u64,
) -> Option<ARef<Object<Soon>>> {
    let callback = callback.keep(owner).ok()?;
    let counted = Counted::new();
    let soon = Object::pin_init(pin_init!(Soon {
        callback,
        counted,
        timer <- Timer::in_softirq(period, 0),
        result: Atomic::new(0),
    }))
    .ok()?;
    Timer::start_in_softirq(&soon, Expiry::After(period)).ok()?;
    Some(soon)
}

/// Waits for a call that runs.
#[kfunc(sleepable)]
fn bpf_cbtest_soon_end(soon: &Object<Soon>) -> Result<u32> {
    soon.timer.cancel_and_wait(1000)?;
    Ok(soon.result.load(Relaxed))
}

#[kfunc]
fn bpf_cbtest_soon_release(soon: ARef<Object<Soon>>) {
    drop(soon);
}

/// A value whose initialization fails behind that of its timer.
#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_cbtest_failed")]
struct Failed {
    #[pin]
    timer: Timer,
    number: u32,
}

/// Drops a timer that was not started, in any context.
#[kfunc]
fn bpf_cbtest_fail_timer() -> Result<()> {
    let failed = try_pin_init!(Failed {
        timer <- Timer::new(0, 0),
        number: Err(ENOENT)?,
    }? Error);
    Object::pin_init(failed).map(drop)
}

/// The number of values that live.
#[kfunc]
fn bpf_cbtest_values() -> u32 {
    VALUES.load(Relaxed)
}

/// The number of callbacks that live.
#[kfunc]
fn bpf_cbtest_count() -> u32 {
    CALLBACKS.load(Relaxed)
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Syscall, Tracing, SchedCls],
        kfuncs: [
            bpf_cbtest_value_new,
            bpf_cbtest_value_get,
            bpf_cbtest_value_release,
            bpf_cbtest_numbers,
            bpf_cbtest_later,
            bpf_cbtest_error,
            bpf_cbtest_sleep,
            bpf_cbtest_in_task,
            bpf_cbtest_locked,
            bpf_cbtest_give,
            bpf_cbtest_lend,
            bpf_cbtest_block,
            bpf_cbtest_nap,
            bpf_cbtest_wait,
            bpf_cbtest_cancel,
            bpf_cbtest_release,
            bpf_cbtest_soon,
            bpf_cbtest_soon_end,
            bpf_cbtest_soon_release,
            bpf_cbtest_fail_timer,
            bpf_cbtest_values,
            bpf_cbtest_count,
        ],
    };
}

struct CallbackTest {
    _queue: StateGuard<work::Queue<Later>>,
}

impl kernel::Module for CallbackTest {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        Ok(Self {
            _queue: QUEUE.init(module, work::Queue::new(256)?)?,
        })
    }
}
