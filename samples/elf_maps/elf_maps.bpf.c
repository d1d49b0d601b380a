// SPDX-License-Identifier: GPL-2.0
/*
 * Finds the ELF images in the memory of a process. An area in which a file begins may be one: only
 * its memory tells. But reading it may fault, and the fault takes the lock under which the program
 * holds the area. So the program takes the address and the name, and releases the area first.
 */

#include "vmlinux.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "elf_maps.h"

char _license[] SEC("license") = "GPL";

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 64 * 1024);
} images SEC(".maps");

/* The loader writes this. */
int pid;

/* What the program saw. */
__u64 areas, read;

SEC("syscall")
int find(void *ctx)
{
	struct vm_area_struct *area;
	struct task_struct *task;
	struct bpf_iter_areas it;
	struct image image = {};
	struct file *file;
	Elf64_Ehdr header;

	task = bpf_task_from_pid(pid);
	if (!task)
		return -1;
	bpf_iter_areas_new(&it, task, 0);
	while ((area = bpf_iter_areas_next(&it))) {
		areas++;
		file = area->vm_file;
		if (!file || area->vm_pgoff)
			continue;
		image.start = area->vm_start;
		bpf_probe_read_kernel_str(image.name, sizeof(image.name),
					  BPF_CORE_READ(file, f_path.dentry, d_name.name));
		bpf_iter_areas_release(&it);

		if (bpf_copy_from_user_task(&header, sizeof(header), (void *)image.start, task, 0))
			continue;
		read++;
		if (__builtin_memcmp(header.e_ident, "\177ELF", 4))
			continue;
		image.type = header.e_type;
		image.machine = header.e_machine;
		bpf_ringbuf_output(&images, &image, sizeof(image), 0);
	}
	bpf_iter_areas_destroy(&it);
	bpf_task_release(task);
	return 0;
}
