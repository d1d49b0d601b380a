// SPDX-License-Identifier: GPL-2.0

//! Records for user space, in a BPF ring buffer that a program chose.
//!
//! A program passes a ring buffer (`BPF_MAP_TYPE_RINGBUF`) as a [`Map`]. A [`RingBuf`] is a
//! reference to this map, with which a module appends records after the kfunc has returned: the
//! result of a [`work`](crate::work), for example. A ring buffer holds no reference to an object or
//! a program, so such a reference is never a part of a cycle.
//!
//! ```
//! # use bpf::{prelude::*, RingBuf};
//! # use kernel::prelude::*;
//! #[kfunc]
//! fn bpf_tell(number: u32, ring: &Map, prog: &bpf::ProgAux) -> Result<()> {
//!     RingBuf::new(ring, prog)?.push(&number.to_ne_bytes())
//! }
//! ```
//!
//! # What this module does not do
//!
//! It does not read a ring buffer, and does not reserve a record that is written later.
//!
//! C: `bpf_ringbuf_output()` in `kernel/bpf/ringbuf.c`.

use crate::{
    helpers::{
        rust_bpf_helper_get_map,
        rust_bpf_helper_is_ring_buf,
        rust_bpf_helper_put_map,
        rust_bpf_helper_ring_buf_push, //
    },
    value::{
        Map,
        ProgAux, //
    }, //
};
use core::{
    ffi::c_void,
    ptr::NonNull, //
};
use kernel::{
    error::to_result,
    prelude::*, //
};

/// A reference to a ring buffer.
///
/// # Invariants
///
/// The map is a ring buffer, as `rust_bpf_helper_is_ring_buf()` says, and this value owns a
/// reference to it.
pub struct RingBuf(NonNull<c_void>);

// SAFETY: Any thread may append records to the ring buffer and release a reference to it.
unsafe impl Send for RingBuf {}

// SAFETY: Threads may append records at the same time.
unsafe impl Sync for RingBuf {}

impl RingBuf {
    /// Acquires a reference to the ring buffer `map`, for a kfunc that `prog` called.
    ///
    /// # Errors
    ///
    /// - [`EINVAL`]: `map` is not a ring buffer.
    /// - [`ENOENT`]: the last reference to the map was released.
    ///
    /// # Context
    ///
    /// Any, NMI included.
    pub fn new(map: &Map, prog: &ProgAux) -> Result<Self> {
        let map = NonNull::from(map).cast::<c_void>();
        let prog = core::ptr::from_ref(prog).cast();
        // SAFETY: Both are valid during the call of the kfunc.
        if !unsafe { rust_bpf_helper_is_ring_buf(map.as_ptr(), prog) } {
            return Err(EINVAL);
        }
        // SAFETY: The map is valid during the call of the kfunc.
        if !unsafe { rust_bpf_helper_get_map(map.as_ptr()) } {
            return Err(ENOENT);
        }
        // INVARIANT: The helper has added the reference.
        Ok(Self(map))
    }

    /// Appends a record with the bytes of `data`.
    ///
    /// # Errors
    ///
    /// - [`EAGAIN`]: the ring buffer has no room for the record.
    /// - [`EINVAL`]: the record is longer than 4 GiB.
    ///
    /// # Context
    ///
    /// Any, NMI included. Takes the lock of the ring buffer, which is resilient.
    pub fn push(&self, data: &[u8]) -> Result {
        let len = u32::try_from(data.len()).map_err(|_| EINVAL)?;
        // SAFETY: By the type invariants, the map is a ring buffer.
        to_result(unsafe {
            rust_bpf_helper_ring_buf_push(self.0.as_ptr(), data.as_ptr().cast(), len)
        })
    }
}

impl Drop for RingBuf {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, this value owns a reference, which ends here.
        unsafe { rust_bpf_helper_put_map(self.0.as_ptr()) };
    }
}
