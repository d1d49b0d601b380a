// SPDX-License-Identifier: GPL-2.0

//! The kernel's callbacks for a table, and the registration of the table.
//!
//! [`StructOpsType`] is the `struct bpf_struct_ops` of a table. The kernel calls the functions in
//! this struct. These functions check their arguments and call the subsystem's [`StructOps`].
//!
//! This module cannot unregister a table: the kernel forgets the table with the module's BTF. A
//! module cannot be unloaded while a map of its table exists. A program alone does not keep the
//! module. After the module is unloaded, no map accepts the program, not even a map of the same
//! module loaded again.
//!
//! C: `struct bpf_struct_ops` in `include/linux/bpf.h`, and `__register_bpf_struct_ops()` in
//! `include/linux/btf.h`.

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

/// A type of tables, as the kernel knows it. A module has a static for each type.
///
/// # Invariants
///
/// Rust code does not write to `raw` after the kernel knows the type.
pub struct StructOpsType<S: StructOps> {
    raw: UnsafeCell<bindings::bpf_struct_ops>,
    _subsystem: PhantomData<fn() -> S>,
}

// SAFETY: Only the thread that claims the table writes to `raw`, once.
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

    /// Whether a member takes an object with fields that programs may write.
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

    /// Makes a type that is not registered.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        // SAFETY: All fields are integers, pointers and optional functions, for which zero is a
        // valid value.
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

    /// Registers the table: programs can implement it as soon as `module` is initialized.
    ///
    /// # Errors
    ///
    /// - [`EBUSY`]: the module is not being initialized.
    /// - [`EEXIST`]: the table is registered already, by this subsystem or another one, or an
    ///   earlier registration failed.
    /// - [`EINVAL`]: the static belongs to another module, or the module's BTF does not have the
    ///   table. The kernel log has the reason.
    /// - [`ENOMEM`]: no memory.
    /// - [`ERANGE`]: an instruction cannot call one of [`StructOps::HELPERS`], because the function
    ///   is 2 GiB or more away from the kernel's text.
    /// - The errors of [`StructOps::init`].
    ///
    /// # Context
    ///
    /// The module's `init` calls this function. May sleep.
    pub fn register(&'static self, module: &'static ThisModule) -> Result {
        init::check_owner(self, module)?;
        for helper in S::HELPERS {
            helper.imm().inspect_err(|_| {
                pr_err!(
                    "struct {}: an instruction cannot call {}: it is 2 GiB or more away\n",
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
            pr_err!(
                "struct {}: the table is registered already; register it once, for one subsystem\n",
                S::Table::NAME
            );
            return Err(EEXIST);
        }
        S::init()?;
        let _lock = lock()?;
        // SAFETY: This thread claimed the table, so no other thread writes to `raw`, and the kernel
        // does not know the type yet.
        unsafe {
            (*self.raw.get()).owner = module.as_ptr();
            (*self.raw.get()).cfi_stubs = core::ptr::from_ref(S::Table::stubs()).cast_mut().cast();
        }
        // SAFETY: `raw` is a static of the module, or of the kernel, and complete: the functions
        // below have the contracts that the kernel requires, and the implementation of `Table`
        // guarantees the layout and the stubs.
        to_result(unsafe { bindings::__register_bpf_struct_ops(self.raw.get()) })
    }

    /// Stores the BTF of the table.
    ///
    /// # Safety
    ///
    /// The caller must be the kernel, with the BTF that has the table.
    unsafe extern "C" fn init(btf: *mut bindings::btf) -> kernel::ffi::c_int {
        S::Table::stubs().set_btf(btf);
        0
    }

    /// Returns 0 if the verifier accepted the program for this table, or an error number. The
    /// kernel compares only the id of the table's type. A table of another module, or of an earlier
    /// load of this module, may have the same id.
    ///
    /// # Safety
    ///
    /// The caller must be the kernel, with a valid program.
    unsafe extern "C" fn is_for_table(
        prog: *mut bindings::bpf_prog,
        _data: *mut core::ffi::c_void,
    ) -> kernel::ffi::c_int {
        // SAFETY: The kernel passes a valid program. The program holds a reference to the BTF, so
        // no other BTF has the same address.
        if unsafe { (*(*prog).aux).attach_btf } == S::Table::stubs().btf() {
            0
        } else {
            EINVAL.to_errno()
        }
    }

    /// Allows or refuses that a program implements a member.
    ///
    /// # Safety
    ///
    /// The caller must be the verifier, with a member of the table and a valid program.
    unsafe extern "C" fn check_member(
        t: *const bindings::btf_type,
        btf_member: *const bindings::btf_member,
        prog: *const bindings::bpf_prog,
    ) -> kernel::ffi::c_int {
        // SAFETY: The verifier passes a member of the struct `t`.
        let offset = unsafe { rust_bpf_helper_member_offset(t, btf_member) };
        S::Table::stubs().set_type(t);
        // SAFETY: The verifier passes a valid program and keeps it during this call.
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

    /// Copies a value from user space's table to the kernel's table. Returns 1 for a value, and 0
    /// for a function, which the kernel handles.
    ///
    /// # Safety
    ///
    /// The caller must be the kernel, with a member of the table, the table `kdata` that the kernel
    /// fills, and the table `udata` that user space gave.
    unsafe extern "C" fn init_member(
        t: *const bindings::btf_type,
        btf_member: *const bindings::btf_member,
        kdata: *mut core::ffi::c_void,
        udata: *const core::ffi::c_void,
    ) -> kernel::ffi::c_int {
        // SAFETY: The kernel passes a member of the struct `t`.
        let offset = unsafe { rust_bpf_helper_member_offset(t, btf_member) };
        from_result(|| {
            let member = member::<S::Table>(offset as usize).ok_or(EINVAL)?;
            if member.kind != MemberKind::Data {
                return Ok(0);
            }
            // SAFETY: The member is in both tables, which have the size of the struct and do not
            // overlap. The kernel holds `st_map->lock`, so no other thread uses the tables.
            let value = unsafe {
                let from = udata.cast::<u8>().add(member.offset);
                let to = kdata.cast::<u8>().add(member.offset);
                core::ptr::copy_nonoverlapping(from, to, member.size);
                core::slice::from_raw_parts_mut(to, member.size)
            };
            S::init_member(member, value)?;
            Ok(1)
        })
    }

    /// Checks a table that the kernel has filled.
    ///
    /// # Safety
    ///
    /// The caller must be the kernel, with a table that is filled.
    unsafe extern "C" fn validate(kdata: *mut core::ffi::c_void) -> kernel::ffi::c_int {
        for member in S::Table::MEMBERS {
            if member.kind != MemberKind::Mandatory {
                continue;
            }
            // SAFETY: The member is a function, so the table has a pointer, which may be null, at
            // the offset of the member.
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
            // SAFETY: `kdata` is the table of a struct_ops map, and the map has its programs.
            to_result(unsafe {
                bindings::bpf_struct_ops_for_each_prog(
                    kdata,
                    Some(Self::is_for_table),
                    core::ptr::null_mut(),
                )
            })?;
            // SAFETY: The kernel keeps the table during this call. The functions in the table,
            // which cannot run yet, are `unsafe` to call.
            S::validate(unsafe { &*kdata.cast::<S::Table>() })?;
            Ok(0)
        })
    }

    /// Returns the slot in which a table belongs.
    ///
    /// # Safety
    ///
    /// The caller must have a reference to the map of the table.
    unsafe fn slot(ops: &Ops<S::Table>) -> Result<S::Slot> {
        // SAFETY: The caller has a reference to the map, and the map holds one to the module.
        S::slot(ops.table(), unsafe { ModuleRef::get(&Call) })
    }

    /// Acquires a reference to a table that the kernel is about to attach.
    ///
    /// # Safety
    ///
    /// `kdata` must be a filled table, and the caller must have a reference to its map.
    unsafe fn attached(kdata: *mut core::ffi::c_void) -> Result<Attached<S::Table>> {
        let ops = NonNull::new(kdata.cast()).ok_or(EINVAL)?;
        // SAFETY: The caller has a reference to the map, so the memory is valid.
        unsafe { Attached::try_get(ops) }.ok_or(EINVAL)
    }

    /// Attaches a table.
    ///
    /// If this function refuses a table that is attached without a link, the kernel frees the
    /// trampolines at once, even if references or RCU readers exist. So the table becomes visible
    /// in the last step that can fail.
    ///
    /// # Safety
    ///
    /// The caller must be the kernel, with a filled table and a reference to its map.
    unsafe extern "C" fn reg(
        kdata: *mut core::ffi::c_void,
        link: *mut bindings::bpf_link,
    ) -> kernel::ffi::c_int {
        from_result(|| {
            // SAFETY: The kernel has a reference to the map during this call.
            let ops = unsafe { Ops::from_raw(kdata) };
            // SAFETY: The kernel has a reference to the map.
            let slot = unsafe { Self::slot(ops) }?;
            // SAFETY: The kernel passes a filled table and has a reference to its map.
            let attached = unsafe { Self::attached(kdata) }?;
            if !slot.is_empty() {
                return Err(EBUSY);
            }
            S::reg(ops)?;
            // Another thread may have put a table into the slot meanwhile.
            slot.set(attached, Self::owner(kdata, link))
                .inspect_err(|_| S::unreg(ops))?;
            Ok(0)
        })
    }

    /// Returns the owner of an attached table: the link, or the table if there is no link.
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

    /// Detaches a table.
    ///
    /// # Safety
    ///
    /// The caller must be the kernel, with a table that was attached and a reference to its map.
    unsafe extern "C" fn unreg(kdata: *mut core::ffi::c_void, link: *mut bindings::bpf_link) {
        // SAFETY: The kernel releases its reference to the map after this call.
        let ops = unsafe { Ops::from_raw(kdata) };
        // SAFETY: The kernel has a reference to the map.
        if let Ok(slot) = unsafe { Self::slot(ops) } {
            slot.clear(ops, Self::owner(kdata, link));
        }
        S::unreg(ops);
    }

    /// Replaces the table that a link attached.
    ///
    /// # Safety
    ///
    /// The caller must be the kernel, with two filled tables and references to their maps.
    unsafe extern "C" fn update(
        kdata: *mut core::ffi::c_void,
        old_kdata: *mut core::ffi::c_void,
        link: *mut bindings::bpf_link,
    ) -> kernel::ffi::c_int {
        from_result(|| {
            // SAFETY: The kernel passes a filled table and has a reference to its map.
            let new = unsafe { Self::attached(kdata) }?;
            // SAFETY: The kernel releases its reference to the old map after this call.
            let old = unsafe { Ops::from_raw(old_kdata) };
            // SAFETY: The kernel has references to both maps.
            let (slot, other) = unsafe { (Self::slot(old)?, Self::slot(&new)?) };
            if !core::ptr::eq(&*slot, &*other) {
                return Err(EINVAL);
            }
            // The object with the slot of the link may be freed, and another object have the slot
            // that the data members name now.
            if !slot.holds(old, Self::owner(old_kdata, link)) {
                return Err(ENOENT);
            }
            S::update(&new, old)?;
            slot.replace(old, new)?;
            Ok(0)
        })
    }

    /// Returns the function behind the number in a call instruction, or null.
    ///
    /// # Safety
    ///
    /// The caller must be the verifier, with a valid program.
    unsafe extern "C" fn get_func_proto(
        func_id: bindings::bpf_func_id,
        prog: *const bindings::bpf_prog,
    ) -> *const bindings::bpf_func_proto {
        // SAFETY: The verifier passes a valid program.
        unsafe { generate::func_proto::<S>(func_id as i32, Prog::from_raw(prog)) }
    }

    /// Returns a program together with the member that it implements.
    ///
    /// # Safety
    ///
    /// The program must be valid for `'a`, and the verifier must have called `check_member` for the
    /// program.
    unsafe fn member_prog<'a>(prog: *const bindings::bpf_prog) -> Option<MemberProg<'a>> {
        // SAFETY: The program is valid. The verifier wrote the offset after it called
        // `check_member`.
        let offset = unsafe { (*(*prog).aux).attach_st_ops_member_off };
        let member = member::<S::Table>(offset as usize)?;
        // SAFETY: The caller guarantees that the program is valid for `'a`.
        Some(MemberProg::new(unsafe { Prog::from_raw(prog) }, member))
    }

    /// Writes the prologue of a program to `buf`. Returns the number of instructions.
    ///
    /// # Safety
    ///
    /// The caller must be the verifier, with a program that it checked, and with a buffer for
    /// [`INSN_BUF_SIZE`] instructions.
    unsafe extern "C" fn gen_prologue(
        buf: *mut bindings::bpf_insn,
        _direct_write: bool,
        prog: *const bindings::bpf_prog,
    ) -> kernel::ffi::c_int {
        // SAFETY: The verifier passes a buffer of this size, which it cleared at allocation.
        let buf = unsafe { core::slice::from_raw_parts_mut(buf, INSN_BUF_SIZE) };
        // SAFETY: The union at the end of a program holds the instructions. There is at least one
        // instruction, and no other thread changes the instructions now.
        let first: bindings::bpf_insn = unsafe {
            core::ptr::addr_of!((*prog).__bindgen_anon_2)
                .cast::<bindings::bpf_insn>()
                .read()
        };
        // SAFETY: The verifier passes a valid program, for which it has called `check_member`.
        let len = unsafe { Self::member_prog(prog) }
            .ok_or(EINVAL)
            .and_then(|prog| generate::prologue::<S>(buf, &prog, &first))
            .unwrap_or_else(|_| generate::refuse(buf, Some(&first)));
        len as kernel::ffi::c_int
    }

    /// Writes the epilogue of a program to `buf`. Returns the number of instructions.
    ///
    /// # Safety
    ///
    /// The caller must be the verifier, with a program that it checked, and with a buffer for
    /// [`INSN_BUF_SIZE`] instructions. The program must save its context at `ctx_off` from the
    /// frame pointer.
    unsafe extern "C" fn gen_epilogue(
        buf: *mut bindings::bpf_insn,
        prog: *const bindings::bpf_prog,
        ctx_off: i16,
    ) -> kernel::ffi::c_int {
        // SAFETY: The verifier passes a buffer of this size, which it cleared at allocation.
        let buf = unsafe { core::slice::from_raw_parts_mut(buf, INSN_BUF_SIZE) };
        // SAFETY: The verifier passes a valid program, for which it has called `check_member`.
        let len = unsafe { Self::member_prog(prog) }
            .ok_or(EINVAL)
            .and_then(|prog| generate::epilogue::<S>(buf, &prog, ctx_off))
            .unwrap_or_else(|_| generate::refuse(buf, None));
        len as kernel::ffi::c_int
    }

    /// Returns whether a program may access its context like this, according to the types in BTF.
    ///
    /// # Safety
    ///
    /// The caller must be the verifier.
    unsafe extern "C" fn is_valid_access(
        off: kernel::ffi::c_int,
        size: kernel::ffi::c_int,
        access: bindings::bpf_access_type,
        prog: *const bindings::bpf_prog,
        info: *mut bindings::bpf_insn_access_aux,
    ) -> bool {
        // SAFETY: The verifier calls with the arguments that the C function requires.
        unsafe { rust_bpf_helper_is_valid_access(off, size, access, prog.cast(), info.cast()) }
    }

    /// Returns 0 if a program may store `size` bytes at offset `off` of the object that a register
    /// points to, or an error number. The verifier has rejected pointers that may fault before the
    /// call (`check_ptr_to_btf_access()`).
    ///
    /// # Safety
    ///
    /// The caller must be the verifier, which has called `check_member` for the program.
    unsafe extern "C" fn btf_struct_access(
        _log: *mut bindings::bpf_verifier_log,
        reg: *const bindings::bpf_reg_state,
        off: kernel::ffi::c_int,
        size: kernel::ffi::c_int,
    ) -> kernel::ffi::c_int {
        let stubs = S::Table::stubs();
        let mut btf = core::ptr::null();
        // SAFETY: The verifier passes a valid register, and `btf` is a place for a result.
        let id = unsafe { rust_bpf_helper_reg_struct(reg, &mut btf) };
        let (Ok(offset), Ok(size)) = (usize::try_from(off), usize::try_from(size)) else {
            return EACCES.to_errno();
        };
        // The register points to a struct in BTF. If an argument of a member points to the same
        // struct, the type of that argument is the type of the object in Rust.
        let is_allowed = |member: usize, arg: usize, content: &Content| {
            content.object().is_some_and(|object| object.may_write(offset, size))
                // SAFETY: The kernel called `init` and `check_member` before, so the BTF and the
                // type are set.
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
