// SPDX-License-Identifier: GPL-2.0
/*
 * exec_names [COUNT]: prints the results of the kfuncs of exec_names.ko for the
 * file name of each new process, until COUNT processes or Ctrl-C.
 */

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <bpf/libbpf.h>

#include "exec_names.h"
#include "exec_names.skel.h"

static volatile sig_atomic_t stop;
static long left = -1;

static void on_signal(int signal)
{
	stop = 1;
}

/*
 * Another user chose these bytes, so they must not reach the terminal unchanged.
 * The kfunc guarantees that a name is UTF-8, but it may have control codes.
 */
static int print_escaped(const char *text, int len, bool utf8)
{
	int columns = 0;

	for (; len > 0 && *text; text++, len--) {
		unsigned char byte = *text;

		if (byte < 0x20 || byte == 0x7f || (byte >= 0x80 && !utf8))
			columns += printf("\\x%02x", byte);
		else if (putchar(byte) != EOF && (byte & 0xc0) != 0x80)
			columns++;
	}
	return columns;
}

static int on_event(void *ctx, void *data, size_t size)
{
	const struct exec_event *event = data;
	int columns;

	printf("%6d  ", event->pid);
	if (event->name_len >= 0) {
		columns = print_escaped(event->name, event->name_len, true);
		printf("%*s %08x  ", columns < 24 ? 24 - columns : 0, "", event->hash);
	} else {
		printf("%-24s %-8s  ", "-", strerrorname_np(-event->name_len));
	}
	print_escaped(event->path, sizeof(event->path), false);
	printf("%s\n", event->path_len > NAME_SIZE ? "..." : "");
	fflush(stdout);
	if (left > 0 && --left == 0)
		stop = 1;
	return 0;
}

int main(int argc, char **argv)
{
	struct ring_buffer *events = NULL;
	struct exec_names_bpf *skel;
	int err = 1;

	if (argc > 1)
		left = strtol(argv[1], NULL, 10);
	if (argc > 2 || (argc > 1 && left <= 0)) {
		fprintf(stderr, "usage: %s [COUNT]\n", argv[0]);
		return 2;
	}

	skel = exec_names_bpf__open();
	if (!skel || getrandom(&skel->rodata->key, sizeof(skel->rodata->key), 0) < 0)
		goto out;
	if (exec_names_bpf__load(skel)) {
		fprintf(stderr, "The program did not load. Is exec_names.ko loaded?\n");
		goto out;
	}
	events = ring_buffer__new(bpf_map__fd(skel->maps.events), on_event, NULL, NULL);
	if (!events || exec_names_bpf__attach(skel))
		goto out;

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	printf("%6s  %-24s %-8s  %s\n", "PID", "NAME", "HASH", "FILE NAME");
	fflush(stdout);
	while (!stop) {
		err = ring_buffer__poll(events, 100);
		if (err < 0 && err != -EINTR)
			goto out;
	}
	err = 0;
out:
	ring_buffer__free(events);
	exec_names_bpf__destroy(skel);
	return err ? 1 : 0;
}
