// SPDX-License-Identifier: GPL-2.0

#include <linux/bpf.h>
#include <linux/btf.h>

#include "helpers.h"

u32 rust_bpf_helper_member_offset(const struct btf_type *t, const struct btf_member *member)
{
	return __btf_member_bit_offset(t, member) / 8;
}

/* The arguments of a member, as its BTF has them; they are read-only. */
bool rust_bpf_helper_is_valid_access(int off, int size, enum bpf_access_type type,
				     const struct bpf_prog *prog,
				     struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}
