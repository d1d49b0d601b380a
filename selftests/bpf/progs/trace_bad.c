// SPDX-License-Identifier: GPL-2.0
/* Programs that the verifier does not attach to functions in Rust, and the reasons. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

/* Declared by hand: it is in BTF, but no kfunc. */
extern int trace_test_fixed(u32 value) __ksym;

SEC("fmod_ret/trace_test_fixed")
__failure __msg("trace_test_fixed() is not modifiable")
int BPF_PROG(fixed, u32 value, int ret)
{
	return -1;
}

SEC("fmod_ret/bpf_trace_test_traced")
__failure __msg("bpf_trace_test_traced() is not modifiable")
int BPF_PROG(fixed_kfunc, u32 value, const void *data, u32 size, s64 ret)
{
	return -1;
}

SEC("fmod_ret.s/trace_test_hook")
__failure __msg("trace_test_hook is not sleepable")
int BPF_PROG(hook_sleeps, u32 value, int ret)
{
	return -1;
}

SEC("fentry.s/trace_test_args")
__failure __msg("trace_test_args is not sleepable")
int BPF_PROG(args_sleeps, u8 value)
{
	return 0;
}

SEC("fmod_ret.s/bpf_trace_test_modifiable")
__failure __msg("bpf_trace_test_modifiable is not sleepable")
int BPF_PROG(kfunc_sleeps, u32 value, int ret)
{
	return -1;
}

SEC("fentry/trace_test_objects")
__failure __msg("invalid mem access 'ptr_or_null_'")
int BPF_PROG(null_object, struct bpf_trace_test_thing *thing, struct bpf_trace_test_thing *other)
{
	return other->id;
}

SEC("fentry/trace_test_objects")
__failure __msg("only read is supported")
int BPF_PROG(writes, struct bpf_trace_test_thing *thing, struct bpf_trace_test_thing *other)
{
	thing->id = 1;
	return 0;
}

SEC("fentry/trace_test_objects")
__failure __msg("R1 must be referenced or trusted")
int BPF_PROG(not_trusted, struct bpf_trace_test_thing *thing)
{
	return bpf_trace_test_id(thing);
}

SEC("fentry/trace_test_fixed")
__failure __msg("doesn't have 2-th argument")
int BPF_PROG(no_result, u32 value, int ret)
{
	return ret;
}

SEC("syscall")
__failure __msg("calling kernel function trace_test_fixed is not allowed")
int no_kfunc(void *ctx)
{
	return trace_test_fixed(1);
}
