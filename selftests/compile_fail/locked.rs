// SPDX-License-Identifier: GPL-2.0

//! Kfuncs and objects with locks that the crate rejects.

use bpf::{
    locked::ProgramLock,
    prelude::*,
    RdonlyBuf,
    RdonlyBufSize, //
};
use kernel::{
    prelude::*,
    sync::Mutex, //
};

#[derive(BtfType)]
#[btf(object, name = "cf_spot", lock = number)]
struct Spot {
    number: ResSpinLock<u64>,
}

#[kfunc]
fn bpf_cf_same(spot: &mut Locked<'_, Spot>, other: &Locked<'_, Spot>) {} //~ evaluation of constant value failed | bpf_cf_same: argument 1 (spot): the program can pass the same object for two `Locked` arguments, and one of them changes it; take `&Locked<'_, ...>` for both, or change one object in each kfunc

#[kfunc]
fn bpf_cf_unlock_and_read(spot: Locked<'_, Spot>, other: &Locked<'_, Spot>) {} //~ evaluation of constant value failed | bpf_cf_unlock_and_read: argument 1 (spot): the program can pass the same object

#[kfunc]
fn bpf_cf_second(n: u32, spot: Locked<'_, Spot>) {} //~ evaluation of constant value failed | bpf_cf_second: argument 2 (spot): the verifier releases only a reference in the first argument; put it first

#[kfunc(sleepable)]
fn bpf_cf_sleeps(spot: &Locked<'_, Spot>) {} //~ evaluation of constant value failed | bpf_cf_sleeps: argument 1 (spot): a program that holds a lock cannot call a kfunc that may sleep; remove `sleepable`, and do what sleeps in a kfunc without `Locked`

#[kfunc]
fn bpf_cf_static(spot: &'static Locked<'static, Spot>) {} //~ bpf_cf_static: argument 1 (spot): an argument is valid only during the call; remove `'static`

#[kfunc]
fn bpf_cf_held(spot: &Object<Spot>) -> Lock<Spot> { //~ `bpf::Lock<Spot>` means nothing to the BPF verifier as the result of a kfunc
    Lock::new(spot.into())
}

struct Numbers;

#[kfunc_iterator(cf_numbers, release)] //~ evaluation of constant value failed | cf_numbers: `release` is for items that the program holds locked; yield `Lock<T>`, or remove `release`
impl Numbers {
    fn new() -> Result<Self> {
        Ok(Self)
    }

    fn next(&mut self) -> Option<u32> {
        None
    }
}

#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "cf_waits", lock = number)]
struct Waits {
    #[pin]
    number: Mutex<u64>, //~ `kernel::sync::lock::Lock<u64, MutexBackend>` is no lock that a program can hold
}

#[derive(BtfType)]
#[btf(object, name = "cf_nothing", lock = nothing)] //~ Nothing: there is no field `nothing`; name the field that is the lock
struct Nothing {
    number: ResSpinLock<u64>,
}

#[derive(BtfType)]
#[btf(name = "cf_plain", lock = number)]
#[repr(C)]
struct Plain { //~ Plain: only objects have a lock; write `#[btf(object, ...)]`
    number: u64,
}

#[derive(BtfType)]
#[btf(object, name = "cf_spot_locked")] //~ cf_spot_locked: a struct of this name is an object that a program holds locked; choose another ending
struct Spoof;

#[kfunc]
fn bpf_cf_lend<'a>(spot: &'a Locked<'a, Spot>, size: RdonlyBufSize<'a>) -> Option<RdonlyBuf<'a>> { //~ evaluation of constant value failed | bpf_cf_lend: argument 2 (size): the program could use the lent memory when another kfunc changes the value of the lock, or when it has unlocked it; return a copy
    let _ = (spot, size);
    None
}

#[kfunc]
fn bpf_cf_result(key: u32) -> Result<Lock<Spot>> { //~ bpf_cf_result: return type: a program sees by a null that it has no lock; return `Option<Lock<...>>`
    let _ = key;
    Err(ENOENT)
}

#[derive(BtfType)]
#[btf(object, name = "cf_no_lock")]
struct NoLock;

#[kfunc] //~ `NoLock` has no lock that a program can hold
fn bpf_cf_no_lock(key: u32) -> Option<Lock<NoLock>> { //~ `NoLock` has no lock that a program can hold | name the field that is the lock: `#[btf(object, name = "...", lock = field)]`
    let _ = key;
    None //~ `NoLock` has no lock that a program can hold
}

/// Nobody but the crate takes a lock.
fn takes(spot: &Object<Spot>) {
    let _ = spot.number.enter(); //~ call to unsafe function `enter` is unsafe and requires unsafe function or block
}
