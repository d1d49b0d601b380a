// SPDX-License-Identifier: GPL-2.0

//! Prologues and epilogues that call kfuncs of the module, for `selftests/series`.

use bpf::{
    bpf_helper,
    module_kfunc,
    prelude::*,
    pro_epilogue::{
        Cond,
        Epilogue,
        Helper,
        Input,
        Prologue, //
    },
    struct_ops,
    struct_ops::{
        MemberProg,
        Slot,
        StructOps,
        StructOpsType, //
    }, //
};
use kernel::prelude::*;

module! {
    type: OpsKfunc,
    name: "ops_kfunc",
    description: "Kfuncs in prologues for the BPF selftests",
    license: "GPL",
}

/// The object that the members get.
#[derive(BtfType)]
#[btf(object, name = "bpf_opkf_item")]
struct Item {
    #[btf]
    limit: u32,
}

/// A table whose members differ in their prologues and epilogues only.
#[struct_ops(bpf_opkf_ops)]
trait OpkfOps {
    /// Calls kfuncs.
    fn kfuncs(&self, item: &Object<Item>, value: u32) -> u32 {
        value
    }

    /// Calls a kfunc that returns an error number, too.
    fn admits(&self, item: &Object<Item>, value: u32) -> u32 {
        value
    }

    /// Calls helpers that do the same.
    fn helpers(&self, item: &Object<Item>, value: u32) -> u32 {
        value
    }
}

/// Returns whether @value is small enough for @item. Programs call it, too.
#[kfunc]
fn bpf_opkf_fits(item: &Object<Item>, value: u32) -> u32 {
    u32::from(value <= item.limit)
}

/// Returns -EPERM if @value is 13.
#[kfunc]
fn bpf_opkf_admit(value: u32) -> Result {
    if value == 13 {
        return Err(EPERM);
    }
    Ok(())
}

/// Doubles @value.
#[kfunc]
fn bpf_opkf_double(value: u32) -> u32 {
    value.wrapping_mul(2)
}

module_kfunc! {
    static FITS = bpf_opkf_fits(item: &Object<Item>, value: u32) -> u32;
}

module_kfunc! {
    static ADMIT = bpf_opkf_admit(value: u32) -> Result;
}

module_kfunc! {
    static DOUBLE = bpf_opkf_double(value: u32) -> u32;
}

module_kfunc! {
    /// In another configuration, the static would be another kfunc, which is not here.
    #[cfg(CONFIG_NEVER_SET)]
    static DOUBLE = bpf_opkf_triple(value: u32) -> u32;
}

bpf_helper! {
    static HELPER_FITS = fn(item: &Object<Item>, value: u32) -> u32 {
        u32::from(value <= item.limit)
    };
}

bpf_helper! {
    static HELPER_DOUBLE = fn(value: u32) -> u32 {
        value.wrapping_mul(2)
    };
}

static SLOT: Slot<OpkfOpsTable> = Slot::new();

static OPS: StructOpsType<Opkf> = StructOpsType::new();

struct Opkf;

impl StructOps for Opkf {
    type Table = OpkfOpsTable;
    type Slot = &'static Slot<Self::Table>;

    const HELPERS: &'static [&'static Helper] = &[&HELPER_FITS, &HELPER_DOUBLE];

    /// A value that does not fit is 0, and the program does not run.
    fn prologue(prog: &MemberProg<'_>, code: &mut Prologue<'_>) {
        let inputs = [Input::Arg(0), Input::Arg(1)];
        let fits = if prog.member().name != "helpers" {
            code.call(&FITS, inputs)
        } else {
            code.call(&HELPER_FITS, inputs)
        };
        code.exit_unless(fits, Cond::Ne, 0, Input::Const(0));
        if prog.member().name == "admits" {
            let errno = code.call(&ADMIT, [Input::Arg(1)]);
            code.exit_unless(errno, Cond::SGe, 0, Input::Const(99));
        }
    }

    fn epilogue(prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
        let result = code.result();
        let double = if prog.member().name != "helpers" {
            code.call(&DOUBLE, [result.into()])
        } else {
            code.call(&HELPER_DOUBLE, [result.into()])
        };
        code.set_result(double);
    }

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Ok(&SLOT)
    }
}

/// Calls the member `kfuncs`, for an item with the limit 100.
#[kfunc]
fn bpf_opkf_call_kfuncs(value: u32) -> Result<u32> {
    let item = Object::new(Item { limit: 100 })?;
    SLOT.with(|ops| ops.kfuncs(&item, value)).ok_or(ENOENT)
}

/// Calls the member `admits`, for an item with the limit 100.
#[kfunc]
fn bpf_opkf_call_admits(value: u32) -> Result<u32> {
    let item = Object::new(Item { limit: 100 })?;
    SLOT.with(|ops| ops.admits(&item, value)).ok_or(ENOENT)
}

/// Calls the member `helpers`, for an item with the limit 100.
#[kfunc]
fn bpf_opkf_call_helpers(value: u32) -> Result<u32> {
    let item = Object::new(Item { limit: 100 })?;
    SLOT.with(|ops| ops.helpers(&item, value)).ok_or(ENOENT)
}

kfunc_set! {
    static MEMBERS = {
        prog_types: [StructOps],
        kfuncs: [bpf_opkf_fits, bpf_opkf_admit, bpf_opkf_double],
    };
}

kfunc_set! {
    static CALLS = {
        prog_types: [Syscall],
        kfuncs: [
            bpf_opkf_call_kfuncs,
            bpf_opkf_call_admits,
            bpf_opkf_call_helpers,
        ],
    };
}

struct OpsKfunc;

impl kernel::Module for OpsKfunc {
    fn init(module: &'static ThisModule) -> Result<Self> {
        MEMBERS.register(module)?;
        CALLS.register(module)?;
        OPS.register(module)?;
        Ok(Self)
    }
}
