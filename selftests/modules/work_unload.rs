// SPDX-License-Identifier: GPL-2.0

//! Works that begin while their module is unloaded. Loaded and unloaded by the test.
//!
//! A work that starts itself again must not keep the module loaded for ever. A value whose drop
//! starts a work, the object of which holds the last references to other objects, must not be freed
//! after the module.

use bpf::{
    prelude::*,
    work, //
};
use core::convert::Infallible;
use kernel::{
    prelude::*,
    time::{
        delay::fsleep,
        Delta, //
    }, //
};

module! {
    type: WorkUnload,
    name: "work_unload",
    description: "Works that begin in an unload",
    license: "GPL",
}

#[derive(BtfType)]
#[btf(object, name = "bpf_work_unload_again")]
struct Again {
    queue: ARef<Object<Holder>>,
}

#[derive(BtfType)]
#[btf(object, name = "bpf_work_unload_holder")]
struct Holder {
    queue: work::Queue<Again>,
}

impl Again {
    fn start(holder: &ARef<Object<Holder>>) -> Result {
        let again = Self {
            queue: holder.clone(),
        };
        holder.queue.start::<Infallible>(again).map(drop)
    }
}

impl work::Work for Again {
    fn run(self: &Object<Self>, _: &work::Running) {
        fsleep(Delta::from_millis(20));
        // Fails when the module is unloaded.
        let _ = Self::start(&self.queue);
    }
}

/// A chain of objects, each of which holds the last reference to the next one.
#[derive(BtfType)]
#[btf(object, name = "bpf_work_unload_link")]
struct Link {
    number: u32,
    _next: Option<ARef<Object<Link>>>,
}

impl Drop for Link {
    fn drop(&mut self) {
        if self.number == 0 {
            pr_info!("the last link is dropped\n");
        }
    }
}

#[derive(BtfType)]
#[btf(object, name = "bpf_work_unload_last")]
struct Last {
    _chain: ARef<Object<Link>>,
}

impl work::Work for Last {
    fn run(self: &Object<Self>, _: &work::Running) {}
}

/// Its drop, in an RCU callback, starts a work.
#[derive(BtfType)]
#[btf(object, name = "bpf_work_unload_first")]
struct First {
    queue: work::Queue<Last>,
    chain: ARef<Object<Link>>,
}

impl Drop for First {
    fn drop(&mut self) {
        let last = Last {
            _chain: self.chain.clone(),
        };
        let _ = self.queue.start::<Infallible>(last);
    }
}

struct WorkUnload {
    _first: ARef<Object<First>>,
}

impl kernel::Module for WorkUnload {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let holder = Object::new(Holder {
            queue: work::Queue::new(4)?,
        })?;
        Again::start(&holder)?;

        let mut chain = Object::new(Link {
            number: 0,
            _next: None,
        })?;
        for number in 1..20 {
            chain = Object::new(Link {
                number,
                _next: Some(chain),
            })?;
        }
        Ok(Self {
            _first: Object::new(First {
                queue: work::Queue::new(4)?,
                chain,
            })?,
        })
    }
}
