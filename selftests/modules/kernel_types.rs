// SPDX-License-Identifier: GPL-2.0

//! Kfuncs that take pointers to structs of the kernel, and kfuncs that share memory with programs.
//! The tests are in `progs/kernel_types.c` and `progs/rdwr_buf.c`.

use bpf::{
    cgroup::Cgroup,
    fs::{
        Dentry,
        Inode, //
    },
    mm::Vma,
    net::{
        NetDevice,
        SkBuff,
        Sock,
        XdpBuff, //
    },
    prelude::*,
    rdwr_buf::{
        RdwrBuf,
        RdwrBufSize,
        Shared, //
    },
    struct_ops,
    struct_ops::{
        Slot,
        StructOps,
        StructOpsType, //
    }, //
};
use kernel::{
    cred::Credential,
    fs::File,
    prelude::*,
    task::Task, //
};

module! {
    type: KernelTypes,
    name: "kernel_types",
    description: "Kfuncs on structs of the kernel",
    license: "GPL",
}

kernel_type! {
    /// A super block: a type that only this module declares.
    struct SuperBlock: super_block {
        /// The magic number of the file system.
        s_magic: usize,
    }
}

/// Returns the pid of @task.
#[kfunc]
fn bpf_kt_pid(task: Trusted<'_, Task>) -> i32 {
    task.pid()
}

/// Returns the id of @cgroup.
#[kfunc]
fn bpf_kt_cgroup_rcu(cgroup: RcuPtr<'_, Cgroup>) -> u64 {
    cgroup.id()
}

/// Returns the length of the name of @task.
#[kfunc]
fn bpf_kt_comm_len(task: Trusted<'_, Task>) -> u32 {
    task.comm().iter().take_while(|&&byte| byte != 0).count() as u32
}

/// Returns the real user id of @task, in the initial user namespace.
#[kfunc]
fn bpf_kt_uid(task: Trusted<'_, Task>) -> u32 {
    task.uid().into_uid_in_current_ns()
}

/// Returns the effective user id of @cred, in the initial user namespace.
#[kfunc]
fn bpf_kt_cred_euid(cred: Trusted<'_, Credential>) -> u32 {
    cred.euid().into_uid_in_current_ns()
}

/// Returns the effective user id of @cred, or EFAULT if there is none.
#[kfunc]
fn bpf_kt_cred_or_efault(cred: Trusted<'_, Credential>) -> Result<u32> {
    Ok(cred.euid().into_uid_in_current_ns())
}

/// Returns the flags with which @file was opened.
#[kfunc]
fn bpf_kt_file_flags(file: Trusted<'_, File>) -> u32 {
    file.flags()
}

/// Returns the effective user id of the task that opened @file.
#[kfunc]
fn bpf_kt_file_euid(file: Trusted<'_, File>) -> u32 {
    file.euid().into_uid_in_current_ns()
}

/// Returns the position of @file.
#[kfunc]
fn bpf_kt_file_pos(file: Trusted<'_, File>) -> i64 {
    file.f_pos()
}

/// Returns the number of @inode.
#[kfunc]
fn bpf_kt_ino(inode: Trusted<'_, Inode>) -> u64 {
    inode.i_ino()
}

/// Returns the mode of @inode.
#[kfunc]
fn bpf_kt_mode(inode: Trusted<'_, Inode>) -> u16 {
    inode.i_mode()
}

/// Returns the flags of @dentry.
#[kfunc]
fn bpf_kt_dentry_flags(dentry: Trusted<'_, Dentry>) -> u32 {
    dentry.d_flags()
}

/// Returns the magic number of @sb.
#[kfunc]
fn bpf_kt_magic(sb: Trusted<'_, SuperBlock>) -> u64 {
    sb.s_magic() as u64
}

/// Returns the id of @cgroup.
#[kfunc]
fn bpf_kt_cgroup_id(cgroup: Trusted<'_, Cgroup>) -> u64 {
    cgroup.id()
}

/// Returns the depth of @cgroup.
#[kfunc]
fn bpf_kt_cgroup_level(cgroup: Trusted<'_, Cgroup>) -> i32 {
    cgroup.level()
}

/// Returns the number of bytes in @vma.
#[kfunc]
fn bpf_kt_vma_len(vma: Trusted<'_, Vma>) -> u64 {
    vma.vm_end().saturating_sub(vma.vm_start()) as u64
}

/// Returns the length of @skb.
#[kfunc]
fn bpf_kt_skb_len(skb: Trusted<'_, SkBuff>) -> u32 {
    skb.len()
}

/// Returns the protocol of the packet.
#[kfunc]
fn bpf_kt_ctx_protocol(packet: Trusted<'_, SkBuff>) -> u16 {
    packet.protocol()
}

/// Returns the mark of the packet.
#[kfunc]
fn bpf_kt_ctx_mark(packet: Trusted<'_, SkBuff>) -> u32 {
    packet.mark()
}

/// Returns the length of the packet.
#[kfunc]
fn bpf_kt_ctx_len(packet: Trusted<'_, SkBuff>) -> u32 {
    packet.len()
}

/// Returns the length of the linear part of the packet.
#[kfunc]
fn bpf_kt_xdp_len(packet: Trusted<'_, XdpBuff>) -> u32 {
    packet.len()
}

/// Returns the index of the device of the packet.
#[kfunc]
fn bpf_kt_xdp_ifindex(packet: Trusted<'_, XdpBuff>) -> i32 {
    packet.ifindex()
}

/// Returns the index of @dev.
#[kfunc]
fn bpf_kt_ifindex(dev: Trusted<'_, NetDevice>) -> i32 {
    dev.ifindex()
}

/// Returns the protocol of @sk, or -1 if @sk is no whole socket.
#[kfunc]
fn bpf_kt_sock_protocol(sk: Trusted<'_, Sock>) -> i32 {
    sk.full().map_or(-1, |sk| sk.protocol().into())
}

/// Returns the address family of @sk.
#[kfunc]
fn bpf_kt_sock_family(sk: Trusted<'_, Sock>) -> u16 {
    sk.family()
}

/// A pair of numbers.
#[derive(BtfType, Clone, Copy, FromBytes, IntoBytes)]
#[btf(name = "bpf_kt_pair")]
#[repr(C)]
struct Pair {
    first: u64,
    second: u64,
}

/// Swaps the numbers of @pair. Returns an error, after the change, if they are equal.
#[kfunc]
fn bpf_kt_swap(mut pair: InOut<'_, Pair>) -> Result {
    let Pair { first, second } = *pair;
    *pair = Pair {
        first: second,
        second: first,
    };
    if first == second {
        return Err(EINVAL);
    }
    Ok(())
}

/// An object with bytes that programs write.
#[derive(BtfType)]
#[btf(object, name = "bpf_kt_scratch")]
struct Scratch {
    notes: Shared<16>,
}

/// Returns an object whose bytes are all 1.
#[kfunc]
fn bpf_kt_scratch_new() -> Option<ARef<Object<Scratch>>> {
    let notes = Shared::new([1; 16]);
    Object::new(Scratch { notes }).ok()
}

/// Releases a reference.
#[kfunc]
fn bpf_kt_scratch_release(scratch: ARef<Object<Scratch>>) {
    drop(scratch);
}

/// Returns the first bytes of the notes of @scratch.
#[kfunc]
fn bpf_kt_scratch_notes<'a>(
    scratch: &'a Object<Scratch>,
    size: RdwrBufSize<'a>,
) -> Option<RdwrBuf<'a>> {
    size.lend(&scratch.notes)
}

/// Adds one to each byte of @scratch, and returns the sum.
#[kfunc]
fn bpf_kt_scratch_inc(scratch: &Object<Scratch>) -> Result<u32> {
    let mut sum: u32 = 0;
    for index in 0..scratch.notes.len() {
        let byte = scratch.notes.get(index).ok_or(EINVAL)?.wrapping_add(1);
        scratch.notes.set(index, byte)?;
        sum = sum.saturating_add(byte.into());
    }
    Ok(sum)
}

/// A table whose functions get structs of the kernel.
#[struct_ops(bpf_kt_ops)]
trait KtOps {
    fn seen(&self, task: Trusted<'_, Task>, other: Option<Trusted<'_, Task>>) -> u32;
}

static OPS_SLOT: Slot<KtOpsTable> = Slot::new();

static OPS: StructOpsType<KtSubsystem> = StructOpsType::new();

struct KtSubsystem;

impl StructOps for KtSubsystem {
    type Table = KtOpsTable;
    type Slot = &'static Slot<Self::Table>;

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Ok(&OPS_SLOT)
    }
}

/// Calls the attached program with the current task, and with it a second time if @twice is true.
/// Returns the result of the program.
#[kfunc]
fn bpf_kt_call(twice: bool) -> Result<u32> {
    let task = current!();
    let task = Trusted::from(&**task);
    OPS_SLOT
        .with(|ops| ops.seen(task, twice.then_some(task)))
        .ok_or(ENOENT)
}

kfunc_set! {
    static KFUNCS = {
        prog_types: [Tracing, Syscall, SchedCls, StructOps],
        kfuncs: [
            bpf_kt_pid,
            bpf_kt_cgroup_rcu,
            bpf_kt_comm_len,
            bpf_kt_uid,
            bpf_kt_cred_euid,
            bpf_kt_cred_or_efault,
            bpf_kt_file_flags,
            bpf_kt_file_euid,
            bpf_kt_file_pos,
            bpf_kt_ino,
            bpf_kt_mode,
            bpf_kt_dentry_flags,
            bpf_kt_magic,
            bpf_kt_cgroup_id,
            bpf_kt_cgroup_level,
            bpf_kt_vma_len,
            bpf_kt_skb_len,
            bpf_kt_ctx_protocol,
            bpf_kt_ctx_mark,
            bpf_kt_ctx_len,
            bpf_kt_ifindex,
            bpf_kt_sock_protocol,
            bpf_kt_sock_family,
            bpf_kt_swap,
            bpf_kt_scratch_new,
            bpf_kt_scratch_release,
            bpf_kt_scratch_notes,
            bpf_kt_scratch_inc,
            bpf_kt_call,
        ],
    };
}

kfunc_set! {
    static XDP_KFUNCS = {
        prog_types: [Xdp],
        kfuncs: [bpf_kt_xdp_len, bpf_kt_xdp_ifindex],
    };
}

struct KernelTypes;

impl kernel::Module for KernelTypes {
    fn init(module: &'static ThisModule) -> Result<Self> {
        KFUNCS.register(module)?;
        XDP_KFUNCS.register(module)?;
        OPS.register(module)?;
        Ok(Self)
    }
}
