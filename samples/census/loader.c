// SPDX-License-Identifier: GPL-2.0
/*
 * census COMMAND [ARGUMENT]...: runs the command, and prints the packets, the opened
 * files and the tasks of the whole system meanwhile.
 */

#include <fcntl.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "census.skel.h"

/* The root of the control groups, to which all tasks belong. */
#define CGROUP "/sys/fs/cgroup"

static int run(char **command)
{
	pid_t child = fork();

	if (!child) {
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	return child < 0 || waitpid(child, NULL, 0) < 0 ? -1 : 0;
}

static int attach(struct census_bpf *skel)
{
	int fd = open(CGROUP, O_RDONLY | O_DIRECTORY);

	if (fd < 0) {
		perror(CGROUP);
		return -1;
	}
	skel->links.packet_leaves = bpf_program__attach_cgroup(skel->progs.packet_leaves, fd);
	close(fd);
	if (!skel->links.packet_leaves)
		return -1;
	return census_bpf__attach(skel);
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct census_bpf *skel;
	int err = 1;

	if (argc < 2) {
		fprintf(stderr, "usage: %s COMMAND [ARGUMENT]...\n", argv[0]);
		return 2;
	}
	skel = census_bpf__open_and_load();
	if (!skel || attach(skel)) {
		fprintf(stderr, "%s: is census.ko loaded, and are you root?\n", argv[0]);
		goto out;
	}
	if (run(argv + 1) ||
	    bpf_prog_test_run_opts(bpf_program__fd(skel->progs.read_census), &opts))
		goto out;
	printf("packets  %llu IPv4, %llu IPv6, %llu others; %llu bytes\n",
	       skel->bss->ipv4, skel->bss->ipv6, skel->bss->others, skel->bss->bytes);
	printf("files    %llu opened, %llu for writing\n",
	       skel->bss->files, skel->bss->files_to_write);
	printf("tasks    %llu ended, %llu within 0.1 s\n",
	       skel->bss->tasks, skel->bss->tasks_short);
	err = 0;
out:
	census_bpf__destroy(skel);
	return err;
}
