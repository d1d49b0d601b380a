// SPDX-License-Identifier: GPL-2.0
/*
 * elf_maps [PID]: lists the ELF images in the memory of a process, or of its own.
 */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "elf_maps.h"
#include "elf_maps.skel.h"

static int on_image(void *ctx, void *data, size_t size)
{
	const struct image *image = data;

	printf("%012llx type %u, machine %u: %.28s\n", image->start, image->type, image->machine,
	       image->name);
	return 0;
}

int main(int argc, char **argv)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts);
	struct elf_maps_bpf *skel = elf_maps_bpf__open_and_load();
	struct ring_buffer *ring;
	int err = 1;

	if (!skel) {
		fprintf(stderr,
			"%s: is elf_maps.ko loaded, has the kernel the patches, are you root?\n",
			argv[0]);
		return 1;
	}
	skel->bss->pid = argc > 1 ? atoi(argv[1]) : getpid();
	ring = ring_buffer__new(bpf_map__fd(skel->maps.images), on_image, NULL, NULL);
	if (!ring || bpf_prog_test_run_opts(bpf_program__fd(skel->progs.find), &opts)) {
		fprintf(stderr, "%s: cannot run the program\n", argv[0]);
	} else if (opts.retval) {
		fprintf(stderr, "%s: there is no process %d\n", argv[0], skel->bss->pid);
	} else {
		ring_buffer__consume(ring);
		printf("%llu areas, memory of %llu read\n", skel->bss->areas, skel->bss->read);
		err = 0;
	}
	ring_buffer__free(ring);
	elf_maps_bpf__destroy(skel);
	return err;
}
