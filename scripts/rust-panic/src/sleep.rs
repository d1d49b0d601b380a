// SPDX-License-Identifier: GPL-2.0

//! Finds the functions of other objects that may sleep.
//!
//! A thread sleeps in C functions of the kernel ([`SLEEPING`] has the list), and in an allocation
//! with flags such as `GFP_KERNEL`. A function of an object given by `--with` or `--checked` may sleep
//! if it calls one of these, through any number of calls. This module does not look at the object that is
//! checked: [`crate::check`] does.
//!
//! This module follows calls, and no other references: a function that passes the address of a
//! work to a queue does not sleep because the work does.

use std::collections::{
    HashMap,
    HashSet,
    VecDeque, //
};

use crate::{
    elf::{
        Object,
        Reference,
        Target, //
    },
    names::{
        self,
        Kind, //
    },
};

/// Code that must not sleep.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Context {
    /// A kfunc without `sleepable`.
    Kfunc,
    /// A method of an iterator without `sleepable`.
    Iterator,
    /// A helper of a prologue or an epilogue, or the destructor of references in maps.
    Other,
    /// The drop of an object's value, in an RCU callback.
    Drop,
}

/// A way to sleep: the error for each [`Context`].
#[derive(Debug)]
pub(crate) struct Way {
    kfunc: Kind,
    iterator: Kind,
    other: Kind,
}

/// Makes a [`Way`] from the code to write instead, if the context stays the same.
macro_rules! way {
    ($instead:literal) => {
        Way {
            kfunc: Kind {
                what: "the kfunc is not `sleepable`",
                instead: concat!(
                    "`#[kfunc(sleepable)]`, so that only programs that may sleep call it; or ",
                    $instead
                ),
            },
            iterator: Kind {
                what: "the iterator is not `sleepable`",
                instead: concat!(
                    "`#[kfunc_iterator(..., sleepable)]`, so that only programs that may sleep \
                     use it; or ",
                    $instead
                ),
            },
            other: Kind {
                what: "the caller must not sleep",
                instead: $instead,
            },
        }
    };
}

static LOCK: Way = way!("`bpf::ResSpinLock`, which does not sleep");
static WAIT: Way = way!("a work (`bpf::work`), which a thread runs later and which may sleep");
static USER: Way = way!("`&[u8]` or `&mut [u8]`, for memory that the program passes");
static MEMORY: Way = way!("`Object::new()`, which allocates without sleep");

impl Way {
    /// The error for a context.
    pub(crate) fn kind(&'static self, context: Context) -> &'static Kind {
        match context {
            Context::Kfunc => &self.kfunc,
            Context::Iterator => &self.iterator,
            Context::Other | Context::Drop => &self.other,
        }
    }
}

/// The C functions that may sleep, without the prefix of the kernel's helpers for Rust; `*` matches
/// any text.
///
/// The list has the functions that safe code of the kernel crate and the helpers of this tree call,
/// with their relatives. A function that sleeps only with certain arguments is not in the list.
static SLEEPING: &[(&str, &Way)] = &[
    // Locks. `try_lock()` does not sleep either, but such a lock belongs to a task: neither it nor its
    // unlock, which takes a spinlock, is for interrupts.
    ("mutex_trylock*", &LOCK),
    ("_mutex_trylock*", &LOCK),
    ("mmap_*_trylock", &LOCK),
    ("mutex_lock*", &LOCK),
    ("_mutex_lock*", &LOCK),
    ("ww_mutex_lock*", &LOCK),
    ("rt_mutex_lock*", &LOCK),
    ("down", &LOCK),
    ("down_interruptible", &LOCK),
    ("down_killable", &LOCK),
    ("down_timeout", &LOCK),
    ("down_read*", &LOCK),
    ("down_write*", &LOCK),
    ("_down_write*", &LOCK),
    ("percpu_down_*", &LOCK),
    ("mmap_read_lock*", &LOCK),
    ("mmap_write_lock*", &LOCK),
    ("device_lock*", &LOCK),
    ("dma_resv_lock*", &LOCK),
    ("lock_sock_nested", &LOCK),
    ("rtnl_lock*", &LOCK),
    ("cpus_read_lock", &LOCK),
    // The scheduler, which all other waits call. `might_resched()` and `__might_sleep()` are what
    // `kernel::task::might_sleep()` calls.
    ("schedule", &WAIT),
    ("schedule_timeout*", &WAIT),
    ("schedule_hrtimeout*", &WAIT),
    ("io_schedule*", &WAIT),
    ("__cond_resched*", &WAIT),
    ("might_resched", &WAIT),
    ("__might_sleep", &WAIT),
    // Events and time.
    ("wait_for_completion*", &WAIT),
    ("wait_woken", &WAIT),
    ("__wait_on_bit*", &WAIT),
    ("out_of_line_wait_on_bit*", &WAIT),
    ("fsleep", &WAIT),
    ("msleep*", &WAIT),
    ("usleep_range*", &WAIT),
    // Grace periods.
    ("synchronize_rcu*", &WAIT),
    ("synchronize_srcu*", &WAIT),
    ("synchronize_net", &WAIT),
    ("rcu_barrier*", &WAIT),
    ("srcu_barrier", &WAIT),
    ("cleanup_srcu_struct", &WAIT),
    // The end of works, threads and interrupts.
    ("flush_work", &WAIT),
    ("flush_delayed_work", &WAIT),
    ("flush_rcu_work", &WAIT),
    ("__flush_workqueue", &WAIT),
    ("drain_workqueue", &WAIT),
    ("destroy_workqueue", &WAIT),
    ("cancel_work_sync", &WAIT),
    ("cancel_delayed_work_sync", &WAIT),
    ("disable_work_sync", &WAIT),
    ("disable_delayed_work_sync", &WAIT),
    ("kthread_create_on_node", &WAIT),
    ("kthread_stop*", &WAIT),
    ("kthread_park", &WAIT),
    ("synchronize_irq", &WAIT),
    ("irq_work_sync", &WAIT),
    ("request_irq", &WAIT),
    ("request_threaded_irq", &WAIT),
    ("free_irq", &WAIT),
    ("disable_irq", &WAIT),
    ("devm_request_irq", &WAIT),
    ("devm_request_threaded_irq", &WAIT),
    ("devm_free_irq", &WAIT),
    // Memory of user space, which a page fault may have to read from a disk.
    ("copy_from_user", &USER),
    ("_copy_from_user", &USER),
    ("copy_to_user", &USER),
    ("_copy_to_user", &USER),
    ("strncpy_from_user", &USER),
    ("strnlen_user", &USER),
    ("clear_user", &USER),
    ("__might_fault", &USER),
    ("get_user_pages*", &USER),
    ("pin_user_pages*", &USER),
    ("access_process_vm", &USER),
    ("access_remote_vm", &USER),
    // Virtual memory of the kernel.
    ("vrealloc_node_align*", &MEMORY),
    ("kvrealloc_node_align*", &MEMORY),
    ("vmalloc", &MEMORY),
    ("vmalloc_noprof", &MEMORY),
    ("__vmalloc*", &MEMORY),
    ("vzalloc*", &MEMORY),
    ("vmap", &WAIT),
    ("vunmap", &WAIT),
    ("ioremap*", &WAIT),
    ("iounmap", &WAIT),
    ("mmput", &WAIT),
    ("vm_insert_page", &WAIT),
    ("zap_vma_range", &WAIT),
    ("kmem_cache_create*", &WAIT),
    ("__kmem_cache_create*", &WAIT),
    ("kmem_cache_destroy", &WAIT),
    ("alloc_workqueue*", &WAIT),
    // Files and firmware.
    ("filp_open", &WAIT),
    ("kernel_read*", &WAIT),
    ("kernel_write", &WAIT),
    ("vfs_*", &WAIT),
    ("iput", &WAIT),
    ("dput", &WAIT),
    ("request_firmware*", &WAIT),
    ("firmware_request_*", &WAIT),
    // Drivers and devices, which come and go under mutexes.
    ("*_register_driver", &WAIT),
    ("*_driver_register", &WAIT),
    ("*_unregister_driver", &WAIT),
    ("*_driver_unregister", &WAIT),
    ("phy_drivers_register", &WAIT),
    ("phy_drivers_unregister", &WAIT),
    ("cpufreq_register_em_with_opp", &WAIT),
    ("i2c_del_driver", &WAIT),
    ("i2c_new_client_device", &WAIT),
    ("i2c_unregister_device", &WAIT),
    ("usb_deregister", &WAIT),
    ("device_add*", &WAIT),
    ("device_del", &WAIT),
    ("device_register", &WAIT),
    ("device_unregister", &WAIT),
    ("bus_for_each_dev", &WAIT),
    ("bus_register_notifier", &WAIT),
    ("bus_unregister_notifier", &WAIT),
    ("blocking_notifier_*", &WAIT),
    ("register_module_notifier", &WAIT),
    ("unregister_module_notifier", &WAIT),
    ("__auxiliary_device_add", &WAIT),
    ("auxiliary_device_delete", &WAIT),
    ("faux_device_create*", &WAIT),
    ("faux_device_destroy", &WAIT),
    ("misc_register", &WAIT),
    ("misc_deregister", &WAIT),
    ("soc_device_register", &WAIT),
    ("soc_device_unregister", &WAIT),
    ("fwctl_register", &WAIT),
    ("fwctl_unregister", &WAIT),
    ("drm_dev_register", &WAIT),
    ("drm_dev_unplug", &WAIT),
    ("del_gendisk", &WAIT),
    ("configfs_register_*", &WAIT),
    ("configfs_unregister_*", &WAIT),
    ("debugfs_create_*", &WAIT),
    ("debugfs_remove", &WAIT),
    ("genl_register_family", &WAIT),
    ("genl_unregister_family", &WAIT),
    ("devm_add_action_or_reset", &WAIT),
    ("__devm_add_action*", &WAIT),
    ("register_kprobe*", &WAIT),
    ("unregister_kprobe*", &WAIT),
    ("register_btf_*", &WAIT),
    ("bpf_find_btf_id", &WAIT),
    ("register_bpf_struct_ops", &WAIT),
    ("__register_bpf_struct_ops", &WAIT),
    // Requests to devices.
    ("*_might_sleep", &WAIT),
    ("*_cansleep", &WAIT),
    ("clk_get", &WAIT),
    ("clk_put", &WAIT),
    ("clk_prepare*", &WAIT),
    ("clk_unprepare", &WAIT),
    ("clk_disable_unprepare", &WAIT),
    ("clk_get_rate", &WAIT),
    ("clk_set_rate", &WAIT),
    ("regulator_*", &WAIT),
    ("devm_regulator_*", &WAIT),
    ("mdiobus_*", &WAIT),
    ("genphy_*", &WAIT),
    ("phy_read_*", &WAIT),
    ("phy_write_*", &WAIT),
    ("phy_init_hw", &WAIT),
    ("i2c_transfer*", &WAIT),
    ("i2c_smbus_*", &WAIT),
    ("spi_sync*", &WAIT),
    ("usb_*_msg", &WAIT),
    ("usb_kill_urb", &WAIT),
    ("hid_hw_open", &WAIT),
    ("hid_hw_close", &WAIT),
    ("serdev_device_open", &WAIT),
    ("serdev_device_close", &WAIT),
    ("serdev_device_write", &WAIT),
    ("serdev_device_wait_until_sent", &WAIT),
    ("pci_enable_device*", &WAIT),
    ("pci_alloc_irq_vectors*", &WAIT),
    ("pci_free_irq_vectors", &WAIT),
    ("pci_iomap*", &WAIT),
    ("pci_iounmap", &WAIT),
    // Helpers of the crates of this tree that call the kernel through pointers.
    ("rust_hid_helper_raw_request", &WAIT),
    ("rust_hid_helper_output_report", &WAIT),
];

/// A sleep: the C function, and the way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sleep<'a> {
    pub(crate) symbol: &'a str,
    pub(crate) way: &'static Way,
    /// Whether the C function also frees memory.
    frees: bool,
}

impl Sleep<'_> {
    /// Whether the sleep is possible in a context. In an RCU callback, the kernel frees memory
    /// later if this can sleep.
    pub(crate) fn is_in(&self, context: Context) -> bool {
        !(self.frees && context == Context::Drop)
    }
}

/// The C function without the prefix of the kernel's helpers for Rust.
fn c_name(symbol: &str) -> &str {
    symbol.strip_prefix("rust_helper_").unwrap_or(symbol)
}

/// The sleep in the C function with this symbol.
fn sleep(symbol: &str) -> Option<Sleep<'_>> {
    let name = c_name(symbol);
    if symbol.starts_with("_R") {
        return None;
    }
    let (_, way) = SLEEPING
        .iter()
        .find(|(pattern, _)| names::matches(pattern, name))?;
    Some(Sleep {
        symbol: name,
        way,
        frees: name.contains("vrealloc"),
    })
}

/// Whether this function makes an allocation, and has the flags as its fourth argument.
pub(crate) fn is_allocator(symbol: &str) -> bool {
    let name = c_name(symbol);
    name.starts_with("krealloc_node_align") || name == "__xa_store"
}

/// The functions of other objects that may sleep, and the C function in which they do.
#[derive(Default)]
pub(crate) struct Sleeping<'a> {
    names: HashMap<&'a str, Sleep<'a>>,
}

impl<'a> Sleeping<'a> {
    /// Follows the calls in these objects from function to function.
    pub(crate) fn new(objects: impl IntoIterator<Item = &'a Object>) -> Self {
        let objects: Vec<&Object> = objects.into_iter().collect();
        let functions = || {
            objects.iter().enumerate().flat_map(|(number, object)| {
                let indexes = 0..object.functions.len();
                indexes
                    .zip(&object.functions)
                    .map(move |(index, f)| ((number, index), f))
            })
        };
        let by_name: HashMap<&str, (usize, usize)> = functions()
            .filter(|(_, function)| !function.is_local)
            .flat_map(|(id, function)| function.names().map(move |name| (name.as_str(), id)))
            .collect();
        let mut callers: HashMap<(usize, usize), Vec<(usize, usize)>> = HashMap::new();
        let mut todo = VecDeque::new();
        let mut sleeping = Self::default();
        for (id, function) in functions() {
            if !function.is_local {
                let itself = function.names().find_map(|name| sleep(name));
                todo.extend(itself.map(|sleep| (id, sleep)));
            }
            for reference in function.references.iter().filter(|r| r.is_call) {
                let target = match &reference.to {
                    Target::Function(index) => Some((id.0, *index)),
                    Target::External(name) => by_name.get(name.as_str()).copied(),
                };
                if let Some(target) = target {
                    callers.entry(target).or_default().push(id);
                } else if let Some(sleep) = sleeping.at(reference) {
                    todo.push_back((id, sleep));
                }
            }
        }
        let mut seen = HashSet::new();
        while let Some((id, sleep)) = todo.pop_front() {
            let function = objects
                .get(id.0)
                .and_then(|object| object.functions.get(id.1));
            let Some(function) = function else { continue };
            if !seen.insert(id) {
                continue;
            }
            if !function.is_local {
                let names = function.names().map(|name| (name.as_str(), sleep));
                sleeping.names.extend(names);
            }
            let callers = callers.get(&id).into_iter().flatten();
            todo.extend(callers.map(|caller| (*caller, sleep)));
        }
        sleeping
    }

    /// The sleep in a function of another object.
    pub(crate) fn at<'b>(&self, call: &'b Reference) -> Option<Sleep<'b>>
    where
        'a: 'b,
    {
        let Target::External(symbol) = &call.to else {
            return None;
        };
        if call.may_reclaim && is_allocator(symbol) {
            return Some(Sleep {
                symbol: "GFP_KERNEL",
                way: &MEMORY,
                frees: false,
            });
        }
        self.names
            .get(symbol.as_str())
            .copied()
            .or_else(|| sleep(symbol))
    }

    /// The symbols of the functions that may sleep.
    pub(crate) fn symbols(&self) -> impl Iterator<Item = &str> {
        self.names.keys().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c_functions_that_wait_sleep() {
        for (symbol, expected) in [
            ("mutex_lock", Some("mutex_lock")),
            ("rust_helper_mutex_lock", Some("mutex_lock")),
            ("mutex_lock_nested", Some("mutex_lock_nested")),
            ("rust_helper_mutex_trylock", Some("mutex_trylock")),
            ("mutex_unlock", None),
            ("rust_helper_mmap_read_trylock", Some("mmap_read_trylock")),
            ("down_write_trylock", Some("down_write_trylock")),
            ("down_write", Some("down_write")),
            ("_raw_spin_lock", None),
            ("schedule_timeout", Some("schedule_timeout")),
            ("schedule_work", None),
            ("rust_helper_fsleep", Some("fsleep")),
            ("udelay", None),
            ("copy_from_user", Some("copy_from_user")),
            ("copy_from_user_nofault", None),
            ("vmalloc_to_page", None),
            (
                "rust_hid_helper_raw_request",
                Some("rust_hid_helper_raw_request"),
            ),
            ("rust_hid_helper_report_len", None),
            // kernel::schedule
            ("_RNvCsb5MLIFMWygY_6kernel8schedule", None),
        ] {
            let found = sleep(symbol).map(|sleep| sleep.symbol);
            assert_eq!(found, expected, "{symbol}");
        }
    }

    #[test]
    fn allocators_have_flags() {
        for (symbol, expected) in [
            ("rust_helper_krealloc_node_align", true),
            ("krealloc_node_align_noprof", true),
            ("__xa_store", true),
            ("__xa_erase", false),
            ("kvrealloc_node_align_noprof", false),
        ] {
            assert_eq!(is_allocator(symbol), expected, "{symbol}");
        }
    }

    #[test]
    fn each_sleeping_function_is_listed_once() {
        for (index, (name, _)) in SLEEPING.iter().enumerate() {
            let before = SLEEPING.get(..index).unwrap_or_default();
            let known = before.iter().find(|(other, _)| names::matches(other, name));
            assert!(known.is_none(), "{name}: {known:?}");
        }
    }
}
