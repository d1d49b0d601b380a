// SPDX-License-Identifier: GPL-2.0
/* What the user of a program with an assertion reads, with bpftool. */
#include <test_progs.h>
#include "tracelog.skel.h"

void test_tracelog(void)
{
	static const char *const expected[] = {
		"ERROR: exception in check_packet (id ",
		"): 1 <= len <= 64\n",
		"Values: 70 (0x46), 1 (0x1), 64 (0x40)\n",
		"Cookie: 0 (0x0)\n",
		"element+0x",
		"  bpf_assert_range(len, 1, 64); @ tracelog.c:12\n",
		"check_packet+0x",
		"  return element(skb->len); @ tracelog.c:19\n",
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct bpf_prog_info info = {};
	__u32 len = sizeof(info);
	char command[64], text[4096] = "";
	const char *at = text;
	struct tracelog *skel;
	char packet[70] = {};
	FILE *output;
	size_t i;
	int fd;

	/* It is built from the kernel's source, for this machine only. */
	if (access("bpftool", X_OK)) {
#ifdef __x86_64__
		ASSERT_FAIL("there is no bpftool");
#endif
		return;
	}
	skel = tracelog__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	fd = bpf_program__fd(skel->progs.check_packet);
	opts.data_in = packet;
	opts.data_size_in = sizeof(packet);
	ASSERT_OK(bpf_prog_test_run_opts(fd, &opts), "test_run");
	ASSERT_EQ(opts.retval, 0, "retval");

	ASSERT_OK(bpf_prog_get_info_by_fd(fd, &info, &len), "info");
	snprintf(command, sizeof(command), "./bpftool prog tracelog stderr id %u 2>&1", info.id);
	output = popen(command, "r");
	if (!ASSERT_OK_PTR(output, "bpftool"))
		goto out;
	text[fread(text, 1, sizeof(text) - 1, output)] = 0;
	ASSERT_OK(pclose(output), "exit code of bpftool");
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		const char *found = strstr(at, expected[i]);

		if (!ASSERT_OK_PTR(found, expected[i])) {
			printf("%s\n", text);
			break;
		}
		at = found + strlen(expected[i]);
	}
out:
	tracelog__destroy(skel);
}
