// SPDX-License-Identifier: GPL-2.0

//! HID devices for BPF programs: find them, and get and set their reports.
//!
//! A program that may sleep makes a request and gets the answer. A program that sees an event of a
//! device in an interrupt starts a request, which a thread makes later. The program, or user space,
//! learns the result: a kfunc polls it or waits for it, or a ring buffer gets a record.
//!
//! A program can keep a device in a map. When the device is unplugged, requests return `ENODEV`.
//!
//! A device has at most 32 requests that a program has started and that have not ended.

use bpf::{
    prelude::*,
    work,
    ProgAux,
    RingBuf, //
};
use hid::ReportType;
use kernel::{
    prelude::*,
    sync::atomic::{
        Atomic,
        Relaxed, //
    }, //
};

module! {
    type: HidIo,
    name: "hid_io",
    description: "Rust sample: HID devices for BPF programs",
    license: "GPL",
}

/// The largest report of a request that a program starts, in bytes: that of a USB device of full
/// speed, and the byte of an ID that the device does not have.
const REPORT_SIZE: usize = 65;
/// The number of words for its bytes.
const WORDS: usize = REPORT_SIZE.div_ceil(8);
/// The number of requests of a device that have not ended.
const REQUESTS: u32 = 32;

/// A device. Programs can read the marked fields.
#[derive(BtfType)]
#[btf(object, name = "bpf_hid", registry = 256)]
struct Hid {
    #[btf]
    id: u32,
    #[btf]
    vendor: u32,
    #[btf]
    product: u32,
    #[btf]
    version: u32,
    /// The number of `/dev/hidraw<number>`, or -1.
    #[btf]
    hidraw: i32,
    #[btf]
    bus: u16,
    #[btf]
    group: u16,
    /// The name, with a NUL byte at the end.
    #[btf]
    name: [u8; 128],
    device: hid::Device,
    requests: work::Queue<Request>,
    answered: Atomic<u64>,
    failed: Atomic<u64>,
    /// Records for which a ring buffer had no room.
    lost: Atomic<u64>,
}

/// Counts of the requests that programs have started for a device.
#[derive(BtfType, IntoBytes)]
#[btf(name = "bpf_hid_counts")]
#[repr(C)]
struct Counts {
    /// Requests that ended without an error.
    answered: u64,
    /// Requests that ended with an error, or that a program has cancelled.
    failed: u64,
    /// Requests that were not started, because the device had 32.
    refused: u64,
    /// Records for which a ring buffer had no room.
    lost: u64,
    /// Requests that have not ended.
    pending: u32,
    pad: u32,
}

/// The request that a program starts.
#[derive(BtfType, FromBytes, Clone, Copy)]
#[btf(name = "bpf_hid_start")]
#[repr(C)]
struct Start {
    /// A number of the program's choice, for the record in the ring buffer.
    cookie: u64,
    /// 0: get a report; 1: set a report; 2: send an output report; 3: inject an input report.
    op: u8,
    /// The type of the report: 0: input; 1: output; 2: feature. Ignored for `op` 2 and 3.
    report_type: u8,
    /// The number of bytes in `report`.
    len: u8,
    /// The report. Its first byte is its ID, or 0 if reports of the type have no IDs.
    report: [u8; REPORT_SIZE],
    pad: [u8; 4],
}

impl Start {
    /// Returns the bytes of the report.
    fn report(&self) -> &[u8] {
        self.report.get(..self.len.into()).unwrap_or_default()
    }
}

enum Op {
    Get(ReportType),
    Set(ReportType),
    Output,
    Input,
}

impl TryFrom<&Start> for Op {
    type Error = Error;

    fn try_from(start: &Start) -> Result<Self> {
        let kind = u32::from(start.report_type).try_into();
        match start.op {
            0 => Ok(Self::Get(kind?)),
            1 => Ok(Self::Set(kind?)),
            2 => Ok(Self::Output),
            3 => Ok(Self::Input),
            _ => Err(EINVAL),
        }
    }
}

/// A request that a program has started.
#[pin_data]
#[derive(BtfType)]
#[btf(object, name = "bpf_hid_request")]
struct Request {
    hid: ARef<Object<Hid>>,
    start: Start,
    /// The answer of the device, eight bytes in a word.
    answer: [Atomic<u64>; WORDS],
    ring: Option<RingBuf>,
    #[pin]
    status: work::Status,
    _alive: Alive,
}

/// The number of requests that are not freed. The tests check that none is left.
static ALIVE: Atomic<u32> = Atomic::new(0);

/// A request that is not freed.
struct Alive;

impl Alive {
    fn new() -> Self {
        ALIVE.fetch_add(1, Relaxed);
        Self
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Relaxed);
    }
}

impl Request {
    fn transfer(&self) -> Result<usize> {
        let device = &self.hid.device;
        let report = self.start.report();
        match Op::try_from(&self.start)? {
            Op::Get(kind) => {
                let mut answer = self.start.report;
                let answer = answer.get_mut(..report.len()).ok_or(EINVAL)?;
                let len = device.get_report(kind, answer)?;
                for (word, bytes) in self.answer.iter().zip(answer.chunks(8)) {
                    let mut whole = [0; 8];
                    whole
                        .iter_mut()
                        .zip(bytes)
                        .for_each(|(to, from)| *to = *from);
                    word.store(u64::from_ne_bytes(whole), Relaxed);
                }
                Ok(len)
            }
            Op::Set(kind) => device.set_report(kind, report),
            Op::Output => device.output_report(report),
            Op::Input => device.input_report(report).map(|()| report.len()),
        }
    }

    /// Returns the bytes of the answer.
    fn answer(&self) -> impl Iterator<Item = u8> + '_ {
        let words = self.answer.iter().map(|word| word.load(Relaxed));
        words.flat_map(u64::to_ne_bytes)
    }
}

impl work::Work for Request {
    fn run(self: &Object<Self>, running: &work::Running) {
        let result = self.status.finish(running, || Ok(self.transfer()? as u32));
        let count = match result {
            Ok(_) => &self.hid.answered,
            Err(_) => &self.hid.failed,
        };
        count.fetch_add(1, Relaxed);
        let Some(ring) = &self.ring else { return };
        // `struct hid_io_record` in `hid_io.h`.
        let result = result.map_or_else(|err| err.to_errno().into(), i64::from);
        let mut record = [0; 16 + 8 * WORDS];
        let numbers = [self.start.cookie.to_ne_bytes(), result.to_ne_bytes()];
        let bytes = Iterator::chain(numbers.into_iter().flatten(), self.answer());
        record
            .iter_mut()
            .zip(bytes)
            .for_each(|(to, from)| *to = from);
        if ring.push(&record).is_err() {
            self.hid.lost.fetch_add(1, Relaxed);
        }
    }
}

/// Returns the device with the number @id, which HID-BPF programs know as `ctx->hid->id`.
///
/// Returns null if no driver is bound to a device with that number.
#[kfunc]
fn bpf_hid_find(id: u32) -> Option<ARef<Object<Hid>>> {
    Object::find_get(id.into())
}

/// Returns the device of /dev/hidraw@number. Returns null if there is none.
#[kfunc]
fn bpf_hid_find_hidraw(number: u32) -> Option<ARef<Object<Hid>>> {
    with_rcu(|rcu| {
        let mut place = 0;
        while let Some(hid) = Object::<Hid>::next(&mut place, rcu) {
            if u32::try_from(hid.hidraw) == Ok(number) {
                return hid.try_get();
            }
        }
        None
    })
}

/// Releases a reference.
#[kfunc]
fn bpf_hid_release(hid: ARef<Object<Hid>>) {
    drop(hid);
}

/// An iterator over the numbers of all devices. A device can be gone when bpf_hid_find() looks for
/// its number.
struct Walk {
    next: u32,
}

#[kfunc_iterator(hid)]
impl Walk {
    fn new() -> Result<Self> {
        Ok(Self { next: 0 })
    }

    fn next(&mut self) -> Option<u32> {
        with_rcu(|rcu| Object::<Hid>::next(&mut self.next, rcu).map(|hid| hid.id))
    }
}

/// Asks @hid for a report. The first byte of @report is the ID of the report, or 0 if reports of
/// @report_type (0: input; 1: output; 2: feature) have no IDs.
///
/// Returns the number of bytes of the answer in @report.
#[kfunc(sleepable)]
fn bpf_hid_get_report(hid: &Object<Hid>, report_type: u32, report: &mut [u8]) -> Result<u32> {
    Ok(hid.device.get_report(report_type.try_into()?, report)? as u32)
}

/// Sets a report of @hid. The first byte of @report is its ID, or 0.
///
/// Returns the number of bytes that were sent.
#[kfunc(sleepable)]
fn bpf_hid_set_report(hid: &Object<Hid>, report_type: u32, report: &[u8]) -> Result<u32> {
    Ok(hid.device.set_report(report_type.try_into()?, report)? as u32)
}

/// Sends an output report to @hid, without a wait for the device.
///
/// Returns the number of bytes that were sent.
#[kfunc(sleepable)]
fn bpf_hid_output_report(hid: &Object<Hid>, report: &[u8]) -> Result<u32> {
    Ok(hid.device.output_report(report)? as u32)
}

/// Injects an input report, as if @hid had sent it.
#[kfunc(sleepable)]
fn bpf_hid_input_report(hid: &Object<Hid>, report: &[u8]) -> Result<()> {
    hid.device.input_report(report)
}

/// Returns the size in bytes of the report @id of @report_type, with the byte for the ID.
#[kfunc(sleepable)]
fn bpf_hid_report_len(hid: &Object<Hid>, report_type: u32, id: u8) -> Result<u32> {
    Ok(hid.device.report_len(report_type.try_into()?, id)? as u32)
}

fn start(hid: &Object<Hid>, start: Start, ring: Option<RingBuf>) -> Option<ARef<Object<Request>>> {
    Op::try_from(&start).ok()?;
    if start.report().is_empty() {
        return None;
    }
    let request = pin_init!(Request {
        hid: hid.into(),
        start,
        answer: [const { Atomic::new(0) }; WORDS],
        ring,
        status <- work::Status::new(),
        _alive: Alive::new(),
    });
    hid.requests.start(request).ok()
}

/// Starts a request, in any context. A thread makes it later; the requests to a device are made in
/// the order of their start.
///
/// Returns null if @start is not valid, if the device has 32 requests that have not ended, or if
/// there is no memory. The request goes on when the program releases it.
#[kfunc]
fn bpf_hid_start(hid: &Object<Hid>, start: In<Start>) -> Option<ARef<Object<Request>>> {
    self::start(hid, *start, None)
}

/// As bpf_hid_start(). At its end, the request appends a record to @ring, a ring buffer: the
/// cookie, the result (8 bytes each) and the answer of the device.
#[kfunc]
fn bpf_hid_start_ring(
    hid: &Object<Hid>,
    start: In<Start>,
    ring: &Map,
    prog: &ProgAux,
) -> Option<ARef<Object<Request>>> {
    self::start(hid, *start, Some(RingBuf::new(ring, prog).ok()?))
}

/// Returns the result of @request: a number of bytes, or an error; EINPROGRESS before its end.
#[kfunc]
fn bpf_hid_request_poll(request: &Object<Request>) -> Result<u32> {
    request.status.poll()
}

/// Waits for the result of @request, for at most @milliseconds. Returns it, or ETIMEDOUT.
#[kfunc(sleepable)]
fn bpf_hid_request_wait(request: &Object<Request>, milliseconds: u32) -> Result<u32> {
    request.status.wait(milliseconds)
}

/// Cancels @request, if it has not begun. Returns whether it is not made.
#[kfunc]
fn bpf_hid_request_cancel(request: &Object<Request>) -> bool {
    request.status.cancel()
}

/// Copies the answer to @report. Returns the number of bytes that the device has sent.
#[kfunc]
fn bpf_hid_request_report(request: &Object<Request>, report: &mut [u8]) -> Result<u32> {
    let len = request.status.poll()?;
    let answer = request.answer().take(len as usize);
    report
        .iter_mut()
        .zip(answer)
        .for_each(|(to, from)| *to = from);
    Ok(len)
}

/// Releases a reference.
#[kfunc]
fn bpf_hid_request_release(request: ARef<Object<Request>>) {
    drop(request);
}

/// Counts the requests that programs have started for @hid.
#[kfunc]
fn bpf_hid_count(hid: &Object<Hid>, mut counts: Out<'_, Counts>) {
    // The counts of requests that have ended do not change after this.
    let pending = hid.requests.len();
    counts.write(Counts {
        answered: hid.answered.load(Relaxed),
        failed: hid.failed.load(Relaxed),
        refused: hid.requests.refused(),
        lost: hid.lost.load(Relaxed),
        pending,
        pad: 0,
    });
}

/// Returns the number of requests that are not freed.
#[kfunc]
fn bpf_hid_requests_alive() -> u32 {
    ALIVE.load(Relaxed)
}

kfunc_set! {
    /// For programs of HID-BPF, for tracing programs, and for programs that user space runs.
    static HID = {
        prog_types: [StructOps, Tracing, Syscall],
        kfuncs: [
            bpf_hid_find,
            bpf_hid_find_hidraw,
            bpf_hid_release,
            bpf_iter_hid_new,
            bpf_iter_hid_next,
            bpf_iter_hid_destroy,
            bpf_hid_get_report,
            bpf_hid_set_report,
            bpf_hid_output_report,
            bpf_hid_input_report,
            bpf_hid_report_len,
            bpf_hid_start,
            bpf_hid_start_ring,
            bpf_hid_request_poll,
            bpf_hid_request_wait,
            bpf_hid_request_cancel,
            bpf_hid_request_report,
            bpf_hid_request_release,
            bpf_hid_count,
            bpf_hid_requests_alive,
        ],
    };
}

/// What the module keeps while a device is bound: programs find the device.
struct Bound(ARef<Object<Hid>>);

impl hid::Watch for Bound {
    fn bound(device: &hid::Device) -> Result<Self> {
        let mut name = [0; 128];
        name.iter_mut()
            .zip(device.name())
            .for_each(|(to, from)| *to = *from);
        let hid = Object::new(Hid {
            id: device.id(),
            vendor: device.vendor(),
            product: device.product(),
            version: device.version(),
            hidraw: device.hidraw().map_or(-1, |number| number as i32),
            bus: device.bus(),
            group: device.group(),
            name,
            device: device.clone(),
            requests: work::Queue::new(REQUESTS)?,
            answered: Atomic::new(0),
            failed: Atomic::new(0),
            lost: Atomic::new(0),
        })?;
        hid.enter(device.id().into())?;
        Ok(Self(hid))
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        self.0.leave();
    }
}

struct HidIo;

impl kernel::Module for HidIo {
    fn init(module: &'static ThisModule) -> Result<Self> {
        HID.register(module)?;
        hid::watch::<Bound>(module)?;
        Ok(Self)
    }
}
