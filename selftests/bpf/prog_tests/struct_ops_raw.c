// SPDX-License-Identifier: GPL-2.0
/*
 * Errors that libbpf prevents: tables with programs of other tables or members,
 * and programs for members that do not exist. Expects ops_test.ko to be loaded.
 */
#include <bpf/btf.h>
#include <test_progs.h>
#include "testing_helpers.h"
#include "struct_ops.skel.h"

/* The value of a map of bpf_test_ops, in the kernel's layout on x86-64 and arm64. */
struct value {
	struct {
		__u32 refcnt;
		__u32 state;
		__u64 padding[7];
	} common;
	struct {
		__u32 id;
		__u32 hole;
		__u64 add;
		__u64 others[7];
		__u64 padding[7];
	} data;
};

/* Fills the map, which attaches it. Returns 0 or the error. */
static int fill(struct struct_ops *skel, int add_fd, __u32 hole)
{
	struct value value = {
		.data.id = 2,
		.data.hole = hole,
		.data.add = add_fd,
	};
	int zero = 0;

	if (!ASSERT_EQ(bpf_map__value_size(skel->maps.by_map), sizeof(value), "size of the value"))
		return 0;
	return bpf_map_update_elem(bpf_map__fd(skel->maps.by_map), &zero, &value, 0);
}

static struct struct_ops *load(void)
{
	struct struct_ops *skel = struct_ops__open_and_load();

	ASSERT_OK_PTR(skel, "open_and_load");
	return skel;
}

static void subtest_programs(void)
{
	struct struct_ops *skel = load();
	int zero = 0;

	if (!skel)
		return;
	ASSERT_EQ(fill(skel, bpf_program__fd(skel->progs.key), 0), -EINVAL,
		  "program of another member");
	ASSERT_EQ(fill(skel, bpf_program__fd(skel->progs.work), 0), -EINVAL,
		  "program of another table");
	ASSERT_EQ(fill(skel, bpf_program__fd(skel->progs.call_add), 0), -EINVAL,
		  "program of another type");
	ASSERT_EQ(fill(skel, bpf_map__fd(skel->maps.by_map), 0), -EINVAL,
		  "fd that is not a program");
	ASSERT_EQ(fill(skel, 0, 0), -EINVAL, "missing mandatory member");
	ASSERT_EQ(fill(skel, bpf_program__fd(skel->progs.add), 1), -EINVAL, "nonzero hole");
	ASSERT_OK(fill(skel, bpf_program__fd(skel->progs.add), 0), "right program");
	ASSERT_OK(bpf_map_delete_elem(bpf_map__fd(skel->maps.by_map), &zero), "detach");
	struct_ops__destroy(skel);
}

/*
 * A program does not keep the module, so a program can exist while the module is
 * unloaded and loaded again. The module then has a new BTF, with which the
 * program was not verified, though all its type ids are the same.
 */
static void subtest_stale(void)
{
	struct struct_ops *skel = load();
	int stale;

	if (!skel)
		return;
	stale = dup(bpf_program__fd(skel->progs.add));
	struct_ops__destroy(skel);
	if (!ASSERT_OK_FD(stale, "dup"))
		return;
	if (!ASSERT_OK(unload_module("ops_test", false), "unload"))
		goto out;
	if (!ASSERT_OK(load_module("ops_test.ko", false), "load again"))
		goto out;
	skel = load();
	if (!skel)
		goto out;
	ASSERT_EQ(fill(skel, stale, 0), -EINVAL, "stale program");
	ASSERT_OK(fill(skel, bpf_program__fd(skel->progs.add), 0), "new program");
	/* The next test needs an empty slot. */
	ASSERT_OK(bpf_map_delete_elem(bpf_map__fd(skel->maps.by_map), &(int){ 0 }), "detach");
	struct_ops__destroy(skel);
out:
	close(stale);
}

/* A file descriptor of the module's BTF, or an error. */
static int module_btf(void)
{
	__u32 id = 0;

	while (!bpf_btf_get_next_id(id, &id)) {
		struct bpf_btf_info info = {};
		__u32 len = sizeof(info);
		char name[64] = {};
		int fd;

		info.name = ptr_to_u64(name);
		info.name_len = sizeof(name);
		fd = bpf_btf_get_fd_by_id(id);
		if (fd < 0)
			continue;
		if (!bpf_btf_get_info_by_fd(fd, &info, &len) && !strcmp(name, "ops_test"))
			return fd;
		close(fd);
	}
	return -ENOENT;
}

static const struct {
	int member;
	const char *message;
} members[] = {
	{ 0, "attach to invalid member id(@idx 0) of struct bpf_test_ops" },
	{ 9, "attach to invalid member idx 9 of struct bpf_test_ops" },
	{ 1, NULL },
};

static void subtest_members(void)
{
	/* return 0 */
	const struct bpf_insn insns[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	LIBBPF_OPTS(bpf_prog_load_opts, opts);
	struct btf *vmlinux, *btf = NULL;
	char log[4096];
	int i, fd;

	vmlinux = btf__load_vmlinux_btf();
	if (!ASSERT_OK_PTR(vmlinux, "vmlinux BTF"))
		return;
	btf = btf__load_module_btf("ops_test", vmlinux);
	opts.attach_btf_obj_fd = module_btf();
	if (!ASSERT_OK_PTR(btf, "module BTF") || !ASSERT_OK_FD(opts.attach_btf_obj_fd, "BTF fd"))
		goto out;
	opts.attach_btf_id = btf__find_by_name_kind(btf, "bpf_test_ops", BTF_KIND_STRUCT);
	opts.log_buf = log;
	opts.log_size = sizeof(log);
	opts.log_level = 1;
	for (i = 0; i < ARRAY_SIZE(members); i++) {
		memset(log, 0, sizeof(log));
		opts.expected_attach_type = members[i].member;
		fd = bpf_prog_load(BPF_PROG_TYPE_STRUCT_OPS, "raw", "GPL", insns,
				   ARRAY_SIZE(insns), &opts);
		if (members[i].message) {
			ASSERT_EQ(fd, -EINVAL, "load");
			ASSERT_HAS_SUBSTR(log, members[i].message, "log");
		} else {
			ASSERT_OK_FD(fd, log);
		}
		if (fd >= 0)
			close(fd);
	}
	close(opts.attach_btf_obj_fd);
out:
	btf__free(btf);
	btf__free(vmlinux);
}

void serial_test_struct_ops_raw(void)
{
	if (test__start_subtest("wrong_programs"))
		subtest_programs();
	if (test__start_subtest("stale"))
		subtest_stale();
	if (test__start_subtest("invalid_members"))
		subtest_members();
}
