// SPDX-License-Identifier: GPL-2.0
/* Assertions of BPF programs, on kernels with and without bpf_throw_reason(). */
#include <test_progs.h>
#include <bpf/btf.h>
#include "bpf_assert.skel.h"
#include "bpf_assert_fail.skel.h"

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	if (!ASSERT_OK(bpf_prog_test_run_opts(bpf_program__fd(prog), &opts), "test_run"))
		return -1;
	return opts.retval;
}

/* Reads what the program wrote to its stream of errors since the last call. */
static const char *errors(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_prog_stream_read_opts, opts);
	static char text[4096];
	int len;

	len = bpf_prog_stream_read(bpf_program__fd(prog), BPF_STREAM_STDERR, text,
				   sizeof(text) - 1, &opts);
	if (!ASSERT_GE(len, 0, "stream_read"))
		len = 0;
	text[len] = 0;
	return text;
}

static bool has_reasons(void)
{
	struct btf *btf = btf__load_vmlinux_btf();
	int id;

	if (!ASSERT_OK_PTR(btf, "BTF of the kernel"))
		return false;
	id = btf__find_by_name_kind(btf, "bpf_throw_reason", BTF_KIND_FUNC);
	btf__free(btf);
	return id > 0;
}

/* HOLDS and FAILS set a field of the input and run a program. */
#define HOLDS(prog, field, value)						\
	do {									\
		skel->bss->in.field = (value);					\
		ASSERT_EQ(run(skel->progs.prog), 1, #prog " holds: " #value);	\
		ASSERT_STREQ(errors(skel->progs.prog), "", #prog " holds: no text"); \
	} while (0)

#define FAILS(prog, field, value, condition, values)				\
	do {									\
		const char *text;						\
										\
		skel->bss->in.field = (value);					\
		ASSERT_EQ(run(skel->progs.prog), 0, #prog " fails: " #value);	\
		text = errors(skel->progs.prog);				\
		if (!reasons) {							\
			ASSERT_STREQ(text, "", #prog " fails: no text");	\
			break;							\
		}								\
		ASSERT_HAS_SUBSTR(text, "ERROR: exception in " #prog " (id ", #prog " program"); \
		ASSERT_HAS_SUBSTR(text, "): " condition "\n", #prog " condition"); \
		ASSERT_HAS_SUBSTR(text, "Values: " values "\n", #prog " values"); \
		ASSERT_HAS_SUBSTR(text, " @ bpf_assert.c:", #prog " place");	\
	} while (0)

static void test_ranges(struct bpf_assert *skel, bool reasons)
{
	HOLDS(range_u64, u64, 1);
	HOLDS(range_u64, u64, 64);
	FAILS(range_u64, u64, 0, "1 <= x <= 64", "0 (0x0), 1 (0x1), 64 (0x40)");
	FAILS(range_u64, u64, 65, "1 <= x <= 64", "65 (0x41), 1 (0x1), 64 (0x40)");
	FAILS(range_u64, u64, -1, "1 <= x <= 64",
	      "-1 (0xffffffffffffffff), 1 (0x1), 64 (0x40)");
	/* The lower half of the register alone would be in the range. */
	FAILS(range_u64, u64, 1ULL << 32 | 5, "1 <= x <= 64",
	      "4294967301 (0x100000005), 1 (0x1), 64 (0x40)");

	HOLDS(range_s64, s64, 0);
	HOLDS(range_s64, s64, 64);
	FAILS(range_s64, s64, -1, "0 <= x <= 64",
	      "-1 (0xffffffffffffffff), 0 (0x0), 64 (0x40)");
	FAILS(range_s64, s64, 65, "0 <= x <= 64", "65 (0x41), 0 (0x0), 64 (0x40)");

	HOLDS(range_u32, u32, 1);
	HOLDS(range_u32, u32, 64);
	FAILS(range_u32, u32, 0, "1 <= x <= 64", "0 (0x0), 1 (0x1), 64 (0x40)");
	FAILS(range_u32, u32, 70, "1 <= x <= 64", "70 (0x46), 1 (0x1), 64 (0x40)");
	FAILS(range_u32, u32, -1, "1 <= x <= 64",
	      "4294967295 (0xffffffff), 1 (0x1), 64 (0x40)");

	HOLDS(range_s32, s32, 0);
	HOLDS(range_s32, s32, 64);
	FAILS(range_s32, s32, -1, "0 <= x <= 64",
	      "-1 (0xffffffffffffffff), 0 (0x0), 64 (0x40)");
	FAILS(range_s32, s32, 65, "0 <= x <= 64", "65 (0x41), 0 (0x0), 64 (0x40)");

	HOLDS(range_u16, u16, 64);
	FAILS(range_u16, u16, 65535, "1 <= x <= 64", "65535 (0xffff), 1 (0x1), 64 (0x40)");
	HOLDS(range_s8, s8, 64);
	FAILS(range_s8, s8, -128, "0 <= x <= 64",
	      "-128 (0xffffffffffffff80), 0 (0x0), 64 (0x40)");
}

static void test_operators(struct bpf_assert *skel, bool reasons)
{
	HOLDS(eq_u32, u32, 64);
	FAILS(eq_u32, u32, 63, "x == 64", "63 (0x3f), 64 (0x40), 0 (0x0)");
	HOLDS(le_u64, u64, 64);
	FAILS(le_u64, u64, 65, "x <= 64", "65 (0x41), 64 (0x40), 0 (0x0)");
	HOLDS(lt_u32, u32, 64);
	FAILS(lt_u32, u32, 65, "x < 65", "65 (0x41), 65 (0x41), 0 (0x0)");
	HOLDS(ne_s64, s64, 0);
	FAILS(ne_s64, s64, -1, "x != -1",
	      "-1 (0xffffffffffffffff), -1 (0xffffffffffffffff), 0 (0x0)");
	HOLDS(gt_s32, s32, -4);
	FAILS(gt_s32, s32, -5, "x > -5",
	      "-5 (0xfffffffffffffffb), -5 (0xfffffffffffffffb), 0 (0x0)");
	HOLDS(ge_s64, s64, -5);
	FAILS(ge_s64, s64, -6, "x >= -5",
	      "-6 (0xfffffffffffffffa), -5 (0xfffffffffffffffb), 0 (0x0)");
	HOLDS(cond_u32, u32, 64);
	FAILS(cond_u32, u32, 65, "x < 65", "0 (0x0), 0 (0x0), 0 (0x0)");
}

static void test_types(struct bpf_assert *skel, bool reasons)
{
	HOLDS(gt_u64_large, u64, (1ULL << 40) + 1);
	FAILS(gt_u64_large, u64, 1ULL << 40, "x > 1ULL << 40",
	      "1099511627776 (0x10000000000), 1099511627776 (0x10000000000), 0 (0x0)");
	HOLDS(le_u32_large, u32, 0xfffffff0);
	FAILS(le_u32_large, u32, 0xfffffff1, "x <= 0xfffffff0",
	      "4294967281 (0xfffffff1), 4294967280 (0xfffffff0), 0 (0x0)");
	HOLDS(lt_mixed, s32, 4);
	FAILS(lt_mixed, s32, -1, "x < 5U", "4294967295 (0xffffffff), 5 (0x5), 0 (0x0)");

	HOLDS(own_names, u32, 3);
	FAILS(own_names, u32, 4, "x <= __x", "4 (0x4), 3 (0x3), 0 (0x0)");
	FAILS(own_names, u32, 0, "__lo <= x <= __hi", "0 (0x0), 1 (0x1), 3 (0x3)");

	skel->bss->in.u64 = 1ULL << 32;
	HOLDS(lt_variable, u32, -1);
	skel->bss->in.u64 = 7;
	FAILS(lt_variable, u32, 7, "x < limit", "7 (0x7), 7 (0x7), 0 (0x0)");
}

static void test_trace(struct bpf_assert *skel, bool reasons)
{
	const char *text;

	HOLDS(in_subprog, u32, 64);
	skel->bss->in.u32 = 70;
	ASSERT_EQ(run(skel->progs.in_subprog), 0, "in_subprog");
	text = errors(skel->progs.in_subprog);
	if (!reasons)
		return;
	ASSERT_HAS_SUBSTR(text,
			  "\n  bpf_assert_range(len, 1, 64); @ bpf_assert.c:95\nin_subprog+0x",
			  "assertion and caller");
	ASSERT_HAS_SUBSTR(text,
			  "\n  return element(*(volatile __u32 *)&in.u32); @ bpf_assert.c:102\n",
			  "call");
}

void test_bpf_assert(void)
{
	struct bpf_assert *skel = bpf_assert__open_and_load();
	bool reasons = has_reasons();

	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	if (test__start_subtest("ranges"))
		test_ranges(skel, reasons);
	if (test__start_subtest("operators"))
		test_operators(skel, reasons);
	if (test__start_subtest("types"))
		test_types(skel, reasons);
	if (test__start_subtest("trace"))
		test_trace(skel, reasons);
	bpf_assert__destroy(skel);
	RUN_TESTS(bpf_assert_fail);
}
