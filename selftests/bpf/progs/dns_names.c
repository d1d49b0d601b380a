// SPDX-License-Identifier: GPL-2.0
/* Passes dynptrs of all kinds to the parser in samples/dns_names. */
#include <vmlinux.h>
#include <bpf/bpf_helpers.h>
#include <errno.h>
#include "bpf_misc.h"
#include "expect.h"

char _license[] SEC("license") = "GPL";

#define TC_ACT_OK 0
#define HEADER 12

/* The offset of the DNS packet in the packet that prog_tests/dns_names.c sends. */
int at;
s64 result;
char name[64];

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} ringbuf SEC(".maps");

SEC("tc")
int from_skb(struct __sk_buff *skb)
{
	struct bpf_dynptr packet;

	bpf_dynptr_from_skb(skb, 0, &packet);
	result = bpf_dns_question(&packet, at, name, sizeof(name));
	return TC_ACT_OK;
}

SEC("xdp")
int from_xdp(struct xdp_md *xdp)
{
	struct bpf_dynptr packet;

	bpf_dynptr_from_xdp(xdp, 0, &packet);
	result = bpf_dns_question(&packet, at, name, sizeof(name));
	return XDP_PASS;
}

char buffer[64];

static s64 question(const char *question, u32 len)
{
	struct bpf_dynptr packet;
	u32 i;

	__builtin_memset(buffer, 0, sizeof(buffer));
	buffer[5] = 1;
	for (i = 0; i < 40; i++) {
		if (i < len)
			buffer[HEADER + i] = question[i];
	}
	if (bpf_dynptr_from_mem(buffer, HEADER + len, 0, &packet))
		return -1000;
	return bpf_dns_question(&packet, 0, name, sizeof(name));
}

#define QUESTION(text) question(text, sizeof(text) - 1)
SEC("syscall")
__success __retval(0)
int from_memory(void *ctx)
{
	EXPECT(QUESTION("\3WWW\7Example\3org\0") == 15);
	EXPECT(!__builtin_memcmp(name, "www.example.org", 15));
	EXPECT(QUESTION("\1a\0") == 1);

	EXPECT(QUESTION("\0") == -EBADMSG);
	EXPECT(QUESTION("\300\014") == -EBADMSG);
	EXPECT(QUESTION("\100") == -EBADMSG);
	EXPECT(QUESTION("\3a.b\0") == -EILSEQ);
	EXPECT(QUESTION("\3a\377b\0") == -EILSEQ);
	/* Labels that go beyond the end of the packet, and a name without an end. */
	EXPECT(QUESTION("\77www") == -E2BIG);
	EXPECT(QUESTION("\3www") == -E2BIG);
	EXPECT(QUESTION("") == -E2BIG);
	return 0;
}

SEC("syscall")
__success __retval(0)
int packet_without_question(void *ctx)
{
	struct bpf_dynptr packet;

	__builtin_memset(buffer, 0, sizeof(buffer));
	if (bpf_dynptr_from_mem(buffer, sizeof(buffer), 0, &packet))
		return -1;
	EXPECT(bpf_dns_question(&packet, 0, name, sizeof(name)) == -EBADMSG);
	EXPECT(bpf_dns_question(&packet, 60, name, sizeof(name)) == -E2BIG);
	EXPECT(bpf_dns_question(&packet, 0xffffffff, name, sizeof(name)) == -E2BIG);
	return 0;
}

/* If the helper cannot make a dynptr, the dynptr is empty. */
SEC("syscall")
__success __retval(0)
int empty_dynptr(void *ctx)
{
	struct bpf_dynptr record;
	s64 ret;

	bpf_ringbuf_reserve_dynptr(&ringbuf, 1 << 20, 0, &record);
	ret = bpf_dns_question(&record, 0, name, sizeof(name));
	bpf_ringbuf_discard_dynptr(&record, 0);
	EXPECT(ret == -E2BIG);
	return 0;
}

SEC("syscall")
__success __retval(3)
int from_ringbuf_record(void *ctx)
{
	char question[HEADER + 5] = { [5] = 1, [HEADER] = 3, 'w', 'w', 'w' };
	struct bpf_dynptr record;
	s64 ret = -1000;

	if (!bpf_ringbuf_reserve_dynptr(&ringbuf, sizeof(question), 0, &record) &&
	    !bpf_dynptr_write(&record, 0, question, sizeof(question), 0))
		ret = bpf_dns_question(&record, 0, name, sizeof(name));
	bpf_ringbuf_discard_dynptr(&record, 0);
	return ret;
}

SEC("syscall")
__failure __msg("Expected an initialized dynptr as R1")
int uninitialized_dynptr(void *ctx)
{
	struct bpf_dynptr packet = {};

	return bpf_dns_question(&packet, 0, name, sizeof(name));
}

SEC("syscall")
__failure __msg("Expected an initialized dynptr as R1")
int discarded_dynptr(void *ctx)
{
	struct bpf_dynptr record;

	bpf_ringbuf_reserve_dynptr(&ringbuf, 64, 0, &record);
	bpf_ringbuf_discard_dynptr(&record, 0);
	return bpf_dns_question(&record, 0, name, sizeof(name));
}

SEC("syscall")
__failure __msg("R1 expected pointer to stack or const struct bpf_dynptr")
int memory_for_dynptr(void *ctx)
{
	return bpf_dns_question((struct bpf_dynptr *)buffer, 0, name, sizeof(name));
}
