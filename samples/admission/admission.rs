// SPDX-License-Identifier: GPL-2.0

//! A device whose requests BPF programs admit.
//!
//! Each file that opens `/dev/admission` has a budget of bytes. A `write()` asks for as many bytes as
//! it has, and returns how many were granted. A policy, which programs implement, decides; before
//! it runs, the prologue tells it what is left of the budget, and when it returns, the epilogue
//! takes from the budget. Whatever a policy returns, a file gets no more than its budget. Without a
//! policy, a request gets what is left.
//!
//! The policy can be replaced at any time: each request is decided by one policy, whole.

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
    description: "Rust sample: a device whose requests BPF programs admit",
    license: "GPL",
}

/// What a file has when it is opened, in bytes.
const BUDGET: u32 = 4096;

/// What is left of the budget of an open file.
struct Budget(Atomic<u32>);

impl Budget {
    /// Takes what is wanted, as far as it is there. Returns how much that was.
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

/// A request, as programs see it.
#[derive(BtfType)]
#[btf(object, name = "bpf_admission_request")]
struct Request {
    /// How many bytes it asks for.
    #[btf]
    bytes: u32,
    /// What was left of the budget when the policy was asked.
    #[btf]
    left: Atomic<u32>,
    budget: Arc<Budget>,
}

/// What programs decide. `struct bpf_admission_ops` for them.
#[struct_ops(bpf_admission_ops)]
trait AdmissionOps {
    /// Returns how many bytes the request may have. Its budget bounds what it gets.
    fn admit(&self, request: &Object<Request>) -> u32;
}

bpf_helper! {
    /// Before a policy: the facts.
    static FACTS = fn(request: &Object<Request>) {
        request.left.store(request.budget.0.load(Relaxed), Relaxed);
    };
}

bpf_helper! {
    /// After it: grants what the policy says, as far as it was asked for and is there.
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

    const HELPERS: &'static [&'static Helper] = &[&FACTS, &GRANT];

    fn prologue(_prog: &MemberProg<'_>, code: &mut Prologue<'_>) {
        code.call(&FACTS, [Input::Arg(0)]);
    }

    fn epilogue(_prog: &MemberProg<'_>, code: &mut Epilogue<'_>) {
        let wanted = code.result();
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
