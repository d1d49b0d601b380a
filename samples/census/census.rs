// SPDX-License-Identifier: GPL-2.0

//! Counts packets, opened files and tasks: kfuncs that take pointers to structs of the kernel.

use bpf::{
    net::SkBuff,
    prelude::*, //
};
use kernel::{
    fs::{
        file::flags,
        File, //
    },
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    },
    task::Task, //
};

module! {
    type: CensusModule,
    name: "census",
    description: "Counts packets, files and tasks for BPF programs",
    license: "GPL",
}

const ETH_P_IP: u16 = 0x0800;
const ETH_P_IPV6: u16 = 0x86dd;
const SHORT_NS: u64 = 100_000_000;

/// The counts since the module was loaded. BPF programs see `struct bpf_census`.
#[derive(BtfType, FromBytes, IntoBytes)]
#[btf(name = "bpf_census")]
#[repr(C)]
struct Census {
    /// IPv4, IPv6 and other packets.
    packets: [u64; 3],
    /// The bytes in these packets.
    bytes: u64,
    /// Opened files.
    files: u64,
    /// Of these, the files that were opened for writing.
    files_to_write: u64,
    /// Threads that ended.
    tasks: u64,
    /// Of these, the threads that ran for less than a tenth of a second.
    tasks_short: u64,
}

static PACKETS: [Atomic<u64>; 3] = [const { Atomic::new(0) }; 3];
static BYTES: Atomic<u64> = Atomic::new(0);
static FILES: Atomic<u64> = Atomic::new(0);
static FILES_TO_WRITE: Atomic<u64> = Atomic::new(0);
static TASKS: Atomic<u64> = Atomic::new(0);
static TASKS_SHORT: Atomic<u64> = Atomic::new(0);

/// Counts a packet, the context of the program.
#[kfunc]
fn bpf_census_packet(packet: Trusted<'_, SkBuff>) {
    let [ip, ipv6, other] = &PACKETS;
    let count = match packet.protocol() {
        ETH_P_IP => ip,
        ETH_P_IPV6 => ipv6,
        _ => other,
    };
    count.add(1, Relaxed);
    BYTES.add(packet.len().into(), Relaxed);
}

/// Counts @file. Returns whether the file is open for writing.
#[kfunc]
fn bpf_census_file(file: Trusted<'_, File>) -> bool {
    let is_to_write = file.flags() & flags::O_ACCMODE != flags::O_RDONLY;
    FILES.add(1, Relaxed);
    FILES_TO_WRITE.add(is_to_write.into(), Relaxed);
    is_to_write
}

/// Counts @task, which ends at @now nanoseconds since the boot. Returns the nanoseconds that the
/// task has existed.
#[kfunc]
fn bpf_census_task(task: Trusted<'_, Task>, now: u64) -> u64 {
    let age = now.saturating_sub(task.start_time());
    TASKS.add(1, Relaxed);
    TASKS_SHORT.add((age < SHORT_NS).into(), Relaxed);
    age
}

/// Writes the counts to @census.
#[kfunc]
fn bpf_census_read(mut census: Out<'_, Census>) {
    let [ip, ipv6, other] = &PACKETS;
    census.write(Census {
        packets: [ip.load(Relaxed), ipv6.load(Relaxed), other.load(Relaxed)],
        bytes: BYTES.load(Relaxed),
        files: FILES.load(Relaxed),
        files_to_write: FILES_TO_WRITE.load(Relaxed),
        tasks: TASKS.load(Relaxed),
        tasks_short: TASKS_SHORT.load(Relaxed),
    });
}

kfunc_set! {
    static CENSUS = {
        prog_types: [Tracing, CgroupSkb, Syscall],
        kfuncs: [bpf_census_packet, bpf_census_file, bpf_census_task, bpf_census_read],
    };
}

struct CensusModule;

impl kernel::Module for CensusModule {
    fn init(module: &'static ThisModule) -> Result<Self> {
        CENSUS.register(module)?;
        Ok(Self)
    }
}
