// SPDX-License-Identifier: GPL-2.0

#include <linux/errno.h>
#include <linux/limits.h>
#include <linux/skbuff.h>
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

void *rust_bpf_helper_xdp_linear(const void *buff, u32 *len)
{
	const struct xdp_buff *xdp = buff;

	*len = xdp->data_end - xdp->data;
	return xdp->data;
}
