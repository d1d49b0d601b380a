// SPDX-License-Identifier: GPL-2.0

#include <linux/refcount.h>

#include "helpers.h"

bool rust_bpf_helper_refcount_inc_not_zero(refcount_t *refs)
{
	return refcount_inc_not_zero(refs);
}
