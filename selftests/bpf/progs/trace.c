// SPDX-License-Identifier: GPL-2.0
/* Programs that attach to traceable functions in Rust, and programs that call these. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>
#include "expect.h"

char _license[] SEC("license") = "GPL";

/* The arguments and results that the tracers saw. */
u64 a, b, c, d, e, f, ret;
u64 thing_id, other_id;
bool has_other;
s32 objects_ret;
u64 traced_value, traced_size, traced_ret;
u64 eight[8], eight_ret;
u64 aux_value, aux_ret, aux_pointer;
u32 depth_entries, depth_exits, table_ret;
int kfunc_again;

u32 kprobes, multi, multi_returns;
u64 kprobe_arg, multi_ret;

#define DEPTH 16
u64 entry_stack[DEPTH], kprobe_stack[DEPTH];

/* The results that the programs replace. */
int hook_ret, sleeps_ret, modifiable_ret, sleepable_ret;
u32 hook_runs, sleeps_runs;

SEC("fentry/trace_test_args")
int BPF_PROG(args_entry, u8 _a, s16 _b, u32 _c, s64 _d, bool _e, u64 _f)
{
	a = _a;
	b = _b;
	c = _c;
	d = _d;
	e = _e;
	f = _f;
	bpf_get_stack(ctx, entry_stack, sizeof(entry_stack), 0);
	return 0;
}

SEC("fexit/trace_test_args")
int BPF_PROG(args_exit, u8 _a, s16 _b, u32 _c, s64 _d, bool _e, u64 _f, u64 _ret)
{
	ret = _a == a && _f == f ? _ret : 0;
	return 0;
}

SEC("fexit/trace_test_objects")
int BPF_PROG(objects_exit, struct bpf_trace_test_thing *thing,
	     struct bpf_trace_test_thing *other, s32 _ret)
{
	thing_id = thing->id;
	has_other = other;
	if (other)
		other_id = other->id;
	objects_ret = _ret;
	return 0;
}

/* Calls the function that it traces; it does not run for that call. */
SEC("fentry/bpf_trace_test_traced")
int BPF_PROG(traced_entry, u32 value, const void *data, u32 size)
{
	char two[2] = {};

	kfunc_again = bpf_trace_test_traced(value, two, sizeof(two));
	return 0;
}

SEC("fexit/bpf_trace_test_traced")
int BPF_PROG(traced_exit, u32 value, const void *data, u32 size, s64 _ret)
{
	traced_value = value;
	traced_size = size;
	traced_ret = _ret;
	return 0;
}

SEC("fexit/bpf_trace_test_eight")
int BPF_PROG(eight_exit, u64 _a, u64 _b, u64 _c, u64 _d, u64 _e, u64 _f, u64 g, u64 h, u64 _ret)
{
	eight[0] = _a;
	eight[1] = _b;
	eight[2] = _c;
	eight[3] = _d;
	eight[4] = _e;
	eight[5] = _f;
	eight[6] = g;
	eight[7] = h;
	eight_ret = _ret;
	return 0;
}

SEC("fexit/bpf_trace_test_aux")
int BPF_PROG(aux_exit, u32 value, struct bpf_prog_aux *aux, u32 _ret)
{
	aux_value = value;
	aux_pointer = (u64)aux;
	aux_ret = _ret;
	return 0;
}

SEC("fentry/trace_test_depth")
int BPF_PROG(depth_entry, u32 left)
{
	depth_entries++;
	return 0;
}

SEC("fexit/trace_test_depth")
int BPF_PROG(depth_exit, u32 left, u32 _ret)
{
	if (left == _ret)
		depth_exits++;
	return 0;
}

SEC("fexit/trace_test_table")
int BPF_PROG(table_exit, u8 index, u32 _ret)
{
	table_ret = _ret;
	return 0;
}

SEC("fmod_ret/trace_test_hook")
int BPF_PROG(hook, u32 value, int _ret)
{
	return hook_ret;
}

SEC("fexit/trace_test_hook")
int BPF_PROG(hook_exit, u32 value, int _ret)
{
	hook_runs++;
	return 0;
}

SEC("fmod_ret.s/trace_test_sleeps")
int BPF_PROG(sleeps, u32 value, int _ret)
{
	char byte;

	/* A helper that may sleep. */
	bpf_copy_from_user(&byte, sizeof(byte), NULL);
	sleeps_runs++;
	return sleeps_ret;
}

SEC("fmod_ret/bpf_trace_test_modifiable")
int BPF_PROG(modifiable, u32 value, int _ret)
{
	return modifiable_ret;
}

SEC("fmod_ret.s/bpf_trace_test_sleepable")
int BPF_PROG(sleepable, u32 value, int _ret)
{
	return sleepable_ret;
}

SEC("kprobe/trace_test_args")
int BPF_KPROBE(kprobe, u8 _a)
{
	kprobes++;
	kprobe_arg = _a;
	bpf_get_stack(ctx, kprobe_stack, sizeof(kprobe_stack), 0);
	return 0;
}

SEC("kprobe.multi/trace_test_d*")
int BPF_KPROBE(kprobe_multi)
{
	multi++;
	return 0;
}

SEC("kretprobe.multi/trace_test_d*")
int BPF_KRETPROBE(kretprobe_multi, u32 _ret)
{
	multi_returns++;
	multi_ret = _ret;
	return 0;
}

SEC("syscall")
int call_args(void *ctx)
{
	EXPECT(bpf_trace_test_args(0x81, -2, 0x80000001, -3, true) ==
	       (0x81ULL ^ (u64)-2 ^ 0x80000001ULL ^ (u64)-3 ^ 1) + 7);
	EXPECT(bpf_trace_test_objects(41, true) == (u32)-40);
	EXPECT(bpf_trace_test_depth(5) == 5);
	EXPECT(bpf_trace_test_others(3) == (7 ^ 3 ^ 1));
	return 0;
}

SEC("syscall")
int call_without_other(void *ctx)
{
	EXPECT(bpf_trace_test_objects(2, false) == (u32)-2);
	return 0;
}

/* clang 22 does not compile calls with more than five arguments. */
static u64 call_with_eight(void)
{
	u64 sum;

	asm volatile ("*(u64 *)(r11 - 24) = 8;"
		      "*(u64 *)(r11 - 16) = 7;"
		      "*(u64 *)(r11 - 8) = 6;"
		      "r1 = 1; r2 = 2; r3 = 3; r4 = 4; r5 = 5;"
		      "call %[kfunc]; %[sum] = r0;"
		      : [sum]"=r"(sum)
		      : [kfunc]"i"(bpf_trace_test_eight)
		      : "r0", "r1", "r2", "r3", "r4", "r5", "memory");
	return sum;
}

/* Makes clang write BTF for the kfunc that only assembly calls. Nobody loads it. */
SEC("?syscall")
int mention(void *ctx)
{
	return (long)bpf_trace_test_eight;
}

SEC("syscall")
int call_kfuncs(void *ctx)
{
	char data[3] = {};

	EXPECT(bpf_trace_test_traced(100, data, sizeof(data)) == 103);
	EXPECT(call_with_eight() == 12345678);
	EXPECT(bpf_trace_test_aux(9) == 9);
	return 0;
}

int results[4];

/* Calls the functions whose results programs can replace. */
SEC("syscall")
int call_hooks(void *ctx)
{
	results[0] = bpf_trace_test_hook(1);
	results[1] = bpf_trace_test_sleeps(1);
	results[2] = bpf_trace_test_modifiable(1);
	results[3] = bpf_trace_test_sleepable(1);
	return 0;
}
