// SPDX-License-Identifier: GPL-2.0
/* samples/census in C. README.md explains the comments "by hand". */

#include <linux/bpf.h>
#include <linux/btf.h>
#include <linux/btf_ids.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <linux/skbuff.h>

#define SHORT_NS (NSEC_PER_SEC / 10)

/**
 * struct bpf_census - the counts since the module was loaded
 * @packets: IPv4, IPv6 and other packets
 * @bytes: the bytes in these packets
 * @files: opened files
 * @files_to_write: of these, the files that were opened for writing
 * @tasks: threads that ended
 * @tasks_short: of these, the threads that ran for less than a tenth of a second
 */
struct bpf_census {
	u64 packets[3];
	u64 bytes;
	u64 files;
	u64 files_to_write;
	u64 tasks;
	u64 tasks_short;
};

static atomic64_t packets[3];
static atomic64_t bytes;
static atomic64_t files;
static atomic64_t files_to_write;
static atomic64_t tasks;
static atomic64_t tasks_short;

__bpf_kfunc_start_defs();

/**
 * bpf_census_packet() - Count a packet.
 * @packet: the context of the program
 */
__bpf_kfunc void bpf_census_packet(const struct sk_buff *packet)
{
	switch (ntohs(packet->protocol)) {
	case ETH_P_IP:
		atomic64_inc(&packets[0]);
		break;
	case ETH_P_IPV6:
		atomic64_inc(&packets[1]);
		break;
	default:
		atomic64_inc(&packets[2]);
	}
	atomic64_add(packet->len, &bytes);
}

/**
 * bpf_census_file() - Count a file.
 * @file: the file
 *
 * Return: whether the file is open for writing.
 */
__bpf_kfunc bool bpf_census_file(const struct file *file)
{
	bool is_to_write = (file->f_flags & O_ACCMODE) != O_RDONLY;

	atomic64_inc(&files);
	atomic64_add(is_to_write, &files_to_write);
	return is_to_write;
}

/**
 * bpf_census_task() - Count a task that ends.
 * @task: the task
 * @now: the time since the boot in nanoseconds
 *
 * Return: the nanoseconds that the task has existed.
 */
__bpf_kfunc u64 bpf_census_task(const struct task_struct *task, u64 now)
{
	u64 age = now > task->start_time ? now - task->start_time : 0;

	atomic64_inc(&tasks);
	atomic64_add(age < SHORT_NS, &tasks_short);
	return age;
}

/**
 * bpf_census_read() - Read the counts.
 * @census: the memory to which this function writes
 */
__bpf_kfunc void bpf_census_read(struct bpf_census *census)
{
	*census = (struct bpf_census) {
		.packets = {
			atomic64_read(&packets[0]),
			atomic64_read(&packets[1]),
			atomic64_read(&packets[2]),
		},
		.bytes = atomic64_read(&bytes),
		.files = atomic64_read(&files),
		.files_to_write = atomic64_read(&files_to_write),
		.tasks = atomic64_read(&tasks),
		.tasks_short = atomic64_read(&tasks_short),
	};
}

__bpf_kfunc_end_defs();

BTF_KFUNCS_START(kfuncs) /* by hand: all kfuncs */
BTF_ID_FLAGS(func, bpf_census_packet)
BTF_ID_FLAGS(func, bpf_census_file)
BTF_ID_FLAGS(func, bpf_census_task)
BTF_ID_FLAGS(func, bpf_census_read)
BTF_KFUNCS_END(kfuncs)

static const struct btf_kfunc_id_set set = {
	.owner = THIS_MODULE,
	.set = &kfuncs,
};

static int __init census_init(void)
{
	int err;

	err = register_btf_kfunc_id_set(BPF_PROG_TYPE_TRACING, &set);
	err = err ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_CGROUP_SKB, &set);
	err = err ?: register_btf_kfunc_id_set(BPF_PROG_TYPE_SYSCALL, &set);
	return err;
}
module_init(census_init);

static void __exit census_exit(void)
{
}
module_exit(census_exit);

MODULE_DESCRIPTION("Counts packets, files and tasks for BPF programs, in C");
MODULE_LICENSE("GPL");
