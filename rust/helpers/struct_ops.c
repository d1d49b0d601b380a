// SPDX-License-Identifier: GPL-2.0

#include <linux/bpf.h>
#include <linux/btf.h>

#include <linux/bpf_verifier.h>

#include "helpers.h"

u32 rust_bpf_helper_member_offset(const struct btf_type *t, const struct btf_member *member)
{
	return __btf_member_bit_offset(t, member) / 8;
}

/* Returns the BTF id of the struct that a register points to, and its BTF in @btf. */
u32 rust_bpf_helper_reg_struct(const struct bpf_reg_state *reg, const struct btf **btf)
{
	*btf = reg->btf;
	return reg->btf_id;
}

/*
 * Returns the BTF id of the type that argument @arg of member @member points to, or
 * 0 if the argument is not a pointer or does not exist.
 */
u32 rust_bpf_helper_arg_struct(const struct btf *btf, const struct btf_type *t, u32 member,
			       u32 arg)
{
	if (member >= btf_type_vlen(t))
		return 0;
	t = btf_type_by_id(btf, btf_type_member(t)[member].type);
	if (!t || !btf_type_is_ptr(t))
		return 0;
	t = btf_type_by_id(btf, t->type);
	if (!t || !btf_type_is_func_proto(t) || arg >= btf_type_vlen(t))
		return 0;
	t = btf_type_by_id(btf, btf_params(t)[arg].type);
	if (!t || !btf_type_is_ptr(t))
		return 0;
	return t->type;
}

/* The BTF ids of the kfuncs that throw, or 0 */
struct throws {
	u32 plain;
	u32 reason;
};

/*
 * Returns the kernel's own BTF, and in @throws the BTF ids of bpf_throw() and
 * bpf_throw_reason(); or NULL if the kernel does not have the first. A module has no
 * other way to get that BTF: only built-in code can use BTF_ID() for functions of the
 * kernel. The function does not release the reference to the BTF. A module cannot do
 * so, and the kernel's BTF is never freed.
 */
static struct btf *find_throws(struct throws *throws)
{
	static struct btf *cached;
	static struct throws ids;
	struct btf *vmlinux, *btf;
	s32 id;

	/* Pairs with smp_store_release() below. */
	vmlinux = smp_load_acquire(&cached);
	if (vmlinux) {
		*throws = ids;
		return vmlinux;
	}
	id = bpf_find_btf_id("bpf_throw", BTF_KIND_FUNC, &vmlinux);
	if (id <= 0)
		return NULL;
	throws->plain = id;
	id = bpf_find_btf_id("bpf_throw_reason", BTF_KIND_FUNC, &btf);
	throws->reason = id > 0 && btf == vmlinux ? id : 0;
	WRITE_ONCE(ids.plain, throws->plain);
	WRITE_ONCE(ids.reason, throws->reason);
	/* A CPU that sees the BTF also sees the ids. */
	smp_store_release(&cached, vmlinux);
	return vmlinux;
}

/* Returns whether a call of the kernel's function with this BTF id ends a program. */
bool rust_bpf_helper_throws(s32 id)
{
	struct throws throws;

	return id > 0 && find_throws(&throws) && (id == throws.plain || id == throws.reason);
}

/* Returns the size of a scalar type in bytes, or 0 for other types. */
static u32 number_size(const struct btf *btf, u32 id)
{
	const struct btf_type *t = btf_type_by_id(btf, id);

	while (t && (btf_type_is_typedef(t) || BTF_INFO_KIND(t->info) == BTF_KIND_CONST))
		t = btf_type_by_id(btf, t->type);
	return t && btf_type_is_scalar(t) ? t->size : 0;
}

/*
 * Returns the BTF id of the function @name in the kernel itself, if the function
 * takes @params scalars and returns a scalar of @result_size bytes; otherwise 0. If
 * only a module has a function @name, the reference to the BTF of that module is
 * leaked.
 */
u32 rust_bpf_helper_kfunc_id(const char *name, u32 params, u32 result_size)
{
	struct btf *vmlinux, *btf;
	const struct btf_type *t;
	struct throws throws;
	s32 id;
	u32 i;

	vmlinux = find_throws(&throws);
	if (!vmlinux)
		return 0;
	id = bpf_find_btf_id(name, BTF_KIND_FUNC, &btf);
	if (id <= 0 || btf != vmlinux)
		return 0;
	t = btf_type_by_id(btf, id);
	t = t ? btf_type_by_id(btf, t->type) : NULL;
	if (!t || !btf_type_is_func_proto(t) || btf_type_vlen(t) != params)
		return 0;
	for (i = 0; i < params; i++)
		if (!number_size(btf, btf_params(t)[i].type))
			return 0;
	return number_size(btf, t->type) == result_size ? id : 0;
}

/* Lets a program read the arguments of a member with their types in BTF. */
bool rust_bpf_helper_is_valid_access(int off, int size, enum bpf_access_type type,
				     const struct bpf_prog *prog,
				     struct bpf_insn_access_aux *info)
{
	return bpf_tracing_btf_ctx_access(off, size, type, prog, info);
}
