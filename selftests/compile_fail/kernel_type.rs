// SPDX-License-Identifier: GPL-2.0

//! Structs of the kernel in places where the verifier would not guarantee the contract.

use bpf::{
    net::SkBuff,
    prelude::*, //
};
use kernel::{
    fs::File,
    prelude::*,
    task::Task, //
};

kernel_type! {
    struct Inode: inode {
        i_ino: u32, //~ mismatched types | expected `*const u32`, found `*const u64`
    }
}

kernel_type! {
    struct Dentry: dentry {
        d_inode: u64, //~ mismatched types | expected `*const u64`, found `*const *mut inode`
    }
}

kernel_type! {
    struct SuperBlock: super_block {
        s_color: u32, //~ no field `s_color` on type | unknown field
    }
}

kernel_type! {
    #[cfg(any())] //~ Replaced: a struct of the kernel and its fields have doc comments only; put `#[cfg]` on the whole `kernel_type!`
    struct Replaced: task_struct {
        prio: i32,
    }
}

/// A struct of the author in the place of the struct above, with content of any type.
struct Replaced(&'static str);

kernel_type! {
    struct Exported: task_struct {
        #[export_name = "bpf_prio"] //~ prio: a struct of the kernel and its fields have doc comments only; put `#[cfg]` on the whole `kernel_type!`
        prio: i32,
    }
}

#[derive(BtfType)]
#[btf(object, name = "compile_fail_of_a_task")]
struct Thing;

fn thing() -> ARef<Object<Thing>> {
    loop {}
}

/// A type of the module, which programs can make.
struct Own;

#[kfunc] //~ `Own` is no struct of the kernel
fn bpf_own(own: Trusted<'_, Own>) {} //~ `Own` is no struct of the kernel | use a type that `bpf::kernel_type` lists, or declare one with `kernel_type!`

#[kfunc]
fn bpf_borrowed_task(task: &Task) {} //~ bpf_borrowed_task: argument 1 (task): the last reference to a trusted Task may be released already, and safe code could make a new one of `&Task`; take `Trusted<'_, Task>`

#[kfunc]
fn bpf_borrowed_file(file: &File) {} //~ bpf_borrowed_file: argument 1 (file): the last reference to a trusted File may be released already, and safe code could make a new one of `&File`; take `Trusted<'_, File>`

#[kfunc]
fn bpf_counted_file(file: ARef<File>) {} //~ bpf_counted_file: argument 1 (file): the verifier does not distinguish the references that Rust counts from those that other kfuncs count; take `Trusted<'_, File>`

#[kfunc]
fn bpf_raw(cgroup: *mut kernel::bindings::cgroup) {} //~ bpf_raw: argument 1 (cgroup): a raw pointer has no contract; take `&[u8]` or `&Mem` for memory, or `Trusted<'_, T>` for a struct of the kernel (see `bpf::kernel_type`)

#[kfunc]
fn bpf_trusted_beside_rcu(one: RcuPtr<'_, File>, other: Trusted<'_, Task>) {} //~ evaluation of constant value failed | bpf_trusted_beside_rcu: argument 2 (other): if the kfunc has an `RcuPtr` argument, the verifier also accepts RCU pointers for this argument; take `RcuPtr<'_, ...>` for both or for none

#[kfunc]
fn bpf_task_under_rcu(task: RcuPtr<'_, Task>) {} //~ the verifier has no RCU pointers to a `Task` that are always valid

#[kfunc]
fn bpf_object_of_a_task(task: Trusted<'_, Task>) -> ARef<Object<Thing>> { //~ `bpf::prelude::ARef<bpf::Object<Thing>>` cannot report that an argument has no value
    let _ = task;
    thing()
}

#[kfunc]
fn bpf_skb(skb: Trusted<'_, SkBuff>) {}

kfunc_set! {
    pub static ANY = {
        prog_types: [Any],
        kfuncs: [
            bpf_skb, //~ evaluation of constant value failed | ANY: bpf_skb: `Any` contains flow dissectors, whose context is a `struct __sk_buff` but no skb; name the types of programs
        ],
    };
}

// Safe code cannot make a struct of the kernel.
fn forged() -> u32 {
    let raw = bpf::kernel_type::Raw(kernel::types::Opaque::uninit()); //~ tuple struct constructor `Raw` is private
    bpf::net::NetDevice(raw).mtu() //~ tuple struct constructor `NetDevice` is private
}
