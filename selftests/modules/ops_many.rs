// SPDX-License-Identifier: GPL-2.0

//! The largest table, for `selftests/series`. Without the patches, the module is empty.

use kernel::prelude::*;

module! {
    type: OpsMany,
    name: "ops_many",
    description: "The largest struct_ops for the BPF selftests",
    license: "GPL",
}

#[cfg(kernel_has_bpf_insn_array_adjust_target)]
mod table {
    use bpf::{
        prelude::*,
        struct_ops,
        struct_ops::{
            Ops,
            Slot,
            StructOps,
            StructOpsType, //
        }, //
    };
    use kernel::prelude::*;

    /// Declares the table, and a list of functions that call its members.
    macro_rules! members {
        ($($name:ident)*) => {
            #[struct_ops(bpf_many_ops)]
            trait ManyOps {
                $(fn $name(&self, value: u32) -> u32 {
                    value
                })*
            }

            const CALLS: &[fn(&Ops<ManyOpsTable>, u32) -> u32] =
                &[$(|ops, value| ops.$name(value)),*];
        };
    }

    #[rustfmt::skip]
    members! {
        m0 m1 m2 m3 m4 m5 m6 m7 m8 m9 m10 m11 m12 m13 m14 m15 m16 m17 m18 m19 m20 m21 m22 m23 m24 m25
        m26 m27 m28 m29 m30 m31 m32 m33 m34 m35 m36 m37 m38 m39 m40 m41 m42 m43 m44 m45 m46 m47 m48
        m49 m50 m51 m52 m53 m54 m55 m56 m57 m58 m59 m60 m61 m62 m63
    }

    static SLOT: Slot<ManyOpsTable> = Slot::new();

    static OPS: StructOpsType<Many> = StructOpsType::new();

    struct Many;

    impl StructOps for Many {
        type Table = ManyOpsTable;
        type Slot = &'static Slot<Self::Table>;

        fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
            Ok(&SLOT)
        }
    }

    /// Calls the member with this number. Without a program, it returns @value.
    #[kfunc]
    fn bpf_many_call(number: u32, value: u32) -> Result<u32> {
        let call = CALLS.get(number as usize).ok_or(EINVAL)?;
        SLOT.with(|ops| call(ops, value)).ok_or(ENOENT)
    }

    kfunc_set! {
        static KFUNCS = {
            prog_types: [Syscall],
            kfuncs: [bpf_many_call],
        };
    }

    pub(super) fn register(module: &'static ThisModule) -> Result {
        KFUNCS.register(module)?;
        OPS.register(module)
    }
}

#[cfg(not(kernel_has_bpf_insn_array_adjust_target))]
mod table {
    use kernel::prelude::*;

    pub(super) fn register(_module: &'static ThisModule) -> Result {
        Ok(())
    }
}

struct OpsMany;

impl kernel::Module for OpsMany {
    fn init(module: &'static ThisModule) -> Result<Self> {
        table::register(module)?;
        Ok(Self)
    }
}
