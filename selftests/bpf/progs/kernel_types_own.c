// SPDX-License-Identifier: GPL-2.0
/* A struct of the program with the name of a struct of the kernel. */
#define sk_buff sk_buff___kernel
#include <vmlinux.h>
#undef sk_buff
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include "bpf_misc.h"

char _license[] SEC("license") = "GPL";

struct sk_buff {
	u64 words[32];
};

SEC("syscall")
__failure __msg("expected pointer to STRUCT sk_buff but R1 has a pointer to STRUCT sk_buff")
int own_packet(void *ctx)
{
	struct sk_buff *own = bpf_obj_new_impl(bpf_core_type_id_local(struct sk_buff), NULL);
	int len;

	if (!own)
		return 0;
	len = bpf_kt_ctx_len((void *)own);
	bpf_obj_drop_impl(own, NULL);
	return len;
}
