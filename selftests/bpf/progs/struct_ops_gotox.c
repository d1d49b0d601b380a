// SPDX-License-Identifier: GPL-2.0
/*
 * Programs with a jump through a table (clang compiles a computed goto for cpu
 * v4 to such a jump). A prologue or an epilogue would move the targets of the
 * jump.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

static __always_inline u32 jump(u32 value)
{
	const void *const table[] = { &&zero, &&one, &&two, &&three };

	goto *table[value & 3];
zero:
	return 1;
one:
	return 20;
two:
	return 300;
three:
	return 4000;
}

SEC("?struct_ops/plain")
u32 BPF_PROG(plain, struct bpf_ops_item *item, u32 value)
{
	return jump(value);
}

SEC("?struct_ops/before")
u32 BPF_PROG(before, struct bpf_ops_item *item, u32 value)
{
	return jump(value);
}

SEC("?struct_ops/after")
u32 BPF_PROG(after, struct bpf_ops_item *item, u32 value)
{
	return jump(value);
}

SEC("?struct_ops/fickle")
u32 BPF_PROG(fickle, u32 value)
{
	return jump(value);
}

SEC("?.struct_ops.link")
struct bpf_test_around_ops table_plain = {
	.plain = (void *)plain,
};

SEC("?struct_ops/plain")
u32 BPF_PROG(zero, struct bpf_ops_item *item, u32 value)
{
	return 0;
}

SEC("?.struct_ops.link")
struct bpf_test_around_ops table_fickle = {
	.plain = (void *)zero,
	.fickle = (void *)fickle,
};

SEC("?.struct_ops.link")
struct bpf_test_around_ops table_before = {
	.before = (void *)before,
};

SEC("?.struct_ops.link")
struct bpf_test_around_ops table_after = {
	.after = (void *)after,
};

/* The number of the member to call. */
u32 member;

SEC("syscall")
int call(void *ctx)
{
	int ret = 0, i;

	for (i = 0; i < 4; i++)
		ret += bpf_ops_test_around(member, 1, i);
	return ret;
}
