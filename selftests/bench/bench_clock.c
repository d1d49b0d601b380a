// SPDX-License-Identifier: GPL-2.0
/*
 * The benchmark's clock for BPF programs. With scripts/harness/vm --icount this
 * clock counts instructions. bpf_ktime_get_ns() is not exact, because the kernel
 * measures the frequency of the counter and rounds.
 */

#include <asm/msr.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/module.h>

static bool pending;

__bpf_kfunc_start_defs();

__bpf_kfunc u64 bpf_bench_clock(void)
{
	return rdtsc_ordered();
}

/* For throw/: what a program would ask after each call. */
__bpf_kfunc bool bpf_bench_pending(void)
{
	return READ_ONCE(pending);
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfuncs)
BTF_ID_FLAGS(func, bpf_bench_clock)
BTF_ID_FLAGS(func, bpf_bench_pending)
BTF_KFUNCS_END(kfuncs)

static const struct btf_kfunc_id_set set = {
	.owner = THIS_MODULE,
	.set = &kfuncs,
};

static int __init bench_init(void)
{
	int err;

	err = register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &set);
	/* For hid/: events, and the HID core. */
	err = err ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_STRUCT_OPS, &set);
	err = err ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &set);
	return err;
}
module_init(bench_init);

static void __exit bench_exit(void)
{
}
module_exit(bench_exit);

MODULE_DESCRIPTION("Clock of the benchmark");
MODULE_LICENSE("GPL");
