// SPDX-License-Identifier: GPL-2.0
/*
 * Pointers to structs of the kernel as arguments of kfuncs. Programs that must run,
 * and programs that the verifier must reject; see kernel_types_live.c for pointers
 * that only attached programs have.
 */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>
#include "bpf_misc.h"
#include "expect.h"

char _license[] SEC("license") = "GPL";

SEC("syscall")
__success __retval(0)
int current_task(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	int pid = (u32)bpf_get_current_pid_tgid();

	EXPECT(bpf_kt_pid(task) == pid);
	EXPECT(bpf_kt_comm_len(task) > 0 && bpf_kt_comm_len(task) < 16);
	EXPECT(bpf_kt_uid(task) == (u32)bpf_get_current_uid_gid());
	return 0;
}

SEC("syscall")
__success __retval(0)
int cgroup_under_rcu(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	u64 id = bpf_get_current_cgroup_id(), found;

	bpf_rcu_read_lock();
	found = bpf_kt_cgroup_rcu(task->cgroups->dfl_cgrp);
	bpf_rcu_read_unlock();
	EXPECT(found == id);
	return 0;
}

struct cgroup *bpf_cgroup_from_id(u64 id) __ksym;
void bpf_cgroup_release(struct cgroup *cgroup) __ksym;

SEC("syscall")
__success __retval(0)
int acquired_cgroup(void *ctx)
{
	u64 id = bpf_get_current_cgroup_id(), found;
	struct cgroup *cgroup;
	int level, expected;

	cgroup = bpf_cgroup_from_id(id);
	if (!cgroup)
		return -1;
	found = bpf_kt_cgroup_id(cgroup);
	level = bpf_kt_cgroup_level(cgroup);
	expected = cgroup->level;
	bpf_cgroup_release(cgroup);
	EXPECT(found == id);
	EXPECT(level == expected);
	return 0;
}

SEC("tc")
__success __retval(0)
int context_of_tc(struct __sk_buff *ctx)
{
	struct bpf_sock *sk = ctx->sk;

	ctx->mark = 7;
	EXPECT(bpf_kt_ctx_mark((void *)ctx) == 7);
	EXPECT(bpf_kt_ctx_len((void *)ctx) == ctx->len);
	EXPECT(bpf_kt_ctx_protocol((void *)ctx) == bpf_ntohs(ctx->protocol));
	/* For tc programs, the context is also the type of a trusted packet. */
	EXPECT(bpf_kt_skb_len((void *)ctx) == ctx->len);
	if (!sk)
		return -1;
	sk = bpf_sk_fullsock(sk);
	if (!sk)
		return -2;
	EXPECT(bpf_kt_sock_family((void *)sk) == sk->family);
	EXPECT(bpf_kt_sock_protocol((void *)sk) == sk->protocol);
	return 0;
}

SEC("xdp")
__success __retval(2)
int context_of_xdp(struct xdp_md *ctx)
{
	if (bpf_kt_xdp_len((void *)ctx) != ctx->data_end - ctx->data)
		return XDP_DROP;
	return bpf_kt_xdp_ifindex((void *)ctx) == ctx->ingress_ifindex ? XDP_PASS : XDP_TX;
}

SEC("syscall")
__success __retval(0)
int struct_in_and_out(void *ctx)
{
	struct bpf_kt_pair pair = { 1, 2 };

	EXPECT(bpf_kt_swap(&pair) == 0);
	EXPECT(pair.first == 2 && pair.second == 1);
	pair.first = 1;
	EXPECT(bpf_kt_swap(&pair) == -22 /* EINVAL */);
	return 0;
}

SEC("syscall")
__failure __msg("Possibly NULL pointer passed to trusted R1")
int null_task(void *ctx)
{
	return bpf_kt_pid(NULL);
}

SEC("syscall")
__failure __msg("R1 must be referenced or trusted")
int rcu_pointer_is_not_trusted(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	int pid;

	bpf_rcu_read_lock();
	pid = bpf_kt_pid(task->real_parent);
	bpf_rcu_read_unlock();
	return pid;
}

SEC("syscall")
__failure __msg("R1 must be a rcu pointer")
int rcu_pointer_after_rcu(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct cgroup *cgroup;

	bpf_rcu_read_lock();
	cgroup = task->cgroups->dfl_cgrp;
	bpf_rcu_read_unlock();
	return bpf_kt_cgroup_rcu(cgroup);
}

/* No pointer that the program follows outside of the rules is trusted. */
SEC("syscall")
__failure __msg("R1 must be referenced or trusted")
int pointer_from_a_field(void *ctx)
{
	struct task_struct *task = bpf_get_current_task_btf();

	return bpf_kt_pid(task->last_wakee);
}

char inode[sizeof(struct inode)];

/* The second text is that of Linux 7.2. */
SEC("syscall")
__failure __msg("R1 {{is map_value expected|pointer type}} STRUCT inode")
int memory_for_a_struct(void *ctx)
{
	return bpf_kt_ino((void *)inode) != 0;
}

SEC("syscall")
__failure __msg("expected pointer to STRUCT inode but R1 has a pointer to STRUCT task_struct")
int another_struct(void *ctx)
{
	return bpf_kt_ino((void *)bpf_get_current_task_btf()) != 0;
}

SEC("tc")
__failure __msg("R1 expected pointer to ctx, but got fp")
int memory_for_the_context(struct __sk_buff *ctx)
{
	struct __sk_buff other = {};

	return bpf_kt_ctx_len((void *)&other);
}

SEC("syscall")
__failure __msg("R1 {{is ctx expected|pointer type}} STRUCT sk_buff")
int another_context(void *ctx)
{
	return bpf_kt_ctx_len((void *)ctx);
}

SEC("tc")
__failure __msg("calling kernel function bpf_kt_xdp_len is not allowed")
int xdp_kfunc_from_tc(struct __sk_buff *ctx)
{
	return bpf_kt_xdp_len((void *)ctx);
}

SEC("fentry/wake_up_new_task")
__failure __msg("R1 must be referenced or trusted")
int BPF_PROG(argument_of_a_function, struct task_struct *task)
{
	return bpf_kt_pid(task);
}
