// SPDX-License-Identifier: GPL-2.0
/* Structs of the kernel as arguments of kfuncs. Expects kernel_types to be loaded. */
#include <net/if.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <test_progs.h>
#include "kernel_types.skel.h"
#include "kernel_types_live.skel.h"
#include "kernel_types_null.skel.h"
#include "kernel_types_own.skel.h"
#include "kernel_types_write.skel.h"

#define FILE_NAME "/tmp/kernel_types"

static void subtest_file(struct kernel_types_live *skel)
{
	struct stat stat;
	int fd;

	fd = open(FILE_NAME, O_RDWR | O_CREAT | O_APPEND, 0640);
	if (!ASSERT_OK_FD(fd, "open"))
		return;
	if (ASSERT_OK(fstat(fd, &stat), "stat")) {
		ASSERT_EQ(skel->bss->files, 1, "files");
		ASSERT_EQ(skel->bss->ino, stat.st_ino, "i_ino");
		ASSERT_EQ(skel->bss->mode, stat.st_mode, "i_mode");
		ASSERT_EQ(skel->bss->flags & (O_ACCMODE | O_APPEND), O_RDWR | O_APPEND, "flags");
	}
	close(fd);
	ASSERT_OK(unlink(FILE_NAME), "unlink");
	ASSERT_EQ(skel->bss->removed, 1, "removed");
}

static void subtest_cred(struct kernel_types_live *skel)
{
	pid_t child = fork();

	if (!child)
		_exit(0);
	if (!ASSERT_GT(child, 0, "fork"))
		return;
	waitpid(child, NULL, 0);
	ASSERT_GE(skel->bss->creds, 1, "creds");
}

static void subtest_null(struct kernel_types_live *skel)
{
	ASSERT_OK(kill(getpid(), 0), "kill");
	ASSERT_EQ(skel->bss->nulls, 1, "nulls");
}

static void subtest_area(struct kernel_types_live *skel)
{
	const size_t size = 1 << 20;
	void *area;

	area = mmap(NULL, size, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (!ASSERT_NEQ(area, MAP_FAILED, "mmap"))
		return;
	if (ASSERT_OK(mprotect(area, size, PROT_NONE), "mprotect")) {
		ASSERT_GE(skel->bss->areas, 1, "areas");
		ASSERT_EQ(skel->bss->bytes, size, "bytes");
	}
	munmap(area, size);
}

static void subtest_packet(struct kernel_types_live *skel)
{
	struct sockaddr_in to = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons(9),
	};
	int fd;

	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (!ASSERT_OK_FD(fd, "socket"))
		return;
	if (ASSERT_EQ(sendto(fd, "abc", 3, 0, (void *)&to, sizeof(to)), 3, "send")) {
		ASSERT_GE(skel->bss->packets, 1, "packets");
		ASSERT_EQ(skel->bss->ifindex, if_nametoindex("lo"), "ifindex");
	}
	close(fd);
}

static int run(struct bpf_program *prog)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);

	return bpf_prog_test_run_opts(bpf_program__fd(prog), &opts) ? -1 : opts.retval;
}

static void subtest_struct_ops(struct kernel_types_live *skel)
{
	ASSERT_EQ(run(skel->progs.call_once), 1, "without a second task");
	ASSERT_EQ(run(skel->progs.call_with_both), 2, "with a second task");
	ASSERT_EQ(skel->bss->calls, 2, "calls");
	ASSERT_EQ(skel->bss->pid, sys_gettid(), "pid");
}

void test_kernel_types(void)
{
	struct kernel_types_live *skel;

	RUN_TESTS(kernel_types);
	RUN_TESTS(kernel_types_null);
	RUN_TESTS(kernel_types_own);
	RUN_TESTS(kernel_types_write);

	skel = kernel_types_live__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	skel->bss->tgid = getpid();
	if (!ASSERT_OK(kernel_types_live__attach(skel), "attach"))
		goto out;
	if (test__start_subtest("file"))
		subtest_file(skel);
	if (test__start_subtest("cred"))
		subtest_cred(skel);
	if (test__start_subtest("null_that_the_verifier_trusts"))
		subtest_null(skel);
	if (test__start_subtest("area"))
		subtest_area(skel);
	if (test__start_subtest("packet"))
		subtest_packet(skel);
	if (test__start_subtest("struct_ops"))
		subtest_struct_ops(skel);
	kernel_types_live__detach(skel);
	ASSERT_EQ(skel->bss->wrong, 0, "wrong values");
out:
	kernel_types_live__destroy(skel);
}
