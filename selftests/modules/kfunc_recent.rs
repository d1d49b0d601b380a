// SPDX-License-Identifier: GPL-2.0

//! Kfuncs that 7.2 does not support, for `selftests/bpf`. There, the module is empty.

use kernel::prelude::*;

module! {
    type: KfuncRecent,
    name: "kfunc_recent",
    description: "Kfuncs that not every kernel supports for the BPF selftests",
    license: "GPL",
}

#[cfg(kernel_has_KF_PERFMON)]
mod kfuncs {
    use bpf::{
        prelude::*,
        struct_ops,
        struct_ops::{
            Slot,
            StructOps,
            StructOpsType, //
        },
        Arena, //
    };
    use kernel::prelude::*;

    /// Returns the sum of @len bytes at @bytes, and sets these bytes to 7.
    #[kfunc]
    fn bpf_kfunc_recent_arena(bytes: Arena<'_>, len: u32) -> Result<u32> {
        let mem = bytes.mem(len as usize).ok_or(E2BIG)?;
        let sum = (0..mem.len())
            .filter_map(|index| mem.get(index))
            .map(u32::from)
            .fold(0, u32::wrapping_add);
        mem.fill(7);
        Ok(sum)
    }

    /// Returns the byte at @byte, or an error if @byte is null.
    #[kfunc]
    fn bpf_kfunc_recent_arena_nullable(byte: Option<Arena<'_>>) -> Result<u32> {
        let mem = byte.ok_or(ENOENT)?.mem(1).ok_or(E2BIG)?;
        Ok(mem.get(0).ok_or(E2BIG)?.into())
    }

    /// A kfunc that a program may call under `bpf_spin_lock()`.
    #[kfunc(spinlock_safe)]
    fn bpf_kfunc_recent_spinlock_safe() -> u32 {
        3
    }

    /// A kfunc for which the program needs `CAP_PERFMON`.
    #[kfunc(perfmon)]
    fn bpf_kfunc_recent_perfmon() -> u32 {
        5
    }

    /// An object with a number.
    #[derive(BtfType)]
    #[btf(object, name = "kfunc_recent_thing")]
    struct Thing {
        #[btf]
        number: u64,
    }

    #[kfunc]
    fn bpf_kfunc_recent_new(number: u64) -> Option<ARef<Object<Thing>>> {
        Object::new(Thing { number }).ok()
    }

    #[kfunc]
    fn bpf_kfunc_recent_release(thing: ARef<Object<Thing>>) {
        drop(thing);
    }

    /// Returns the number of @thing, or 0 if @thing is null.
    #[kfunc]
    fn bpf_kfunc_recent_or_null(thing: Option<&Object<Thing>>) -> u64 {
        thing.map_or(0, |thing| thing.number)
    }

    /// Returns how many entries the two maps have together.
    #[kfunc]
    fn bpf_kfunc_recent_two_maps(first: &Map, second: &Map) -> u64 {
        u64::from(first.max_entries()).wrapping_add(second.max_entries().into())
    }

    #[struct_ops(bpf_recent_ops)]
    trait RecentOps {
        /// Takes an argument that is not in a register.
        // This test needs so many arguments.
        #[allow(clippy::too_many_arguments)]
        fn many(&self, a: u64, b: u64, c: u64, d: u64, e: u64, f: u64, g: u64) -> u64;
    }

    static SLOT: Slot<RecentOpsTable> = Slot::new();

    static OPS: StructOpsType<Recent> = StructOpsType::new();

    struct Recent;

    impl StructOps for Recent {
        type Table = RecentOpsTable;
        type Slot = &'static Slot<Self::Table>;

        fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
            Ok(&SLOT)
        }
    }

    /// Calls `many` with 1, 2, 3 and so on. Returns 0 if no table is attached.
    #[kfunc]
    fn bpf_kfunc_recent_many() -> u64 {
        SLOT.with(|ops| ops.many(1, 2, 3, 4, 5, 6, 7)).unwrap_or(0)
    }

    kfunc_set! {
        static KFUNCS = {
            prog_types: [Tracing, Syscall],
            kfuncs: [
                bpf_kfunc_recent_arena,
                bpf_kfunc_recent_arena_nullable,
                bpf_kfunc_recent_spinlock_safe,
                bpf_kfunc_recent_perfmon,
                bpf_kfunc_recent_new,
                bpf_kfunc_recent_release,
                bpf_kfunc_recent_or_null,
                bpf_kfunc_recent_two_maps,
                bpf_kfunc_recent_many,
            ],
        };
    }

    pub(super) fn register(module: &'static ThisModule) -> Result {
        KFUNCS.register(module)?;
        OPS.register(module)
    }
}

#[cfg(not(kernel_has_KF_PERFMON))]
mod kfuncs {
    use kernel::prelude::*;

    pub(super) fn register(_module: &'static ThisModule) -> Result {
        Ok(())
    }
}

struct KfuncRecent;

impl kernel::Module for KfuncRecent {
    fn init(module: &'static ThisModule) -> Result<Self> {
        kfuncs::register(module)?;
        Ok(Self)
    }
}
