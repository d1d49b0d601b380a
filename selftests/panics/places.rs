// SPDX-License-Identifier: GPL-2.0

//! Panics in all kinds of places, and the entry points that reach them.

use bpf::{
    bpf_helper,
    prelude::*,
    struct_ops,
    struct_ops::Slot, //
};
use kernel::prelude::*;

#[inline(never)]
fn helper(number: u32) -> u32 {
    number + 1 //~ an addition can overflow | reached from: kfunc `bpf_first`, kfunc `bpf_second`
}

#[kfunc]
fn bpf_first(number: u32) -> u32 {
    helper(number) ^ 1
}

#[kfunc]
fn bpf_second(number: u32) -> u32 {
    helper(number) ^ 2
}

fn inlined(number: u32) -> u32 {
    number + 2 //~ an addition can overflow | reached from: kfunc `bpf_inlined`
}

#[kfunc]
fn bpf_inlined(number: u32) -> u32 {
    inlined(number)
}

/// A generic function.
#[inline(never)]
fn add<T: core::ops::Add<Output = T>>(a: T, b: T) -> T {
    a + b //~ an addition can overflow | kfunc `bpf_generic`
}

#[kfunc]
fn bpf_generic(number: u32) -> u32 {
    add(number, number)
}

/// A closure that the core crate calls.
#[kfunc]
fn bpf_closure(data: &mut [u8]) -> Result {
    data.sort_unstable_by_key(|byte| { //~ this calls `core::slice::sort::unstable::ipnsort`, which can panic
        *byte + 1 //~ an addition can overflow
    });
    Ok(())
}

struct Numbers {
    next: u32,
    last: u32,
}

#[kfunc_iterator(panics)]
impl Numbers {
    fn new(first: u32, count: u32) -> Result<Self> {
        Ok(Self {
            next: first,
            last: first + count, //~ an addition can overflow | reached from: `new` of iterator `panics`
        })
    }

    fn next(&mut self) -> Option<u32> {
        self.next += 1; //~ an addition can overflow | reached from: `next` of iterator `panics`
        (self.next < self.last).then_some(self.next)
    }
}

impl Drop for Numbers {
    fn drop(&mut self) {
        self.last -= 1; //~ a subtraction can overflow | `destroy` of iterator `panics`
    }
}

bpf_helper! {
    /// A function that a prologue calls.
    pub static NATIVE = fn(number: u64) -> u64 {
        number + 1 //~ an addition can overflow | helper `places::NATIVE`
    };
}

/// A table of functions.
#[struct_ops(bpf_panics_ops)]
pub trait PanicsOps {
    /// A member with a default body.
    fn member(&self, number: u32) -> u32 {
        number + 3 //~ an addition can overflow | reached from: kfunc `bpf_default`
    }
}

static SLOT: Slot<PanicsOpsTable> = Slot::new();

#[kfunc]
fn bpf_default(number: u32) -> u32 {
    SLOT.with(|ops| ops.member(number)).unwrap_or(0)
}

#[derive(BtfType)]
#[btf(object, name = "bpf_panics_thing")]
struct Thing {
    #[btf]
    id: u32,
    count: u32,
}

impl Drop for Thing {
    // `Object::new()` also drops the value if there is no memory.
    #[inline(never)]
    fn drop(&mut self) {
        self.count = self.id + self.count; //~ an addition can overflow | RCU callback that drops an object of `places::Thing`
    }
}

#[kfunc]
fn bpf_thing_new(id: u32) -> Option<ARef<Object<Thing>>> {
    Object::new(Thing { id, count: 1 }).ok()
}

#[kfunc]
fn bpf_thing_put(thing: ARef<Object<Thing>>) {
    drop(thing);
}

/// A trait object.
trait Shape {
    fn area(&self) -> u32;
}

struct Square(u32);

impl Shape for Square {
    fn area(&self) -> u32 {
        self.0 * self.0 //~ a multiplication can overflow
    }
}

#[inline(never)]
fn area(shape: &dyn Shape) -> u32 {
    shape.area()
}

#[kfunc]
fn bpf_area(side: u32) -> u32 {
    area(&Square(side))
}

/// A table of functions of another crate.
static TABLE: [fn(Option<u32>) -> u32; 2] = [
    Option::unwrap_or_default,
    Option::unwrap,
];

#[kfunc]
fn bpf_table(index: u8, number: u32) -> u32 {
    let number = number.checked_sub(1);
    match TABLE.get(usize::from(index)) {
        Some(function) => function(number), //~ `unwrap()` can be called on `None` | kfunc `bpf_table`
        None => 0,
    }
}

/// A function behind a stub.
#[traceable]
fn example_traced(number: u32) -> u32 {
    number + 4 //~ an addition can overflow | reached from: `example_traced`, kfunc `bpf_traced`
}

#[traceable]
#[kfunc]
fn bpf_traced(number: u32) -> u32 {
    example_traced(number) + 5 //~ an addition can overflow | reached from: kfunc `bpf_traced`
}

/// Nothing calls the function.
#[traceable]
fn example_alone(number: u32) -> u32 {
    number + 6 //~ an addition can overflow
}
