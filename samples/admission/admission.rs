// SPDX-License-Identifier: GPL-2.0

//! A device whose requests a BPF program admits.
//!
//! Each open file of `/dev/admission` has a budget of bytes. A `write()` requests as many bytes as
//! the user passes, and returns the number of bytes that the device grants. A policy, a table that
//! a BPF program implements, decides. The prologue stores the rest of the budget in the request
//! before the program runs, and the epilogue takes the granted bytes from the budget after it
//! returns. A file never gets more than its budget, for any result of the program. Without a
//! policy, a request gets the rest of the budget.
//!
//! User space can replace the policy at any time: one policy decides each request.
//!
//! The device does not store or return data, and a budget is never filled up again.

use bpf::{
    bpf_helper,
    prelude::*,
    pro_epilogue::{
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
use kernel::{
    fs::{
        File,
        Kiocb, //
    },
    iov::IovIterSource,
    miscdevice::{
        MiscDevice,
        MiscDeviceOptions,
        MiscDeviceRegistration, //
    },
    prelude::*,
    sync::{
        atomic::{
            Atomic,
            Relaxed, //
        },
        Arc,
        ArcBorrow, //
    }, //
};

module! {
    type: Admission,
    name: "admission",
    description: "Rust sample: a device whose requests a BPF program admits",
    license: "GPL",
}

/// The budget of a new file, in bytes.
const BUDGET: u32 = 4096;

/// The rest of the budget of an open file, in bytes.
struct Budget(Atomic<u32>);

impl Budget {
    /// Takes up to `wanted` bytes from the budget. Returns the number of bytes taken.
    fn take(&self, wanted: u32) -> u32 {
        let mut left = self.0.load(Relaxed);
        loop {
            let granted = wanted.min(left);
            match self.0.cmpxchg(left, left.saturating_sub(granted), Relaxed) {
                Ok(_) => return granted,
                Err(now) => left = now,
            }
        }
    }
}

/// A request. Programs can read the fields with `#[btf]`.
#[derive(BtfType)]
#[btf(object, name = "bpf_admission_request")]
struct Request {
    /// The number of bytes that the request asks for.
    #[btf]
    bytes: u32,
    /// The rest of the budget before the policy decides, in bytes.
    #[btf]
    left: Atomic<u32>,
    budget: Arc<Budget>,
}

/// The policy, `struct bpf_admission_ops` in C.
#[struct_ops(bpf_admission_ops)]
trait AdmissionOps {
    /// Returns the number of bytes to grant. The epilogue limits the number to the request and to
    /// the budget.
    fn admit(&self, request: &Object<Request>) -> u32;
}

bpf_helper! {
    /// Called by the prologue: stores the rest of the budget in the request.
    static FACTS = fn(request: &Object<Request>) {
        request.left.store(request.budget.0.load(Relaxed), Relaxed);
    };
}

bpf_helper! {
    /// Called by the epilogue: takes `wanted` bytes from the budget, at most the bytes of the
    /// request. Returns the number of bytes taken.
    static GRANT = fn(request: &Object<Request>, wanted: u32) -> u32 {
        request.budget.take(wanted.min(request.bytes))
    };
}

static POLICY: Slot<AdmissionOpsTable> = Slot::new();

static OPS: StructOpsType<Policy> = StructOpsType::new();

struct Policy;

impl StructOps for Policy {
    type Table = AdmissionOpsTable;
    type Slot = &'static Slot<Self::Table>;

    // by hand: all functions that the prologue and the epilogue call.
    const HELPERS: &'static [&'static Helper] = &[&FACTS, &GRANT];

    fn prologue(_prog: &MemberProg<'_>, code: &mut Prologue<'_>) {
        // by hand: the arguments have the types of the parameters.
        code.call(&FACTS, [Input::Arg(0)]);
    }

    fn epilogue(_prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
        let wanted = code.result();
        // by hand: the arguments have the types of the parameters.
        let granted = code.call(&GRANT, [Input::Arg(0), wanted.into()]);
        code.set_result(granted);
    }

    fn slot(_table: &Self::Table, _module: &ModuleRef) -> Result<Self::Slot> {
        Ok(&POLICY)
    }
}

/// An open file of the device.
struct Session {
    budget: Arc<Budget>,
}

#[vtable]
impl MiscDevice for Session {
    type Ptr = Arc<Self>;

    fn open(_file: &File, _device: &MiscDeviceRegistration<Self>) -> Result<Arc<Self>> {
        let budget = Arc::new(Budget(Atomic::new(BUDGET)), GFP_KERNEL)?;
        Ok(Arc::new(Self { budget }, GFP_KERNEL)?)
    }

    fn write_iter(kiocb: Kiocb<'_, Self::Ptr>, iov: &mut IovIterSource<'_>) -> Result<usize> {
        let session: ArcBorrow<'_, Self> = kiocb.file();
        let bytes = u32::try_from(iov.len()).unwrap_or(u32::MAX);
        let request = Object::new(Request {
            bytes,
            left: Atomic::new(0),
            budget: session.budget.clone(),
        })?;
        let granted = POLICY
            .with(|policy| policy.admit(&request))
            .unwrap_or_else(|| request.budget.take(bytes));
        if granted == 0 && bytes > 0 {
            return Err(EAGAIN);
        }
        Ok(granted as usize)
    }
}

#[pin_data]
struct Admission {
    #[pin]
    _device: MiscDeviceRegistration<Session>,
}

impl kernel::InPlaceModule for Admission {
    fn init(module: &'static ThisModule) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            _: { OPS.register(module)? },
            _device <- MiscDeviceRegistration::register(MiscDeviceOptions { name: c"admission" }),
        })
    }
}
