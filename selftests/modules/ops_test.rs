// SPDX-License-Identifier: GPL-2.0

//! Tables that BPF programs implement, and kfuncs by which the tests call their members.
//!
//! Each table has an id. The id selects the slot to which the subsystem attaches the table.

use bpf::{
    bpf_helper,
    prelude::*,
    pro_epilogue::{
        Cond,
        Epilogue,
        Helper,
        Input,
        Prologue,
        SCX_BPF_NOW,
        SCX_BPF_NR_CPU_IDS, //
    },
    struct_ops,
    struct_ops::{
        Member,
        MemberProg,
        Ops,
        Slot,
        StructOps,
        StructOpsType, //
    },
    Prog,
    ProgType,
    StateGuard, //
};
use core::ops::Deref;
use kernel::{
    new_mutex,
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        Mutex, //
    },
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

module! {
    type: OpsTest,
    name: "ops_test",
    description: "struct_ops for the BPF selftests",
    license: "GPL",
}

/// The number of tables that can be attached at the same time, each with its own id.
const SLOTS: usize = 4;
const LAST_SLOT: u32 = SLOTS as u32 - 1;

/// An id that `validate()` rejects.
const REFUSED: u32 = 99;

/// An id that `init_member()` rejects.
const FORBIDDEN: u32 = 98;

/// An id that stands for the last slot.
const ANY: u32 = u32::MAX;

/// The number of objects that are not freed yet.
static ALIVE: Atomic<u32> = Atomic::new(0);

/// The object that the kernel passes to members. Programs can read `key`.
#[derive(BtfType)]
#[btf(object, name = "bpf_ops_item")]
struct Item {
    #[btf]
    key: u64,
    /// Programs may write this field.
    #[btf(write)]
    mark: Atomic<u32>,
    /// Programs may only read this field.
    #[btf]
    count: Atomic<u32>,
}

/// The key of the object that was freed last.
static DROPPED: Atomic<u64> = Atomic::new(0);

impl Drop for Item {
    fn drop(&mut self) {
        DROPPED.store(self.key, Relaxed);
        ALIVE.fetch_sub(1, Relaxed);
    }
}

impl Item {
    fn new(key: u64) -> Result<ARef<Object<Item>>> {
        let (mark, count) = (Atomic::new(0), Atomic::new(0));
        // If the allocation fails, dropping the value decrements `ALIVE`.
        ALIVE.fetch_add(1, Relaxed);
        Object::new(Self { key, mark, count })
    }
}

/// A table whose members must not sleep.
#[struct_ops(bpf_test_ops)]
trait TestOps {
    /// Selects the slot.
    #[data]
    fn id(&self) -> u32;

    /// Takes and returns scalars.
    fn add(&self, a: u32, b: u64) -> u64;

    /// Takes an object that the program can read.
    fn key(&self, item: &Object<Item>) -> u64 {
        item.key.wrapping_add(1000)
    }

    /// Takes an object that may be null.
    fn key_or(&self, item: Option<&Object<Item>>, otherwise: u64) -> u64 {
        item.map_or(otherwise.wrapping_add(1000), |item| item.key)
    }

    /// Takes a reference that the program has to release.
    fn consume(&self, item: ARef<Object<Item>>) -> bool {
        drop(item);
        false
    }

    /// Takes a reference that the program may return.
    fn exchange(&self, item: ARef<Object<Item>>) -> Option<ARef<Object<Item>>> {
        Some(item)
    }

    /// Returns a result.
    fn check(&self, value: i32) -> Result<()> {
        let _ = value;
        Ok(())
    }

    /// Returns nothing.
    fn notify(&self, value: i8) {
        let _ = value;
    }

    /// Takes more arguments than BPF has argument registers.
    fn many(&self, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64) -> u64 {
        let _ = (a, b, c, d, e, f);
        0
    }
}

struct Test;

static SLOT: [Slot<TestOpsTable>; SLOTS] = [const { Slot::new() }; SLOTS];

/// The number of successful `reg()` calls minus the number of `unreg()` calls, and the number of
/// successful `update()` calls.
static REGISTERED: Atomic<u32> = Atomic::new(0);
static UPDATED: Atomic<u32> = Atomic::new(0);

fn slot(id: u32) -> Result<&'static Slot<TestOpsTable>> {
    SLOT.get(id as usize).ok_or(EINVAL)
}

impl StructOps for Test {
    type Table = TestOpsTable;
    type Slot = &'static Slot<Self::Table>;

    fn slot(table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        slot(table.id)
    }

    fn reg(ops: &Ops<Self::Table>) -> Result {
        // The programs of the table can already be called in reg().
        if ops.add(1, 1) == 0 {
            return Err(EDOM);
        }
        REGISTERED.fetch_add(1, Relaxed);
        Ok(())
    }

    fn unreg(_ops: &Ops<Self::Table>) {
        REGISTERED.fetch_sub(1, Relaxed);
    }

    fn update(new: &Ops<Self::Table>, old: &Ops<Self::Table>) -> Result {
        if new.add(1, 1) == old.add(1, 1) {
            return Err(EALREADY);
        }
        UPDATED.fetch_add(1, Relaxed);
        Ok(())
    }

    fn validate(table: &Self::Table) -> Result {
        if table.id == REFUSED {
            return Err(ERANGE);
        }
        Ok(())
    }

    fn init_member(member: &Member, value: &mut [u8]) -> Result {
        if member.name != "id" {
            return Err(EINVAL);
        }
        if *value == ANY.to_ne_bytes() {
            value.copy_from_slice(&LAST_SLOT.to_ne_bytes());
        } else if *value == FORBIDDEN.to_ne_bytes() {
            return Err(EXDEV);
        }
        Ok(())
    }

    fn check_member(member: &Member, prog: &Prog) -> Result {
        // The program of a member always has the type struct_ops.
        if member.name == "notify" && !prog.is(ProgType::StructOps) {
            return Err(EINVAL);
        }
        Ok(())
    }
}

static TEST: StructOpsType<Test> = StructOpsType::new();

/// A table with a sleepable member, which cannot be replaced. Its slot is in an object that
/// programs open and close.
#[struct_ops(bpf_test_sleep_ops)]
trait TestSleepOps {
    /// The id of the object.
    #[data]
    fn id(&self) -> u32;

    /// May sleep.
    #[sleepable]
    fn work(&self, value: u32) -> u32;

    /// Must not sleep.
    fn peek(&self, value: u32) -> u32 {
        value
    }
}

/// An object to which a table can be attached.
struct Instance {
    id: u32,
    slot: Slot<TestSleepOpsTable>,
}

/// A reference to an instance, which keeps the instance while its slot is in use.
struct InstanceSlot(Arc<Instance>);

impl Deref for InstanceSlot {
    type Target = Slot<TestSleepOpsTable>;

    fn deref(&self) -> &Self::Target {
        &self.0.slot
    }
}

static INSTANCES: ModuleState<Mutex<KVec<Arc<Instance>>>> = ModuleState::new();

fn instance(id: u32, module: &ModuleRef) -> Result<Arc<Instance>> {
    let instances = INSTANCES.get(module).ok_or(ENODEV)?.lock();
    let mut instances = instances.iter();
    let instance = instances.find(|instance| instance.id == id);
    instance.cloned().ok_or(ENODEV)
}

struct TestSleep;

impl StructOps for TestSleep {
    type Table = TestSleepOpsTable;
    type Slot = InstanceSlot;

    fn slot(table: &Self::Table, module: &ModuleRef) -> Result<Self::Slot> {
        Ok(InstanceSlot(instance(table.id, module)?))
    }

    fn update(_new: &Ops<Self::Table>, _old: &Ops<Self::Table>) -> Result {
        Err(EOPNOTSUPP)
    }
}

static TEST_SLEEP: StructOpsType<TestSleep> = StructOpsType::new();

/// A table whose programs run between a prologue and an epilogue.
#[struct_ops(bpf_test_around_ops)]
trait TestAroundOps {
    /// Has neither prologue nor epilogue.
    fn plain(&self, item: &Object<Item>, value: u32) -> u32;

    /// Has a prologue: the program does not run for a value over 1000.
    fn before(&self, item: &Object<Item>, value: u32) -> u32 {
        let _ = item;
        value
    }

    /// Has an epilogue: the result is at most the key of the item.
    fn after(&self, item: &Object<Item>, value: u32) -> u32 {
        let _ = item;
        value
    }

    /// Has a prologue and an epilogue, and may sleep.
    #[sleepable]
    fn both(&self, item: &Object<Item>, value: u32) -> u32 {
        let _ = item;
        value
    }

    /// Has a prologue and an epilogue that only count.
    fn quiet(&self, value: u32) {
        let _ = value;
    }

    /// Has a prologue and an epilogue that call kfuncs of the kernel.
    fn kfuncs(&self, value: u32) -> u64 {
        u64::from(value)
    }

    /// Has a prologue that is too long.
    fn lengthy(&self, value: u32) -> u32 {
        value
    }

    /// Has a prologue that differs each time the verifier requests it.
    fn fickle(&self, value: u32) -> u32 {
        value
    }

    /// Has an invalid prologue or epilogue. The name of the program selects the error.
    fn broken(&self, item: ARef<Object<Item>>) -> u32 {
        drop(item);
        0
    }
}

/// Counters that the helpers in prologues and epilogues increment.
static BEFORE: Atomic<u32> = Atomic::new(0);
static AFTER: Atomic<u32> = Atomic::new(0);

bpf_helper! {
    /// Returns 0 if the program may run, else the result to return in place of the program's.
    static GATE = fn(item: &Object<Item>, value: u32) -> u32 {
        BEFORE.fetch_add(1, Relaxed);
        if value > 1000 { item.key as u32 } else { 0 }
    };
}

bpf_helper! {
    /// Returns the result of the program, but not more than the key.
    static BOUND = fn(item: &Object<Item>, value: u32, result: u32) -> u32 {
        let _ = value;
        AFTER.fetch_add(1, Relaxed);
        result.min(item.key as u32)
    };
}

bpf_helper! {
    static COUNT_BEFORE = fn() {
        BEFORE.fetch_add(1, Relaxed);
    };
}

bpf_helper! {
    static COUNT_AFTER = fn(value: u32) {
        AFTER.fetch_add(value, Relaxed);
    };
}

/// The number of times the verifier requested a prologue of `fickle`.
static FICKLE: Atomic<u32> = Atomic::new(0);

/// The time of the kernel's clock in the last prologue of `kfuncs`.
static CLOCK: Atomic<u64> = Atomic::new(0);

bpf_helper! {
    static STAMP = fn(now: u64) {
        CLOCK.store(now, Relaxed);
    };
}

bpf_helper! {
    static SUM = fn(a: u64, b: u64) -> u64 {
        a.wrapping_add(b)
    };
}

bpf_helper! {
    /// Not in `HELPERS`, so prologues and epilogues must not call it.
    static STRANGER = fn() {};
}

struct TestAround;

static AROUND_SLOT: Slot<TestAroundOpsTable> = Slot::new();

impl StructOps for TestAround {
    type Table = TestAroundOpsTable;
    type Slot = &'static Slot<Self::Table>;

    const HELPERS: &'static [&'static Helper] =
        &[&GATE, &BOUND, &COUNT_BEFORE, &COUNT_AFTER, &STAMP, &SUM];

    fn prologue(prog: &MemberProg<'_>, code: &mut Prologue<'_>) {
        match prog.member().name {
            "before" | "both" => {
                let result = code.call(&GATE, [Input::Arg(0), Input::Arg(1)]);
                code.exit_unless(result, Cond::Eq, 0, result);
            }
            "quiet" => {
                code.call(&COUNT_BEFORE, []);
            }
            "kfuncs" => {
                let now = code.call(&SCX_BPF_NOW, []);
                code.call(&STAMP, [now.into()]);
                code.exit_unless(now, Cond::Ne, 0, Input::Const(0));
            }
            "fickle" => {
                if FICKLE.fetch_add(1, Relaxed) > 0 {
                    code.call(&COUNT_BEFORE, []);
                }
            }
            "lengthy" => {
                let zero = code.call(&COUNT_BEFORE, []);
                for _ in 0..20 {
                    code.exit_unless(zero, Cond::Eq, 0, Input::Const(1));
                }
            }
            "broken" => match prog.name().to_bytes() {
                b"stranger" => {
                    code.call(&STRANGER, []);
                }
                b"no_argument" => {
                    code.call(&GATE, [Input::Arg(0), Input::Arg(1)]);
                }
                b"no_object" => {
                    code.call(&GATE, [Input::Const(0), Input::Const(0)]);
                }
                b"leaves_ref" => {
                    let result = code.call(&GATE, [Input::Arg(0), Input::Const(0)]);
                    code.exit_unless(result, Cond::Eq, 0, result);
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn epilogue(prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
        match prog.member().name {
            "after" | "both" => {
                let result = code.result();
                let inputs = [Input::Arg(0), Input::Arg(1), result.into()];
                let result = code.call(&BOUND, inputs);
                code.set_result(result);
            }
            "quiet" => {
                code.call(&COUNT_AFTER, [Input::Arg(0)]);
            }
            "kfuncs" => {
                let result = code.result();
                let cpus = code.call(&SCX_BPF_NR_CPU_IDS, []);
                let sum = code.call(&SUM, [result.into(), cpus.into()]);
                code.set_result(sum);
            }
            // The program has released the object before the epilogue.
            "broken" if prog.name().to_bytes() == b"after_release" => {
                code.call(&GATE, [Input::Arg(0), Input::Const(0)]);
            }
            _ => {}
        }
    }

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Ok(&AROUND_SLOT)
    }
}

static TEST_AROUND: StructOpsType<TestAround> = StructOpsType::new();

/// The result of a kfunc if no table is attached.
const NOBODY: u64 = u64::MAX;

fn with(id: u32, call: impl FnOnce(&Ops<TestOpsTable>) -> u64) -> u64 {
    let slot = slot(id);
    slot.ok().and_then(|slot| slot.with(call)).unwrap_or(NOBODY)
}

/// Calls `add` of table @id.
#[kfunc]
fn bpf_ops_test_add(id: u32, a: u32, b: u64) -> u64 {
    with(id, |ops| ops.add(a, b))
}

/// Calls `key` of table @id, with a new object.
#[kfunc]
fn bpf_ops_test_key(id: u32, key: u64) -> u64 {
    let Ok(item) = Item::new(key) else {
        return NOBODY;
    };
    with(id, |ops| ops.key(&item))
}

/// Calls `key_or` of table @id, without an object if @key is 0.
#[kfunc]
fn bpf_ops_test_key_or(id: u32, key: u64, otherwise: u64) -> u64 {
    let item = if key == 0 { None } else { Item::new(key).ok() };
    with(id, |ops| ops.key_or(item.as_deref(), otherwise))
}

/// Calls `consume` of table @id with the only reference to an object.
#[kfunc]
fn bpf_ops_test_consume(id: u32, key: u64) -> u64 {
    let Ok(item) = Item::new(key) else {
        return NOBODY;
    };
    with(id, |ops| u64::from(ops.consume(item)))
}

/// Calls `exchange` of table @id; returns the key of the returned object, or 0.
#[kfunc]
fn bpf_ops_test_exchange(id: u32, key: u64) -> u64 {
    let Ok(item) = Item::new(key) else {
        return NOBODY;
    };
    with(id, |ops| ops.exchange(item).map_or(0, |item| item.key))
}

/// Calls `check` of table @id; returns 0 or a positive error number.
#[kfunc]
fn bpf_ops_test_check(id: u32, value: i32) -> u64 {
    with(id, |ops| match ops.check(value) {
        Ok(()) => 0,
        Err(err) => u64::from(err.to_errno().unsigned_abs()),
    })
}

/// Calls `notify` of table @id.
#[kfunc]
fn bpf_ops_test_notify(id: u32, value: i8) -> u64 {
    with(id, |ops| {
        ops.notify(value);
        0
    })
}

/// Calls `many` of table @id with 1, 2, 3 and so on.
#[kfunc]
fn bpf_ops_test_many(id: u32) -> u64 {
    with(id, |ops| ops.many(1, 2, 3, 4, 5, 6))
}

/// Calls `key` of table @id; returns the value that the program wrote to the item's `mark`.
#[kfunc]
fn bpf_ops_test_mark(id: u32, key: u64) -> u64 {
    let Ok(item) = Item::new(key) else {
        return NOBODY;
    };
    with(id, |ops| {
        ops.key(&item);
        u64::from(item.mark.load(Relaxed))
    })
}

/// Makes an instance with @id, to which a table can be attached.
#[kfunc(sleepable)]
fn bpf_ops_test_open(id: u32, module: &ModuleRef) -> Result<()> {
    let slot = Slot::new();
    let instance = Arc::new(Instance { id, slot }, GFP_KERNEL)?;
    let instances = INSTANCES.get(module).ok_or(ENODEV)?;
    instances.lock().push(instance, GFP_KERNEL)?;
    Ok(())
}

/// Removes the instance with @id and releases the module's reference to it.
#[kfunc(sleepable)]
fn bpf_ops_test_close(id: u32, module: &ModuleRef) -> Result<()> {
    let instance = {
        let mut instances = INSTANCES.get(module).ok_or(ENODEV)?.lock();
        let index = instances.iter().position(|instance| instance.id == id);
        instances.remove(index.ok_or(ENODEV)?)?
    };
    drop(instance);
    Ok(())
}

/// Calls `work` of the table that is attached to the instance with @id.
#[kfunc(sleepable)]
fn bpf_ops_test_work(id: u32, value: u32, module: &ModuleRef) -> u64 {
    let ops = instance(id, module)
        .ok()
        .and_then(|instance| instance.slot.get());
    ops.map_or(NOBODY, |ops| u64::from(ops.work(value)))
}

/// Returns the number of registered tables (`reg()` minus `unreg()` calls) and, in the upper half,
/// the number of successful `update()` calls.
#[kfunc]
fn bpf_ops_test_registered() -> u64 {
    u64::from(UPDATED.load(Relaxed)) << 32 | u64::from(REGISTERED.load(Relaxed))
}

/// Returns the time in the last prologue of `kfuncs`.
#[kfunc]
fn bpf_ops_test_clock() -> u64 {
    CLOCK.load(Relaxed)
}

/// Calls a member of the table with prologues and epilogues, with an item that has @key: 0 for
/// `plain`, 1 for `before`, 2 for `after`, 3 for `both`, 4 for `kfuncs`, 5 for `fickle`, 6 for
/// `quiet`.
#[kfunc(sleepable)]
fn bpf_ops_test_around(member: u32, key: u64, value: u32) -> u64 {
    let (Ok(item), Some(ops)) = (Item::new(key), AROUND_SLOT.get()) else {
        return NOBODY;
    };
    u64::from(match member {
        0 => ops.plain(&item, value),
        1 => ops.before(&item, value),
        2 => ops.after(&item, value),
        3 => ops.both(&item, value),
        4 => return ops.kfuncs(value),
        5 => ops.fickle(value),
        _ => {
            ops.quiet(value);
            0
        }
    })
}

/// Returns the counter of the prologues, in the upper half, and the counter of the epilogues; sets
/// both to 0.
#[kfunc]
fn bpf_ops_test_counts() -> u64 {
    let (before, after) = (BEFORE.xchg(0, Relaxed), AFTER.xchg(0, Relaxed));
    u64::from(before) << 32 | u64::from(after)
}

/// Returns the number of objects that are not freed.
#[kfunc]
fn bpf_ops_test_alive() -> u32 {
    ALIVE.load(Relaxed)
}

/// Releases @item, waits longer than a grace period, and returns the key of @other; returns 0 if
/// @other was freed.
#[kfunc(sleepable)]
fn bpf_ops_item_replace(item: ARef<Object<Item>>, other: &Object<Item>) -> u64 {
    drop(item);
    fsleep(Delta::from_millis(200));
    if DROPPED.load(Relaxed) == other.key {
        return 0;
    }
    other.key
}

/// Releases a reference.
#[kfunc]
fn bpf_ops_item_release(item: ARef<Object<Item>>) {
    drop(item);
}

/// Makes an object.
#[kfunc]
fn bpf_ops_item_new(key: u64) -> Option<ARef<Object<Item>>> {
    Item::new(key).ok()
}

/// Sleeps for 200 ms, longer than a grace period.
#[kfunc(sleepable)]
fn bpf_ops_test_sleep() {
    fsleep(Delta::from_millis(200));
}

kfunc_set! {
    static CALLS = {
        prog_types: [Syscall],
        kfuncs: [
            bpf_ops_test_add,
            bpf_ops_test_key,
            bpf_ops_test_key_or,
            bpf_ops_test_consume,
            bpf_ops_test_exchange,
            bpf_ops_test_check,
            bpf_ops_test_notify,
            bpf_ops_test_many,
            bpf_ops_test_mark,
            bpf_ops_test_open,
            bpf_ops_test_close,
            bpf_ops_test_work,
            bpf_ops_test_registered,
            bpf_ops_test_clock,
            bpf_ops_test_around,
            bpf_ops_test_counts,
            bpf_ops_test_alive,
            bpf_ops_test_sleep,
        ],
    };
}

/// Calls `add` of the table in the first slot, from a program that implements it.
#[kfunc]
fn bpf_ops_add_again(a: u32, b: u64) -> u64 {
    SLOT.first()
        .and_then(|slot| slot.with(|ops| ops.add(a, b)))
        .unwrap_or(0)
}

kfunc_set! {
    static ITEMS = {
        prog_types: [StructOps],
        kfuncs: [
            bpf_ops_item_release,
            bpf_ops_item_new,
            bpf_ops_item_replace,
            bpf_ops_add_again,
        ],
    };
}

struct OpsTest {
    _instances: StateGuard<Mutex<KVec<Arc<Instance>>>>,
}

impl kernel::Module for OpsTest {
    fn init(module: &'static ThisModule) -> Result<Self> {
        TEST.register(module)?;
        TEST_SLEEP.register(module)?;
        TEST_AROUND.register(module)?;
        CALLS.register(module)?;
        ITEMS.register(module)?;
        let instances = new_mutex!(KVec::new());
        Ok(Self {
            _instances: INSTANCES.init(module, instances)?,
        })
    }
}
