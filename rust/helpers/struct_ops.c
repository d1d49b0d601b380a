// SPDX-License-Identifier: GPL-2.0

#include <linux/bpf.h>
#include <linux/btf.h>

#include "helpers.h"

u32 rust_bpf_helper_member_offset(const struct btf_type *t, const struct btf_member *member)
{
	return __btf_member_bit_offset(t, member) / 8;
}

/*
 * 0 if there is none. BTF_ID() of the kernel's functions is for built-in code.
 * It is asked once, because a module cannot give the reference up; it is to
 * vmlinux's BTF, which stays.
 */
u32 rust_bpf_helper_throw_id(void)
{
	static u32 throw_id;
	struct btf *btf;
	s32 id;

	if (READ_ONCE(throw_id))
		return READ_ONCE(throw_id);
	id = bpf_find_btf_id("bpf_throw", BTF_KIND_FUNC, &btf);
	if (id <= 0)
		return 0;
	WRITE_ONCE(throw_id, id);
	return id;
}

/* The arguments of a member, as its BTF has them; they are read-only. */
bool rust_bpf_helper_is_valid_access(int off, int size, enum bpf_access_type type,
				     const struct bpf_prog *prog,
				     struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}
