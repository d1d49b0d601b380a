// SPDX-License-Identifier: GPL-2.0
/* Pointers to structs of the kernel that attached programs have. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

char _license[] SEC("license") = "GPL";

int tgid;
u64 wrong;

static bool is_mine(void)
{
	return bpf_get_current_pid_tgid() >> 32 == tgid;
}

u64 files, ino, flags, mode;

SEC("lsm/file_open")
int BPF_PROG(files_of_the_process, struct file *file)
{
	if (!is_mine())
		return 0;
	files++;
	flags = bpf_kt_file_flags(file);
	ino = bpf_kt_ino(file->f_inode);
	mode = bpf_kt_mode(file->f_inode);
	wrong += bpf_kt_file_pos(file) != 0;
	wrong += bpf_kt_file_euid(file) != (u32)bpf_get_current_uid_gid();
	return 0;
}

u64 removed;

SEC("lsm/inode_unlink")
int BPF_PROG(removed_by_the_process, struct inode *dir, struct dentry *dentry)
{
	if (!is_mine())
		return 0;
	removed++;
	wrong += bpf_kt_dentry_flags(dentry) != dentry->d_flags;
	wrong += bpf_kt_ino(dir) != dir->i_ino;
	return 0;
}

u64 creds;

SEC("lsm/cred_prepare")
int BPF_PROG(creds_of_the_process, struct cred *new, const struct cred *old, int gfp)
{
	if (!is_mine())
		return 0;
	creds++;
	wrong += bpf_kt_cred_euid(old) != old->euid.val;
	return 0;
}

u64 nulls;

/*
 * The last argument is null whenever a task sends a signal to another one, and the
 * verifier trusts it.
 */
SEC("lsm/task_kill")
int BPF_PROG(signals_of_the_process, struct task_struct *task, struct kernel_siginfo *info,
	     int sig, const struct cred *cred)
{
	if (!is_mine())
		return 0;
	nulls++;
	wrong += bpf_kt_cred_or_efault(cred) != -14 /* EFAULT */;
	wrong += bpf_kt_cred_euid(cred) != 0;
	return 0;
}

u64 areas, bytes;

SEC("lsm/file_mprotect")
int BPF_PROG(areas_of_the_process, struct vm_area_struct *vma)
{
	if (!is_mine())
		return 0;
	areas++;
	bytes = bpf_kt_vma_len(vma);
	return 0;
}

u64 magic;

/* Verified, and not called by the test. */
SEC("lsm/sb_kern_mount")
int BPF_PROG(mounted, struct super_block *sb)
{
	magic = bpf_kt_magic(sb);
	return 0;
}

u32 calls, pid;

SEC("struct_ops/seen")
u32 BPF_PROG(seen_task, struct task_struct *task, struct task_struct *other)
{
	calls++;
	pid = task->pid;
	wrong += bpf_kt_pid(task) != pid;
	if (!other)
		return 1;
	wrong += bpf_kt_pid(other) != pid;
	return 2;
}

SEC(".struct_ops.link")
struct bpf_kt_ops seen_ops = { .seen = (void *)seen_task };

SEC("syscall")
int call_once(void *ctx)
{
	return bpf_kt_call(false);
}

SEC("syscall")
int call_with_both(void *ctx)
{
	return bpf_kt_call(true);
}

u64 packets, len;
int ifindex;

SEC("tp_btf/net_dev_xmit")
int BPF_PROG(packets_of_the_process, struct sk_buff *skb, int rc, struct net_device *dev,
	     unsigned int skb_len)
{
	if (!is_mine())
		return 0;
	packets++;
	ifindex = bpf_kt_ifindex(dev);
	wrong += ifindex != dev->ifindex;
	len = skb_len;
	return 0;
}

SEC("tp_btf/net_dev_queue")
int BPF_PROG(queued_packets_of_the_process, struct sk_buff *skb)
{
	if (!is_mine())
		return 0;
	wrong += bpf_kt_skb_len(skb) != skb->len;
	wrong += bpf_kt_ctx_len((void *)skb) != skb->len;
	return 0;
}
