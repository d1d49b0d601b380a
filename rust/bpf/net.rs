// SPDX-License-Identifier: GPL-2.0

//! Packets, sockets and network devices as arguments of kfuncs.
//!
//! `T` in [`Trusted<'_, T>`](crate::Trusted) is [`SkBuff`], [`XdpBuff`], [`Sock`] or
//! [`NetDevice`]. A network program passes its context as the first or the second: for the verifier,
//! a pointer to `struct sk_buff` is the `struct __sk_buff` of the program, and `struct xdp_buff` its
//! `struct xdp_md` (`btf_is_projection_of()`). The program writes `(void *)ctx`.
//!
//! The prototypes do not have the names that programs use. For a parameter with these names, the
//! verifier compares the names of structs, not the structs, and a program can allocate a struct of
//! its own with the name `sk_buff` (`taking_projection` in `process_kf_arg_ptr_to_btf_id()`).
//!
//! This module does not read or write the bytes of packets: see [`dynptr`](crate::dynptr), which a
//! program makes of its context.
//!
//! C headers: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h),
//! [`include/net/xdp.h`](srctree/include/net/xdp.h),
//! [`include/net/sock.h`](srctree/include/net/sock.h),
//! [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use crate::{
    helpers::{
        rust_bpf_helper_netdev_flags,
        rust_bpf_helper_netdev_ifindex,
        rust_bpf_helper_netdev_mtu,
        rust_bpf_helper_skb_hash,
        rust_bpf_helper_skb_iif,
        rust_bpf_helper_skb_mark,
        rust_bpf_helper_skb_protocol,
        rust_bpf_helper_sock_family,
        rust_bpf_helper_sock_is_full,
        rust_bpf_helper_sock_mark,
        rust_bpf_helper_sock_protocol,
        rust_bpf_helper_sock_state,
        rust_bpf_helper_xdp_ifindex,
        rust_bpf_helper_xdp_linear,
        rust_bpf_helper_xdp_queue, //
    },
    kernel_type, //
};
use core::ffi::c_void;

kernel_type! {
    /// A packet with its metadata.
    ///
    /// C: `struct sk_buff`.
    pub struct SkBuff: sk_buff {
        /// The number of bytes in the packet.
        pub len: u32,
        /// The number of bytes that are not in the linear part.
        pub data_len: u32,
        /// The queue of the device.
        pub queue_mapping: u16,
    }
}

impl SkBuff {
    fn as_ptr(&self) -> *const c_void {
        core::ptr::from_ref(self).cast()
    }

    /// Returns the hash of the flow; 0 if nobody has computed it yet.
    pub fn hash(&self) -> u32 {
        // SAFETY: The packet is allocated.
        unsafe { rust_bpf_helper_skb_hash(self.as_ptr()) }
    }

    /// Returns the index of the device at which the packet arrived; 0 for a packet of this machine.
    pub fn ifindex(&self) -> i32 {
        // SAFETY: The packet is allocated.
        unsafe { rust_bpf_helper_skb_iif(self.as_ptr()) }
    }

    /// Returns the mark, which netfilter and routing use.
    pub fn mark(&self) -> u32 {
        // SAFETY: The packet is allocated.
        unsafe { rust_bpf_helper_skb_mark(self.as_ptr()) }
    }

    /// Returns the protocol of the payload: `ETH_P_*`.
    pub fn protocol(&self) -> u16 {
        // SAFETY: The packet is allocated.
        u16::from_be(unsafe { rust_bpf_helper_skb_protocol(self.as_ptr()) })
    }
}

kernel_type! {
    /// A packet before the network stack: an XDP packet.
    ///
    /// C: `struct xdp_buff`.
    pub struct XdpBuff: xdp_buff {}
}

impl XdpBuff {
    fn as_ptr(&self) -> *const c_void {
        core::ptr::from_ref(self).cast()
    }

    /// Returns the number of bytes in the linear part of the packet.
    pub fn len(&self) -> u32 {
        let mut len = 0;
        // SAFETY: The packet is allocated.
        unsafe { rust_bpf_helper_xdp_linear(self.as_ptr(), &mut len) };
        len
    }

    /// Returns whether the linear part has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the index of the device at which the packet arrived.
    pub fn ifindex(&self) -> i32 {
        // SAFETY: The packet is allocated. Its queue and the device of the queue stay as long.
        unsafe { rust_bpf_helper_xdp_ifindex(self.as_ptr()) }
    }

    /// Returns the index of the device's queue at which the packet arrived.
    pub fn queue(&self) -> u32 {
        // SAFETY: The packet is allocated. Its queue stays as long.
        unsafe { rust_bpf_helper_xdp_queue(self.as_ptr()) }
    }
}

kernel_type! {
    /// A socket of the network stack.
    ///
    /// The kernel passes smaller structs by the same pointer: a request, or a connection that only
    /// waits. Such a socket has only the first fields; [`full`](Self::full) tells them apart.
    ///
    /// C: `struct sock`.
    pub struct Sock: sock {}
}

impl Sock {
    fn as_ptr(&self) -> *const c_void {
        core::ptr::from_ref(self).cast()
    }

    /// Returns the address family: `AF_*`.
    pub fn family(&self) -> u16 {
        // SAFETY: The socket is allocated, and every socket begins with a `struct sock_common`.
        unsafe { rust_bpf_helper_sock_family(self.as_ptr()) }
    }

    /// Returns the state of the connection: `TCP_*`.
    pub fn state(&self) -> u8 {
        // SAFETY: The socket is allocated, and every socket begins with a `struct sock_common`.
        unsafe { rust_bpf_helper_sock_state(self.as_ptr()) }
    }

    /// Returns the fields that only a whole `struct sock` has.
    pub fn full(&self) -> Option<FullSock<'_>> {
        // SAFETY: The socket is allocated, and every socket begins with a `struct sock_common`.
        let is_full = unsafe { rust_bpf_helper_sock_is_full(self.as_ptr()) };
        // INVARIANT: The helper has checked the state.
        is_full.then_some(FullSock(self))
    }
}

/// A socket that is a whole `struct sock`.
///
/// # Invariants
///
/// The memory of the socket has the size of `struct sock`. A socket keeps that size: a request and
/// a connection that only waits are separate allocations.
pub struct FullSock<'a>(&'a Sock);

impl FullSock<'_> {
    /// Returns the protocol: `IPPROTO_*`.
    pub fn protocol(&self) -> u16 {
        // SAFETY: By the type invariants, the socket is a whole `struct sock`.
        unsafe { rust_bpf_helper_sock_protocol(self.0.as_ptr()) }
    }

    /// Returns the mark of the packets that the socket sends.
    pub fn mark(&self) -> u32 {
        // SAFETY: By the type invariants, the socket is a whole `struct sock`.
        unsafe { rust_bpf_helper_sock_mark(self.0.as_ptr()) }
    }
}

kernel_type! {
    /// A network device.
    ///
    /// C: `struct net_device`.
    pub struct NetDevice: net_device {}
}

impl NetDevice {
    fn as_ptr(&self) -> *const c_void {
        core::ptr::from_ref(self).cast()
    }

    /// Returns the index of the device in its network namespace.
    pub fn ifindex(&self) -> i32 {
        // SAFETY: The device is allocated.
        unsafe { rust_bpf_helper_netdev_ifindex(self.as_ptr()) }
    }

    /// Returns the largest size of a packet in bytes.
    pub fn mtu(&self) -> u32 {
        // SAFETY: The device is allocated.
        unsafe { rust_bpf_helper_netdev_mtu(self.as_ptr()) }
    }

    /// Returns the flags: `IFF_*`.
    pub fn flags(&self) -> u32 {
        // SAFETY: The device is allocated.
        unsafe { rust_bpf_helper_netdev_flags(self.as_ptr()) }
    }
}
