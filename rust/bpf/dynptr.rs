// SPDX-License-Identifier: GPL-2.0

//! Dynptrs: memory of which the program and the verifier do not know the size.
//!
//! A program makes a dynptr of a buffer, of a record of a ring buffer or of a packet, and passes
//! it to a kfunc that takes [`Dynptr<'_>`](Dynptr). The verifier sees to it that the dynptr was
//! made and that what it points to is still there. It does not check a single access: that is done
//! here.
//!
//! # What it does not do
//!
//! - A packet that is not in one piece can be read if it is an skb; of an XDP packet, only what is
//!   in one piece. The kernel does not export what would be needed to read more, nor to write to
//!   packets.
//! - Metadata of packets, and files: the same.
//! - Making a dynptr: the kernel's kfuncs do.
//!
//! C: `struct bpf_dynptr *`; `struct bpf_dynptr_kern` in
//! [`include/linux/bpf.h`](srctree/include/linux/bpf.h).

use crate::{
    kfunc::{
        Call,
        KfuncArg, //
    },
    mem::Mem, //
};
use core::ffi::c_void;
use kernel::{
    bindings,
    prelude::*, //
};

extern "C" {
    // Both in `rust/helpers/net.c`.
    fn rust_bpf_helper_skb_copy_bits(
        skb: *const c_void,
        offset: u32,
        to: *mut c_void,
        len: u32,
    ) -> kernel::ffi::c_int;
    fn rust_bpf_helper_xdp_linear(xdp: *const c_void, len: *mut u32) -> *mut c_void;
}

/// What `size` of a `struct bpf_dynptr_kern` holds beside the size.
const SIZE_MASK: u32 = (1 << 24) - 1;
const TYPE_SHIFT: u32 = 28;
const RDONLY: u32 = 1 << 31;

/// A dynptr of the program.
///
/// What it shows may be changed by others at any time, as with [`Mem`].
pub struct Dynptr<'a>(&'a bindings::bpf_dynptr_kern);

impl Dynptr<'_> {
    /// The number of bytes, less than 2^24.
    #[inline]
    pub fn len(&self) -> u32 {
        self.0.size & SIZE_MASK
    }

    /// Whether there are no bytes. A dynptr that could not be made is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether nothing can be written.
    #[inline]
    pub fn is_read_only(&self) -> bool {
        self.0.size & RDONLY != 0
    }

    /// Copies `buf.len()` bytes from `offset` on to `buf`.
    ///
    /// # Errors
    ///
    /// - [`E2BIG`]: there are not so many bytes. `buf` is not changed.
    /// - [`EOPNOTSUPP`]: bytes of this kind cannot be read; see the module's documentation.
    /// - [`EFAULT`]: the packet is damaged.
    #[inline]
    pub fn read(&self, offset: u32, buf: &mut [u8]) -> Result {
        self.check(offset, buf.len())?;
        match self.as_memory() {
            Some(mem) => read_at(mem, offset, buf),
            None => self.read_packet(offset, buf),
        }
    }

    /// The same for a packet, apart so that it is not compiled into every function that reads.
    fn read_packet(&self, offset: u32, buf: &mut [u8]) -> Result {
        let len = self.check(offset, buf.len())?;
        if self.kind() != bindings::bpf_dynptr_type_BPF_DYNPTR_TYPE_SKB {
            return read_at(self.xdp_linear().ok_or(EOPNOTSUPP)?, offset, buf);
        }
        let start = self.0.offset.checked_add(offset).ok_or(E2BIG)?;
        // SAFETY: For this kind, `data` is an skb, which is valid as long as the dynptr. `buf` has
        // room for `len` bytes. The function checks `start` and `len`.
        let ret = unsafe {
            rust_bpf_helper_skb_copy_bits(self.0.data, start, buf.as_mut_ptr().cast(), len)
        };
        kernel::error::to_result(ret)
    }

    /// Copies `bytes` to `offset`.
    ///
    /// # Errors
    ///
    /// - [`E2BIG`]: there is no room for them; nothing is written.
    /// - [`EPERM`]: the dynptr is read-only.
    /// - [`EOPNOTSUPP`]: it is a packet's.
    pub fn write(&self, offset: u32, bytes: &[u8]) -> Result {
        self.check(offset, bytes.len())?;
        if self.is_read_only() {
            return Err(EPERM);
        }
        let mem = self.as_memory().ok_or(EOPNOTSUPP)?;
        mem.slice(offset as usize..mem.len())
            .ok_or(E2BIG)?
            .copy_from(bytes)
    }

    /// The bytes themselves, if they are in one piece and can be written; else [`None`].
    pub fn as_mem(&self) -> Option<&Mem> {
        if self.is_read_only() {
            return None;
        }
        self.as_memory()
    }

    #[inline]
    fn kind(&self) -> u32 {
        (self.0.size & !RDONLY) >> TYPE_SHIFT
    }

    /// The bytes, if `data` is the memory and not an object that has it. They must not be written
    /// to if the dynptr is read-only.
    #[inline]
    fn as_memory(&self) -> Option<&Mem> {
        let is_memory = matches!(
            self.kind(),
            bindings::bpf_dynptr_type_BPF_DYNPTR_TYPE_LOCAL
                | bindings::bpf_dynptr_type_BPF_DYNPTR_TYPE_RINGBUF
        );
        if !is_memory || self.0.data.is_null() {
            return None;
        }
        // SAFETY: For these kinds, `data` points to memory of the program of `offset` and `len`
        // bytes (`bpf_dynptr_adjust()` keeps it so), which lives as long as the dynptr.
        Some(unsafe {
            let start = self.0.data.cast::<u8>().add(self.0.offset as usize);
            Mem::new(start, self.len())
        })
    }

    /// The part of an XDP packet that is in one piece. It must not be written to.
    fn xdp_linear(&self) -> Option<&Mem> {
        if self.kind() != bindings::bpf_dynptr_type_BPF_DYNPTR_TYPE_XDP || self.0.data.is_null() {
            return None;
        }
        let mut linear = 0;
        // SAFETY: For this kind, `data` is an xdp_buff, which is valid as long as the dynptr.
        let data = unsafe { rust_bpf_helper_xdp_linear(self.0.data, &mut linear) };
        // SAFETY: So many bytes are in one piece there.
        let mem = unsafe { Mem::new(data.cast::<u8>(), linear) };
        let offset = self.0.offset as usize;
        let end = offset.checked_add(self.len() as usize)?.min(mem.len());
        mem.slice(offset..end)
    }

    /// Whether so many bytes are there; as `bpf_dynptr_check_off_len()`.
    #[inline]
    fn check(&self, offset: u32, len: usize) -> Result<u32> {
        let len = u32::try_from(len).map_err(|_| E2BIG)?;
        if len > self.len() || offset > self.len() - len {
            return Err(E2BIG);
        }
        Ok(len)
    }
}

/// Copies `buf.len()` bytes from `offset` on.
#[inline]
fn read_at(mem: &Mem, offset: u32, buf: &mut [u8]) -> Result {
    let end = offset as usize + buf.len();
    let part = mem.slice(offset as usize..end).ok_or(EOPNOTSUPP)?;
    part.copy_to(buf)?;
    Ok(())
}

// SAFETY: The verifier accepts a dynptr that was initialized and is not invalidated, on the
// program's stack or given to it (`process_dynptr_func()`). Its bytes are a `struct
// bpf_dynptr_kern` that nobody changes during the call.
unsafe impl KfuncArg for Dynptr<'_> {
    type Value<'a> = Dynptr<'a>;
    const BTF: &'static str = "*const struct bpf_dynptr";

    #[inline(always)]
    unsafe fn from_register<'a>(register: u64, _: &'a Call) -> Self::Value<'a> {
        // SAFETY: As said above.
        Dynptr(unsafe { &*(register as *const bindings::bpf_dynptr_kern) })
    }
}
