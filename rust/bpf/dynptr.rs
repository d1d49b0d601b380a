// SPDX-License-Identifier: GPL-2.0

//! Dynptrs: memory whose size the verifier does not know.
//!
//! A program makes a dynptr of a buffer, of a record of a ring buffer or of a packet, and passes
//! the dynptr to a kfunc that takes [`Dynptr<'_>`](Dynptr). The verifier checks that the dynptr is
//! initialized and that its memory still exists. The verifier does not check accesses: this module
//! does.
//!
//! # Not supported
//!
//! - Reading the fragments of an XDP packet: a kfunc can read only its linear part. A kfunc can
//!   read all of an skb.
//! - Writing to a packet, and reading or writing the metadata of a packet or a file. The kernel
//!   exports no function for these accesses and for the fragments to modules.
//! - Making a dynptr: programs use kfuncs and helpers of the kernel for that.
//!
//! C: `struct bpf_dynptr *`; `struct bpf_dynptr_kern` in
//! [`include/linux/bpf.h`](srctree/include/linux/bpf.h).

use crate::{
    compat::{
        self,
        EOPNOTSUPP, //
    },
    contract::Contract,
    helpers::{
        rust_bpf_helper_skb_copy_bits,
        rust_bpf_helper_xdp_linear, //
    },
    kfunc::{
        Call,
        KfuncArg,
        Passed, //
    },
    mem::Mem, //
};
use core::convert::Infallible;
use kernel::{
    bindings,
    prelude::*, //
};

// The field `size` of `struct bpf_dynptr_kern` has the size, the type and the read-only flag.
const SIZE_MASK: u32 = (1 << 24) - 1;
const TYPE_SHIFT: u32 = 28;
const RDONLY: u32 = 1 << 31;

/// A dynptr of the program.
///
/// Other CPUs and user space can change its memory at any time, as for [`Mem`]. No method sleeps or
/// takes a lock. `Option<Dynptr<'_>>` is a dynptr or `NULL`.
pub struct Dynptr<'a>(&'a bindings::bpf_dynptr_kern);

impl Dynptr<'_> {
    /// Returns the number of bytes, less than 2^24.
    #[inline]
    pub fn len(&self) -> u32 {
        self.0.size & SIZE_MASK
    }

    /// Returns whether the length is 0. If a program failed to make a dynptr, the dynptr is empty.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns whether the dynptr is read-only.
    #[inline]
    pub fn is_read_only(&self) -> bool {
        self.0.size & RDONLY != 0
    }

    /// Copies `buf.len()` bytes, which begin at `offset` bytes in the dynptr, to `buf`.
    ///
    /// # Errors
    ///
    /// - [`E2BIG`]: the dynptr has fewer bytes. `buf` does not change.
    /// - [`EOPNOTSUPP`]: this module cannot read these bytes; see its documentation.
    /// - [`EFAULT`]: the packet is shorter than the dynptr.
    #[inline]
    pub fn read(&self, offset: u32, buf: &mut [u8]) -> Result {
        self.check(offset, buf.len())?;
        match self.as_memory() {
            Some(mem) => read_at(mem, offset, buf),
            None => self.read_packet(offset, buf),
        }
    }

    /// Does the work of [`read`](Self::read) for a packet. A separate function, so that the
    /// compiler does not inline it into every caller of `read`.
    fn read_packet(&self, offset: u32, buf: &mut [u8]) -> Result {
        let len = self.check(offset, buf.len())?;
        if self.kind() != bindings::bpf_dynptr_type_BPF_DYNPTR_TYPE_SKB {
            return read_at(self.xdp_linear().ok_or(EOPNOTSUPP)?, offset, buf);
        }
        let start = self.0.offset.checked_add(offset).ok_or(E2BIG)?;
        // SAFETY: For this type, `data` is an skb, which is valid as long as the dynptr. `buf` has
        // room for `len` bytes. The function checks `start` and `len`.
        let ret = unsafe {
            rust_bpf_helper_skb_copy_bits(self.0.data, start, buf.as_mut_ptr().cast(), len)
        };
        kernel::error::to_result(ret)
    }

    /// Copies `bytes` to the dynptr, from `offset` bytes on.
    ///
    /// # Errors
    ///
    /// - [`E2BIG`]: the dynptr is too short for `bytes`. The memory does not change.
    /// - [`EPERM`]: the dynptr is read-only.
    /// - [`EOPNOTSUPP`]: the memory is that of a packet, of its metadata or of a file.
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

    /// Returns the memory itself, if it is contiguous and writable; otherwise [`None`].
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

    /// Returns the memory, if `data` points to the memory and not to an object such as an skb. The
    /// caller must not write to the memory of a read-only dynptr.
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
        // SAFETY: For these types, `data` points to at least `offset` + `len` bytes of memory of
        // the program, also after `bpf_dynptr_adjust()`. The memory lives as long as the dynptr.
        Some(unsafe {
            let start = self.0.data.cast::<u8>().add(self.0.offset as usize);
            Mem::new(start, self.len())
        })
    }

    /// Returns the linear part of an XDP packet. The caller must not write to it.
    fn xdp_linear(&self) -> Option<&Mem> {
        if self.kind() != bindings::bpf_dynptr_type_BPF_DYNPTR_TYPE_XDP || self.0.data.is_null() {
            return None;
        }
        let mut linear = 0;
        // SAFETY: For this type, `data` is an xdp_buff, which is valid as long as the dynptr.
        let data = unsafe { rust_bpf_helper_xdp_linear(self.0.data, &mut linear) };
        // SAFETY: The linear part has `linear` bytes, which live as long as the dynptr.
        let mem = unsafe { Mem::new(data.cast::<u8>(), linear) };
        let offset = self.0.offset as usize;
        let end = offset.checked_add(self.len() as usize)?.min(mem.len());
        mem.slice(offset..end)
    }

    /// Checks that the dynptr has `len` bytes from `offset` on, as `bpf_dynptr_check_off_len()`
    /// does. Returns `len`.
    #[inline]
    fn check(&self, offset: u32, len: usize) -> Result<u32> {
        let len = u32::try_from(len).map_err(|_| E2BIG)?;
        if self.len().checked_sub(len).is_none_or(|last| offset > last) {
            return Err(E2BIG);
        }
        Ok(len)
    }
}

/// Copies `buf.len()` bytes from `offset` in `mem` on to `buf`.
#[inline]
fn read_at(mem: &Mem, offset: u32, buf: &mut [u8]) -> Result {
    let end = (offset as usize).checked_add(buf.len()).ok_or(E2BIG)?;
    let part = mem.slice(offset as usize..end).ok_or(EOPNOTSUPP)?;
    part.copy_to(buf)?;
    Ok(())
}

// SAFETY: The verifier accepts only an initialized and valid dynptr, on the stack of the program or
// as an argument of the program (`process_dynptr_func()`). The dynptr is a `struct
// bpf_dynptr_kern`, which does not change during the call.
unsafe impl KfuncArg for Dynptr<'_> {
    const CONTRACT: Contract = Contract::pointer("*const struct bpf_dynptr");
    type Value<'a> = Dynptr<'a>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Dynptr<'_>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        // SAFETY: The verifier checked that the register points to a dynptr, which stays valid
        // until the call returns.
        function(Dynptr(unsafe {
            &*(passed.register() as *const bindings::bpf_dynptr_kern)
        }))
    }
}

// SAFETY: The verifier accepts a dynptr as for `Dynptr`, and a constant null
// (`is_kfunc_arg_nullable()`).
unsafe impl KfuncArg for Option<Dynptr<'_>> {
    const CONTRACT: Contract = Contract::pointer("*const struct bpf_dynptr")
        .suffix("__nullable")
        .refused(compat::NULLABLE);
    type Value<'a> = Option<Dynptr<'a>>;
    type Error = Infallible;

    #[inline(always)]
    fn receive<R>(
        passed: Passed<Self>,
        _call: &Call,
        function: impl FnOnce(Option<Dynptr<'_>>) -> R,
        _fail: impl FnOnce(Infallible) -> R,
    ) -> R {
        let dynptr = passed.register() as *const bindings::bpf_dynptr_kern;
        // SAFETY: The verifier checked that the register is null or points to a dynptr, which stays
        // valid until the call returns.
        function(unsafe { dynptr.as_ref() }.map(Dynptr))
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_dynptr)]
mod tests {
    use super::*;
    use core::ptr;

    // The values of the field `size`, from include/linux/bpf.h, written independently of the code.
    const LOCAL: u32 = 1 << 28;
    const RINGBUF: u32 = 2 << 28;
    #[cfg(CONFIG_NET)]
    const SKB: u32 = 3 << 28;
    const XDP: u32 = 4 << 28;
    const SKB_META: u32 = 5 << 28;
    const READ_ONLY: u32 = 1 << 31;

    /// Returns a dynptr as on the stack of a program.
    fn kern(data: *mut u8, size: u32, offset: u32) -> bindings::bpf_dynptr_kern {
        bindings::bpf_dynptr_kern {
            data: data.cast(),
            size,
            offset,
        }
    }

    /// Returns the argument of a kfunc.
    ///
    /// # Safety
    ///
    /// The code that the test calls must access only valid memory through `kern`.
    unsafe fn dynptr(kern: &bindings::bpf_dynptr_kern) -> Dynptr<'_> {
        Dynptr(kern)
    }

    #[test]
    fn a_dynptr_has_a_length_and_a_read_only_flag() {
        let mut byte = 0;
        let longest = kern(&raw mut byte, LOCAL | READ_ONLY | 0xff_ffff, 0);
        // SAFETY: The test does not access the memory.
        let longest = unsafe { dynptr(&longest) };
        assert_eq!(longest.len(), 0xff_ffff);
        assert!(!longest.is_empty());
        assert!(longest.is_read_only());

        let empty = kern(&raw mut byte, LOCAL, 0);
        // SAFETY: The test does not access the memory.
        let empty = unsafe { dynptr(&empty) };
        assert_eq!(empty.len(), 0);
        assert!(empty.is_empty());
        assert!(!empty.is_read_only());
    }

    #[test]
    fn check_rejects_bytes_past_the_end_without_overflow() {
        let mut byte = 0;
        let longest = kern(&raw mut byte, LOCAL | 0xff_ffff, 0);
        // SAFETY: The test does not access the memory.
        let longest = unsafe { dynptr(&longest) };
        assert_eq!(longest.check(0, 0xff_ffff), Ok(0xff_ffff));
        assert_eq!(longest.check(0xff_ffff, 0), Ok(0));
        assert_eq!(longest.check(0xff_fffe, 1), Ok(1));
        assert_eq!(longest.check(0xff_ffff, 1), Err(E2BIG));
        assert_eq!(longest.check(1, 0xff_ffff), Err(E2BIG));
        assert_eq!(longest.check(0, 0x100_0000), Err(E2BIG));
        assert_eq!(longest.check(0x100_0000, 0), Err(E2BIG));
        assert_eq!(longest.check(u32::MAX, 0), Err(E2BIG));
        assert_eq!(longest.check(u32::MAX, 1), Err(E2BIG));
        assert_eq!(longest.check(u32::MAX, u32::MAX as usize), Err(E2BIG));
        assert_eq!(longest.check(1, u32::MAX as usize), Err(E2BIG));
        assert_eq!(longest.check(0, 1 << 32), Err(E2BIG));
        assert_eq!(longest.check(0, usize::MAX), Err(E2BIG));
    }

    #[test]
    fn reads_and_writes_begin_at_the_offset() -> Result {
        for kind in [LOCAL, RINGBUF] {
            let mut bytes = [0, 1, 2, 3, 4, 5, 6, 7];
            let kern = kern(bytes.as_mut_ptr(), kind | 4, 2);
            // SAFETY: `bytes` has four bytes after the offset of two bytes.
            let dynptr = unsafe { dynptr(&kern) };

            let mut buf = [9; 4];
            dynptr.read(0, &mut buf)?;
            assert_eq!(buf, [2, 3, 4, 5]);
            dynptr.read(3, &mut buf[..1])?;
            assert_eq!(buf, [5, 3, 4, 5]);
            dynptr.read(4, &mut [])?;
            assert_eq!(dynptr.read(1, &mut buf), Err(E2BIG));
            assert_eq!(dynptr.read(5, &mut []), Err(E2BIG));
            assert_eq!(buf, [5, 3, 4, 5]);

            dynptr.write(3, &[8])?;
            dynptr.write(4, &[])?;
            assert_eq!(dynptr.write(3, &[9, 9]), Err(E2BIG));
            assert_eq!(dynptr.write(5, &[]), Err(E2BIG));
            let mem = dynptr.as_mem().ok_or(EINVAL)?;
            assert_eq!(mem.len(), 4);
            mem.set(0, 7)?;
            assert_eq!(bytes, [0, 1, 7, 3, 4, 8, 6, 7]);
        }
        Ok(())
    }

    #[test]
    fn a_write_to_a_read_only_dynptr_is_eperm() -> Result {
        let mut bytes = [1, 2];
        let kern = kern(bytes.as_mut_ptr(), LOCAL | READ_ONLY | 2, 0);
        // SAFETY: `bytes` has two bytes.
        let dynptr = unsafe { dynptr(&kern) };
        let mut buf = [0; 2];
        dynptr.read(0, &mut buf)?;
        assert_eq!(buf, [1, 2]);
        assert_eq!(dynptr.write(0, &[9]), Err(EPERM));
        assert!(dynptr.as_mem().is_none());
        assert_eq!(bytes, [1, 2]);
        Ok(())
    }

    #[test]
    fn a_null_dynptr_is_empty() {
        let null = kern(ptr::null_mut(), 0, 0);
        // SAFETY: `bpf_dynptr_set_null()` leaves these values. A null dynptr has no memory.
        let null = unsafe { dynptr(&null) };
        assert!(null.is_empty());
        assert!(null.as_mem().is_none());
        assert_eq!(null.read(0, &mut [0]), Err(E2BIG));
        assert_eq!(null.write(0, &[0]), Err(E2BIG));
        assert!(null.read(0, &mut []).is_err());
        assert!(null.write(0, &[]).is_err());
    }

    #[test]
    fn an_unsupported_type_is_eopnotsupp() {
        let mut bytes = [1, 2];
        let kern = kern(bytes.as_mut_ptr(), SKB_META | 2, 0);
        // SAFETY: The code does not access the memory of this type.
        let dynptr = unsafe { dynptr(&kern) };
        assert_eq!(dynptr.read(0, &mut [0]), Err(EOPNOTSUPP));
        assert_eq!(dynptr.write(0, &[0]), Err(EOPNOTSUPP));
        assert!(dynptr.as_mem().is_none());
    }

    #[test]
    fn a_read_of_an_xdp_packet_ends_at_the_linear_part() -> Result {
        let mut bytes = [0_u8, 1, 2, 3, 4];
        // The first two fields of `struct xdp_buff`: four bytes are linear.
        let data = bytes.as_mut_ptr();
        let mut xdp = [data, data.wrapping_add(4)];
        // The linear part has three bytes of the dynptr, none, or more bytes than the dynptr.
        let xdp = xdp.as_mut_ptr().cast();
        let some = kern(xdp, XDP | 6, 1);
        let none = kern(xdp, XDP | 6, 5);
        let less = kern(xdp, XDP | 2, 1);
        // SAFETY: The fields of `struct xdp_buff` that the code reads are valid.
        let (some, none, less) = unsafe { (dynptr(&some), dynptr(&none), dynptr(&less)) };

        let mut buf = [9; 4];
        some.read(0, &mut buf[..3])?;
        assert_eq!(buf, [1, 2, 3, 9]);
        some.read(3, &mut [])?;
        assert_eq!(some.read(0, &mut buf), Err(EOPNOTSUPP));
        assert_eq!(some.read(3, &mut buf[..1]), Err(EOPNOTSUPP));
        assert_eq!(some.read(6, &mut buf[..1]), Err(E2BIG));
        assert_eq!(none.read(0, &mut buf[..1]), Err(EOPNOTSUPP));
        assert_eq!(less.xdp_linear().map(Mem::len), Some(2));
        assert_eq!(some.write(0, &[0]), Err(EOPNOTSUPP));
        assert!(some.as_mem().is_none());
        assert_eq!(bytes, [0, 1, 2, 3, 4]);
        Ok(())
    }

    #[test]
    #[cfg(CONFIG_NET)]
    fn the_kernel_reads_an_skb() -> Result {
        let mut bytes = [0, 1, 2, 3, 4];
        let mut skb = bindings::sk_buff {
            data: bytes.as_mut_ptr(),
            len: 5,
            ..Default::default()
        };
        let skb = (&raw mut skb).cast();
        let some = kern(skb, SKB | 4, 1);
        let longer = kern(skb, SKB | 6, 1);
        let far = kern(skb, SKB | 6, u32::MAX);
        // SAFETY: The fields that the kernel reads in an skb without fragments are valid.
        let (some, longer, far) = unsafe { (dynptr(&some), dynptr(&longer), dynptr(&far)) };

        let mut buf = [9; 5];
        some.read(0, &mut buf[..4])?;
        assert_eq!(buf, [1, 2, 3, 4, 9]);
        some.read(3, &mut buf[..1])?;
        assert_eq!(buf, [4, 2, 3, 4, 9]);
        assert_eq!(some.read(1, &mut buf[..4]), Err(E2BIG));
        // The packet is shorter than the dynptr.
        assert_eq!(longer.read(0, &mut buf), Err(EFAULT));
        assert_eq!(far.read(0, &mut buf), Err(E2BIG));
        assert_eq!(far.read(1, &mut buf), Err(E2BIG));
        assert_eq!(some.write(0, &[0]), Err(EOPNOTSUPP));
        assert!(some.as_mem().is_none());
        assert_eq!(bytes, [0, 1, 2, 3, 4]);
        Ok(())
    }
}
