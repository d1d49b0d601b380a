// SPDX-License-Identifier: GPL-2.0
/*
 * What the user of a program with an assertion reads: with bpftool, which is built from the
 * kernel's source for x86, elsewhere from the stream itself.
 */
#include <test_progs.h>
#include "tracelog.skel.h"

static void read_errors(int fd, __u32 id, char *text, size_t size)
{
#ifdef __x86_64__
	char command[64];
	FILE *output;

	snprintf(command, sizeof(command), "./bpftool prog tracelog stderr id %u 2>&1", id);
	output = popen(command, "r");
	if (!ASSERT_OK_PTR(output, "bpftool"))
		return;
	text[fread(text, 1, size - 1, output)] = 0;
	ASSERT_OK(pclose(output), "exit code of bpftool");
#else
	LIBBPF_OPTS(bpf_prog_stream_read_opts, opts);

	ASSERT_GT(bpf_prog_stream_read(fd, BPF_STREAM_STDERR, text, size - 1, &opts), 0,
		  "stream_read");
#endif
}

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
	char text[4096] = "", packet[70] = {};
	const char *at = text;
	struct tracelog *skel;
	size_t i;
	int fd;

	skel = tracelog__open_and_load();
	if (!ASSERT_OK_PTR(skel, "open_and_load"))
		return;
	fd = bpf_program__fd(skel->progs.check_packet);
	opts.data_in = packet;
	opts.data_size_in = sizeof(packet);
	ASSERT_OK(bpf_prog_test_run_opts(fd, &opts), "test_run");
	ASSERT_EQ(opts.retval, 0, "retval");

	ASSERT_OK(bpf_prog_get_info_by_fd(fd, &info, &len), "info");
	read_errors(fd, info.id, text, sizeof(text));
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		const char *found = strstr(at, expected[i]);

		if (!ASSERT_OK_PTR(found, expected[i])) {
			printf("%s\n", text);
			break;
		}
		at = found + strlen(expected[i]);
	}
	tracelog__destroy(skel);
}
