// SPDX-License-Identifier: GPL-2.0
/* Programs that walk the areas of a process with the sample elf_maps. */
#include "vmlinux.h"
#include "bpf_experimental.h"
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

/* The test writes what the programs need. */
__u64 address;

__u64 number, seen, flags;

static int sleep(void)
{
	return bpf_copy_from_user(&number, sizeof(number), (void *)address);
}

/* The areas of this process in order, and the memory of one of them. */
SEC("syscall")
__success
int areas(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vm_area_struct *area;
	struct bpf_iter_areas it;
	__u64 last = 0;

	bpf_iter_areas_new(&it, task, 0);
	while ((area = bpf_iter_areas_next(&it))) {
		if (area->vm_start < last)
			break;
		last = area->vm_end;
		seen++;
		/* The test maps this area. */
		if (area->vm_start != address)
			continue;
		flags = area->vm_flags;
		bpf_iter_areas_release(&it);
		if (sleep())
			break;
	}
	bpf_iter_areas_destroy(&it);
	return area ? 1 : 0;
}

SEC("syscall")
__success
int from_address(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vm_area_struct *area;
	struct bpf_iter_areas it;
	__u64 start = 0;

	bpf_iter_areas_new(&it, task, address);
	area = bpf_iter_areas_next(&it);
	if (area)
		start = area->vm_start;
	bpf_iter_areas_destroy(&it);
	return start == address ? 0 : 1;
}

/* What the list wanted to forbid: the fault takes the lock of the area again. */
SEC("syscall")
__failure __msg("sleepable helper bpf_copy_from_user#{{[0-9]+}} in fault-free region")
int read_under_lock(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vm_area_struct *area;

	bpf_for_each(areas, area, task, 0)
		sleep();
	return 0;
}

/* A second reader behind a writer would wait for ever. */
SEC("syscall")
__failure __msg("kernel func bpf_iter_areas_next is sleepable within fault-free region")
int two_walks(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bpf_iter_areas it, other;

	bpf_iter_areas_new(&it, task, 0);
	bpf_iter_areas_new(&other, task, 0);
	if (bpf_iter_areas_next(&it))
		bpf_iter_areas_next(&other);
	bpf_iter_areas_destroy(&other);
	bpf_iter_areas_destroy(&it);
	return 0;
}

/* What is read from an area ends with it. */
SEC("lsm.s/file_open")
__failure __msg("R1 must be referenced or trusted")
int file_behind_release(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct vm_area_struct *area;
	struct bpf_iter_areas it;
	struct file *file = NULL;
	struct inode *inode;

	bpf_iter_areas_new(&it, task, 0);
	area = bpf_iter_areas_next(&it);
	if (area) {
		file = area->vm_file;
		bpf_iter_areas_release(&it);
	}
	if (file) {
		inode = bpf_real_data_inode(file);
		if (inode)
			number = inode->i_ino;
	}
	bpf_iter_areas_destroy(&it);
	return 0;
}

/* A walk begins and ends where a program may sleep. */
SEC("syscall")
__failure __msg("kernel func bpf_iter_areas_new is sleepable within IRQ-disabled region")
int new_without_interrupts(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bpf_iter_areas it;
	unsigned long irqs;

	bpf_local_irq_save(&irqs);
	bpf_iter_areas_new(&it, task, 0);
	bpf_local_irq_restore(&irqs);
	bpf_iter_areas_destroy(&it);
	return 0;
}

SEC("syscall")
__failure __msg("kernel func bpf_iter_areas_destroy is sleepable within IRQ-disabled region")
int destroy_without_interrupts(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct bpf_iter_areas it;
	unsigned long irqs;

	bpf_iter_areas_new(&it, task, 0);
	bpf_iter_areas_next(&it);
	bpf_local_irq_save(&irqs);
	bpf_iter_areas_destroy(&it);
	bpf_local_irq_restore(&irqs);
	return 0;
}
