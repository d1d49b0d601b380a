// SPDX-License-Identifier: GPL-2.0
/*
 * The calls of a module's kfuncs, and the load and unload of the module. Expects
 * kfunc_test and rust_bpf to be loaded, and the .ko files in the current folder;
 * leaves both modules loaded.
 */
#include <fcntl.h>
#include <sys/syscall.h>
#include <test_progs.h>
#include <trace_helpers.h>
#include "testing_helpers.h"
#include "klog.h"
#include "kfunc_module.skel.h"

#define RELOADS 100

static struct kfunc_module *load_and_call(void)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct kfunc_module *skel;
	int err;

	skel = kfunc_module__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return NULL;
	err = bpf_prog_test_run_opts(bpf_program__fd(skel->progs.call_u8), &opts);
	if (!ASSERT_OK(err, "test_run") || !ASSERT_EQ(opts.retval, 42, "retval")) {
		kfunc_module__destroy(skel);
		return NULL;
	}
	return skel;
}

/* Counts the calls of target in the JIT's code, whose address is image. */
#if defined(__x86_64__)
static __u32 count_calls(const unsigned char *code, __u32 len, __u64 image, __u64 target)
{
	__u32 i, calls = 0;
	__s32 offset;

	/* call: e8, and 32 bits relative to the next instruction */
	for (i = 0; i + 5 <= len; i++) {
		if (code[i] != 0xe8)
			continue;
		memcpy(&offset, &code[i + 1], sizeof(offset));
		if (image + i + 5 + offset == target)
			calls++;
	}
	return calls;
}
#elif defined(__aarch64__)
static __u32 count_calls(const unsigned char *code, __u32 len, __u64 image, __u64 target)
{
	__u32 insn[1024], i, calls = 0;
	__u64 address;

	if (len > sizeof(insn))
		len = sizeof(insn);
	memcpy(insn, code, len);
	for (i = 0; i < len / 4; i++) {
		if ((insn[i] & 0xfc000000) == 0x94000000) {
			/* bl: 26 bits, in words, relative to itself */
			address = image + i * 4 + (((__s32)insn[i] << 6) >> 4);
		} else if (i >= 3 && (insn[i] & 0xfffffc1f) == 0xd63f0000) {
			/* blr, for far targets: movn, movk and movk load 48 bits before it */
			address = ~(__u64)0xffffffffffff |
				  (__u64)(insn[i - 1] >> 5 & 0xffff) << 32 |
				  (__u64)(insn[i - 2] >> 5 & 0xffff) << 16 |
				  (~insn[i - 3] >> 5 & 0xffff);
		} else {
			continue;
		}
		if (address == target)
			calls++;
	}
	return calls;
}
#endif

/* The JIT's code calls the symbol of the Rust function itself. */
static void subtest_direct_call(void)
{
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info), calls;
	unsigned char code[4096];
	struct kfunc_module *skel;
	__u64 image = 0, target;
	int fd;

	skel = load_and_call();
	if (!skel)
		return;
	fd = bpf_program__fd(skel->progs.call_u8);
	info.jited_prog_insns = ptr_to_u64(code);
	info.jited_prog_len = sizeof(code);
	info.jited_ksyms = ptr_to_u64(&image);
	info.nr_jited_ksyms = 1;
	if (!ASSERT_OK(bpf_prog_get_info_by_fd(fd, &info, &len), "info"))
		goto out;
	if (!ASSERT_OK(kallsyms_find("bpf_kfunc_test_u8", &target), "kallsyms"))
		goto out;
	if (!ASSERT_GT(info.jited_prog_len, 5, "jited_prog_len"))
		goto out;
	calls = count_calls(code, info.jited_prog_len, image, target);
	ASSERT_EQ(calls, 1, "calls of the function itself");
out:
	kfunc_module__destroy(skel);
}

/* A program keeps the module, the module keeps the crate. */
static void subtest_in_use(void)
{
	struct kfunc_module *skel;
	bool built_in;
	int err;

	skel = load_and_call();
	if (!skel)
		return;
	err = delete_module("kfunc_test", O_NONBLOCK);
	ASSERT_EQ(err ? errno : 0, EAGAIN, "unload while a program calls it");
	/* The module does not exist if the crate is built in. */
	built_in = access("/sys/module/rust_bpf/refcnt", F_OK) < 0;
	err = delete_module("rust_bpf", O_NONBLOCK);
	ASSERT_EQ(err ? errno : 0, built_in ? ENOENT : EAGAIN, "unload while a module uses it");
	kfunc_module__destroy(skel);

	ASSERT_OK(unload_module("kfunc_test", false), "unload after the program");
	ASSERT_OK(load_module("kfunc_test.ko", false), "load again");
}

static void subtest_reload(void)
{
	struct kfunc_module *skel;
	int i;

	for (i = 0; i < RELOADS; i++) {
		if (!ASSERT_OK(unload_module("kfunc_test", false), "unload") ||
		    !ASSERT_OK(load_module("kfunc_test.ko", false), "load"))
			break;
		skel = load_and_call();
		if (!skel)
			break;
		kfunc_module__destroy(skel);
	}
	ASSERT_EQ(i, RELOADS, "times");
}

static void subtest_absent(void)
{
	struct kfunc_module *skel;

	if (!ASSERT_OK(unload_module("kfunc_test", false), "unload"))
		return;
	skel = kfunc_module__open_and_load();
	if (!ASSERT_ERR_PTR(skel, "load without the module"))
		kfunc_module__destroy(skel);
	ASSERT_OK(load_module("kfunc_test.ko", false), "load again");
}

static int finit(const char *path)
{
	int fd = open(path, O_RDONLY), err;

	if (!ASSERT_OK_FD(fd, path))
		return -1;
	err = syscall(__NR_finit_module, fd, "", 0) ? errno : 0;
	close(fd);
	return err;
}

static void subtest_clash(void)
{
	struct kfunc_module *skel;
	int log = open_log();

	ASSERT_EQ(finit("kfunc_clash.ko"), EINVAL, "load a kfunc with a used name");
	ASSERT_TRUE(logged(log, "KFUNCS: the kernel rejected a kfunc"), "log");
	close(log);

	/* The kfunc that already has the name still works. */
	skel = load_and_call();
	kfunc_module__destroy(skel);
}

static void subtest_late(void)
{
	int log;

	if (!ASSERT_OK(load_module("kfunc_late.ko", false), "load"))
		return;
	log = open_log();
	ASSERT_OK(unload_module("kfunc_late", false), "unload");
	ASSERT_TRUE(logged(log, "too late, as expected"), "log");
	close(log);
}

static void subtest_objects_late(void)
{
	int first = open_log(), last = open_log();

	ASSERT_EQ(finit("objects_late.ko"), EINVAL, "load");
	ASSERT_TRUE(logged(first, "two sets with the same objects are registered"), "first sets");
	ASSERT_TRUE(logged(last, "SECOND: an earlier set of the module has registered objects"),
		    "last set");
	close(first);
	close(last);
}

void serial_test_kfunc_module(void)
{
	if (test__start_subtest("direct_call"))
		subtest_direct_call();
	if (test__start_subtest("used_module_stays"))
		subtest_in_use();
	if (test__start_subtest("reload"))
		subtest_reload();
	if (test__start_subtest("load_without_module"))
		subtest_absent();
	if (test__start_subtest("kfunc_name_clash"))
		subtest_clash();
	if (test__start_subtest("late_registration"))
		subtest_late();
	if (test__start_subtest("objects_of_a_second_set"))
		subtest_objects_late();
}
