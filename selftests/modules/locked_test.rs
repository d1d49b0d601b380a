// SPDX-License-Identifier: GPL-2.0

//! Kfuncs between which programs hold locks of each kind.

use bpf::{
    locked::RcuLock,
    mm::VmaWalk,
    prelude::*,
    StateGuard, //
};
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    task::Task, //
};

module! {
    type: LockedTest,
    name: "locked_test",
    description: "Locks that programs hold for the BPF selftests",
    license: "GPL",
}

/// The number of spots that are not dropped.
static ALIVE: Atomic<u32> = Atomic::new(0);

/// A number behind a lock that does not sleep.
#[derive(BtfType)]
#[btf(object, name = "bpf_lktest_spot", lock = number)]
struct Spot {
    number: ResSpinLock<u64>,
}

impl Drop for Spot {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
    }
}

/// An object whose lock is the RCU read side.
#[derive(BtfType)]
#[btf(object, name = "bpf_lktest_reader", lock = rcu)]
struct Reader {
    rcu: RcuLock,
}

struct State {
    spots: ResSpinLock<[Option<ARef<Object<Spot>>>; 8]>,
    reader: ARef<Object<Reader>>,
    walk: ResSpinLock<Option<VmaWalk>>,
}

static STATE: ModuleState<State> = ModuleState::new();

fn find(module: &ModuleRef, key: u64) -> Option<ARef<Object<Spot>>> {
    let state = STATE.get(module)?;
    let spots = &state.spots;
    spots.with(|spots| spots.get(key as usize)?.clone()).ok()?
}

#[kfunc]
fn bpf_lktest_spot_make(key: u64, module: &ModuleRef) -> Result {
    let spot = Object::new(Spot {
        number: ResSpinLock::new(0),
    })?;
    ALIVE.fetch_add(1, Relaxed);
    STATE.get(module).ok_or(ENODEV)?.spots.with(|spots| {
        *spots.get_mut(key as usize).ok_or(ERANGE)? = Some(spot);
        Ok(())
    })?
}

/// Removes the spot @key, which may be held.
#[kfunc]
fn bpf_lktest_spot_remove(key: u64, module: &ModuleRef) -> bool {
    let Some(state) = STATE.get(module) else {
        return false;
    };
    let removed = state
        .spots
        .with(|spots| spots.get_mut(key as usize)?.take());
    removed.is_ok_and(|spot| spot.is_some())
}

#[kfunc]
fn bpf_lktest_spots_alive() -> u32 {
    ALIVE.load(Relaxed)
}

#[kfunc]
fn bpf_lktest_spot_lock(key: u64, module: &ModuleRef) -> Option<Lock<Spot>> {
    find(module, key).map(Lock::new)
}

/// Unlocks @spot. Returns the number in it.
#[kfunc]
fn bpf_lktest_spot_unlock(spot: Locked<'_, Spot>) -> u64 {
    *spot
}

/// Forgets @spot, which is unlocked nevertheless.
#[kfunc]
fn bpf_lktest_spot_forget(spot: Locked<'_, Spot>) {
    #[allow(clippy::forget_non_drop)]
    core::mem::forget(spot);
}

#[kfunc]
fn bpf_lktest_spot_add(spot: &mut Locked<'_, Spot>, value: u64) -> u64 {
    **spot = spot.wrapping_add(value);
    **spot
}

/// Doubles the number in @spot. The types of the locks differ, so they are two objects.
#[kfunc]
fn bpf_lktest_spot_double(spot: &mut Locked<'_, Spot>, _reader: &Locked<'_, Reader>) -> u64 {
    **spot = spot.wrapping_mul(2);
    **spot
}

/// Returns whether @spot and @other hold the same number.
#[kfunc]
fn bpf_lktest_spot_equals(spot: &Locked<'_, Spot>, other: &Locked<'_, Spot>) -> bool {
    **spot == **other
}

/// Reads the number in the spot @key, under its lock.
#[kfunc]
fn bpf_lktest_spot_read(key: u64, module: &ModuleRef) -> Result<u32> {
    let spot = find(module, key).ok_or(ENOENT)?;
    spot.number.with(|number| *number as u32)
}

/// An iterator over all spots, which the program holds one after the other.
struct Spots(u64);

#[kfunc_iterator(lktest_spots, release)]
impl Spots {
    fn new() -> Result<Self> {
        Ok(Self(0))
    }

    fn next(&mut self, module: &ModuleRef) -> Option<Lock<Spot>> {
        while self.0 < 8 {
            let key = self.0;
            self.0 = key.wrapping_add(1);
            if let Some(spot) = find(module, key) {
                return Some(Lock::new(spot));
            }
        }
        None
    }
}

#[kfunc]
fn bpf_lktest_reader_lock(module: &ModuleRef) -> Option<Lock<Reader>> {
    Some(Lock::new(STATE.get(module)?.reader.clone()))
}

#[kfunc]
fn bpf_lktest_reader_unlock(reader: Locked<'_, Reader>) {
    reader.unlock();
}

/// Programs call it under RCU only.
#[kfunc]
fn bpf_lktest_under_rcu(_rcu: &rcu::Guard) -> u32 {
    1
}

/// Begins a walk over the areas of @task, which the module keeps.
#[kfunc]
fn bpf_lktest_walk_begin(task: Trusted<'_, Task>, module: &ModuleRef) -> Result {
    let walk = VmaWalk::new(&task, 0).ok_or(ESRCH)?;
    let state = STATE.get(module).ok_or(ENODEV)?;
    let last = state.walk.with(|kept| kept.replace(walk))?;
    last.map_or(Ok(()), |_| Err(EBUSY))
}

/// Drops the walk, in any context. Returns whether there was one.
#[kfunc]
fn bpf_lktest_walk_end(module: &ModuleRef) -> bool {
    let walk = STATE.get(module).map(|state| state.walk.with(Option::take));
    matches!(walk, Some(Ok(Some(_))))
}

kfunc_set! {
    static LOCKED = {
        prog_types: [Any],
        kfuncs: [
            bpf_lktest_spot_make,
            bpf_lktest_spot_remove,
            bpf_lktest_spots_alive,
            bpf_lktest_spot_lock,
            bpf_lktest_spot_unlock,
            bpf_lktest_spot_forget,
            bpf_lktest_spot_add,
            bpf_lktest_spot_double,
            bpf_lktest_spot_equals,
            bpf_lktest_spot_read,
            bpf_iter_lktest_spots_new,
            bpf_iter_lktest_spots_next,
            bpf_iter_lktest_spots_release,
            bpf_iter_lktest_spots_destroy,
            bpf_lktest_reader_lock,
            bpf_lktest_reader_unlock,
            bpf_lktest_under_rcu,
            bpf_lktest_walk_begin,
            bpf_lktest_walk_end,
        ],
    };
}

struct LockedTest {
    _state: StateGuard<State>,
}

impl kernel::Module for LockedTest {
    fn init(module: &'static ThisModule) -> Result<Self> {
        LOCKED.register(module)?;
        let state = State {
            spots: ResSpinLock::new([const { None }; 8]),
            reader: Object::new(Reader { rcu: RcuLock })?,
            walk: ResSpinLock::new(None),
        };
        Ok(Self {
            _state: STATE.init(module, state)?,
        })
    }
}
