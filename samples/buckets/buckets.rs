// SPDX-License-Identifier: GPL-2.0

//! A table of buckets, each behind a lock that a BPF program holds.
//!
//! A program limits what it counts by buckets, which it empties; another program walks the table and
//! fills them again. The verifier knows from the types that a program that holds a bucket unlocks
//! it, and does not sleep meanwhile.
//!
//! `selftests/series/progs/buckets.c` has programs that use all kfuncs, and programs that break
//! each rule.

use bpf::{
    prelude::*,
    StateGuard, //
};
use kernel::prelude::*;

module! {
    type: Buckets,
    name: "buckets",
    description: "A table that BPF programs walk under its locks",
    license: "GPL",
}

/// What is in a bucket.
struct Content {
    /// The largest level.
    limit: u64,
    level: u64,
}

/// A bucket. BPF programs see `struct bpf_bucket_locked` while they hold it.
#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_bucket", lock = content)]
struct Bucket {
    number: u32,
    #[pin]
    content: SleepLock<Content>,
}

/// The places of the table. Its lock is held for a moment only, never by a program.
type Table = ResSpinLock<[Option<ARef<Object<Bucket>>>; 64]>;

static TABLE: ModuleState<Table> = ModuleState::new();

/// Returns the bucket in a place of the table.
fn find(module: &ModuleRef, number: u32) -> Option<ARef<Object<Bucket>>> {
    let table = TABLE.get(module)?;
    table
        .with(|places| places.get(number as usize)?.clone())
        .ok()?
}

/// Makes the bucket @number, which is full. Returns -EEXIST if there is one, and -ERANGE if @number is
/// more than 63.
#[kfunc]
fn bpf_bucket_make(number: u32, limit: u64, module: &ModuleRef) -> Result {
    let bucket = Object::pin_init(try_pin_init!(Bucket {
        number,
        content <- SleepLock::new(Content { limit, level: limit }),
    }? Error))?;
    TABLE.get(module).ok_or(ENODEV)?.with(|places| {
        let place = places.get_mut(number as usize).ok_or(ERANGE)?;
        if place.is_some() {
            return Err(EEXIST);
        }
        *place = Some(bucket);
        Ok(())
    })?
}

/// Removes the bucket @number. A program that holds it keeps it until it unlocks it. Returns false if
/// there is no such bucket.
#[kfunc]
fn bpf_bucket_remove(number: u32, module: &ModuleRef) -> bool {
    let Some(table) = TABLE.get(module) else {
        return false;
    };
    let removed = table.with(|places| places.get_mut(number as usize)?.take());
    // The last reference is dropped when the lock is free again.
    removed.is_ok_and(|bucket| bucket.is_some())
}

/// Locks the bucket @number. Returns NULL if there is none, or if its lock cannot be had.
#[kfunc]
fn bpf_bucket_lock(number: u32, module: &ModuleRef) -> Option<Lock<Bucket>> {
    find(module, number).map(Lock::new)
}

/// Unlocks @bucket.
#[kfunc]
fn bpf_bucket_unlock(bucket: Locked<'_, Bucket>) {
    bucket.unlock();
}

/// Returns the number of @bucket.
#[kfunc]
fn bpf_bucket_number(bucket: &Locked<'_, Bucket>) -> u32 {
    bucket.object().number
}

/// Returns the level of @bucket.
#[kfunc]
fn bpf_bucket_level(bucket: &Locked<'_, Bucket>) -> u64 {
    bucket.level
}

/// Takes @amount from @bucket. Returns false if there is less.
#[kfunc]
fn bpf_bucket_take(bucket: &mut Locked<'_, Bucket>, amount: u64) -> bool {
    let Some(rest) = bucket.level.checked_sub(amount) else {
        return false;
    };
    bucket.level = rest;
    true
}

/// Fills @bucket by @amount, but not above its limit. Returns the level.
#[kfunc]
fn bpf_bucket_fill(bucket: &mut Locked<'_, Bucket>, amount: u64) -> u64 {
    bucket.level = bucket.level.saturating_add(amount).min(bucket.limit);
    bucket.level
}

/// An iterator over the buckets. The program holds each one until it releases it, or asks for the
/// next one.
struct Walk {
    next: u32,
}

#[kfunc_iterator(bucket, release)]
impl Walk {
    /// Begins at place @first of the table.
    fn new(first: u32) -> Result<Self> {
        Ok(Self { next: first })
    }

    fn next(&mut self, module: &ModuleRef) -> Option<Lock<Bucket>> {
        while self.next < 64 {
            let number = self.next;
            self.next = number.wrapping_add(1);
            if let Some(bucket) = find(module, number) {
                return Some(Lock::new(bucket));
            }
        }
        None
    }
}

kfunc_set! {
    /// For programs that may sleep.
    static BUCKETS = {
        prog_types: [Tracing, Lsm, Syscall],
        kfuncs: [
            bpf_bucket_make,
            bpf_bucket_remove,
            bpf_bucket_lock,
            bpf_bucket_unlock,
            bpf_bucket_number,
            bpf_bucket_level,
            bpf_bucket_take,
            bpf_bucket_fill,
            bpf_iter_bucket_new,
            bpf_iter_bucket_next,
            bpf_iter_bucket_release,
            bpf_iter_bucket_destroy,
        ],
    };
}

struct Buckets {
    _table: StateGuard<Table>,
}

impl kernel::Module for Buckets {
    fn init(module: &'static ThisModule) -> Result<Self> {
        BUCKETS.register(module)?;
        Ok(Self {
            _table: TABLE.init(module, ResSpinLock::new([const { None }; 64]))?,
        })
    }
}
