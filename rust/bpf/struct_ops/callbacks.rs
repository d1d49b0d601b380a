// SPDX-License-Identifier: GPL-2.0

//! The kernel's callbacks for a table, and the registration of the table.
//!
//! [`StructOpsType`] is the `struct bpf_struct_ops` of a table. The kernel calls its functions, which
//! check their arguments and call the subsystem's [`StructOps`].
//!
//! A table cannot be unregistered: the kernel forgets it with the module's BTF. The module cannot be
//! unloaded while a map of the table exists. A program alone does not keep the module. After the
//! module is unloaded, no map accepts the program, not even a map of the same module loaded again.
//!
//! C: `struct bpf_struct_ops` and `__register_bpf_struct_ops()` in `include/linux/bpf.h`.

use super::{
    generate,
    prog::MemberProg,
    slot::{
        Attached,
        Ops, //
    },
    subsystem::StructOps,
    table::{
        member,
        MemberKind,
        Table, //
    }, //
};
use crate::{
    helpers::{
        rust_bpf_helper_arg_struct,
        rust_bpf_helper_is_valid_access,
        rust_bpf_helper_member_offset,
        rust_bpf_helper_reg_struct, //
    },
    init,
    kfunc_set::Prog,
    pro_epilogue::INSN_BUF_SIZE,
    register::{
        Call,
        Content, //
    },
    state::ModuleRef, //
};
use core::{
    cell::UnsafeCell,
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::{
        from_result,
        to_result, //
    },
    prelude::*, //
};

/// A type of tables, as the kernel knows it: a static of a module.
///
/// # Invariants
///
/// `raw` is not written to by Rust code after the kernel was told of it.
pub struct StructOpsType<S: StructOps> {
    raw: UnsafeCell<bindings::bpf_struct_ops>,
    _subsystem: PhantomData<fn() -> S>,
}

// SAFETY: `raw` is written to once, by who has claimed the table.
unsafe impl<S: StructOps> Sync for StructOpsType<S> {}

impl<S: StructOps> StructOpsType<S> {
    const VERIFIER_OPS: &'static bindings::bpf_verifier_ops = &bindings::bpf_verifier_ops {
        get_func_proto: Some(Self::get_func_proto),
        is_valid_access: Some(Self::is_valid_access),
        gen_prologue: Some(Self::gen_prologue),
        gen_epilogue: Some(Self::gen_epilogue),
        gen_ld_abs: None,
        convert_ctx_access: None,
        btf_struct_access: if Self::WRITES {
            Some(Self::btf_struct_access)
        } else {
            None
        },
    };

    /// Whether members get objects with fields that programs may write.
    const WRITES: bool = {
        let mut writes = false;
        let mut members = S::Table::MEMBERS;
        while let [member, other_members @ ..] = members {
            let mut args = member.signature.args;
            while let [arg, other_args @ ..] = args {
                if let Some(object) = arg.object() {
                    writes |= object.is_writable();
                }
                args = other_args;
            }
            members = other_members;
        }
        writes
    };

    /// One that is not registered yet.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // SAFETY: All members are integers, pointers and functions that may be absent.
        let mut raw: bindings::bpf_struct_ops = unsafe { core::mem::zeroed() };
        raw.verifier_ops = Self::VERIFIER_OPS;
        raw.init = Some(Self::init);
        raw.check_member = Some(Self::check_member);
        raw.init_member = Some(Self::init_member);
        raw.reg = Some(Self::reg);
        raw.unreg = Some(Self::unreg);
        raw.update = Some(Self::update);
        raw.validate = Some(Self::validate);
        raw.name = S::Table::NAME.to_bytes_with_nul().as_ptr().cast();
        Self {
            raw: UnsafeCell::new(raw),
            _subsystem: PhantomData,
        }
    }

    /// Lets programs implement the table, once `module` is initialized.
    ///
    /// Call it from the module's `init`. May sleep.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: the module is not being initialized.
    /// - [`EEXIST`]: the table is registered already, by this subsystem or another one, or that was
    ///   tried and failed.
    /// - [`EINVAL`]: the module's BTF does not have the table; the kernel log says what is missing.
    /// - [`ENOMEM`]: no memory.
    /// - Those of [`StructOps::init`].
    /// - [`ERANGE`]: one of the functions that prologues and epilogues call is 2 GiB or more away
    ///   from the kernel, so that an instruction cannot call it.
    pub fn register(&'static self, module: &'static ThisModule) -> Result {
        init::check_owner(self, module)?;
        for helper in S::HELPERS {
            helper.imm().inspect_err(|_| {
                pr_err!(
                    "struct {}: {} is too far away for an instruction to call it\n",
                    S::Table::NAME,
                    helper.name()
                );
            })?;
        }
        let lock = || {
            init::Lock::in_init(module).inspect_err(|_| {
                pr_err!(
                    "struct {}: register the table from the module's init\n",
                    S::Table::NAME
                );
            })
        };
        drop(lock()?);
        if !S::Table::stubs().claim() {
            pr_err!("struct {}: it is registered already; a table has one subsystem, which registers it once\n", S::Table::NAME);
            return Err(EEXIST);
        }
        S::init()?;
        let _lock = lock()?;
        // SAFETY: The table was claimed just now, so nobody else writes or has told the kernel.
        unsafe {
            (*self.raw.get()).owner = module.as_ptr();
            (*self.raw.get()).cfi_stubs = core::ptr::from_ref(S::Table::stubs()).cast_mut().cast();
        }
        // SAFETY: The struct is a static of the module, or of the kernel, and complete: the
        // functions below have the contracts that the kernel asks for, and the table is as the
        // safety requirements of `Table` say.
        to_result(unsafe { bindings::__register_bpf_struct_ops(self.raw.get()) })
    }

    /// # Safety
    ///
    /// To be called by the kernel, with the BTF that has the table.
    unsafe extern "C" fn init(btf: *mut bindings::btf) -> kernel::ffi::c_int {
        S::Table::stubs().set_btf(btf);
        0
    }

    /// Whether a program was verified for this table. The kernel compares the number of the type,
    /// and another module, or this one before it was loaded again, may have the same.
    ///
    /// # Safety
    ///
    /// To be called by the kernel, with a valid program.
    unsafe extern "C" fn is_for_table(
        prog: *mut bindings::bpf_prog,
        _data: *mut core::ffi::c_void,
    ) -> kernel::ffi::c_int {
        // SAFETY: By the safety requirements. The program holds a reference to that BTF.
        if unsafe { (*(*prog).aux).attach_btf } == S::Table::stubs().btf() {
            0
        } else {
            EINVAL.to_errno()
        }
    }

    /// # Safety
    ///
    /// To be called by the verifier, for a member of the table and a program.
    unsafe extern "C" fn check_member(
        t: *const bindings::btf_type,
        btf_member: *const bindings::btf_member,
        prog: *const bindings::bpf_prog,
    ) -> kernel::ffi::c_int {
        // SAFETY: By the safety requirements.
        let offset = unsafe { rust_bpf_helper_member_offset(t, btf_member) };
        S::Table::stubs().set_type(t);
        // SAFETY: By the safety requirements; the program lives while it is checked.
        let prog = unsafe { Prog::from_raw(prog) };
        from_result(|| {
            let member = member::<S::Table>(offset as usize).ok_or(EINVAL)?;
            if prog.is_sleepable() && !member.sleepable {
                return Err(EINVAL);
            }
            S::check_member(member, prog)?;
            generate::check::<S>(&MemberProg::new(prog, member))?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by the kernel, for a member of the table, with the table that is being filled
    /// and the one that user space gave.
    unsafe extern "C" fn init_member(
        t: *const bindings::btf_type,
        btf_member: *const bindings::btf_member,
        kdata: *mut core::ffi::c_void,
        udata: *const core::ffi::c_void,
    ) -> kernel::ffi::c_int {
        // SAFETY: By the safety requirements.
        let offset = unsafe { rust_bpf_helper_member_offset(t, btf_member) };
        from_result(|| {
            let member = member::<S::Table>(offset as usize).ok_or(EINVAL)?;
            if member.kind != MemberKind::Data {
                return Ok(0);
            }
            // SAFETY: The member is in both tables, which have the size of the struct, and nobody
            // else uses them now (`st_map->lock`). They do not overlap.
            let value = unsafe {
                let from = udata.cast::<u8>().add(member.offset);
                let to = kdata.cast::<u8>().add(member.offset);
                core::ptr::copy_nonoverlapping(from, to, member.size);
                core::slice::from_raw_parts_mut(to, member.size)
            };
            S::init_member(member, value)?;
            // The member is done with.
            Ok(1)
        })
    }

    /// # Safety
    ///
    /// To be called by the kernel, with a table that is filled.
    unsafe extern "C" fn validate(kdata: *mut core::ffi::c_void) -> kernel::ffi::c_int {
        for member in S::Table::MEMBERS {
            if member.kind != MemberKind::Mandatory {
                continue;
            }
            // SAFETY: A function is in the table as a pointer, perhaps null, at that offset.
            let function: *const core::ffi::c_void =
                unsafe { *kdata.byte_add(member.offset).cast() };
            if function.is_null() {
                pr_warn!(
                    "struct {}: no program implements {}, which every table must have\n",
                    S::Table::NAME,
                    member.name
                );
                return EINVAL.to_errno();
            }
        }
        from_result(|| {
            // SAFETY: The table is that of a struct_ops map, and its programs are there.
            to_result(unsafe {
                bindings::bpf_struct_ops_for_each_prog(
                    kdata,
                    Some(Self::is_for_table),
                    core::ptr::null_mut(),
                )
            })?;
            // SAFETY: The table is kept while this runs. Functions in it are `unsafe` to call.
            S::validate(unsafe { &*kdata.cast::<S::Table>() })?;
            Ok(0)
        })
    }

    /// Where a table belongs.
    ///
    /// # Safety
    ///
    /// The caller must have a reference to the table's map.
    unsafe fn slot(ops: &Ops<S::Table>) -> Result<S::Slot> {
        // SAFETY: By the safety requirements. The map keeps the module.
        S::slot(ops.table(), unsafe { ModuleRef::get(&Call) })
    }

    /// A reference to a table that the kernel is about to use.
    ///
    /// # Safety
    ///
    /// `kdata` must be a table that is filled, to whose map the caller has a reference.
    unsafe fn attached(kdata: *mut core::ffi::c_void) -> Result<Attached<S::Table>> {
        let ops = NonNull::new(kdata.cast()).ok_or(EINVAL)?;
        // SAFETY: By the safety requirements.
        unsafe { Attached::try_get(ops) }.ok_or(EINVAL)
    }

    /// Without a link, the kernel frees the trampolines of a table at once if this refuses it,
    /// whoever has references or reads under RCU. So the last thing that can fail is what makes the
    /// table visible.
    ///
    /// # Safety
    ///
    /// As for `attached`; to be called by the kernel.
    unsafe extern "C" fn reg(
        kdata: *mut core::ffi::c_void,
        link: *mut bindings::bpf_link,
    ) -> kernel::ffi::c_int {
        from_result(|| {
            // SAFETY: By the safety requirements.
            let ops = unsafe { Ops::from_raw(kdata) };
            // SAFETY: By the safety requirements.
            let slot = unsafe { Self::slot(ops) }?;
            // SAFETY: By the safety requirements.
            let attached = unsafe { Self::attached(kdata) }?;
            if !slot.is_empty() {
                return Err(EBUSY);
            }
            S::reg(ops)?;
            // Somebody may have been faster.
            slot.set(attached, Self::owner(kdata, link))
                .inspect_err(|_| S::unreg(ops))?;
            Ok(0)
        })
    }

    /// What a table is attached by.
    fn owner(
        kdata: *mut core::ffi::c_void,
        link: *mut bindings::bpf_link,
    ) -> *mut core::ffi::c_void {
        if link.is_null() {
            kdata
        } else {
            link.cast()
        }
    }

    /// # Safety
    ///
    /// As for `attached`; to be called by the kernel, for a table that was attached.
    unsafe extern "C" fn unreg(kdata: *mut core::ffi::c_void, link: *mut bindings::bpf_link) {
        // SAFETY: The kernel gives up its reference after this.
        let ops = unsafe { Ops::from_raw(kdata) };
        // SAFETY: As above.
        if let Ok(slot) = unsafe { Self::slot(ops) } {
            slot.clear(ops, Self::owner(kdata, link));
        }
        S::unreg(ops);
    }

    /// # Safety
    ///
    /// As for `attached`, for both tables; to be called by the kernel.
    unsafe extern "C" fn update(
        kdata: *mut core::ffi::c_void,
        old_kdata: *mut core::ffi::c_void,
        link: *mut bindings::bpf_link,
    ) -> kernel::ffi::c_int {
        from_result(|| {
            // SAFETY: By the safety requirements.
            let new = unsafe { Self::attached(kdata) }?;
            // SAFETY: The kernel gives up its reference after this.
            let old = unsafe { Ops::from_raw(old_kdata) };
            // SAFETY: The kernel has references to both.
            let (slot, other) = unsafe { (Self::slot(old)?, Self::slot(&new)?) };
            if !core::ptr::eq(&*slot, &*other) {
                return Err(EINVAL);
            }
            // The object that the link is of may be gone, and this be another one.
            if !slot.holds(old, Self::owner(old_kdata, link)) {
                return Err(ENOENT);
            }
            S::update(&new, old)?;
            slot.replace(old, new)?;
            Ok(0)
        })
    }

    /// # Safety
    ///
    /// To be called by the verifier, with a valid program.
    unsafe extern "C" fn get_func_proto(
        func_id: bindings::bpf_func_id,
        prog: *const bindings::bpf_prog,
    ) -> *const bindings::bpf_func_proto {
        // SAFETY: By the safety requirements.
        unsafe { generate::func_proto::<S>(func_id as i32, Prog::from_raw(prog)) }
    }

    /// The member that a program implements.
    ///
    /// # Safety
    ///
    /// The program must be valid, and the verifier have called `check_member` for it.
    unsafe fn member_prog<'a>(prog: *const bindings::bpf_prog) -> Option<MemberProg<'a>> {
        // SAFETY: By the safety requirements; the verifier wrote the offset after that.
        let offset = unsafe { (*(*prog).aux).attach_st_ops_member_off };
        let member = member::<S::Table>(offset as usize)?;
        // SAFETY: By the safety requirements.
        Some(MemberProg::new(unsafe { Prog::from_raw(prog) }, member))
    }

    /// # Safety
    ///
    /// To be called by the verifier, for a program that it checked, with a buffer for
    /// [`INSN_BUF_SIZE`] instructions.
    unsafe extern "C" fn gen_prologue(
        buf: *mut bindings::bpf_insn,
        _direct_write: bool,
        prog: *const bindings::bpf_prog,
    ) -> kernel::ffi::c_int {
        // SAFETY: By the safety requirements. The buffer was cleared when it was allocated.
        let buf = unsafe { core::slice::from_raw_parts_mut(buf, INSN_BUF_SIZE) };
        // SAFETY: The union at the end of a program is its instructions, of which there is at least
        // one, and nobody changes them now.
        let first: bindings::bpf_insn = unsafe {
            core::ptr::addr_of!((*prog).__bindgen_anon_2)
                .cast::<bindings::bpf_insn>()
                .read()
        };
        // SAFETY: By the safety requirements.
        let len = unsafe { Self::member_prog(prog) }
            .ok_or(EINVAL)
            .and_then(|prog| generate::prologue::<S>(buf, &prog, &first))
            .unwrap_or_else(|_| generate::refuse(buf, Some(&first)));
        len as kernel::ffi::c_int
    }

    /// # Safety
    ///
    /// As for `gen_prologue`; the kernel will save the context at `ctx_off`.
    unsafe extern "C" fn gen_epilogue(
        buf: *mut bindings::bpf_insn,
        prog: *const bindings::bpf_prog,
        ctx_off: i16,
    ) -> kernel::ffi::c_int {
        // SAFETY: By the safety requirements. The buffer was cleared when it was allocated.
        let buf = unsafe { core::slice::from_raw_parts_mut(buf, INSN_BUF_SIZE) };
        // SAFETY: By the safety requirements.
        let len = unsafe { Self::member_prog(prog) }
            .ok_or(EINVAL)
            .and_then(|prog| generate::epilogue::<S>(buf, &prog, ctx_off))
            .unwrap_or_else(|_| generate::refuse(buf, None));
        len as kernel::ffi::c_int
    }

    /// # Safety
    ///
    /// To be called by the verifier.
    unsafe extern "C" fn is_valid_access(
        off: kernel::ffi::c_int,
        size: kernel::ffi::c_int,
        access: bindings::bpf_access_type,
        prog: *const bindings::bpf_prog,
        info: *mut bindings::bpf_insn_access_aux,
    ) -> bool {
        // SAFETY: By the safety requirements.
        unsafe { rust_bpf_helper_is_valid_access(off, size, access, prog.cast(), info.cast()) }
    }

    /// # Safety
    ///
    /// To be called by the verifier, for a store to the object that a register points to, of a
    /// program that `check_member` was called for. The verifier has refused pointers that may fault
    /// before (`check_ptr_to_btf_access()`).
    unsafe extern "C" fn btf_struct_access(
        _log: *mut bindings::bpf_verifier_log,
        reg: *const bindings::bpf_reg_state,
        off: kernel::ffi::c_int,
        size: kernel::ffi::c_int,
    ) -> kernel::ffi::c_int {
        let stubs = S::Table::stubs();
        let mut btf = core::ptr::null();
        // SAFETY: By the safety requirements.
        let id = unsafe { rust_bpf_helper_reg_struct(reg, &mut btf) };
        let (Ok(offset), Ok(size)) = (usize::try_from(off), usize::try_from(size)) else {
            return EACCES.to_errno();
        };
        // The type in Rust is that of an argument whose type in BTF the register points to.
        let is_allowed = |member: usize, arg: usize, content: &Content| {
            content.object().is_some_and(|object| object.may_write(offset, size))
                // SAFETY: Both were set when a program was checked, and this is one.
                && unsafe {
                    rust_bpf_helper_arg_struct(stubs.btf(), stubs.ty(), member as u32, arg as u32)
                } == id
        };
        let allowed = btf == stubs.btf()
            && S::Table::MEMBERS.iter().enumerate().any(|(index, member)| {
                let mut args = member.signature.args.iter().enumerate();
                args.any(|(arg, content)| is_allowed(index, arg, content))
            });
        if allowed {
            0
        } else {
            EACCES.to_errno()
        }
    }
}
