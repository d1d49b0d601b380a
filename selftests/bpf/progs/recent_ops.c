// SPDX-License-Identifier: GPL-2.0
/* A table whose member takes more arguments than 7.2 passes. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

extern u64 bpf_kfunc_recent_many(void) __weak __ksym;

/* The module has the table only in kernels that support it. */
struct bpf_recent_ops___local {
	u64 (*many)(u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g);
};

SEC("struct_ops/many")
u64 BPF_PROG(many, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f, u64 g)
{
	return a + 10 * b + 100 * c + 1000 * d + 10000 * e + 100000 * f + 1000000 * g;
}

SEC(".struct_ops.link")
struct bpf_recent_ops___local ops = { .many = (void *)many };

SEC("syscall")
int call_many(void *ctx)
{
	return bpf_kfunc_recent_many();
}
