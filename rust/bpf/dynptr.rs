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
        if self.len().checked_sub(len).is_none_or(|last| offset > last) {
            return Err(E2BIG);
        }
        Ok(len)
    }
}

/// Copies `buf.len()` bytes from `offset` on.
#[inline]
fn read_at(mem: &Mem, offset: u32, buf: &mut [u8]) -> Result {
    let end = (offset as usize).checked_add(buf.len()).ok_or(E2BIG)?;
    let part = mem.slice(offset as usize..end).ok_or(EOPNOTSUPP)?;
    part.copy_to(buf)?;
    Ok(())
}

// SAFETY: The verifier accepts a dynptr that was initialized and is not invalidated, on the
// program's stack or given to it (`process_dynptr_func()`). Its bytes are a `struct
// bpf_dynptr_kern` that nobody changes during the call.
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
        // SAFETY: The verifier checked that this is a dynptr, which stays until the call ends.
        function(Dynptr(unsafe {
            &*(passed.register() as *const bindings::bpf_dynptr_kern)
        }))
    }
}

#[cfg(CONFIG_RUST_BPF_KUNIT_TEST)]
#[kernel::macros::kunit_tests(rust_bpf_dynptr)]
mod tests {
    use super::*;
    use core::ptr;

    // `size` as include/linux/bpf.h has it, of which the module above has its own idea.
    const LOCAL: u32 = 1 << 28;
    const RINGBUF: u32 = 2 << 28;
    #[cfg(CONFIG_NET)]
    const SKB: u32 = 3 << 28;
    const XDP: u32 = 4 << 28;
    const SKB_META: u32 = 5 << 28;
    const READ_ONLY: u32 = 1 << 31;

    /// What a program has on its stack.
    fn kern(data: *mut u8, size: u32, offset: u32) -> bindings::bpf_dynptr_kern {
        bindings::bpf_dynptr_kern {
            data: data.cast(),
            size,
            offset,
        }
    }

    /// What a function gets.
    ///
    /// # Safety
    ///
    /// `kern` must be as the verifier has them.
    unsafe fn dynptr(kern: &bindings::bpf_dynptr_kern) -> Dynptr<'_> {
        Dynptr(kern)
    }

    #[test]
    fn the_size_is_one_part_of_three() {
        let mut byte = 0;
        let longest = kern(&raw mut byte, LOCAL | READ_ONLY | 0xff_ffff, 0);
        // SAFETY: Nobody looks at the memory.
        let longest = unsafe { dynptr(&longest) };
        assert_eq!(longest.len(), 0xff_ffff);
        assert!(!longest.is_empty());
        assert!(longest.is_read_only());

        let empty = kern(&raw mut byte, LOCAL, 0);
        // SAFETY: The same.
        let empty = unsafe { dynptr(&empty) };
        assert_eq!(empty.len(), 0);
        assert!(empty.is_empty());
        assert!(!empty.is_read_only());
    }

    #[test]
    fn no_sum_overflows() {
        let mut byte = 0;
        let longest = kern(&raw mut byte, LOCAL | 0xff_ffff, 0);
        // SAFETY: Nobody looks at the memory.
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
    fn memory_is_read_and_written_from_its_offset_on() -> Result {
        for kind in [LOCAL, RINGBUF] {
            let mut bytes = [0, 1, 2, 3, 4, 5, 6, 7];
            let kern = kern(bytes.as_mut_ptr(), kind | 4, 2);
            // SAFETY: There are so many bytes behind the offset.
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
    fn what_is_read_only_is_not_written() -> Result {
        let mut bytes = [1, 2];
        let kern = kern(bytes.as_mut_ptr(), LOCAL | READ_ONLY | 2, 0);
        // SAFETY: There are so many bytes.
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
    fn one_that_was_not_made_is_empty() {
        let null = kern(ptr::null_mut(), 0, 0);
        // SAFETY: `bpf_dynptr_set_null()` leaves it so.
        let null = unsafe { dynptr(&null) };
        assert!(null.is_empty());
        assert!(null.as_mem().is_none());
        assert_eq!(null.read(0, &mut [0]), Err(E2BIG));
        assert_eq!(null.write(0, &[0]), Err(E2BIG));
        assert!(null.read(0, &mut []).is_err());
        assert!(null.write(0, &[]).is_err());
    }

    #[test]
    fn other_kinds_are_left_alone() {
        let mut bytes = [1, 2];
        let kern = kern(bytes.as_mut_ptr(), SKB_META | 2, 0);
        // SAFETY: Nobody looks at what is not supported.
        let dynptr = unsafe { dynptr(&kern) };
        assert_eq!(dynptr.read(0, &mut [0]), Err(EOPNOTSUPP));
        assert_eq!(dynptr.write(0, &[0]), Err(EOPNOTSUPP));
        assert!(dynptr.as_mem().is_none());
    }

    #[test]
    fn an_xdp_packet_is_read_as_far_as_it_is_in_one_piece() -> Result {
        let mut bytes = [0_u8, 1, 2, 3, 4];
        // As `struct xdp_buff` begins: four bytes are in one piece.
        let data = bytes.as_mut_ptr();
        let mut xdp = [data, data.wrapping_add(4)];
        // Of six bytes, three are in it, or none; or there are more in it than in the dynptr.
        let xdp = xdp.as_mut_ptr().cast();
        let some = kern(xdp, XDP | 6, 1);
        let none = kern(xdp, XDP | 6, 5);
        let less = kern(xdp, XDP | 2, 1);
        // SAFETY: What is looked at of an xdp_buff is there.
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
    fn an_skb_is_read_by_the_kernel() -> Result {
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
        // SAFETY: What is looked at of an skb without fragments is there.
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
