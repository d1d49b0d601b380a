// SPDX-License-Identifier: GPL-2.0

#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <net/sock.h>
#include <net/xdp.h>

#include "helpers.h"

int rust_bpf_helper_skb_copy_bits(const void *skb, u32 offset, void *to, u32 len)
{
#ifdef CONFIG_NET
	if (offset > INT_MAX || len > INT_MAX)
		return -E2BIG;
	return skb_copy_bits(skb, offset, to, len);
#else
	return -EOPNOTSUPP;
#endif
}

u32 rust_bpf_helper_skb_hash(const void *skb)
{
	return READ_ONCE(((const struct sk_buff *)skb)->hash);
}

int rust_bpf_helper_skb_iif(const void *skb)
{
	return READ_ONCE(((const struct sk_buff *)skb)->skb_iif);
}

u32 rust_bpf_helper_skb_mark(const void *skb)
{
	return READ_ONCE(((const struct sk_buff *)skb)->mark);
}

__be16 rust_bpf_helper_skb_protocol(const void *skb)
{
	return READ_ONCE(((const struct sk_buff *)skb)->protocol);
}

void *rust_bpf_helper_xdp_linear(const void *buff, u32 *len)
{
	const struct xdp_buff *xdp = buff;

	*len = xdp->data_end - xdp->data;
	return xdp->data;
}

int rust_bpf_helper_xdp_ifindex(const void *buff)
{
	const struct xdp_buff *xdp = buff;

	return xdp->rxq->dev->ifindex;
}

u32 rust_bpf_helper_xdp_queue(const void *buff)
{
	const struct xdp_buff *xdp = buff;

	return xdp->rxq->queue_index;
}

/* Every socket begins with a struct sock_common. */
u16 rust_bpf_helper_sock_family(const void *sk)
{
	return READ_ONCE(((const struct sock_common *)sk)->skc_family);
}

u8 rust_bpf_helper_sock_state(const void *sk)
{
	return READ_ONCE(((const struct sock_common *)sk)->skc_state);
}

bool rust_bpf_helper_sock_is_full(const void *sk)
{
	return sk_fullsock(sk);
}

/* Only for a whole struct sock. */
u16 rust_bpf_helper_sock_protocol(const void *sk)
{
	return READ_ONCE(((const struct sock *)sk)->sk_protocol);
}

u32 rust_bpf_helper_sock_mark(const void *sk)
{
	return READ_ONCE(((const struct sock *)sk)->sk_mark);
}

u32 rust_bpf_helper_netdev_flags(const void *dev)
{
	return READ_ONCE(((const struct net_device *)dev)->flags);
}

int rust_bpf_helper_netdev_ifindex(const void *dev)
{
	return READ_ONCE(((const struct net_device *)dev)->ifindex);
}

u32 rust_bpf_helper_netdev_mtu(const void *dev)
{
	return READ_ONCE(((const struct net_device *)dev)->mtu);
}
